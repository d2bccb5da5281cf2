"""What LiveKit's API lists of rooms: participants, agent dispatches, jobs."""

from datetime import datetime
from typing import Literal

from msgspec import field

from livekit_doctor.evidence.observations.read import Observed, Value

SCRATCH_PREFIX = "livekit-doctor-"
"""What the names of experiments' rooms begin with; they are nobody's calls."""


def is_scratch(room: str) -> bool:
    """Whether a room of this name is an experiment's."""
    return room.startswith(SCRATCH_PREFIX)


class Room(Value, frozen=True):
    """Time-outs are in seconds."""

    sid: str
    name: str
    created_at: datetime
    metadata: str = ""
    num_participants: int = 0
    empty_timeout: int = 0
    departure_timeout: int = 0


class RoomList(Observed, frozen=True):
    """ListRooms. `names` empty means that all rooms of the project were asked for."""

    names: tuple[str, ...] = ()
    rooms: tuple[Room, ...] = ()


class Track(Value, frozen=True):
    sid: str
    kind: Literal["audio", "video", "data"]
    muted: bool = False


class Participant(Value, frozen=True):
    sid: str
    identity: str
    kind: str
    """STANDARD, INGRESS, EGRESS, SIP, AGENT, CONNECTOR or BRIDGE."""
    state: str
    """JOINING, JOINED, ACTIVE or DISCONNECTED."""
    joined_at: datetime | None = None
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    tracks: tuple[Track, ...] = ()


class ParticipantList(Observed, frozen=True):
    """ListParticipants of one room."""

    room: str
    room_sid: str = ""
    participants: tuple[Participant, ...] = ()


class Job(Value, frozen=True):
    id: str
    status: str
    """JS_PENDING, JS_RUNNING, JS_SUCCESS, JS_FAILED or JS_CANCELLED."""
    type: str = "JT_ROOM"
    error: str = ""
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    participant_identity: str = ""
    worker_id: str = ""


class Dispatch(Value, frozen=True):
    """An agent dispatch. An empty `agent_name` is the automatic dispatch (design fact 4)."""

    id: str
    agent_name: str
    room: str
    unnamed: bool = False
    """For which agent is not known. Where it is, one without a name is the automatic one of a room."""
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    deployment: str = ""
    restart_policy: str = ""
    """JRP_NEVER or a newer one; empty for the default, by which LiveKit Cloud starts a job again that failed."""
    jobs: tuple[Job, ...] = ()


class DispatchList(Observed, frozen=True):
    """ListDispatch of one room."""

    room: str
    room_sid: str = ""
    dispatches: tuple[Dispatch, ...] = ()
