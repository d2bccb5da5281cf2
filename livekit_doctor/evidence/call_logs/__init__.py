"""The call state logs: the rows that each component wrote about a call.

They come from a Postgres table or from an exported file, whichever is configured; a file comes
first. Nothing here raises: what goes wrong is coverage `unread` with an LKD602 problem, whose
`values["kind"]` is one of `problems.Kind`.
"""

from collections.abc import Awaitable, Callable
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
    return await _asked(settings, lambda store: store.read_call(settings, call_id, now))


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    """The log rows whose room is this one: as configured, else as the metadata of recent rows show it; nothing
    where neither tells."""
    reading = await _asked(settings, lambda store: store.read_by_room(settings, room, now))
    tells = settings.columns.room or any(isinstance(item, LogRow) for item in reading.observations)
    return reading if tells or reading is _NOT_CONFIGURED else Reading()


async def read_recent(settings: CallLogs, limit: int) -> Reading:
    """The `limit` calls with the latest rows."""
    return await _asked(settings, lambda store: store.read_recent(settings, limit, datetime.now(UTC)))


async def read_calls(settings: CallLogs, call_ids: tuple[str, ...]) -> Reading:
    """The log rows of these calls; none where not all rows of them can be read without reading all there are."""
    return await _asked(settings, lambda store: store.read_calls(settings, call_ids, datetime.now(UTC)))


async def nearest(settings: CallLogs, call_id: str) -> Reading:
    """RecentCalls of the ids most like this one, likeliest first; it may be none."""
    return await _asked(settings, lambda store: store.nearest(settings, call_id, datetime.now(UTC)))


async def beginning(settings: CallLogs, text: str) -> Reading:
    """RecentCalls of the recent calls whose ids begin with the text."""
    return await _asked(settings, lambda store: store.beginning(settings, text, datetime.now(UTC)))


async def inspect(settings: CallLogs) -> Reading:
    """Facts about the table or file and the states in use, for `check`."""
    return await _asked(settings, lambda store: store.inspect(settings, datetime.now(UTC)))


class _Store(Protocol):
    """Where the rows are: the modules `files` and `postgres`."""

    async def read_call(self, settings: CallLogs, call_id: str, now: datetime) -> Reading: ...
    async def read_by_room(self, settings: CallLogs, room: str, now: datetime) -> Reading: ...
    async def read_recent(self, settings: CallLogs, limit: int, now: datetime) -> Reading: ...
    async def read_calls(self, settings: CallLogs, call_ids: tuple[str, ...], now: datetime) -> Reading: ...
    async def nearest(self, settings: CallLogs, call_id: str, now: datetime) -> Reading: ...
    async def beginning(self, settings: CallLogs, text: str, now: datetime) -> Reading: ...
    async def inspect(self, settings: CallLogs, now: datetime) -> Reading: ...


async def _asked(settings: CallLogs, ask: Callable[[_Store], Awaitable[Reading]]) -> Reading:
    """What the store reads; an error that it did not foresee is the rows' alone."""
    store = _store(settings)
    if store is None:
        return _NOT_CONFIGURED
    try:
        return await ask(store)
    except Exception as error:
        message = f"the call logs can't be read: {type(error).__name__}: {error}"
        return unread(settings, LogsUnreadable("other", message))


def _store(settings: CallLogs) -> _Store | None:
    """None: neither a file nor a database is configured. psycopg is slow to import."""
    if settings.file:
        from livekit_doctor.evidence.call_logs import files

        return files
    if settings.dsn:
        from livekit_doctor.evidence.call_logs import postgres

        return postgres
    return None
