"""The call logs in an exported file, compressed or not, or on standard input."""

import asyncio
import gzip
import io
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, cast

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs.formats import records
from livekit_doctor.evidence.call_logs.near_names import missing, nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, unread
from livekit_doctor.evidence.call_logs.rows import capped, log_rows, recent_calls
from livekit_doctor.evidence.call_logs.scan import Scan
from livekit_doctor.evidence.observations import (
    Coverage,
    LogRow,
    LogStates,
    LogTable,
    Observation,
    Read,
    Reading,
    RecentCalls,
)
from livekit_doctor.input_file import open_input, open_stdin, read_all
from livekit_doctor.settings import CallLogs

_BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
_SHOWN = 5
MOST_OF_STDIN = 256 << 20
"""Bytes of standard input, which is kept."""
MOST_READ_TWICE = 128 << 20
"""Bytes of a file whose recent calls are judged."""
MOST = 4 << 30
"""Characters that are read of what is compressed, and may be of any size."""
LONGEST_LINE = 32 << 20
"""Characters."""


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        rows = log_rows(scan.rows(call_id), read)
        return [*rows] or _nearest(scan, call_id, read)

    return await _read(settings, now, found, call_id=call_id)


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    return await _read(settings, now, lambda scan, read: [*log_rows(scan.rows(), read)], room=room)


async def read_recent(settings: CallLogs, limit: int, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        return [RecentCalls(read=read, calls=recent_calls(scan.last_rows())[:limit])]

    return await _read(settings, now, found)


async def read_calls(settings: CallLogs, call_ids: tuple[str, ...], now: datetime) -> Reading:
    """In a second pass, which a file that is large is spared."""
    if _size(settings) > MOST_READ_TWICE:
        return Reading()

    def found(scan: Scan, read: Read) -> list[Observation]:
        return [] if scan.is_cut else [*log_rows(scan.rows(), read)]

    return await _read(settings, now, found, calls=frozenset(call_ids))


async def nearest(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    return await _read(settings, now, lambda scan, read: _nearest(scan, call_id, read))


async def beginning(settings: CallLogs, text: str, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        calls = tuple(call for call in recent_calls(scan.last_rows()) if call.call_id.startswith(text))
        return [RecentCalls(read=read, calls=calls)]

    return await _read(settings, now, found)


async def inspect(settings: CallLogs, now: datetime) -> Reading:
    def found(scan: Scan, read: Read) -> list[Observation]:
        return [LogStates(read=read, states=scan.states())]

    return await _read(settings, now, found)


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
    calls: frozenset[str] = frozenset(),
) -> Reading:
    """Goes through the file once, in a thread, and makes a reading of what was `found`. The thread ends with who
    waits for it."""
    given_up = threading.Event()
    try:
        scan = await asyncio.to_thread(_scan, settings, call_id, room, calls, given_up)
    except LogsUnreadable as error:
        return unread(settings, error)
    finally:
        given_up.set()
    read = Read(source=sources.CALL_LOGS, at=now)
    observations = found(scan, read)
    rows = sum(isinstance(item, LogRow) for item in observations)
    table = LogTable(
        read=read,
        name=_name(settings),
        rows_of_call=rows,
        has_rows=scan.has_rows,
        skipped_lines=capped(scan.notes),
    )
    asked = call_id is not None or room is not None
    found_any = bool(rows) if asked else scan.has_rows
    coverage = Coverage(source=sources.CALL_LOGS, status="read" if found_any else "empty")
    return Reading(observations=(*observations, table), coverage=(coverage,))


def _size(settings: CallLogs) -> int:
    """Of the file as it is; 0 where that is not known."""
    try:
        return os.stat(settings.file or "").st_size
    except (OSError, ValueError):
        return 0


def _name(settings: CallLogs) -> str:
    return "standard input" if settings.file == "-" else settings.file or ""


def _scan(
    settings: CallLogs, call_id: str | None, room: str | None, calls: frozenset[str], given_up: threading.Event
) -> Scan:
    name = _name(settings)
    scan = Scan(settings, name, call_id, room, calls)
    columns = settings.columns
    known = (columns.call_id, columns.at, columns.state, columns.source or "", columns.metadata or "")
    try:
        with _opened(name, settings.file == "-") as stream:
            lines = takewhile(lambda _: not given_up.is_set(), _decoded(stream, scan.notes))
            for record in records(lines, _suffix(name), known, scan.notes.append):
                scan.add(record)
    except _BROKEN_GZIP as error:
        if not scan.has_rows:
            raise LogsUnreadable("file_format", f"{name} is not whole gzip data: {error}") from error
        scan.notes.append("the rest of the file: its gzip data is broken")
    except FileNotFoundError as error:
        raise missing(name) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LogsUnreadable("file_unreadable", f"{name} can't be read: {why}") from error
    scan.finish()
    return scan


def _suffix(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


def _opened(name: str, is_stdin: bool) -> io.BufferedReader:
    if not is_stdin:
        return io.BufferedReader(cast(io.RawIOBase, open_input(name)))
    if sys.stdin is None or sys.stdin.isatty():
        raise LogsUnreadable("file_unreadable", "standard input is a terminal; pipe the exported rows into it")
    return io.BufferedReader(cast(io.RawIOBase, io.BytesIO(_stdin(sys.stdin.buffer))))


@lru_cache(maxsize=1)
def _stdin(_: BinaryIO) -> bytes:
    """Standard input can be read once, and is asked for several times."""
    rows = read_all(open_stdin(), MOST_OF_STDIN)
    if len(rows) > MOST_OF_STDIN:
        text = f"standard input has more than {MOST_OF_STDIN >> 20} MB: write the rows to a file, and name that"
        raise LogsUnreadable("file_unreadable", text)
    return rows


def _decoded(stream: io.BufferedReader, notes: list[str]) -> Iterator[str]:
    """The lines of the text. What is not valid in its encoding is replaced, and counted."""
    if stream.peek(2)[:2] == b"\x1f\x8b":
        stream = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream)))
    is_utf16 = stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    replaced = 0
    text, left = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=""), MOST
    while line := text.readline(LONGEST_LINE + 1):
        left -= len(line)
        if len(line) > LONGEST_LINE or left < 0:
            much = f"{MOST >> 30} GB" if left < 0 else f"{LONGEST_LINE >> 20} MB in one line"
            raise LogsUnreadable("file_format", f"it has more than {much}, which no export of call state logs has")
        replaced += line.count("\ufffd")
        yield line
    if replaced:
        notes.append(f"{replaced} characters that are not UTF-8 (replaced)")
