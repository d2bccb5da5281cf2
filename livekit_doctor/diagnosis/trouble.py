"""Words of trouble, in a state that no step stands for, or in what the row of the end gives as its reason.

No list of such words is complete, and none of them says what became of the call. So they only keep health from being
concluded, and only where no row shows that the call went on: then many words may be asked for at little cost.
"""

from functools import lru_cache

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.states import is_of_other_phone, plain_words

_ABOUT = lazy_re.compile(
    r"(?:^|_)(?:agents?|assistant|bot|ai|room|session|job|calls?|line|sip|phone|audio|sound|voice|media|rtp|track|stream"
    r"|connection|livekit|system|internal|technical|pod|container|node|host|instance|server|worker|process|network"
    r"|web_?socket|llm|model|stt|asr|tts|vad|pipeline|inference)(?=_|$)"
)
"""What a call is made of: not a payment, a tool or a customer."""

_TROUBLE = lazy_re.compile(
    r"(?:^|_)(?:errors?|errored|fail(?:ed|ing|s|ures?)?|lost|kicked|evicted|un(?:available|reachable|responsive|healthy"
    r"|stable|recoverable)|crash(?:ed|ing)?|died|dead|killed|oom|restart(?:ed|ing)|stall(?:ed|ing)?|stuck|frozen|froze"
    r"|hung(?!_up)|silen(?:t|ce)|missing|problems?|trouble|incident|outage|corrupt(?:ed)?|garbled|broken?|degraded"
    r"|overload(?:ed)?|preempted|exhausted|malfunction(?:ed)?|timed?_?out|aborted|mismatch)(?=_|$)"
)

_STOPPED = lazy_re.compile(
    r"(?:^|_)(?:pod|container|node|host|instance|server|worker|process|network|web_?socket|llm|model|stt|asr|tts|vad"
    r"|pipeline|inference)_(?:(?:has|was|is|got)_)*"
    r"(?:terminat(?:ed|ing|ion)|shut_?down|shutting_down|disconnected|closed|exited|stopped|gone|removed|drained)(?=_|$)"
)
"""Of what serves the call: a session, a room or somebody in it may end as it should."""

_ALONE = lazy_re.compile(
    r"(?:^|_)(?:complain(?:ed|s|ing)|unexpected(?:ly)?|abnormal(?:ly)?|fatal|panic|crash(?:ed)?|dropped|evicted|kicked"
    r"|(?:no|zero|without|missing)_(?:audio|sound|media|rtp|agent|packets)(?=$|_(?:from|detected|received|heard|sent|for)(?:_|$))"
    r"|not_(?:responding|speaking|audible|heard)|(?:can|could)_?(?:not|n?_?t)_hear)(?=_|$)"
)
"""What needs no other word to be of the call."""

_ELSEWHERE = lazy_re.compile(
    r"(?:^|_)(?:tools?|functions?|recordings?|egress|webhooks?|sms|e?mail|crm|payments?|card|amd|dnc|summary|transcripts?"
    r"|callback|lookup|verification|appointments?|calendar|policy|check|retry"
    r"|recovered|resolved|restored|resumed|reconnected|passed)(?=_|$)"
)


_MACHINERY = lazy_re.compile(
    r"(?:^|_)(?:sig(?:kill|term|abrt|segv|int|bus)|oom|memory|drain(?:ed|ing)?|deploy(?:ed|ing|ment)?|rollout|redeploy"
    r"|spot|preempt\w*|evict\w*|ws|web_?socket|ice|dtls|pc|peer_connection|srtp|rtp|network|socket|gateway|dns|tls"
    r"|quota|rate_limit\w*|throttl\w+|exhausted|payment_required|unauthorized|forbidden|expired|[45]\d\d"
    r"|janitor|reaper|clean_?up|zombie|stale|orphan\w*|watchdog|recycled?|traceback|exception|panic)(?=_|$)"
)
"""What no conversation ends of: processes, connections, providers, and what tidies up. In a reason it is not known to
be of a call that went well."""

_FLAGS_OF_TROUBLE = lazy_re.compile(r"crash|abort|killed|traceback|exception|stack(?:trace)?$|panic|^signal$")
_FLAGS_OF_HEALTH = lazy_re.compile(r"graceful|clean|heard|spoke|talked|healthy")


def names_machinery(words: str) -> bool:
    return _MACHINERY.search(plain_words(words)) is not None


def is_flag_of_trouble(key: str, value: object) -> bool:
    """Whether a key of an end's metadata, in small letters, with this value says that it did not end as it should:
    crashed and true, graceful and false."""
    if _FLAGS_OF_HEALTH.search(key):
        return value is False
    said = value not in (None, False, 0, "", "null", "none", "false")
    return said and _FLAGS_OF_TROUBLE.search(key) is not None


@lru_cache(maxsize=1024)
def says_trouble(words: str) -> bool:
    """Whether it says that what the call is made of is in trouble: agent_kicked, no_audio_from_agent, pod_terminated;
    not payment_declined, supervisor_busy, tool_error."""
    told = plain_words(words)
    elsewhere = _ELSEWHERE.search(told) or (is_of_other_phone(told) and "technical" not in told)
    trouble = _ALONE.search(told) or _STOPPED.search(told) or (_ABOUT.search(told) and _TROUBLE.search(told))
    return bool(trouble) and not elsewhere
