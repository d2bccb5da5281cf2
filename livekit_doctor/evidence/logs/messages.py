"""Messages that matter without any id of the call, and lines that never do."""

from collections.abc import Sequence

from msgspec import Struct

from livekit_doctor.evidence.observations import Component


class Texts(Struct, frozen=True):
    """`anywhere` are messages that say in which state a worker was, maybe hours before the call.
    `nearby` are those that belong to a call and do not name it.

    Each text that is searched for costs a pass over the log: `needles` are few that are in all of the
    messages of `anywhere`, and rare otherwise.
    """

    anywhere: tuple[str, ...]
    needles: tuple[bytes, ...]
    nearby: tuple[str, ...]

    def in_message(self, message: str) -> str | None:
        return next((text for text in (*self.anywhere, *self.nearby) if text in message), None)


WITHOUT_ID: dict[Component, Texts] = {
    "worker": Texts(
        anywhere=(
            "registered worker",
            "draining worker",
            "shutting down worker",
            "starting worker",
            "capacity, marking as unavailable",
            "capacity, marking as available",
        ),
        needles=(b" worker", b" capacity, marking as "),
        nearby=(
            "received job request",
            "failed to connect to livekit",
            "failed to connect to LiveKit",
            "was never awaited",
            "error initializing process",
            "nitialization timed out",
            "process exited before initializing",
            "supervised process run failed",
            "job process exited unexpectedly",
            "worker connection closed unexpectedly",
            "worker failed",
            "is required, or add LIVEKIT_",
            "MissingCredentialsError",
            "job_request_fnc",
        ),
    ),
    "server": Texts(
        anywhere=(
            "worker registered",
            "last worker deregistered",
            "closing worker",
            "starting LiveKit server",
        ),
        needles=(b"registered", b"closing worker", b"starting LiveKit server"),
        nearby=(
            "not dispatching agent job",
            "failed to send job request",
            "API AgentDispatchService.CreateDispatch",
            "error handling request",
        ),
    ),
    "sip": Texts(
        anywhere=("waiting for calls to finish", "client starting"),
        needles=(b"waiting for calls to finish", b"client starting"),
        nearby=(),
    ),
}

_CHATTER = (
    "API RoomService.List",
    "API RoomService.GetParticipant",
    "API AgentDispatchService.ListDispatch",
    "API SIP.List",
    "stats worker active",
    "ice reconnected or switched pair",
    "sending keep-alive",
)


def is_chatter(message: str) -> bool:
    """Whether the message only says that somebody looked, or that time passes."""
    return message.startswith(_CHATTER)


def as_bytes(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)
