"""Messages that matter without any id of the call, and lines that never do."""

from livekit_doctor.evidence.observations import Component

WITHOUT_ID: dict[Component, tuple[str, ...]] = {
    "worker": (
        "registered worker",
        "failed to connect to livekit",
        "failed to connect to LiveKit",
        "draining",
        "shutting down worker",
        "worker is at full capacity",
        "worker is below capacity",
        "was never awaited",
        "starting worker",
        "error initializing process",
        "job_request_fnc",
    ),
    "server": (
        "worker registered",
        "last worker deregistered",
        "closing worker",
        "not dispatching agent job",
        "failed to send job request",
        "starting LiveKit server",
    ),
    "sip": ("waiting for calls to finish", "sip service ready"),
}
"""Looked for in every log of the component. Few, and each rare in a log: each costs a pass over it."""

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
