"""The call logs in a Postgres table."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs.nearest import nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, unread
from livekit_doctor.evidence.call_logs.rooms import guessed_room, room_at
from livekit_doctor.evidence.call_logs.rows import (
    MAX_ROWS,
    STATES_FROM_ROWS,
    DatedRow,
    RawRow,
    capped,
    dated,
    log_rows,
    log_states,
    recent_calls,
)
from livekit_doctor.evidence.observations import Coverage, LogTable, Observation, Reading, RecentCalls
from livekit_doctor.settings import CallLogs

if TYPE_CHECKING:
    from livekit_doctor.evidence.call_logs.session import Row, Session

_RECENT_ROWS = 20_000
"""Latest rows among which recent and similar call ids are looked for."""
_COMPARED_IDS = 2_000
_SHOWN = 5


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    async def read(session: "Session") -> Reading:
        from livekit_doctor.evidence.call_logs import queries

        where, values = queries.equals(session.columns.call_id, call_id)
        query = queries.rows(session.table, session.columns, where, MAX_ROWS + 1)
        rows, notes = _raw_rows(await session.fetch(query, values), session)
        if rows or notes:
            return _reading_of(rows, notes, session)
        has_rows = await _has_rows(session)
        near = await _nearest(session, call_id) if has_rows else ()
        return _reading(session, near, _table(session, has_rows=has_rows), status="empty")

    return await _read(settings, now, read)


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    async def read(session: "Session") -> Reading:
        from livekit_doctor.evidence.call_logs import queries

        column, place = session.columns.room, session.columns.room_place
        if column is None or place is None:
            return Reading()
        search = queries.contains if place.keys else queries.equals
        where, values = search(column, room)
        query = queries.rows(session.table, session.columns, where, MAX_ROWS + 1)
        rows, notes = _raw_rows(await session.fetch(query, values), session)
        return _reading_of([row for row in rows if row.room == room], notes, session)

    return await _read(settings, now, read)


async def read_recent(settings: CallLogs, limit: int, now: datetime) -> Reading:
    async def read(session: "Session") -> Reading:
        calls = RecentCalls(read=session.read, calls=recent_calls(await _last_rows(session, limit)))
        table = _table(session, has_rows=bool(calls.calls))
        return _reading(session, (calls,), table, status="read" if calls.calls else "empty")

    return await _read(settings, now, read)


async def nearest(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    async def read(session: "Session") -> Reading:
        near = await _nearest(session, call_id)
        return _reading(session, near, _table(session, has_rows=None), status="read" if near else "empty")

    return await _read(settings, now, read)


async def inspect(settings: CallLogs, now: datetime) -> Reading:
    async def read(session: "Session") -> Reading:
        from livekit_doctor.evidence.call_logs import queries

        query = queries.latest(session.table, session.columns, STATES_FROM_ROWS)
        found = await session.fetch(query)
        rows, notes = _raw_rows(found, session)
        has_rows = bool(found) or await _has_rows(session)
        states = log_states(rows, session.read)
        table = _table(session, has_rows=has_rows, notes=notes)
        return _reading(session, (states,), table, status="read" if has_rows else "empty")

    return await _read(settings, now, read)


async def _read(settings: CallLogs, now: datetime, work: Callable[["Session"], Awaitable[Reading]]) -> Reading:
    from livekit_doctor.evidence.call_logs.session import open_session

    try:
        async with open_session(settings, now) as session:
            return await work(session)
    except LogsUnreadable as error:
        return unread(settings, error)


async def _has_rows(session: "Session") -> bool:
    from livekit_doctor.evidence.call_logs import queries

    return bool((await session.fetch(queries.any_row(session.table)))[0]["found"])
