"""The call state logs: the rows that each component wrote about a call.

They come from a Postgres table or from an exported file, whichever is configured; a file comes
first. Nothing here raises: what goes wrong is coverage `unread` with an LKD602 problem, whose
`values["kind"]` is one of `problems.Kind`.
"""

from datetime import UTC, datetime

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs import files, postgres
from livekit_doctor.evidence.observations import Coverage, Reading
from livekit_doctor.settings import CallLogs

_NOT_CONFIGURED = Reading(coverage=(Coverage(source=sources.CALL_LOGS, status="not_configured"),))


async def read_call(settings: CallLogs, call_id: str, now: datetime) -> Reading:
    """The log rows of a call in the order of time, and facts about the table or file. Where the
    call has no row: RecentCalls of the ids most like it, likeliest first."""
    if settings.file:
        return await files.read_call(settings, call_id, now)
    if settings.dsn:
        return await postgres.read_call(settings, call_id, now)
    return _NOT_CONFIGURED


async def read_by_room(settings: CallLogs, room: str, now: datetime) -> Reading:
    """The log rows whose configured room is this one; nothing when no room column is configured."""
    if not settings.columns.room:
        return Reading()
    if settings.file:
        return await files.read_by_room(settings, room, now)
    if settings.dsn:
        return await postgres.read_by_room(settings, room, now)
    return _NOT_CONFIGURED


async def read_recent(settings: CallLogs, limit: int) -> Reading:
    """The `limit` calls with the latest rows."""
    now = datetime.now(UTC)
    if settings.file:
        return await files.read_recent(settings, limit, now)
    if settings.dsn:
        return await postgres.read_recent(settings, limit, now)
    return _NOT_CONFIGURED


async def nearest(settings: CallLogs, call_id: str) -> Reading:
    """RecentCalls of the ids most like this one, likeliest first; it may be none."""
    now = datetime.now(UTC)
    if settings.file:
        return await files.nearest(settings, call_id, now)
    if settings.dsn:
        return await postgres.nearest(settings, call_id, now)
    return _NOT_CONFIGURED


async def inspect(settings: CallLogs) -> Reading:
    """Facts about the table or file and the states in use, for `check`."""
    now = datetime.now(UTC)
    if settings.file:
        return await files.inspect(settings, now)
    if settings.dsn:
        return await postgres.inspect(settings, now)
    return _NOT_CONFIGURED
