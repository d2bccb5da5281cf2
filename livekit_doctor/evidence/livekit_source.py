"""LiveKit's rooms, participants, agent dispatches and SIP objects, read so that failures become coverage."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from msgspec import structs

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.livekit_api import (
    list_dispatches,
    list_inbound_trunks,
    list_outbound_trunks,
    list_participants,
    list_rooms,
    list_sip_dispatch_rules,
)
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import (
    Coverage,
    Observation,
    Problem,
    Reading,
    Room,
    RoomList,
)
from livekit_doctor.evidence.reading import combine, unread
from livekit_doctor.redact import redact_text

AT_ONCE = 8
"""Requests under way to one server."""


class LiveKitSource(LiveKitClient):
    """A LiveKit server as a source of evidence. Methods of this class raise nothing: what failed is coverage."""

    async def rooms(self, *names: str) -> Reading:
        """The live rooms, all or of these names."""
        return await covered(sources.LIVEKIT_API, list_rooms(self, *names))

    async def sip_objects(self) -> Reading:
        """SIP trunks and SIP dispatch rules."""
        return await covered(
            sources.SIP_API,
            list_outbound_trunks(self),
            list_inbound_trunks(self),
            list_sip_dispatch_rules(self),
        )

    async def inside(self, rooms: Iterable[Room]) -> Reading:
        """Participants and agent dispatches of live rooms, a few rooms at a time.

        A room that closes meanwhile fails with 503 (design fact 17): it is looked for again, and
        if it is gone, that is the reading, not a failure.
        """

        async def one(room: Room) -> Reading:
            reading = await covered(sources.LIVEKIT_API, list_participants(self, room), list_dispatches(self, room))
            if any(entry.status == "unread" for entry in reading.coverage):
                again = await self.rooms(room.name)
                if not any(isinstance(o, RoomList) and o.rooms for o in again.observations):
                    found = (*reading.observations, *again.observations)
                    return Reading(observations=found, coverage=again.coverage)
            return reading

        return await _each(rooms, one)

    async def participants(self, rooms: Iterable[Room]) -> Reading:
        """Only the participants of live rooms, a few rooms at a time. Of a room that has closed it is an empty list."""
        return await _each(rooms, lambda room: covered(sources.LIVEKIT_API, list_participants(self, room)))


async def _each(rooms: Iterable[Room], read: Callable[[Room], Awaitable[Reading]]) -> Reading:
    """What is read of each room, of AT_ONCE at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(room: Room) -> Reading:
        async with gate:
            return await read(room)

    return combine(await asyncio.gather(*map(one, rooms)))


async def covered(source: str, *requests: Awaitable[Observation]) -> Reading:
    """The requests, concurrently; what failed of them is the source's coverage."""
    results = await asyncio.gather(*requests, return_exceptions=True)
    observations = tuple(result for result in results if not isinstance(result, BaseException))
    errors = [result for result in results if isinstance(result, BaseException)]
    if not errors:
        return Reading(observations=observations, coverage=(Coverage(source=source, status="read"),))
    return Reading(observations=observations, coverage=unread(source, _problem(errors[0], bool(observations))).coverage)


def _problem(error: BaseException, others_answered: bool) -> Problem:
    """Why a request failed, naming it where that is not already said, or true of all alike."""
    if isinstance(error, ApiError):
        problem = error.problem
        if others_answered and error.method not in problem.message:
            return structs.replace(problem, message=f"{error.method}: {problem.message}")
        return problem
    if not isinstance(error, Exception):
        raise error
    why = redact_text(f"{type(error).__name__}: {error}")
    return Problem(
        code="LKD003", message=f"an answer could not be understood: {why}", values={"kind": "server", "detail": why}
    )
