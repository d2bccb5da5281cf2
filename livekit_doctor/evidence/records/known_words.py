"""What LiveKit's components say: how their messages begin, and where one stands in a text."""

import re

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Component
from livekit_doctor.evidence.observations.logs import folded

RUST = ("livekit::", "livekit_ffi::")
"""How the RTC library's own lines begin, the one in Rust: the worker prints them."""

_SAYS: dict[Component, tuple[str, ...]] = {
    "worker": (
        *("received job request", "registered worker", "draining worker", "process exited", "job crashed"),
        *("shutting down worker", "starting worker", "failed to connect to livekit", "worker failed"),
        *("worker is at full capacity", "worker is below capacity", "job_request_fnc", "jobRequestFunc"),
        *("no answer was given inside the job", "assignment for job", "error initializing process"),
        *("initializing process", "process initialized", "initialization timed out", "failed to acquire process"),
        *("failed to launch job", "unhandled exception while running the job", "process is unresponsive"),
        *("process exiting", "the room connection was not established", "the job task completed without"),
        *("no warmed process available", "error in entry function", "worker connection closed", *RUST),
        *("job exiting", "shutting down job task", "runner initialization timed out", "error launching job"),
        *("supervised process run failed", "job process exited", "job is unresponsive", "job executor is unresponsive"),
        *("job process orphaned", "job shutdown is taking too much time", "closing agent session due to participant"),
        *("room not connect", "all in-flight spawns failed", "timed out waiting for idle processes"),
        *("initializing job runner", "job runner initialized", "received assignment for an unknown job"),
        *("error in participant entrypoint", "AgentSession is closing", "AgentSession closed"),
        *("job process memory usage", "job process exceeded memory", "process exceeded memory", "killing process"),
        *("sending SIGUSR1 signal to process", "process did not exit in time", "process did not ack shutdown"),
    ),
    "server": (
        *("not dispatching agent job", "failed to send job request", "failed to assign job to worker"),
        *("no worker available to handle job", "assigned job to worker", "job ended", "worker registered"),
        *("last worker deregistered", "closing worker", "API RoomService.", "API AgentDispatchService.", "API SIP."),
        *("selected node for room", "closing idle room", "room closed", "closing room", "starting RTC session"),
        *("participant active", "mediaTrack published", "removing participant without connection"),
        *("participant closing", "starting LiveKit server", "cannot create sip participant", "sent webhook"),
    ),
    "sip": (
        *("Creating SIP participant", "SIP call failed", "SIP invite failed", "Closing outbound call"),
        *("signaling timestamps", "Outbound SIP call established", "SIP call ended", "track subscribed"),
        *(
            "outbound call transferred",
            "inbound call transferred",
            "Closing inbound call",
            "processing invite",
            "BYE from remote",
        ),
        *("waiting for calls to finish", "Bridging SIP", "sip participant joined room"),
    ),
}
"""How their messages begin, of those that a diagnosis knows or that people paste. What a formatter of the team's own
wrote can be told by these."""


def says(log: Component, message: str) -> bool:
    return folded(message).startswith(_LOWER[log])


def says_worker(message: str) -> bool:
    """Whether a worker's message begins so."""
    return says("worker", message)


def says_any(message: str) -> bool:
    """Whether any component's message begins so."""
    return folded(message).startswith(_ALL)


def context_before(message: str) -> str:
    """What a formatter of Python's puts before a worker's message that is no time, level or logger: a request's id in
    brackets, a function with its line, numbers of process and thread, a module. Empty where a message begins with what
    a worker says, or where people's words stand before that."""
    if says_worker(message) or (found := _AFTER_CONTEXT.match(message)) is None:
        return ""
    words = _BRACKETS.sub(" ", found[0]).split()
    plain = [word for word in words if word.isalpha() and word.islower()]
    return found[0] if len(plain) < 2 and (len(plain) < len(words) or not words) else ""


def from_known_words(text: str) -> str:
    """The text from what a component says in it on, where somebody's sentence quotes that; else as it is."""
    near = text[-_NEAR:]
    found = _QUOTED.search(near)
    return near[found.end() :].rstrip(_QUOTES) if found else text


_LOWER: dict[Component, tuple[str, ...]] = {log: tuple(text.lower() for text in texts) for log, texts in _SAYS.items()}
_ALL = tuple(text for texts in _LOWER.values() for text in texts)

_NEAR = 300
"""Characters before its fields in which a quoted message may begin."""
_BRACKETS = lazy_re.compile(r"\[[^\]\n]{0,300}\]|\([^)\n]{0,100}\)")
_AFTER_CONTEXT = lazy_re.compile(
    rf"(?:(?:{_BRACKETS.pattern}|[^\s\[(]{{1,100}})\s+){{1,8}}?"
    rf"(?={'|'.join(re.escape(text) for text in _SAYS['worker'])})",
    re.IGNORECASE,
)
_QUOTES = "\"'`*«»“”„ "
_QUOTED = lazy_re.compile(
    rf"[:{_QUOTES}][{_QUOTES}]{{0,4}}(?={'|'.join(re.escape(text) for texts in _SAYS.values() for text in texts)})",
    re.IGNORECASE,
)
