"""The call logs in a Postgres table."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from psycopg.sql import Composed

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs import queries
from livekit_doctor.evidence.call_logs.near_names import nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, unread
from livekit_doctor.evidence.call_logs.rooms import guessed_room, room_at
from livekit_doctor.evidence.call_logs.rows import (
    CELL,
    MAX_ROWS,
    MOST,
    STATES_FROM_ROWS,
    DatedRow,
    RawRow,
    capped,
    dated,
    log_rows,
    recent_calls,
    states_of,
    too_big,
)
from livekit_doctor.evidence.call_logs.session import FAILURES, Row, Session, open_session
from livekit_doctor.evidence.observations import Coverage, LogStates, LogTable, Observation, Reading, RecentCalls
from livekit_doctor.settings import CallLogs

_RECENT_ROWS = 20_000
"""Latest rows among which recent and similar call ids are looked for."""
_COMPARED_IDS = 2_000
_SHOWN = 5


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        where, values = queries.equals(session.columns.call_id, call_id)
        query = queries.rows(session.table, session.columns, where, MAX_ROWS + 1)
        rows, notes = _dated(await session.rows(query, values), session)
        if rows or notes:
            return _rows_reading(rows, notes, session)
        has_rows = await _has_rows(session)
        near = await _nearest(session, call_id) if has_rows else ()
        return _reading(near, _table(session, has_rows), "empty")

    return await _read(settings, now, read)


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        column, place, metadata = session.columns.room, session.columns.room_place, session.columns.metadata
        query: Composed
        if column is not None and place is not None:
            search = queries.contains if place.keys else queries.equals
            where, values = search(column, room)
            query = queries.rows(session.table, session.columns, where, MAX_ROWS + 1)
        elif metadata is not None:
            query, values = queries.latest_containing(session.table, session.columns, room, _RECENT_ROWS, MAX_ROWS + 1)
        else:
            return Reading()
        rows, notes = _dated(await session.rows(query, values), session)
        return _rows_reading([row for row in rows if row.raw.room == room], notes, session)

    return await _read(settings, now, read)


async def read_recent(settings: CallLogs, limit: int, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        calls = RecentCalls(read=session.read, calls=recent_calls(await _last_rows(session, limit)))
        has_rows = bool(calls.calls) or await _has_rows(session)
        return _reading((calls,), _table(session, has_rows), "read" if has_rows else "empty")

    return await _read(settings, now, read)


async def read_calls(settings: CallLogs, call_ids: tuple[str, ...], now: datetime) -> Reading:
    """By an index on the call's id; without one only where the latest rows are all rows."""

    async def read(session: Session) -> Reading:
        table, columns = session.table, session.columns
        query = queries.latest(table, columns, MAX_ROWS + 1)
        values: dict[str, Any] = {}
        if columns.call_id.leads_index:
            where, values = queries.one_of(columns.call_id, call_ids)
            query = queries.rows(table, columns, where, MAX_ROWS + 1)
        found = await session.rows(query, values)
        is_whole = len(found) <= MAX_ROWS and not session.is_cut
        rows = [row for row in _dated(found, session)[0] if row.call_id in call_ids] if is_whole else []
        return Reading(observations=log_rows(rows, session.read))

    return await _read(settings, now, read)


async def nearest(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        has_rows = await _has_rows(session)
        near = await _nearest(session, call_id)
        return _reading(near, _table(session, has_rows), "read" if has_rows else "empty")

    return await _read(settings, now, read)


async def beginning(settings: CallLogs, text: str, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        recent = recent_calls(await _last_rows(session, _COMPARED_IDS))
        calls = RecentCalls(read=session.read, calls=tuple(call for call in recent if call.call_id.startswith(text)))
        return _reading((calls,), _table(session, bool(recent) or None), "read" if recent else "empty")

    return await _read(settings, now, read)


async def inspect(settings: CallLogs, now: datetime) -> Reading:
    async def read(session: Session) -> Reading:
        rows, notes = await _latest(session)
        has_rows = bool(rows) or await _has_rows(session)
        states = LogStates(read=session.read, states=states_of(row.raw for row in rows))
        return _reading((states,), _table(session, has_rows, notes), "read" if has_rows else "empty")

    return await _read(settings, now, read)


async def read_latest(settings: CallLogs, now: datetime) -> Reading:
    """The latest rows of any call, as many as `inspect` takes the states from."""

    async def read(session: Session) -> Reading:
        return _rows_reading(*await _latest(session), session)

    return await _read(settings, now, read)


async def _latest(session: Session) -> tuple[list[DatedRow], list[str]]:
    query = queries.latest(session.table, session.columns, STATES_FROM_ROWS)
    return _dated(await session.rows(query), session)


async def _read(settings: CallLogs, now: datetime, work: Callable[[Session], Awaitable[Reading]]) -> Reading:
    try:
        async with open_session(settings, now) as session:
            reading = await work(session)
            if not session.table.row_security or await _shows_rows(session, reading):
                return reading
            hidden = unread(settings, _all_hidden(session))
            return Reading(observations=reading.observations, coverage=hidden.coverage)
    except LogsUnreadable as error:
        return unread(settings, error)


async def _shows_rows(session: Session, reading: Reading) -> bool:
    """Whether any row is visible to this role; a look that found some needs no second."""
    return all(entry.status != "empty" for entry in reading.coverage) or await _has_rows(session)


def _all_hidden(session: Session) -> LogsUnreadable:
    """A table of which row-level security shows nothing may be empty or full, so it is not said to be empty."""
    table = session.table
    return LogsUnreadable(
        "row_security",
        f'no row of {table.plain_name} is visible, and row-level security applies to role "{table.role}": rows may be '
        "hidden",
        role=table.role,
    )


async def _last_rows(session: Session, limit: int) -> list[DatedRow]:
    query = queries.latest_of_each_call(session.table, session.columns, _RECENT_ROWS, limit)
    return _dated(await session.rows(query), session)[0]


async def _nearest(session: Session, call_id: str) -> tuple[RecentCalls, ...]:
    """The ids most like this one: of recent calls, and of any call where only case, quotes or
    spaces differ. It is a help: that it takes too long is no reason to report nothing."""
    found: list[DatedRow] = []
    try:
        if session.columns.call_id.leads_index:
            for spelling in _spellings(call_id):
                where, values = queries.equals(session.columns.call_id, spelling)
                query = queries.rows(session.table, session.columns, where, 1)
                found += _dated(await session.rows(query, values), session)[0]
        found += await _last_rows(session, _COMPARED_IDS)
    except FAILURES:
        pass
    by_id = {call.call_id: call for call in recent_calls(found)}
    calls = tuple(by_id[name] for name in nearest_names(call_id, by_id, _SHOWN))
    return (RecentCalls(read=session.read, calls=calls),) if calls else ()


def _spellings(call_id: str) -> list[str]:
    bare = call_id.strip().strip("\"'`").strip()
    return [text for text in dict.fromkeys((bare, bare.lower(), bare.upper())) if text and text != call_id]


def _dated(found: Sequence[Row], session: Session) -> tuple[list[DatedRow], list[str]]:
    """The rows in the order in which they were inserted, and notes on those of no use."""
    rows: list[DatedRow] = []
    notes = []
    for row in reversed(found[:MAX_ROWS]):
        raw = dated(_raw(row, session))
        if isinstance(raw, str):
            notes.append(raw)
            continue
        rows.append(raw)
        if (row["size"] or 0) > CELL:
            notes.append(too_big(f"the row of {raw.at:%Y-%m-%d %H:%M:%S}", row["size"]))
    if session.is_cut:
        notes.append(f"what follows: of an answer {MAX_ROWS} rows, and {MOST >> 20} MB, are read")
    elif len(found) > MAX_ROWS:
        notes.append(f"older rows: only the newest {MAX_ROWS} are read")
    return rows, notes


def _raw(row: Row, session: Session) -> RawRow:
    place = session.columns.room_place
    room = room_at(row["room"], place.keys) if place else guessed_room(row["metadata"])
    return RawRow(
        place="a row",
        call_id=row["call_id"],
        at=row["at"],
        source=row["source"],
        state=row["state"],
        metadata=row["metadata"],
        room=room,
    )


async def _has_rows(session: Session) -> bool:
    return bool((await session.fetch(queries.any_row(session.table)))[0]["found"])


def _rows_reading(rows: list[DatedRow], notes: list[str], session: Session) -> Reading:
    table = _table(session, True if rows or notes else None, notes, len(rows))
    return _reading(log_rows(rows, session.read), table, "read" if rows or notes else "empty")


def _table(session: Session, has_rows: bool | None, notes: Sequence[str] = (), rows: int = 0) -> LogTable:
    table, columns = session.table, session.columns
    return LogTable(
        read=session.read,
        name=table.plain_name,
        rows_of_call=rows,
        has_rows=has_rows,
        indexed=columns.call_id.leads_index if table.can_have_index else None,
        row_security=table.row_security,
        role=table.role,
        skipped_lines=capped((*columns.notes, *notes)),
    )


def _reading(observations: Sequence[Observation], table: LogTable, status: Literal["read", "empty"]) -> Reading:
    coverage = Coverage(source=sources.CALL_LOGS, status=status)
    return Reading(observations=(*observations, table), coverage=(coverage,))
