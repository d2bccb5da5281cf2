"""Which rooms a run of this tool has made, and which of those no run can be using any more."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import SCRATCH_PREFIX, Room

_NAME = lazy_re.compile(rf"{SCRATCH_PREFIX}[0-9a-f]{{12}}")
DEPARTURE_TIMEOUT = 5
"""Seconds that the server keeps a scratch room once everybody has left."""
DEPARTURE_TIMEOUT_OF_CALLS = 60
"""That a test call's room outlives a refused phone, so that the agent's leg can still be decided."""


MOST_NAMED = 3
CLEAN = "livekit-doctor clean"

Outcome = Literal["removed", "not_removed", "found", "in_use", "gone"]
"""`found`: it would be removed. `in_use`: a run may be using it. `gone`: it was named, and is not there."""


class FoundRoom(Struct, frozen=True):
    """A scratch room, and what became of it; `message` is why it could not be removed."""

    room: str
    outcome: Outcome
    created_at: datetime | None = None
    participants: int = 0
    message: str = ""


def is_named_by_us(room: str) -> bool:
    """Whether it has exactly the name of a scratch room: nobody else's may be deleted."""
    return _NAME.fullmatch(room) is not None


def is_left_over(room: Room, now: datetime) -> bool:
    """Whether no run can be using it any more.

    A scratch room is made to be shorter than its empty timeout. One that an agent has made again has the
    server's own time-outs, by which it is known at once.
    """
    if not is_named_by_us(room.name):
        return False
    is_as_made = room.departure_timeout in (DEPARTURE_TIMEOUT, DEPARTURE_TIMEOUT_OF_CALLS)
    return not is_as_made or now - room.created_at > timedelta(seconds=room.empty_timeout)


def told(rooms: Iterable[Room], now: datetime) -> tuple[str, ...]:
    """A line that says of all that are left over which they are, and what removes them; none where there is none."""
    found = left_over(rooms, now)
    if not found:
        return ()
    names = ", ".join(room.name for room in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    which = "scratch room of an earlier run" if len(found) == 1 else "scratch rooms of earlier runs"
    return (f"{which}, still there: {names}{more}; type: {CLEAN}",)


def left_over(rooms: Iterable[Room], now: datetime) -> tuple[Room, ...]:
    """Those of these rooms, the oldest first."""
    return tuple(sorted((room for room in rooms if is_left_over(room, now)), key=lambda room: room.created_at))
