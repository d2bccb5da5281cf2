"""Asks LiveKit, the database and a worker on this machine, all at once; none can break the others."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec import Struct, structs
from msgspec.structs import replace

from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import reading, worker_endpoint
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Evidence, LogRow, Problem, Reading, RoomList, is_scratch
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.init.logs import mapped_states
from livekit_doctor.init.tables import TableSeen, clear_choice, likely_tables
from livekit_doctor.progress import Progress
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import CallLogs, Settings, Worker

T = TypeVar("T")

LOCAL_WORKERS = ("http://localhost:8081",)
"""Where the agents SDK serves a worker's endpoint unless told otherwise."""
ROOMS_LOOKED_INTO = 50
"""Live rooms, newest first."""
TABLES_READ = 5
"""Candidates of which rows are read."""
PATIENCE = 20.0
"""Seconds for all requests to one source."""
LOCAL_PATIENCE = 1.0


class Discovered(Struct, frozen=True):
    """What is there. `problems` are sources that could not be read, each in a line of its own."""

    setup: Setup
    tables: tuple[TableSeen, ...] = ()
    problems: tuple[str, ...] = ()
    no_tables: str = ""
    """Why the database could not be searched."""
    unreached: Problem | None = None
    """Why LiveKit itself could not be asked."""


async def discover(
    settings: Settings,
    workers: tuple[str, ...] = LOCAL_WORKERS,
    progress: Progress | None = None,
    patience: float = PATIENCE,
) -> Discovered:
    """Reads all sources at once, each for `patience` seconds at the most. `settings` have the credentials; nothing is
    created or changed."""
    progress = progress or Progress()
    rooms, sip, tables, local = await asyncio.gather(
        _within(_rooms(settings), "live rooms", progress, patience),
        _within(_sip(settings), "SIP trunks and SIP dispatch rules", progress, patience),
        _within(_tables(settings.call_logs), "database", progress, patience),
        _within(_workers(workers), "local worker", progress, patience),
    )
    evidence = Evidence(now=utc_now())
    problems: list[str] = []
    for found in (rooms, sip, local):
        if isinstance(found, str):
            problems.append(found)
            continue
        evidence = evidence.plus(found, now=utc_now())
        if found is not local:
            problems += [entry.problem.message for entry in found.coverage if entry.problem]
    unreached = None
    if isinstance(rooms, str):
        unreached = Problem(code="LKD003", message=rooms, values={"kind": "timeout"})
    elif not any(isinstance(item, RoomList) for item in rooms.observations):
        unreached = next((entry.problem for entry in rooms.coverage if entry.problem), None)
    candidates, no_tables = ((), tables) if isinstance(tables, str) else tables
    return Discovered(Setup(evidence, settings), candidates, tuple(dict.fromkeys(problems)), no_tables, unreached)


async def _within(source: Awaitable[T], name: str, progress: Progress, patience: float) -> T | str:
    """What the source says, or why it says nothing, in one line."""
    try:
        with progress.beside(f"looking for: {name}"):
            async with asyncio.timeout(patience):
                return await source
    except TimeoutError:
        return f"{name}: not read within {patience:g} s"
    except Exception as error:
        return redact_text(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")


async def _rooms(settings: Settings) -> Reading:
    """The live rooms, and what is inside of the newest."""
    async with LiveKitSource(settings.livekit) as client:
        listing = await client.rooms()
        found = [room for item in listing.observations if isinstance(item, RoomList) for room in item.rooms]
        teams = (room for room in found if not is_scratch(room.name))
        newest = sorted(teams, key=lambda room: room.created_at, reverse=True)
        return reading.combine((listing, await client.inside(newest[:ROOMS_LOOKED_INTO])))


async def _sip(settings: Settings) -> Reading:
    async with LiveKitSource(settings.livekit) as client:
        return await client.sip_objects()


async def _workers(urls: tuple[str, ...]) -> Reading:
    return await worker_endpoint.read_all([Worker(url=url, timeout=LOCAL_PATIENCE) for url in urls])


async def _tables(settings: CallLogs) -> tuple[tuple[TableSeen, ...], str]:
    """The tables that look like the log, likeliest first, and why there are none."""
    if not settings.dsn:
        return (), ""
    from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
    from livekit_doctor.evidence.call_logs.search import search

    try:
        found = likely_tables(await search(settings))
    except LogsUnreadable as error:
        return (), error.message
    read = [await _with_rows(table, settings) for table in found[:TABLES_READ]]
    return tuple(clear_choice(tuple(read), mapped_states)), ""


async def _with_rows(table: TableSeen, settings: CallLogs) -> TableSeen:
    from livekit_doctor.evidence.call_logs.postgres import read_latest

    place = structs.replace(
        settings, schema=table.table.schema, table=table.table.name, columns=table.columns, file=None
    )
    reading = await read_latest(place, utc_now())
    problem = next((entry.problem.message for entry in reading.coverage if entry.problem), "")
    rows = tuple(item for item in reading.observations if isinstance(item, LogRow))
    seen = replace(table, rows=rows, problem=problem)
    if table.columns.room and rows and not any(row.room for row in rows):
        return replace(seen, columns=structs.replace(table.columns, room=None))
    return seen
