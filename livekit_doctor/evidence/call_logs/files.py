"""The call logs in an exported file, compressed or not, or on standard input."""

import asyncio
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs.formats import records
from livekit_doctor.evidence.call_logs.nearest import nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, did_you_mean, unread
from livekit_doctor.evidence.call_logs.rows import capped, log_rows, recent_calls
from livekit_doctor.evidence.call_logs.scan import Scan
from livekit_doctor.evidence.observations import (
    Coverage,
    LogStates,
    LogTable,
    Observation,
    Read,
    Reading,
    RecentCalls,
)
from livekit_doctor.settings import CallLogs

_BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
_SHOWN = 5


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        rows = log_rows(scan.rows_of_call(call_id), read)
        return [*rows] or _nearest(scan, call_id, read)

    return await _read(settings, now, found, call_id=call_id)


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    return await _read(settings, now, lambda scan, read: [*log_rows(scan.rows_of_room(), read)], room=room)


async def read_recent(settings: CallLogs, limit: int, now: datetime) -> Reading:
    return await _read(settings, now, lambda scan, read: [_recent(scan, read, limit)])


async def nearest(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    return await _read(settings, now, lambda scan, read: _nearest(scan, call_id, read))


async def inspect(settings: CallLogs, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        return [LogStates(read=read, states=scan.states())]

    return await _read(settings, now, found)


def _recent(scan: Scan, read: Read, limit: int) -> RecentCalls:
    return RecentCalls(read=read, calls=recent_calls(scan.last_rows())[:limit])


def _nearest(scan: Scan, call_id: str, read: Read) -> list[Observation]:
    by_id = {call.call_id: call for call in recent_calls(scan.last_rows())}
    calls = tuple(by_id[name] for name in nearest_names(call_id, by_id, _SHOWN))
    return [RecentCalls(read=read, calls=calls)] if calls else []


async def _read(
    settings: CallLogs,
    now: datetime,
    found: Callable[[Scan, Read], list[Observation]],
    call_id: str | None = None,
    room: str | None = None,
) -> Reading:
    """Goes through the file once, in a thread, and makes a reading of what was `found`."""
    try:
        scan = await asyncio.to_thread(_scan, settings, call_id, room)
    except LogsUnreadable as error:
        return unread(settings, error)
    read = Read(source=sources.CALL_LOGS, at=now)
    observations = found(scan, read)
    rows = sum(item.__class__.__name__ == "LogRow" for item in observations)
    table = LogTable(
        read=read,
        name=_shown_name(settings),
        rows_of_call=rows,
        has_rows=scan.has_rows,
        skipped_lines=capped(scan.notes),
    )
    asked = call_id is not None or room is not None
    status = "read" if (rows if asked else scan.has_rows) else "empty"
    coverage = Coverage(source=sources.CALL_LOGS, status=status)
    return Reading(observations=(*observations, table), coverage=(coverage,))
