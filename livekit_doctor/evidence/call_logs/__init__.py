"""The call state logs: the rows that each component wrote about a call.

They come from a Postgres table or from an exported file, whichever is configured; a file comes
first. Nothing here raises: what goes wrong is coverage `unread` with an LKD602 problem, whose
`values["kind"]` is one of `problems.Kind`.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, unread
from livekit_doctor.evidence.observations import Coverage, LogRow, Reading
from livekit_doctor.settings import CallLogs

_NOT_CONFIGURED = Reading(coverage=(Coverage(source=sources.CALL_LOGS, status="not_configured"),))


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    """The log rows of a call in the order of time, and facts about the table or file. Where the
    call has no row: RecentCalls of the ids most like it, likeliest first."""
    store = _store(settings)
    return await _unbroken(settings, store.read_call(settings, call_id, now)) if store else _NOT_CONFIGURED


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    """The log rows whose room is this one: as configured, else as the metadata of recent rows show it; nothing
    where neither tells."""
    store = _store(settings)
    if store is None:
        return _NOT_CONFIGURED
    reading = await _unbroken(settings, store.read_by_room(settings, room, now))
    tells = settings.columns.room or any(isinstance(item, LogRow) for item in reading.observations)
    return reading if tells else Reading()


async def read_recent(settings: CallLogs, limit: int) -> Reading:
    """The `limit` calls with the latest rows."""
    store = _store(settings)
    return (
        await _unbroken(settings, store.read_recent(settings, limit, datetime.now(UTC))) if store else _NOT_CONFIGURED
    )


async def read_calls(settings: CallLogs, call_ids: tuple[str, ...]) -> Reading:
    """The log rows of these calls; none where not all rows of them can be read without reading all there are."""
    store = _store(settings)
    if store is None:
        return _NOT_CONFIGURED
    return await _unbroken(settings, store.read_calls(settings, call_ids, datetime.now(UTC)))


async def nearest(settings: CallLogs, call_id: str) -> Reading:
    """RecentCalls of the ids most like this one, likeliest first; it may be none."""
    store = _store(settings)
    return await _unbroken(settings, store.nearest(settings, call_id, datetime.now(UTC))) if store else _NOT_CONFIGURED


async def beginning(settings: CallLogs, text: str) -> Reading:
    """RecentCalls of the recent calls whose ids begin with the text."""
    store = _store(settings)
    return await _unbroken(settings, store.beginning(settings, text, datetime.now(UTC))) if store else _NOT_CONFIGURED


async def inspect(settings: CallLogs) -> Reading:
    """Facts about the table or file and the states in use, for `check`."""
    store = _store(settings)
    return await _unbroken(settings, store.inspect(settings, datetime.now(UTC))) if store else _NOT_CONFIGURED


class _Store(Protocol):
    """Where the rows are: the modules `files` and `postgres`."""

    async def read_call(self, settings: CallLogs, call_id: str, now: datetime) -> Reading: ...
    async def read_by_room(self, settings: CallLogs, room: str, now: datetime) -> Reading: ...
    async def read_recent(self, settings: CallLogs, limit: int, now: datetime) -> Reading: ...
    async def read_calls(self, settings: CallLogs, call_ids: tuple[str, ...], now: datetime) -> Reading: ...
    async def nearest(self, settings: CallLogs, call_id: str, now: datetime) -> Reading: ...
    async def beginning(self, settings: CallLogs, text: str, now: datetime) -> Reading: ...
    async def inspect(self, settings: CallLogs, now: datetime) -> Reading: ...


async def _unbroken(settings: CallLogs, reading: Awaitable[Reading]) -> Reading:
    """The reading; an error that the store did not foresee is the rows' alone."""
    try:
        return await reading
    except Exception as error:
        return unread(
            settings, LogsUnreadable("other", f"the call logs can't be read: {type(error).__name__}: {error}")
        )


def _store(settings: CallLogs) -> _Store | None:
    """None: neither a file nor a database is configured. psycopg is slow to import."""
    if settings.file:
        from livekit_doctor.evidence.call_logs import files

        return files
    if settings.dsn:
        from livekit_doctor.evidence.call_logs import postgres

        return postgres
    return None
