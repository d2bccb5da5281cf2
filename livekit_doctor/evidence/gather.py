"""Reading the sources so that none can break or delay the others: failures become coverage."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

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
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient, utc_now
from livekit_doctor.evidence.observations import (
    Coverage,
    Evidence,
    Observation,
    Problem,
    Reading,
    Room,
    RoomList,
)
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import LiveKit

AT_ONCE = 8
"""Requests under way to one server."""


def missing_credentials(settings: LiveKit) -> Problem | None:
    """LKD002: what is not set, and where to set it."""
    missing = settings.missing
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    return Problem(
        code="LKD002",
        message=f"{' and '.join(missing)} {verb} not set: LiveKit can't be asked; "
        "set them in the environment or in .env",
        values={"detail": missing[0]},
    )


def not_configured(source: str) -> Reading:
    return Reading(coverage=(Coverage(source=source, status="not_configured"),))


def unread(source: str, problem: Problem) -> Reading:
    return Reading(coverage=(Coverage(source=source, status="unread", problem=problem),))


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


async def rooms(client: LiveKitClient, *names: str) -> Reading:
    """The live rooms, all or of these names."""
    return await covered(sources.LIVEKIT_API, list_rooms(client, *names))


async def sip_objects(client: LiveKitClient) -> Reading:
    """SIP trunks and SIP dispatch rules."""
    return await covered(
        sources.SIP_API,
        list_outbound_trunks(client),
        list_inbound_trunks(client),
        list_sip_dispatch_rules(client),
    )


async def inside(client: LiveKitClient, found: Iterable[Room]) -> Reading:
    """Participants and agent dispatches of live rooms, a few rooms at a time.

    A room that closes meanwhile fails with 503 (design fact 17): it is looked for again, and
    if it is gone, that is the reading, not a failure.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(room: Room) -> Reading:
        async with gate:
            reading = await covered(sources.LIVEKIT_API, list_participants(client, room), list_dispatches(client, room))
            if any(entry.status == "unread" for entry in reading.coverage):
                again = await rooms(client, room.name)
                if not any(isinstance(o, RoomList) and o.rooms for o in again.observations):
                    return Reading(observations=(*reading.observations, *again.observations), coverage=again.coverage)
            return reading

    return combine(await asyncio.gather(*map(one, found)))


async def participants(client: LiveKitClient, found: Iterable[Room]) -> Reading:
    """Only the participants of live rooms, a few rooms at a time. Of a room that has closed it is an empty list."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(room: Room) -> Reading:
        async with gate:
            return await covered(sources.LIVEKIT_API, list_participants(client, room))

    return combine(await asyncio.gather(*map(one, found)))


def combine(readings: Iterable[Reading]) -> Reading:
    """Several readings as one; of a source read several times, a failure shows."""
    readings = tuple(readings)
    coverage: dict[str, Coverage] = {}
    for reading in readings:
        for entry in reading.coverage:
            before = coverage.get(entry.source)
            if before is None or entry.status == "unread":
                coverage[entry.source] = entry
    return Reading(
        observations=tuple(item for reading in readings for item in reading.observations),
        coverage=tuple(coverage.values()),
    )


async def together(*readings: Awaitable[Reading], now: Callable[[], datetime] = utc_now) -> Evidence:
    """Evidence from sources read concurrently."""
    results = await asyncio.gather(*readings)
    return Evidence(now=now()).plus(*results, now=now())
