"""What `clean` does: find the scratch rooms that runs of this tool have left, and remove them."""

import asyncio
import shlex
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Problem, Room, RoomList
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.evidence.scratch_rooms import FoundRoom, Outcome, is_left_over, is_named_by_us
from livekit_doctor.experiments.scratch import ScratchRoom
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings

LISTING = 0.1
"""Seconds of the timeout that are left to say what could not be removed."""
AT_ONCE = 8
"""Rooms that are removed at the same time."""


class Options(Struct, frozen=True):
    """`rooms` by name, whoever uses them; without any, those that are older than `older_than`, and without that those
    that no run can be using. `timeout` is seconds for all of it."""

    rooms: tuple[str, ...] = ()
    older_than: timedelta | None = None
    dry_run: bool = False
    timeout: float = 60.0


class Cleaned(Struct, frozen=True):
    """`rooms` are all scratch rooms that were there, the oldest first; `problem` is why LiveKit could not be asked."""

    at: datetime
    rooms: tuple[FoundRoom, ...] = ()
    problem: Problem | None = None


def require_own(rooms: Sequence[str]) -> None:
    """Raises UserError for a name that is no scratch room's."""
    for name in rooms:
        if not is_named_by_us(name):
            raise UserError(
                "LKD001",
                f"{name} is no scratch room of this tool, and only those are removed",
                f"lk room delete {shlex.quote(name)}, if you know what it is",
            )


async def clean(settings: Settings, options: Options, progress: Progress | None = None) -> Cleaned:
    """Removes what runs have left. Raises UserError where a room that is named is not this tool's."""
    require_own(options.rooms)
    progress = progress or Progress()
    ends = time.monotonic() + options.timeout - LISTING
    async with LiveKitSource(settings.livekit) as client:
        progress("asking LiveKit for its rooms")
        reading = await client.rooms()
        listing = next((item for item in reading.observations if isinstance(item, RoomList)), None)
        if listing is None:
            problem = next(entry.problem for entry in reading.coverage if entry.problem)
            return Cleaned(utc_now(), problem=problem)
        now, gate = listing.read.now, asyncio.Semaphore(AT_ONCE)
        rooms = sorted((r for r in listing.rooms if is_named_by_us(r.name)), key=lambda room: room.created_at)

        async def one(room: Room) -> FoundRoom:
            outcome: Outcome = "in_use" if not _is_chosen(room, options, now) else "found"
            message = ""
            if outcome == "found" and not options.dry_run:
                async with gate:
                    with progress.beside(f"removing scratch room {room.name}"):
                        age = max(0.0, (now - room.created_at).total_seconds())
                        message = await ScratchRoom.found(client, room, age, ends).remove()
                outcome = "not_removed" if message else "removed"
            return FoundRoom(room.name, outcome, room.created_at, room.num_participants, message)

        found = await asyncio.gather(*map(one, rooms))
        there = {room.name for room in rooms}
    gone = (FoundRoom(name, "gone") for name in options.rooms if name not in there)
    return Cleaned(listing.read.now, (*found, *gone))


def _is_chosen(room: Room, options: Options, now: datetime) -> bool:
    if options.rooms:
        return room.name in options.rooms
    if options.older_than is not None:
        # The server's clock, as an answer has it, is in whole seconds.
        return now - room.created_at > options.older_than - timedelta(seconds=1)
    return is_left_over(room, now)
