"""How much of a long statement is done, while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from livekit_doctor.progress import Progress
from livekit_doctor.triage.engine import Engine

EACH = 0.5


@asynccontextmanager
async def watched(
    engine: Engine, progress: Progress, what: str, *, seconds: float | None = None, amount: str = "the rows"
) -> AsyncIterator[None]:
    """Says what is done, how long that takes at the pace seen, and the share that is done where that is known."""
    progress(what, seconds)
    until = None if seconds is None else monotonic() + seconds
    watching = asyncio.ensure_future(_watch(engine, progress, what, until, amount))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(engine: Engine, progress: Progress, what: str, until: float | None, amount: str) -> None:
    while True:
        await asyncio.sleep(EACH)
        with suppress(Exception):  # of what may just end; a statement is not ended by looking at it
            share = engine.share_done()
            if share is not None:
                left = None if until is None else max(0.0, until - monotonic())
                progress(what, left, share=share, amount=amount)
