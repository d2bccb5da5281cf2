"""What a line of a component's log says: the texts of livekit-server 1.13.5 and 1.13.11 and livekit-agents 1.8.9 for
Python (design facts 11 and 12, and the lab), of livekit-sip 1.11.0 and livekit-agents for Node (their sources), and
older words for the same."""

from collections.abc import Callable
from enum import StrEnum, auto
from functools import lru_cache

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.dial_errors import kind_of_end
from livekit_doctor.evidence.observations import NOBODY_ANSWERED, Component, LogLine
from livekit_doctor.evidence.observations.logs import folded

LEFT_ROOM, ROOM_GONE = "agent worker left the room", "room disconnected"
"""The server's word for every agent that leaves (design fact 12), and its process' own, whose room was gone."""


class Said(StrEnum):
    """What a line says."""

    # livekit-server, of a job on its way to a worker
    NO_WORKER = auto()
    """No worker is registered under the agent's name."""
    NO_ANSWER = auto()
    """A worker was registered within the last minute, and none for this job answered."""
    NOBODY_FREE = auto()
    """Workers answered that they take no jobs."""
    NO_CAPACITY = auto()
    """The server gave the job up: no worker was left that takes it. Whether any was asked, other lines say."""
    DECLINED = auto()
    """A worker was asked and declined."""
    TIMED_OUT = auto()
    """A worker was asked, and the answer or the assignment took too long."""
    ASSIGNED = auto()
    JOB_ENDED = auto()
    PROCESS_EXITS = auto()
    """A worker's job process ends in order; its agent has left."""
    REGISTERED = auto()
    """A worker registered: the server's line, or the worker's own."""
    DEREGISTERED = auto()
    """The last worker of a name and kind left the server."""
    WORKER_CLOSED = auto()
    """The server's connection to a worker ended."""
    # livekit-server, of rooms, dispatches and participants
    ROOM_ASKED_FOR = auto()
    """CreateRoom was called: the room may have been there before."""
    ROOM_OPENED = auto()
    ROOM_CLOSED = auto()
    ROOM_IDLE = auto()
    ROOM_DELETED = auto()
    DISPATCH_CREATED = auto()
    DISPATCH_DELETED = auto()
    SESSION_STARTED = auto()
    """A participant's signalling is there; its media is to come."""
    PARTICIPANT_ACTIVE = auto()
    PARTICIPANT_LEFT = auto()
    TRACK_PUBLISHED = auto()
    NEVER_HAD_MEDIA = auto()
    """A participant was removed that never was ACTIVE."""
    SIP_ACCEPTED = auto()
    """CreateSIPParticipant succeeded: when the phone was created, or was answered, if that was waited for."""
    SIP_REFUSED = auto()
    """CreateSIPParticipant failed."""
    REQUEST_REFUSED = auto()
    """A request failed before its method was called; whose it was, its path says."""
    TRANSFERRED = auto()
    """The phone was transferred (REFER), the server's line or livekit-sip's."""
    # the worker
    ASKED = auto()
    """The job request reached the worker."""
    CONNECTION_FAILED = auto()
    GAVE_UP = auto()
    FULL = auto()
    FREE = auto()
    """No longer full."""
    DRAINING = auto()
    SHUT_DOWN = auto()
    REQUEST_RAISED = auto()
    REQUEST_UNANSWERED = auto()
    """The request_fnc ended, and had neither accepted nor rejected."""
    ASSIGNMENT_LATE = auto()
    INIT_FAILED = auto()
    """A process that should run jobs did not come up; for which job it was the line does not say."""
    NO_PROCESS = auto()
    """The worker gave up launching a process for a job."""
    CHANNEL_CLOSED = auto()
    """The RTC library lost its connection to the room: the agent had one."""
    MEDIA_TIMED_OUT = auto()
    """The RTC library gave up a media connection, after 15 s, and may try again."""
    JOIN_REFUSED = auto()
    """The RTC library gave up joining a room, since the server refused its token."""
    ENTRYPOINT_STARTED = auto()
    """As a span of livekit-agents tells it."""
    CONNECTED = auto()
    """The agent is in the room, and its media is connected, as a span tells it."""
    RAISED = auto()
    EXITED = auto()
    """A job's process ended with an exit code other than 0, or was killed for its memory: of one that the worker
    kills, there is no line of its exit code."""
    CRASHING = auto()
    """What runs the worker says that its container ends again and again."""
    PROCESS_DIED = auto()
    """A process for jobs broke down; whose it was the line does not say (Node's)."""
    UNRESPONSIVE = auto()
    """A job's process did not answer, and is killed. Of one that answers late, the line has no such words, or the
    delay."""
    SLOW_TO_CONNECT = auto()
    SESSION_CLOSED = auto()
    """The agent's session ends, since the participant that it was for left the room that both were in."""
    SESSION_ENDED = auto()
    """The same, for whichever reason, as a span tells it."""
    SESSION_BROKE = auto()
    """The agent's session ends by an error of its models' providers."""
    SPEECH_FAILED = auto()
    """What the agent should have said came to nothing, by its LLM or its TTS; it may go on."""
    TASK_FAILED = auto()
    """Another task of the agent's session failed, or its STT: it may speak all the same."""
    SPEECH_RETRIED = auto()
    """The same, and it is tried again."""
    SPOKE = auto()
    """The agent's TTS made sound."""
    HEARD = auto()
    """The agent heard somebody speak."""
    IN_SESSION = auto()
    """Anything else that is said as the agent's session runs."""
    RETURNED = auto()
    """The entrypoint returned without connecting."""
    ASYNC_PREWARM = auto()
    TOOL_RAISED = auto()
    # livekit-sip, of an outbound call
    SIP_CREATING = auto()
    SIP_FAILED = auto()
    SIP_MEDIA_TIMEOUT = auto()
    """livekit-sip ended the call, since no sound came from the far end."""
    SIP_SOUND_STOPPED = auto()  # that was no more than the sound of a call that had had some
    SIP_RANG = auto()
    """Its times name the ringing, which they do only where it rang."""
    SIP_ESTABLISHED = auto()
    SIP_OVER = auto()
    """livekit-sip ends a call that had been answered."""
    SIP_HEARD = auto()
    """livekit-sip takes a track of somebody in the room to the phone; `participant` is whose."""
    SIP_UNHEARD = auto()
    """A track that it took to the phone is gone."""


class _Meaning(Struct, frozen=True):
    log: Component
    text: str
    """The message begins with it, in any case."""
    said: Said
    where: Callable[[LogLine], bool] = lambda _: True


def _error(*texts: str) -> Callable[[LogLine], bool]:
    """Has an error, with one of these texts in it."""
    return lambda line: any(text in line.fields["error"] for text in texts) if "error" in line.fields else False


def _of_initialising(line: LogLine) -> bool:
    """Nothing else is known to end so; an export may have no column for the error."""
    return "initializ" in line.fields.get("error", line.traceback or "initializing")


def _of_agent(text: str) -> Callable[[LogLine], bool]:
    """Has an error with this text, and is about a job for a named agent: what an unnamed one leaves, and the end of a
    job, healthy calls have too (fact 12)."""
    of_error = _error(text)
    return lambda line: of_error(line) and bool(line.fields.get("agent_name")) and "job_id" not in line.fields


def _because(text: str) -> Callable[[LogLine], bool]:
    """Has a reason with this text in it (livekit-server 1.13.11 and later)."""
    return lambda line: text in line.fields.get("reason", "")


def _succeeded(line: LogLine) -> bool:
    return line.fields.get("status") == "200"


def _refused(line: LogLine) -> bool:
    return line.fields.get("status") in ("401", "403")


def _since_media_failed(line: LogLine) -> bool:
    """Older releases have the reason only."""
    return line.fields.get("reason") == "media-timeout" or "media-timeout" in line.fields.get("error", "")


def _of_job(line: LogLine) -> bool:
    """Not the process that a worker keeps warm, which may exit with 255 at any time (fact 12)."""
    return bool(line.fields.get("job_id"))


def _did_not_answer(line: LogLine) -> bool:
    """Not one that answered late; older releases, and Node's, say that in the same words, with the delay."""
    return "delay" not in line.fields and "delay" not in line.message


_BLOCKED = lazy_re.compile(r"for (?:1[5-9]|[2-9]\d|\d{3,})\d{3} ?ms")  # 15 s: for a second nobody wonders


def _gave_up(line: LogLine) -> bool:
    """After its last attempt: before that it tries again."""
    return "retrying" not in line.message


def _is_error(line: LogLine) -> bool:
    """Not where it says that it tries again."""
    return line.level == "error" and _gave_up(line)


def _is_channels_end(line: LogLine) -> bool:
    return "publisher data channel" in line.message and "closed unexpectedly" in line.message


def _is_refused_join(line: LogLine) -> bool:
    return _REFUSED_JOIN.search(line.message) is not None


_REFUSED_JOIN = lazy_re.compile(r"error while connecting to a room: .*\bclient error: 40[13]\b")
_NO_MEDIA = lazy_re.compile("wait_pc_connection timed out|could not establish pc connection")
"""The RTC libraries' own words, of the one in Rust, below Python and Node, and of the one in JavaScript: whoever logs
them, and as what, the library itself, the SDK above it, or the team's own code."""


MEANINGS = (
    _Meaning("server", "not dispatching agent job since no worker", Said.NO_WORKER),
    _Meaning("server", "failed to send job request", Said.NO_ANSWER, _of_agent("no response from servers")),
    _Meaning("server", "failed to send job request", Said.NOBODY_FREE, _of_agent("no servers available")),
    _Meaning("server", "failed to send job request", Said.TIMED_OUT, _of_agent("request timed out")),
    _Meaning("server", "failed to assign job to worker", Said.DECLINED, _error("worker not available")),
    _Meaning("server", "no worker available to handle job", Said.NO_CAPACITY, _error("no workers with sufficient")),
    _Meaning("server", "failed to assign job to worker", Said.TIMED_OUT, _error("deadline", "timed out")),
    _Meaning("server", "assigned job to worker", Said.ASSIGNED),
    _Meaning("server", "job ended", Said.JOB_ENDED),
    _Meaning("server", "worker registered", Said.REGISTERED),
    _Meaning("server", "last worker deregistered", Said.DEREGISTERED),
    _Meaning("server", "closing worker", Said.WORKER_CLOSED),
    _Meaning("server", "API RoomService.CreateRoom", Said.ROOM_ASKED_FOR),
    _Meaning("server", "selected node for room", Said.ROOM_OPENED),
    _Meaning("server", "closing idle room", Said.ROOM_IDLE),
    _Meaning("server", "closing room", Said.ROOM_IDLE, _because("IDLE")),
    _Meaning("server", "closing room", Said.ROOM_DELETED, _because("API_DELETE")),
    _Meaning("server", "room closed", Said.ROOM_CLOSED),
    _Meaning("server", "API RoomService.DeleteRoom", Said.ROOM_DELETED),
    _Meaning("server", "API AgentDispatchService.CreateDispatch", Said.DISPATCH_CREATED),
    _Meaning("server", "API AgentDispatchService.DeleteDispatch", Said.DISPATCH_DELETED),
    _Meaning("server", "starting RTC session", Said.SESSION_STARTED),
    _Meaning("server", "participant active", Said.PARTICIPANT_ACTIVE),
    _Meaning("server", "mediaTrack published", Said.TRACK_PUBLISHED),
    _Meaning("server", "removing participant without connection", Said.NEVER_HAD_MEDIA),
    _Meaning("server", "participant closing", Said.NEVER_HAD_MEDIA, _because("JOIN_TIMEOUT")),
    _Meaning("server", "participant closing", Said.PARTICIPANT_LEFT),
    _Meaning("server", "API SIP.CreateSIPParticipant", Said.SIP_ACCEPTED, _succeeded),
    _Meaning("server", "API SIP.CreateSIPParticipant", Said.SIP_REFUSED, _error("")),
    _Meaning("server", "cannot create sip participant", Said.SIP_REFUSED, _error("")),
    _Meaning("server", "API SIP.TransferSIPParticipant", Said.TRANSFERRED, _succeeded),
    _Meaning("server", "error handling request", Said.REQUEST_REFUSED, _refused),
    _Meaning("worker", "received job request", Said.ASKED),
    _Meaning("worker", "registered worker", Said.REGISTERED),
    _Meaning("worker", "failed to connect to livekit", Said.CONNECTION_FAILED),
    _Meaning("worker", "worker connection closed unexpectedly", Said.CONNECTION_FAILED),
    _Meaning("worker", "worker error", Said.CONNECTION_FAILED),
    _Meaning("worker", "worker failed", Said.GAVE_UP),
    _Meaning("worker", "ValueError: ws_url is required", Said.GAVE_UP),
    _Meaning("worker", "ValueError: api_key is required", Said.GAVE_UP),
    _Meaning("worker", "ValueError: api_secret is required", Said.GAVE_UP),
    _Meaning("worker", "MissingCredentialsError", Said.GAVE_UP),
    _Meaning("worker", "worker is at full capacity", Said.FULL),
    _Meaning("worker", "worker is below capacity", Said.FREE),
    _Meaning("worker", "draining worker", Said.DRAINING),
    _Meaning("worker", "Worker is draining and no longer available, rejecting job", Said.DRAINING),
    _Meaning("worker", "jobRequestFunc failed", Said.REQUEST_RAISED),
    _Meaning("worker", "exception occurred while executing tool", Said.TOOL_RAISED),
    _Meaning("worker", "shutting down worker", Said.SHUT_DOWN),
    _Meaning("worker", "job_request_fnc failed", Said.REQUEST_RAISED),
    _Meaning("worker", "no answer was given inside the job_request_fnc", Said.REQUEST_UNANSWERED),
    _Meaning("worker", "no answer was given inside the jobRequestFunc", Said.REQUEST_UNANSWERED),
    _Meaning("worker", "assignment for job", Said.ASSIGNMENT_LATE, lambda line: "timed out" in line.message),
    _Meaning("worker", "error initializing process", Said.INIT_FAILED),
    _Meaning("worker", "initialization timed out, killing", Said.INIT_FAILED),
    _Meaning("worker", "runner initialization timed out", Said.INIT_FAILED),
    _Meaning("worker", "process exited before initializing", Said.INIT_FAILED),
    _Meaning("worker", "supervised process run failed", Said.INIT_FAILED, _of_initialising),
    _Meaning("worker", "failed to acquire process for job", Said.NO_PROCESS),
    _Meaning("worker", "failed to launch job on process", Said.NO_PROCESS, _gave_up),
    _Meaning("worker", "error launching job", Said.NO_PROCESS),
    _Meaning("worker", "entrypoint started", Said.ENTRYPOINT_STARTED, _of_job),
    _Meaning("worker", "room_connect returned", Said.CONNECTED, _of_job),
    _Meaning("worker", "unhandled exception while running the job task", Said.RAISED),
    _Meaning("worker", "error in entry function", Said.RAISED),
    _Meaning("worker", "process exited with non-zero exit code", Said.EXITED, _of_job),
    _Meaning("worker", "job process exited unexpectedly", Said.EXITED, _of_job),
    _Meaning("worker", "job process exited unexpectedly", Said.PROCESS_DIED),
    _Meaning("worker", "the container was killed", Said.PROCESS_DIED),
    _Meaning("worker", "the container ends again and again", Said.CRASHING),
    _Meaning("worker", "job process exceeded memory limit", Said.EXITED, _of_job),
    _Meaning("worker", "process exceeded memory limit", Said.EXITED, _of_job),
    _Meaning("worker", "job process exceeded memory limit", Said.PROCESS_DIED),
    _Meaning("worker", "process exceeded memory limit", Said.PROCESS_DIED),
    _Meaning("worker", "job crashed", Said.EXITED),
    _Meaning("worker", "process exiting", Said.PROCESS_EXITS, _of_job),
    _Meaning("worker", "job exiting", Said.PROCESS_EXITS, _of_job),
    _Meaning("worker", "process is unresponsive, killing", Said.UNRESPONSIVE, _of_job),
    _Meaning("worker", "job is unresponsive", Said.UNRESPONSIVE, _did_not_answer),
    _Meaning("worker", "closing agent session due to participant disconnect", Said.SESSION_CLOSED),
    _Meaning("worker", "session closed", Said.SESSION_CLOSED, _because("participant_disconnected")),
    _Meaning("worker", "agent session ended", Said.SESSION_ENDED),
    _Meaning("worker", "AgentSession is closing due to unrecoverable error", Said.SESSION_BROKE),
    # A task of the session's (livekit-agents' log_exceptions names the function), or a turn of the conversation.
    _Meaning("worker", "Error in _tts_inference_task", Said.SPEECH_FAILED),
    _Meaning("worker", "Error in _llm_inference_task", Said.SPEECH_FAILED),
    _Meaning("worker", "Error in _", Said.TASK_FAILED, _of_job),
    _Meaning("worker", "event loop blocked for", Said.TASK_FAILED, lambda line: bool(_BLOCKED.search(line.message))),
    _Meaning("worker", "error in on_enter task", Said.SPEECH_FAILED, _of_job),
    _Meaning("worker", "error occurred during on_user_turn_completed", Said.SPEECH_FAILED, _of_job),
    _Meaning("worker", "failed to generate a reply", Said.SPEECH_FAILED, _is_error),
    _Meaning("worker", "failed to say text", Said.SPEECH_FAILED, _is_error),
    _Meaning("worker", "failed to synthesize speech", Said.SPEECH_FAILED, _is_error),
    _Meaning("worker", "failed to synthesize speech", Said.SPEECH_RETRIED),
    _Meaning("worker", "failed to recognize speech", Said.TASK_FAILED, _is_error),
    _Meaning("worker", "failed to generate LLM completion", Said.SPEECH_FAILED, _is_error),
    _Meaning("worker", "failed to generate LLM completion", Said.SPEECH_RETRIED),
    _Meaning("worker", "failed to recognize speech", Said.IN_SESSION),
    _Meaning("worker", "TTS metrics", Said.SPOKE),
    _Meaning("worker", "received user transcript", Said.HEARD),
    _Meaning("worker", "EOU metrics", Said.HEARD),
    _Meaning("worker", "agent session started", Said.IN_SESSION),
    _Meaning("worker", "LLM metrics", Said.IN_SESSION),
    _Meaning("worker", "STT metrics", Said.IN_SESSION),
    _Meaning("worker", "RealtimeModel metrics", Said.IN_SESSION),
    _Meaning("worker", "all TTSs are unavailable", Said.SPEECH_FAILED),
    _Meaning("worker", "all LLMs are unavailable", Said.SPEECH_FAILED),
    _Meaning("worker", "all STTs are unavailable", Said.TASK_FAILED),
    _Meaning("worker", "audio output is enabled but", Said.SPEECH_FAILED, _of_job),
    _Meaning("sip", "creating sip participant", Said.SIP_CREATING),
    _Meaning(
        "sip", "sip participant joined room", Said.SIP_CREATING, lambda line: line.fields.get("direction") != "inbound"
    ),
    _Meaning("sip", "sip call failed", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "sip invite failed", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "unexpected statuscode from invite response", Said.SIP_FAILED),
    _Meaning(
        "sip", "triggering media timeout", Said.SIP_MEDIA_TIMEOUT, lambda line: line.fields.get("is_initial") == "true"
    ),
    _Meaning("sip", "triggering media timeout", Said.SIP_SOUND_STOPPED, lambda line: "is_initial" in line.fields),
    _Meaning("sip", "closing outbound call with error", Said.SIP_MEDIA_TIMEOUT, _since_media_failed),
    _Meaning("sip", "closing outbound call with error", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "SIP/2.0 18", Said.SIP_RANG),
    _Meaning("sip", NOBODY_ANSWERED, Said.SIP_RANG),
    _Meaning("sip", "signaling timestamps", Said.SIP_RANG, lambda line: "invite_to_ringing_ms" in line.fields),
    _Meaning("sip", "outbound sip call established", Said.SIP_ESTABLISHED),
    _Meaning("sip", "closing outbound call", Said.SIP_FAILED, lambda line: kind_of_end(line.fields) is not None),
    _Meaning("sip", "closing outbound call", Said.SIP_OVER),
    _Meaning("sip", "bye from remote", Said.SIP_OVER),
    _Meaning("sip", "sip call ended", Said.SIP_MEDIA_TIMEOUT, _since_media_failed),
    _Meaning("sip", "sip call ended", Said.SIP_OVER),
    _Meaning("sip", "track subscribed", Said.SIP_HEARD, lambda line: line.fields.get("kind", "audio") == "audio"),
    _Meaning("sip", "track unsubscribed", Said.SIP_UNHEARD),
    _Meaning("sip", "outbound call transferred", Said.TRANSFERRED),
    _Meaning("sip", "inbound call transferred", Said.TRANSFERRED),
    _Meaning("worker", "livekit_ffi::server::room", Said.JOIN_REFUSED, _is_refused_join),
    _Meaning("worker", "livekit::rtc_engine", Said.CHANNEL_CLOSED, _is_channels_end),
    _Meaning("worker", "publisher data channel", Said.CHANNEL_CLOSED, _is_channels_end),
    _Meaning("worker", "the room connection was not established", Said.SLOW_TO_CONNECT),
    _Meaning("worker", "room not connect", Said.SLOW_TO_CONNECT),
    _Meaning("worker", "the job task completed without", Said.RETURNED),
)


def meaning(line: LogLine) -> Said | None:
    """What the line says; None where that is nothing that a diagnosis knows."""
    failed = line.log == "worker" and (line.traceback or "error" in line.fields)
    if failed and any(map(_NO_MEDIA.search, (line.traceback, line.fields.get("error", "")))):
        return Said.MEDIA_TIMED_OUT
    for entry in _may_mean(line.log, line.message):
        if entry.where(line):
            return entry.said
    return Said.RAISED if line.ends_entrypoint else None


@lru_cache(maxsize=2_000)  # most lines of a log have one of a few messages
def _may_mean(log: Component, message: str) -> tuple[_Meaning, ...]:
    if log == "worker" and _NO_MEDIA.search(message):
        return (_Meaning(log, "", Said.MEDIA_TIMED_OUT),)
    message = folded(message)
    if log == "worker" and "prewarm" in message and "was never awaited" in message:
        return (_Meaning(log, "", Said.ASYNC_PREWARM),)
    found = _MEANINGS_OF.get((log, message[:_BEGINNING]), ())
    return tuple(entry for text, entry in found if message.startswith(text))


_BEGINNING = min(len(entry.text) for entry in MEANINGS)
_MEANINGS_OF: dict[tuple[Component, str], list[tuple[str, _Meaning]]] = {}
for _entry in MEANINGS:
    _text = _entry.text.lower()
    _MEANINGS_OF.setdefault((_entry.log, _text[:_BEGINNING]), []).append((_text, _entry))
