"""What a team's own words of a call must be made of, for the call to be healthy: of what is known to be good.

Nobody has a list of all words of trouble. So it is asked the other way round. Asked are, of the row of the end and of
one of the result, the fields at the top of its metadata (or right inside of what is only around it):

- why, and by whom, it ended (`reason`, `end_reason`, `hangup_cause`, `ended_by`), and its `status`: each word must be
  known, of an ordinary end: LiveKit's own reasons, hangup, completed, user;
- what came of it (`outcome`, `result`, `disposition`): a team's own business, as below;
- an error, exception, signal or crash: must be empty; an exit code or a status: 0, or 2xx;
- a grade (quality, severity): good, or info; how long or often somebody talked: not 0;
- flags: one that is true must not be unknown as a state is, one of health must not be false.

Of a row of no step, the state's own name, and why. A state that names what the call is made of (agent, room, audio)
must say nothing of it but what is known; one of a single word speaks of the call, too (glitched). Of anything else,
as a payment, a lead or a transcript, no word is asked, unless it is one of trouble, and whose trouble nobody knows
(ice_failed, quota_exceeded; not card_declined, user_timeout). What is not known does not say that the call failed: it
keeps health from being concluded, and only where no row shows that the call went on.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.states import is_of_other_phone, plain_words, says_failed, who_left


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SERVES = _words(
    "pod container node host instance server worker process network websocket llm model stt asr tts vad pipeline"
    " inference livekit system internal technical heartbeat watchdog cleanup audio sound voice media rtp track stream"
)
"""What serves the call: it does not end in order before that."""

_CALL = _SERVES | _words("agent agents assistant bot ai room session job call calls line sip phone connection quality")
"""What a call is made of: not a payment, a tool or a customer."""

_LITTLE = _words(
    "a an the to by of in on at with for from after and via has have was is be been got its it up out off went"
)

_PARTIES = _words(
    "user callee caller customer client human person contact lead recipient remote party participant operator"
)

_STOPS = _words(
    "ended end ends ending over closed close closes deleted delete disconnected disconnect disconnects left leave"
    " leaves removed hangup transferred transfer"
)

_ENDED = _STOPS | _words(
    "completed complete completes completion success successful successfully succeeded ok okay done finished finish"
    " normal normally clearing cleared bye goodbye said says initiated requested request task objective goal achieved"
    " conversation natural voicemail machine mailbox answered max maximum call agent assistant ai bot session room job"
    " phone sip none null reason tool wrong number interested callback dnc booked scheduled confirmed resolved"
    " qualified declined answering met appointment graceful gracefully phrase closereason disconnectreason duration"
)
"""Words of ordinary ends. LiveKit's own are among them: CLIENT_INITIATED, ROOM_DELETED, PARTICIPANT_DISCONNECTED."""

_SPOKEN = _words(
    "conversation greeting greeted speech spoke heard response responded reply answer said talk talked introduction"
)
_NOT = _words("no not nothing never none nobody without")
"""Beside a word of what is spoken they are of the call; and they are not known to be good."""

_ONLY_BESIDE: Mapping[str, frozenset[str]] = {
    "shutdown": frozenset({"job"}),
    **dict.fromkeys(("time", "limit", "exceeded", "reached"), frozenset({"time", "duration", "minutes"})),
    **dict.fromkeys(("silence", "silent", "idle", "inactive", "inactivity", "away", "timeout", "timed"), _PARTIES),
}
"""Words of an ordinary end only beside one of these: who was silent may have been the agent."""

_CONDUCT = _ENDED | _words(
    "started starting start begun began created ready initialized initializing init loaded connected connecting joined"
    " joining active published subscribed opened open updated update changed change switched set saved stored sent"
    " received logged recorded resumed resuming detected detection recognized spoke speaking speech talk talking"
    " listening thinking idle paused interrupted interruption greeting greeted welcome welcomed intro prompt prompted"
    " response responded responding reply replied answer turn message utterance state status metrics usage stats event"
    " info muted unmuted hold summary summarized analysis analyzed rating rated feedback survey score scored tagged tag"
    " note noted queued dequeued rescheduled assigned accepted registered allocated warmed configured verified"
    " authenticated approved converted solved escalated dispatched placed routed bridged picked consent intent"
    " language locale selected chosen context history cost billed billing charged id name type kind version metadata"
    " progress generated final wrapup config applied token log"
    " attribute attributes data count level heartbeat ping keepalive debug played playing playback menu dtmf payment"
    " quoted offered opening discovery pitch objection closing wrap first last next new barge"
)
"""What an agent, a session or a room may be said to do, or to have, in a call that goes on."""

_KNOWN = _CALL | _CONDUCT | _PARTIES

_ELSEWHERE = lazy_re.compile(
    r"(?:^|_)(?:tools?|functions?|recordings?|egress|webhooks?|sms|e?mail|crm|payments?|card|amd|dnc|summary|transcripts?"
    r"|callback|lookup|search|verification|identification|appointments?|bookings?|orders?|calendar|policy|check|retry"
    r"|recovered|resolved|restored|resumed|reconnected|passed)(?=_|$)"
)

_ALONE = lazy_re.compile(
    r"(?:^|_)(?:no_(?:audio|sound|voice|media)|heard_nothing|deadlock(?:ed)?|inaudible|complain(?:ed|s|ing)"
    r"|unexpected(?:ly)?|abnormal(?:ly)?|fatal|panic|crash(?:ed)?|dropped|evicted|kicked"
    r"|not_(?:responding|speaking|audible|heard)|(?:can|could)_?(?:not|n?_?t)_hear)(?=_|$)"
)
"""What says of whoever talks, or of nothing at all, that the call was not well."""

_TROUBLE = lazy_re.compile(
    r"(?:^|(?<!no)(?<!without)_)(?:fail(?:ed|ure|s|ing)?|errors?|errored|exceptions?|time_?outs?|timed_?out"
    r"|exceeded|unavailable|expired|(?<=_)(?:disconnected|lost)|limited|throttled|stalled|stuck|frozen|hung|killed"
    r"|sig(?:term|kill|segv|abrt)|aborted|degraded"
    r"|unresponsive|vanished|cut_off|one_way|underruns?|packet_loss|jitter|reconnecting|shutting_down|down$)(?=_|$)"
)
"""What says of anything that it was not well."""

_ENDING = (
    r"(?:end(?:ed|ing)?|clos(?:e|ed|ing)|disconnect(?:ed|ion)?|hangup|term(?:inat(?:ion|ed))?|shutdown|exit|stop(?:ped)?"
    r"|final|leave|left|finish(?:ed)?|callend(?:ed)?|q850|isdn)"
)
_REASON = lazy_re.compile(
    rf"{_ENDING}*(?:reason|cause)|{_ENDING}+type|(?:sip)?(?:call|final|end)?status|(?:call|final)state|end|q850"
)
_GRADE = lazy_re.compile(
    r"(?:call|audio|voice|network|connection|session|agent|line)?(?:quality|health|severity|level)"
)
_GOOD_GRADES = _words("good excellent great high fine fair ok healthy normal info debug notice")
_TALK = lazy_re.compile(
    r"(?:agent|user|callee|customer|total|num|number|of)*(?:audio|talk|talked|speech|spoken|speaking|turns?|utterances?"
    r"|words?|billsec|answered)(?:time|duration|count|seconds|secs?|ms|in)*"
    r"|(?:call|total|session)?duration(?:seconds|secs?|ms|s|in)*|(?:rtp|audio|media)*packets(?:received|sent|in|out|count)*"
)
"""How long or how often somebody talked, how long the call was, and how much of it was carried."""
_BY = lazy_re.compile(r"(?:(?:end|clos|terminat|disconnect|hangup|hungup|stopp|cancell?)(?:ed)?)?by|who")
_OUTCOME = lazy_re.compile(r"(?:call|final)?(?:outcome|result|disposition)")
_ERROR = lazy_re.compile(
    r"(?:last|fatal|final|agent|call|session|job|sip|livekit|tts|stt|llm|pipeline)?"
    r"(?:error|err|exception|exc|failure|fault|traceback|stack(?:trace)?|signal|panic|crash|abort)s?"
    r"(?:message|msg|text|type|name|class|details?|code|reason|count)?"
)
_CODE = lazy_re.compile(
    r"(?:exit|return|end|close|disconnect|hangup|term(?:ination)?|cause|sip|ws|websocket|response|q850)*"
    r"(?:statuscode|code|status)"
)
_NOTHING = frozenset({"", "0", "none", "null", "false", "ok", "success", "[]", "{}", "no"})
_FLAG_OF_HEALTH = lazy_re.compile(
    r"(?:^|_)(?<!not_)(?<!never_)(?<!no_)(?:graceful|clean|heard|spoke|talked|healthy|connected|joined|answered|established"
    r"|completed|finished|played)|^(?:ha[sd]|got)_(?:audio|sound|media|speech|conversation)$|^two_way_(?:audio|sound|media)$"
)
_ORDINARY_CODES = ("16", "31", "1000")
"""ISDN's normal clearing and normal, and WebSocket's normal closure. 0 and 2xx are ordinary, too."""
_LIVEKITS = ("1", "4", "5", "10")
"""CLIENT_INITIATED, PARTICIPANT_REMOVED, ROOM_DELETED, ROOM_CLOSED."""


def _hangups(words: str) -> str:
    """In plain words, with one for hanging up: what hung may be a process."""
    return re.sub(r"(?:hung|hang|hangs|hanged|hanging)_up(?=_|$)", "hangup", plain_words(words))


def is_trouble(words: str) -> bool:
    """Whether it says in plain words that something was not well, and not only what nobody knows."""
    told = _hangups(words)
    return _TROUBLE.search(told) is not None or _ALONE.search(told) is not None


@lru_cache(maxsize=1024)
def is_unknown(state: str) -> bool:
    """Whether a state, or what came of a call, speaks of the call itself in words that are not known to be good:
    agent_kicked, no_audio_from_agent, pod_terminated, glitched; not payment_declined, agent_paused, tool_error."""
    told = re.sub(r"(?:started|stopped|start|stop)_(?=(?:speak|talk|listen|record)ing)", "", _hangups(state))
    if _ELSEWHERE.search(told) or (is_of_other_phone(told) and "technical" not in told):
        return False
    words = [word for word in told.split("_") if word not in _LITTLE]
    known = _KNOWN if _SERVES.isdisjoint(words) else _KNOWN - _STOPS
    unsaid = not (_NOT.isdisjoint(words) or _SPOKEN.isdisjoint(words))
    of_call = unsaid or len(words) == 1 or not _CALL.isdisjoint(words)
    in_trouble = _TROUBLE.search(told) is not None and _PARTIES.isdisjoint(words)
    return _ALONE.search(told) is not None or in_trouble or (of_call and not {*words} <= known)


@lru_cache(maxsize=1024)
def is_ordinary_end(words: str) -> bool:
    """Whether a reason is made of nothing but words of ordinary ends: CLIENT_INITIATED, user hung up, 200."""
    if words.isdecimal():
        return words in (*_LIVEKITS, *_ORDINARY_CODES)
    told = re.sub(r"not_(?=interested)|do_not_(?=call)", "", _hangups(words))
    said, beside = {*re.findall(r"[a-z]+", told)} - _LITTLE - _PARTIES, {*told.split("_")}
    return all(word in _ENDED or not beside.isdisjoint(_ONLY_BESIDE.get(word, ())) for word in said)


def errors_of(state: str, top: Mapping[str, object], *, ended: bool) -> Iterator[str]:
    """The errors that a row of the end (`ended`) has by the keys of its metadata in small letters, or one of no step
    that speaks of the call: agent_session_closed, not tool_failed. An error may have parts, or be one of a list."""
    of_call = ended or (not _ELSEWHERE.search(told := _hangups(state)) and not _CALL.isdisjoint(told.split("_")))
    for key, item in top.items() if of_call else ():
        text = str(item).strip()
        if not isinstance(item, bool) and _ERROR.fullmatch(key) and text.lower() not in _NOTHING:
            yield f"{key} {text[:60]!r}"


def _is_ordinary_code(text: str, who: str) -> bool:
    """Of a number: 0, 2xx, or one of those known; of words, as of a reason."""
    if not text.isdecimal():
        return is_ordinary_end(f"{text} {who}")
    return text in ("0", *_ORDINARY_CODES) or (len(text) == 3 and text[0] == "2")


_FIELDS: tuple[tuple[re.Pattern[str], Callable[[str, str], bool]], ...] = (
    (_CODE, _is_ordinary_code),
    (_REASON, lambda text, who: is_ordinary_end(f"{text} {who}".strip())),
    (_BY, lambda text, _: is_ordinary_end(text)),
    (_OUTCOME, lambda text, _: not is_unknown(text)),
    (_GRADE, lambda text, _: text.isdecimal() or text.lower() in _GOOD_GRADES),
    (_TALK, lambda text, _: text.strip("0.") != "" and text.lower() != "none"),
)
"""The fields of an end that are asked, by their keys in small letters; and whether what one says is known to be good,
given who ended the call, where a field says so."""


def unknown_of_end(top: Mapping[str, object]) -> Iterator[str]:
    """What the metadata of an end, by its keys in small letters, tells that is not known to be good: reason evicted."""
    who = str(top.get("who") or "")
    for key, item in top.items():
        text = " ".join(map(str, item.values())) if isinstance(item, dict) else str(item).strip()
        keys, is_good = next((each for each in _FIELDS if each[0].fullmatch(key)), (None, None))
        if is_good is None or isinstance(item, bool) or (isinstance(item, dict) and keys is not _REASON):
            continue
        if (text.lower() not in _NOTHING or (text and keys is _TALK)) and not is_good(text, who):
            yield f"{key} {text[:60]!r}"


def is_bad_flag(name: str, value: bool) -> bool:
    """Whether a flag of the end, by its words, is one of trouble that is true, or one of health that is false."""
    if _FLAG_OF_HEALTH.search(name):
        return not value
    name = re.sub(r"^(?:has|had|is|was|did|got)_", "", name)
    of_error = _ERROR.fullmatch(name.replace("_", "")) is not None or says_failed(name)
    of_call = name.endswith(("ed", "out")) or not _CALL.isdisjoint(name.split("_"))  # not vip, lead_dropped_price
    return value and (of_error or (of_call and is_unknown(name)))


def unknown_of_row(state: str, top: Mapping[str, object]) -> Iterator[str]:
    """What a row of no step says of the call that is not known to be good."""
    if who_left(state) is None and is_unknown(state):
        yield state
    for key, item in top.items():
        if isinstance(item, str) and (_REASON.fullmatch(key) or _BY.fullmatch(key)) and item:
            told = f"{state} {item}" if key == "who" else item
            if is_unknown(told):
                yield f"{key} {item[:60]!r}"
