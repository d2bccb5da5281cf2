"""What the reading of any source is made of: failures are coverage, and break no other source."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from livekit_doctor.evidence.observations import Coverage, Evidence, Problem, Reading
from livekit_doctor.settings import LiveKit


def utc_now() -> datetime:
    return datetime.now(UTC)


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
