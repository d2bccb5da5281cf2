"""A line of a component's log, as it is written: before anybody cuts, filters or reads it."""

from dataclasses import dataclass, field
from typing import Literal

from livekit_doctor.evidence.observations import Component
from tests.diagnosis.world.life import Life, Turn

Node = Literal["api", "room", "worker"]
"""Which node of a cluster writes a line of livekit-server's: the one that the API reached, the one that has the
room, or the one that has the worker."""


@dataclass(slots=True)
class Line:
    at: float
    log: Component
    message: str
    level: str = "info"
    logger: str = "livekit"
    node: Node = "room"
    fields: dict[str, str] = field(default_factory=dict)
    own: bool = True
    """It has an id of the call; else it is found by its message."""
    traceback: str = ""


def of_room(life: Life) -> dict[str, str]:
    return {"room": life.room, "room_id": life.sid}


def of_job(life: Life, turn: Turn) -> dict[str, str]:
    """As the worker's process has it on all lines of a job."""
    return {"job_id": turn.job_id, **of_room(life), "agent_name": turn.name}
