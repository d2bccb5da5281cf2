"""The logs of the components as evidence: what a worker, livekit-server and livekit-sip wrote of a call.

Each log is read in one pass, whatever its format and what a container put before its lines.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from msgspec import structs

from livekit_doctor.errors import UserError
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.logs.needles import Needles
from livekit_doctor.evidence.logs.source import BROKEN_GZIP, LogSource, Stream, Unopenable, check
from livekit_doctor.evidence.observations import Component, Coverage, Observation, Problem, Read, Reading
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import CallLogs, Logs

if TYPE_CHECKING:
    from livekit_doctor.evidence.logs.scan import Scan

__all__ = ["SOURCES", "LogSource", "Needles", "read", "require_readable", "sources_of"]

Progress = Callable[[str, int, int | None], None]
"""Called now and then with a log's name, the bytes read of it, and its size where that is known."""

SOURCES: dict[Component, str] = {
    "worker": sources.WORKER_LOG,
    "server": sources.SERVER_LOG,
    "sip": sources.SIP_LOG,
}

SMALL = 64 << 20
"""Bytes up to which a log is searched for everything, everywhere."""

_ORDER: tuple[Component, ...] = ("server", "sip", "worker")
"""livekit-server names room and job together, which a worker may not do: its log comes first."""

_OPTIONS: dict[Component, str] = {"worker": "--worker-log", "server": "--server-log", "sip": "--sip-log"}


def sources_of(logs: Logs) -> tuple[LogSource, ...]:
    """The logs that are configured, each once."""
    names: dict[Component, tuple[str, ...]] = {"worker": logs.worker, "server": logs.server, "sip": logs.sip}
    return tuple(dict.fromkeys(LogSource(log, name) for log, files in names.items() for name in files))


def require_readable(logs: Sequence[LogSource]) -> None:
    """Raises UserError for the first log that can't be opened at all."""
    for source in logs:
        try:
            check(source)
        except Unopenable as error:
            fix = f"correct {_OPTIONS[source.log]}, or make the log readable for this user"
            raise UserError("LKD001", f"{_OPTIONS[source.log]}: {error}", fix) from None


def read(
    logs: Sequence[LogSource],
    needles: Needles,
    now: datetime,
    progress: Progress = lambda *_: None,
    call_logs: CallLogs | None = None,
) -> Reading:
    """What the logs say of a call: LogLine, and one LogFile each, and what else its lines show. `now` is when
    they are read; `call_logs` says how the team's log rows look.

    A log that fails is coverage, the others are read all the same. Ids found in one are looked for in
    the next; a room that nobody knew before, in all of them again, what stands above it included.
    """
    call_logs = call_logs or CallLogs()
    reading, found = _read(logs, needles, now, progress, call_logs)
    if needles.rooms or not found.rooms or not all(source.is_regular for source in logs):
        return reading
    return _read(logs, found, now, progress, call_logs)[0]


def _read(
    logs: Sequence[LogSource], needles: Needles, now: datetime, progress: Progress, call_logs: CallLogs
) -> tuple[Reading, Needles]:
    """Once, with what there is to look for at the end."""
    observations: list[Observation] = []
    coverage: list[Coverage] = []
    for source in sorted(logs, key=lambda source: _ORDER.index(source.log)):
        name = f"{SOURCES[source.log]} {source.name}"
        scan, problem = _scan(source, needles, Read(source=name, at=now), progress, call_logs)
        needles = structs.replace(needles, ids=scan.needles.ids, rooms=scan.needles.rooms)
        observations += (*scan.lines, *scan.found)
        if scan.sample.is_whole_log:
            observations.append(scan.file)
        if problem is None and not needles.texts:
            problem = _problem(
                source, "neither a room nor an id of the call is known that could be looked for", "searched"
            )
        problem = problem or _not_understood(source, scan)
        status: Literal["read", "empty", "unread"] = "read" if scan.matched else "empty"
        coverage.append(_coverage(name, "unread" if problem else status, problem, scan))
    return Reading(observations=tuple(observations), coverage=tuple(coverage)), needles


def _coverage(name: str, status: Literal["read", "empty", "unread"], problem: Problem | None, scan: "Scan") -> Coverage:
    unknown = scan.sample.unknown
    return Coverage(
        source=name,
        status=status,
        problem=problem,
        recognised=dict(scan.sample.recognised),
        not_recognised=unknown.count,
        unknown_lines=unknown.first,
        unnamed=scan.sample.unnamed,
        lines=None if scan.sample.whole else scan.file.lines,
    )


def _not_understood(source: LogSource, scan: "Scan") -> Problem | None:
    """Why a file does not count as read in which no record is of LiveKit; None for one that has some, or is empty."""
    if scan.sample.recognised or not scan.sample.unknown.count:
        return None
    first = " / ".join(scan.sample.unknown.first)
    return _problem(source, f"no line of it is recognised as a log's of LiveKit: {first}", "understood")


def _scan(
    source: LogSource, needles: Needles, read: Read, progress: Progress, call_logs: CallLogs
) -> tuple["Scan", Problem | None]:
    size = source.size
    from livekit_doctor.evidence.logs.scan import Scan

    scan = Scan(source, needles, read, call_logs, thorough=size is None or size <= SMALL)
    problem = _run(scan, source, size, progress)
    if scan.sample.is_newest_first and source.is_regular and scan.needles != needles and not problem:
        # The ids that a line brings along are in the lines above it.
        grown = structs.replace(needles, ids=scan.needles.ids, rooms=scan.needles.rooms)
        scan = Scan(source, grown, read, call_logs, thorough=size is None or size <= SMALL)
        problem = _run(scan, source, size, progress)
    if size is not None and size > SMALL and not scan.matched and not problem and needles.ids:
        scan = Scan(source, needles, read, call_logs)
        problem = _run(scan, source, size, progress)
    return scan, problem


def _run(scan: "Scan", source: LogSource, size: int | None, progress: Progress) -> Problem | None:
    try:
        stream = Stream(source)
        try:
            scan.run(stream.parts(), lambda: progress(source.name, stream.position, size))
        finally:
            stream.close()
    except BROKEN_GZIP as error:
        return _problem(source, f"its gzip data is broken: {error}; what came before was read")
    except (OSError, ValueError) as error:
        return _problem(source, (isinstance(error, OSError) and error.strerror) or str(error))
    except Exception as error:
        return _problem(source, redact_text(f"{type(error).__name__}: {error}"))
    return None


def _problem(source: LogSource, why: str, verb: str = "read to its end") -> Problem:
    message = f"{source.name} can't be {verb}: {why}"
    values = {"kind": "file_unreadable", "file": source.name, "detail": message}
    return Problem(code="LKD602", message=message, values=values)
