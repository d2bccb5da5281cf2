"""What a state says by its name alone, where no step stands for it: teams name theirs as they like."""

import re
from enum import StrEnum, auto
from functools import lru_cache

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations.told import webhook_named
from livekit_doctor.flow import DEFAULT_STATES, Step
from livekit_doctor.settings import Flow
from livekit_doctor.words import folded

_OTHER_PHONE = lazy_re.compile(
    r"transfer|(?:^|_)refer(?:$|_)|forward|hand_?(?:over|off)|(?:^|_)(?:consult|bridg|escalat)|second_leg"
)

_WHO = r"calls?|caller|callee|phone|sip|participant|customer|user|contact|client|lead|human|agent|leg|outbound|inbound"

_TRANSFERRED = lazy_re.compile(
    rf"(?:(?:{_WHO}|warm|cold|blind|attended|was|is|has|been|got|successfully)_)*"
    rf"(?:(?:transferred|handed_(?:over|off))(?:$|_(?:to|by|via|away|out|successfully|{_WHO})(?:$|_))"
    r"|(?:transfer|refer|hand_?over|hand_?off)_(?:complete|completed|succeeded|success|successful|done|accepted)$)"
)
"""All that stands before the verb: money and bytes are transferred too."""

_HANDS_OVER = lazy_re.compile(
    rf"^(?:(?:{_WHO}|warm|cold|blind|attended)_)*"
    r"(?:(?:transferring|forwarding|escalat(?:ed|ing)|handing_(?:over|off)|hand_?(?:over|off)|transfer|refer)(?:$|_(?!to)"
    r"(?:start(?:ed|ing)?|initiat(?:ed|ing)|sent|pending|begun|in_progress|call|caller|customer)$)"
    r"|(?:transferring|forwarding|transfer|refer|hand_?over|hand_?off|escalat(?:ed|ing|ion)|forward)_to_)"
    r"|(?:voice_?mail|answering_machine|vm|message)_(?:[a-z]+_)*(?:left|done|finished|completed|delivered|recorded|dropp?e?d?)$"
    r"|(?:^|_)(?:left|dropped|delivered)_(?:a_)?(?:voice_?mail|vm|message)$"
)
"""What an agent says before it leaves, having nothing more to do."""

_MACHINE = lazy_re.compile(
    r"(?:(?:amd|result|call|outbound|phone|reached|hit|is|was)_)*(?:voice_?mail|(?:answering_)?machine|mailbox|fax)"
    r"(?:_(?:detected|answered|reached|found|hit|start(?:ed)?|greeting|beep|end|other|silence|hang(?:ing)?_up|hung_up))*"
)

_DID_NOT = lazy_re.compile(
    r"(?:^|_)(?:fail(?:ed|ure|s)?|errors?|not|never|no|without|rejected|declined|cancell?ed|timed?_?out)(?:$|_)"
)

_PART = r"call|sip|phone|dial|agent|dispatch|room|outbound"

_NOT = r"(?<!no_)(?<!not_)(?<!non_)(?<!without_)"

_FAILED = lazy_re.compile(
    # What has happened: wherever the word stands.
    rf"(?:^|(?:{_PART}).*){_NOT}(?<![a-z])(?:failed(?!_over)|errored|rejected|declined|crashed)(?![a-z])"
    # A noun ends the state; in its middle it may name a handler or a setting.
    rf"|(?:^|(?:{_PART}).*){_NOT}(?:fail(?:ed|ure|ing|s)?|errors?|reject(?:ed|ion|s)?|declined?|busy|timed?_?out|crash(?:ed)?)$"
    r"|not?_?answer(?:ed)?$|^unreachable$"
)


_OF_THE_PIPELINE = lazy_re.compile(
    r"(?:(?:(?:the|ai|agent|voice|bot|assistant|livekit|realtime|unhandled|fatal|critical|pod|container)_)*"
    r"(?:(?:(?:tts|stt|asr|llm|vad|pipeline|session|model|inference|job|worker|process|entry_?point|media|rtp|speech)_)+"
    r"(?:(?:has|was|is|got|request|stream|connection|provider|start|creation|quota|limit|rate)_)*"
    r"(?:fail(?:ed|ure|s)?|error(?:ed|s)?|crash(?:ed)?|died|killed|timed?_?out|exception|exceeded|unresponsive|lost)"
    r"|exception|error|crash|unresponsive|hung|frozen|stuck|heartbeat_lost|connection_lost"
    r"|fatal|panic|killed|oom(?:_?killed)?|out_of_memory)"
    r"|(?:(?:ai|voice|bot|assistant|agent)_)+(?:(?:never|did_not)_"
    r"(?:spoke|speak|answer(?:ed)?|respond(?:ed)?|join(?:ed)?|connect(?:ed)?)|not_(?:speaking|responding)|silent)"
    r"|(?:no|one_?way|dead|missing)_(?:audio|air|media|rtp|sound)"
    r"|(?:call|phone|sip|line|leg|connection|outbound_call)_(?:(?:was|got|has|been)_)*(?:dropped|abandoned|lost|aborted)"
    r")(?:_detected)?"
)
"""What says that the agent's side, or the sound, failed: the whole state, since tools fail, too."""

_OF_THE_PHONE = lazy_re.compile(
    r"(?:(?:sip|calls?|phone|dial|dial+ing|dial+ed|outbound|participant|leg|creat(?:e|ing|ion)|place|placing|invite"
    r"|trunk|carrier|telephony|provider|callee|customer|user|livekit|api|request|response|attempt|to|was|is|has|by|the"
    r"|fail(?:ed|ure|ing|s)?|error(?:ed|s)?|reject(?:ed|ion|s)?|declined?|busy|timed?|timeout|out|crash(?:ed)?|not?"
    r"|answer(?:ed)?|unreachable)(?:_|$))+"
)

_OF_WHAT_IS_KEPT = lazy_re.compile(
    r"(?:^|_)(?:recordings?|egress|summary|transcripts?|survey|webhooks?|crm|sms|e?mail)_"
)
"""Of a call that may have gone well: call_recording_failed."""

_NOT_PICKED_UP = lazy_re.compile(
    r"(?:(?:sip|calls?|phone|dial(?:ed)?|outbound|callee|customer|user|lead|participant|was|is|has|by)_)*"
    r"(?:no_?answer|(?:not_|un_?)answered|did_not_answer|no_pick_?up|not_picked_up|rang_out|ring(?:ing)?_?(?:no_answer"
    r"|timed?_?out))(?:_(?:by|from|of)?_?(?:the_)?(?:callee|customer|user|lead|participant))?"
)

_DISPATCHED_AGAIN = lazy_re.compile(r"re_?dispatch|dispatch.*(?:again|retr(?:y|ied|ying))|(?:second|another)_dispatch")

_GOES_ON = lazy_re.compile(
    r"(?:^|_)(?:re_?dial\w*|re_?tr(?:y|ied|ying)|fail(?:ed)?_?over|fall_?back|backup|secondary|again|another|attempt"
    r"|connected|answered|picked_up|in_call|in_progress|on_call|on_the_line|established|bridged|talking|live"
    r"|next_(?:number|trunk|carrier|phone|line)|(?:trying|switch(?:ing|ed)|moving)_\w+|conversation|reached_\w+"
    r"|(?:callee|caller|customer|client|human|lead|contact|party|person|user)_(?:joined|reached|detected|verified|engaged)"
    r"|voice_?mail_(?:left|dropped|delivered)|left_voice_?mail|(?:appointment|meeting|demo|sale)_(?:booked|set|made)"
    r"|(?:identity|payment|survey|consent|questions?)_(?:verified|collected|completed?|taken|given|done))(?:_|$)"
)
_DOES_NOT = lazy_re.compile(
    r"(?:^|_)(?:no|not|never|max|last|final|exhausted|exceeded|scheduled|queued|planned|skipped|later|tomorrow|limit"
    r"|unavailable|sms|e?mail|finished|missing|absent|full|waiting|awaited|expected|timed_?out|timeout)(?:_|$)"
)

_BUSY = lazy_re.compile(
    r"(?:(?:sip|calls?|phone|line|number|dial(?:ed)?|outbound|callee|customer|user|lead|was|is|has)_)*busy"
    r"(?:_(?:signal|tone|here|everywhere))?"
)

_OF_ANYTHING = lazy_re.compile(
    r"(?:(?:provider|livekit|api|request|response|attempt|to|was|is|has|by|the|fail(?:ed|ure|ing|s)?|error(?:ed|s)?"
    r"|timed?|timeout|out|crash(?:ed)?)(?:_|$))+"
)
"""Of these words alone: which request failed it does not say."""

_TALKED = lazy_re.compile(
    r"(?:user|caller|callee|customer|human|participant)_(?:(?:has|was|is|started|stopped|start|stop)_)*"
    r"(?:spoke|speech|speaking|said|talk(?:s|ed|ing)?|utterance|turn|transcri(?:pt|ption|bed))(?:_|$)"
    r"|(?:^|_)dtmf_(?:received|pressed)(?:_|$)"
)

_SAID_BY_SOMEBODY = lazy_re.compile(
    r"(?:^|_)(?:transcri(?:pts?|ptions?|bed)|utterances?|turns?|messages?|conversation_items?|chat_items?)(?:_|$)"
)

_AGENT_SPOKE = lazy_re.compile(
    r"(?:(?:the|ai|voice|livekit)_)*(?:agent|assistant|bot|ai)_(?:(?:has|was|is|started|stopped|start|stop)_)*"
    r"(?:spoke|speaking|said|talk(?:s|ed|ing)?|(?:speech|utterance)(?:_(?:started|ended|finished|played|committed))?)$"
)
"""Not what it is about to say: speech_created. A transcript may be of what it was to say."""

_AGENT_THERE = lazy_re.compile(
    r"(?:(?:the|ai|voice|livekit)_)*(?:agent|assistant|bot|ai)_(?:participant_)?(?:(?:has|is|was)_)*"
    r"(?:joined|connected|arrived|in_(?:the_)?room|present)(?:_(?:the_)?room)?$"
)


class Who(StrEnum):
    """Of whom a state says that they are not in the call any more; SOMEBODY where it does not say whom, or says only
    that something of the call stopped, such as a session."""

    AGENT = auto()
    PHONE = auto()
    SOMEBODY = auto()


_GONE = (
    (
        Who.AGENT,
        lazy_re.compile(
            r"(?:(?:ai|bot|voice|the|livekit)_)*(?:agent|assistant|bot|agent_session)_"
            r"(?:(?:has|was|is|got|session|process|participant|job)_)*"
            r"(?:(?:left|disconnected|exited|crashed|died|removed|gone|dropped|hung_up|terminated|shut_?down)(?:_.*)?"
            r"|stopped)"
        ),
    ),
    (
        Who.PHONE,
        lazy_re.compile(
            r"(?:the_)?(?:callee|caller|customer|user|contact|client|lead|human|phone|remote|sip_participant)_"
            r"(?:(?:has|was|is|got|participant)_)*(?:left|disconnected|dropped|gone)"
        ),
    ),
    (
        Who.SOMEBODY,
        lazy_re.compile(
            r"(?:(?:the|livekit|remote|room|agent|ai|voice|bot|assistant|rtc|worker)_)*"
            r"(?:(?:participant|session|connection|room|worker|job|process|entry_?point|pipeline)_"
            r"(?:(?:has|was|is|got)_)*"
            r"(?:left|disconnected|closed|ended|exited|terminated|aborted|stopped|shut_?down|restarted)"
            r"|heartbeat_missed|disconnected|terminated|aborted|stopped|exited|shut_?down)"
            r"|(?:silence|inactivity|idle)_timed?_?out"
        ),
    ),
)

_CALLER = r"user|caller|callee|customer|client|operator|team|system|requester|human"
_END = r"(?:cancell?ed|aborted|ended|hung_?up|hang_?up|withdrawn|abandoned)"
_ENDED = lazy_re.compile(
    rf"(?:(?:(?:outbound|phone)_)?call|{_CALLER})_(?:(?:has|was|is|been|got)_)*{_END}"
    rf"(?:_(?:the_)?call)?(?:_by_(?:the_)?(?:{_CALLER}|agent))?$"
    r"|(?:contact|lead|phone|remote|sip|sip_participant)_(?:(?:has|was|is|got)_)*(?:hung|hang)_?up$"
    rf"|agent_{_END}_(?:the_)?call$|{_END}_by_(?:the_)?(?:{_CALLER}|agent)$|(?:cancell?ed|hung_up)$"
)
"""Who ended it, or by whom it was ended. A tool, a turn, a transfer are cancelled, too; and an agent may end alone."""

_OF_AGENT = lazy_re.compile(
    r"agent|assistant|(?:^|_)(?:ai|bot|llm|stt|tts|vad|job)(?:$|_)|worker|voice|speech|spoke|said|talk|turn|greet"
    r"|session|entry_?point|livekit|room|participant|join|connect|audio|track|listen|transcri|prompt|tool"
)


LOST = frozenset(
    {
        *("PEER_CONNECTION_DISCONNECTED", "STALE", "MESSAGE_BUS_FAILED", "NEGOTIATE_FAILED", "DATA_CHANNEL_ERROR"),
        *("ROOM_MANAGER_STOP", "PUBLICATION_ERROR", "SUBSCRIPTION_ERROR"),
        *("CONNECTION_TIMEOUT", "STATE_MISMATCH", "SERVER_SHUTDOWN", "MEDIA_FAILURE", "AGENT_ERROR"),
        *("SIP_TRUNK_FAILURE", "SIP_PROTOCOL_FAILURE", "USER_REJECTED", "USER_UNAVAILABLE"),
    }
)
"""Why somebody left that did not hang up: livekit-server's words (ParticipantCloseReason), and those of webhooks
(DisconnectReason)."""


DISCONNECT_REASONS = (
    *("UNKNOWN_REASON", "CLIENT_INITIATED", "DUPLICATE_IDENTITY", "SERVER_SHUTDOWN", "PARTICIPANT_REMOVED"),
    *("ROOM_DELETED", "STATE_MISMATCH", "JOIN_FAILURE", "MIGRATION", "SIGNAL_CLOSE", "ROOM_CLOSED"),
    *("USER_UNAVAILABLE", "USER_REJECTED", "SIP_TRUNK_FAILURE", "CONNECTION_TIMEOUT", "MEDIA_FAILURE", "AGENT_ERROR"),
)
"""The names of livekit-protocol's DisconnectReason, by their numbers: Python's SDK has the number."""


def step_of_state(state: str, flow: Flow) -> Step | None:
    """The step that a state stands for; the team's own mapping before the defaults, however these are written, and
    these before plain words."""
    state = state.strip()
    step = flow.states.get(state) or _DEFAULTS.get(folded(state))
    return step or next((meant for meant, says in _BY_WORDS if says(state)), None)


_DEFAULTS = {folded(state): step for state, step in DEFAULT_STATES.items()}


def may_be_of_agent(source: str, state: str, agent: str | None) -> bool:
    """Whether a row may be that of the agent with this name, by the words of its component and its state:
    crm/lead_locked is not."""
    plain = plain_words(source)
    has_its_name = bool(agent and plain.startswith(plain_words(agent)))
    return not source or has_its_name or any(map(_OF_AGENT.search, (plain, plain_words(state))))


def is_agents(source: str) -> bool:
    """Whether a component is the agent's own, by its name: agent, voice-worker; not livekit_webhook."""
    plain = plain_words(source)
    own = re.search(r"agent|assistant|worker|(?:^|_)(?:ai|bot|voice)(?:$|_)", plain) is not None
    return own and re.search(r"dispatch|watch|monitor|desktop|router|gateway|human|crm", plain) is None


def receives_webhooks(source: str) -> bool:
    """Whether a component writes down what LiveKit tells it: who came, which the agent logs of itself, too."""
    return re.search(r"web_?hook", plain_words(source)) is not None


@lru_cache(maxsize=1024)
def says_failed(state: str) -> bool:
    """Whether it says in plain words that a step of the call failed: call_failed, sip_error, no_answer."""
    plain = plain_words(state)
    told = _FAILED.search(plain) is not None or _OF_THE_PIPELINE.fullmatch(plain) is not None
    return told and not is_of_other_phone(state) and _OF_WHAT_IS_KEPT.search(plain) is None


def says_phone_failed(state: str) -> bool:
    """Whether it says that, and of nothing but the phone's leg: sip_participant_failed, busy; not agent_error, and
    not supervisor_call_failed."""
    return says_failed(state) and _OF_THE_PHONE.fullmatch(plain_words(state)) is not None


def says_not_picked_up(words: str) -> bool:
    """Whether a state, or the reason of an end, says that nobody picked the phone up: no_answer, NO-ANSWER."""
    return _NOT_PICKED_UP.fullmatch(plain_words(words)) is not None


def says_busy(words: str) -> bool:
    """Whether it says that of the phone: busy, line_busy; not agent_busy."""
    return _BUSY.fullmatch(plain_words(words)) is not None


def says_dispatched_again(state: str) -> bool:
    """Whether it says so of the agent: agent_redispatched, dispatch_retry."""
    return _DISPATCHED_AGAIN.search(plain_words(state)) is not None and not says_missed(state)


def says_missed(state: str) -> bool:
    """Whether it says that something failed, was not done, or is not there: agent_missing, worker_full."""
    return says_failed(state) or _DOES_NOT.search(plain_words(state)) is not None


def may_say_dialled_again(state: str) -> bool:
    """Whether it may say that the phone was dialled once more, or is on the line: trunk_failover, in_call."""
    plain = plain_words(state)
    return _GOES_ON.search(plain) is not None and not says_missed(state)


def needs_no_step(state: str) -> bool:
    """Whether its name alone says all that a diagnosis asks of it: that something failed, that somebody spoke or was
    handed over."""
    return says_failed(state) or says_not_picked_up(state) or says_talked(state) or says_transferred(state)


def is_understood(state: str) -> bool:
    """Whether it needs no step, or is an event of LiveKit's webhooks, which are read by themselves."""
    return needs_no_step(state) or bool(webhook_named(state))


def request_of(state: str) -> str:
    """The request to place a call that a state names, such as agent_dispatch_failed; empty for none."""
    plain = plain_words(state)
    return next((method for method, part in _REQUESTS.items() if part.search(plain)), "")


_REQUESTS = {
    "CreateDispatch": lazy_re.compile(r"(?:^|_)(?:re_?)?dispatch"),
    "CreateRoom": lazy_re.compile(r"(?:^|_)room_creat|creat\w*_(?:the_)?room"),
    "CreateSIPParticipant": lazy_re.compile(r"(?:^|_)(?:sip|dial|trunk|invite|outbound)"),
}


def says_what_failed(state: str) -> bool:
    """Whether it names what failed: call_failed, and not error, or livekit_error."""
    return _OF_ANYTHING.fullmatch(plain_words(state)) is None


def says_talked(state: str) -> bool:
    """Whether it says that somebody on the phone spoke, or pressed a key: user_speech, caller_said."""
    plain = plain_words(state)
    return _TALKED.search(plain) is not None and _DID_NOT.search(plain) is None


def says_something_was_said(state: str) -> bool:
    """Whether it says that there is a part of the conversation, whoever said it: conversation_item_added."""
    plain = plain_words(state)
    return _SAID_BY_SOMEBODY.search(plain) is not None and _DID_NOT.search(plain) is None


def says_agent_spoke(state: str) -> bool:
    """Whether it says that the agent spoke: agent_said, assistant_speaking."""
    return _AGENT_SPOKE.match(plain_words(state)) is not None


@lru_cache(maxsize=1024)
def who_left(state: str) -> Who | None:
    """Of whom it says that they are not in the call any more: agent_left, user_disconnected, participant_left."""
    plain = plain_words(state)
    return next((who for who, words in _GONE if words.fullmatch(plain)), None)


def says_agent_there(state: str) -> bool:
    """Whether it says that the agent is in the room: bot_joined, voice_agent_connected."""
    return _AGENT_THERE.match(plain_words(state)) is not None


def says_ended(state: str) -> bool:
    """Whether it says that somebody ended the call, or gave it up: call_cancelled, cancelled_by_user, hung_up."""
    return _ENDED.match(plain_words(state)) is not None and who_left(state) is not Who.AGENT


_BY_WORDS = (
    (Step.CALL_ENDED, says_ended),
    (Step.AGENT_AUDIO, says_agent_spoke),
    (Step.AGENT_CONNECTED, says_agent_there),
)


def says_transferred(state: str) -> bool:
    """Whether it says that the phone was handed to somebody else: transfer_completed, call_transferred."""
    plain = plain_words(state)
    return _TRANSFERRED.match(plain) is not None and _DID_NOT.search(plain) is None


def says_done(state: str) -> bool:
    """Whether it says that the agent hands the phone over, or has spoken to a mailbox: then it may leave, and the
    phone stays on for as long as another rings, or as the mailbox records."""
    plain = plain_words(state)
    return _HANDS_OVER.search(plain) is not None and _DID_NOT.search(plain) is None


def says_machine(words: str) -> bool:
    """Whether it says that no human answered the phone: voicemail_detected, machine, answering_machine."""
    plain = plain_words(words)
    return _MACHINE.fullmatch(plain) is not None and _DID_NOT.search(plain) is None


def says_not_transferred(state: str) -> bool:
    """Whether it says that a transfer came to nothing: transfer_failed."""
    return is_of_other_phone(state) and _DID_NOT.search(plain_words(state)) is not None


def is_of_other_phone(state: str) -> bool:
    """Whether it is about a further phone, that of a transfer, whatever became of it."""
    return _OTHER_PHONE.search(plain_words(state)) is not None


@lru_cache(maxsize=1024)
def plain_words(state: str) -> str:
    """In lower case, its words apart with one underscore, without the number at its end. A name is not longer than
    this."""
    words = _BETWEEN_WORDS.sub("_", state.strip()[:200]).strip("_").lower()
    return re.sub(r"_?\d+$", "", words)


_BETWEEN_WORDS = lazy_re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
