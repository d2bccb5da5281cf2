"""How long an experiment may take."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from livekit_doctor.evidence.observations import Reading

REMOVING = 12.0
"""Seconds that the removal of what an experiment made may take."""
REQUESTS = 3
"""That a removal sends one after the other at the least."""
SHARE_FOR_REMOVING = 0.4
"""Of a time that is too short for that."""


class OutOfTime(Exception):
    """The experiment was given up, so that there was time to remove what it made. `reading` is what is left behind."""

    def __init__(self, reading: Reading | None = None) -> None:
        super().__init__("not done in time")
        self.reading = reading or Reading()


def stops_at(ends: float, slowest: float = 0.0) -> float:
    """When an experiment must stop that is to be over at `ends`, its removal included; on time.monotonic()'s clock.
    `slowest` is how many seconds an answer may take: where there are too few for the removal, it does not begin."""
    if math.isinf(ends):
        return ends
    return ends - max(min(REMOVING, SHARE_FOR_REMOVING * max(0.0, ends - monotonic())), REQUESTS * slowest)


@asynccontextmanager
async def in_time(stops: float) -> AsyncIterator[None]:
    """Raises OutOfTime in the block once it is `stops`, on time.monotonic()'s clock."""
    try:
        async with asyncio.timeout(None if math.isinf(stops) else max(0.0, stops - monotonic())) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise OutOfTime from None
        raise
