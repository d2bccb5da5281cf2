"""Many calls, from the log to what is said of them: read what states there are, classify all calls, count."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.states import needs_no_step
from livekit_doctor.errors import UserError
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import LogRow, Read
from livekit_doctor.flow import BY_THE_AGENT, Verdict
from livekit_doctor.progress import Progress
from livekit_doctor.redact import redact_json, redact_text
from livekit_doctor.settings import Settings
from livekit_doctor.triage.dialects import EPOCH
from livekit_doctor.triage.engine import Engine, Limits
from livekit_doctor.triage.mapping import MOST_PAIRS, Pair, mapping_of, number_of
from livekit_doctor.triage.mapping import Mapping as StateMapping
from livekit_doctor.triage.one_call import traced
from livekit_doctor.triage.per_call import write as write_calls
from livekit_doctor.triage.plan import SECOND, plan_of
from livekit_doctor.triage.result import By, Criterion, Group, Traced, Triage
from livekit_doctor.triage.statement import Statement, pairs_query, rows_query
from livekit_doctor.triage.summary import Bucket, Outcomes, bucket_of, by_of, groups_of, hours_of, ladder_of, moment
from livekit_doctor.triage.terms import Key, Window
from livekit_doctor.triage.watching import watched
from livekit_doctor.whole_file import WholeFile

VALUES = 20_000
"""Rows of a key's values that are read."""
ROWS_OF_CALL = 1_000
SLOWER = 8
"""How many times longer the classification takes than the scan before it, about: it was 7 to 9 times in Postgres."""
FEWEST_CALLS = 1


class Asked(Struct, frozen=True):
    """What is asked. `since` and `until` are moments, or lengths of time before now; `compare`: with the window before.
    `fail_over` is a share of the calls. `files` in place of the database; `engine` is Spark's address, where that reads
    them, or `table` of its catalog."""

    since: datetime | timedelta = timedelta(hours=24)
    until: datetime | timedelta | None = None
    compare: bool = True
    where: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    detail: int = 0
    fail_over: float | None = None
    files: tuple[str, ...] = ()
    engine: str | None = None
    table: str | None = None
    per_call: tuple[str, WholeFile] | None = None
    limits: Limits = Limits()


def opened(
    settings: Settings, asked: Asked, now: datetime, progress: Progress
) -> "AbstractAsyncContextManager[Engine]":
    """What reads the log. Raises UserError where none is configured."""
    logs = settings.call_logs
    names = asked.files or ((logs.file,) if logs.file and not asked.table else ())
    if asked.engine is not None:
        from livekit_doctor.triage import spark

        if not names and not asked.table:
            fix = "give exports with --call-logs FILE, or a table with --table CATALOG.SCHEMA.NAME"
            raise UserError("LKD002", "nothing for Spark to triage", fix)
        return spark.opened(asked.engine, names, asked.table, logs, asked.limits)
    if names:
        from livekit_doctor.triage import files

        return files.opened(names, logs, asked.limits, progress)
    if not logs.dsn:
        raise UserError(
            "LKD002",
            "nothing to triage: no call logs are configured",
            "set CALL_LOGS_DATABASE_URL, or give exports with --call-logs FILE",
        )
    from livekit_doctor.triage import postgres

    return postgres.opened(logs, asked.limits, now)


async def triage(settings: Settings, asked: Asked, progress: Progress) -> Triage:
    """Every call of the window by the step at which it broke. Raises UserError and LogsUnreadable."""
    began = monotonic()
    progress("opening the call logs" if asked.engine is None else "starting Spark")
    async with opened(settings, asked, datetime.now(UTC), progress) as engine:
        read = await survey(engine, settings, asked, progress)
        statement = read.statement
        if asked.per_call is not None:
            progress("writing a row for each call")
            await write_calls(engine, statement, settings, *asked.per_call)
        async with watched(engine, progress, read.told, seconds=read.seconds, amount=f"{read.rows:,} rows"):
            buckets = [bucket_of(row) for row in await engine.fetch(statement.groups())]
        window = statement.window
        found = counted(
            buckets, settings, asked, (window.before, window.since, window.until), engine.name, datetime.now(UTC)
        )
        outcomes = Outcomes(settings)
        by = [await _by(engine, statement, name, outcomes, found.where, progress) for name in asked.by]
        return replace(
            found,
            by=tuple(by),
            traced=await _traced(engine, settings, statement, found.groups, found.where, asked.detail, progress),
            unmapped=tuple(dict.fromkeys(p.state for p in statement.mapping.unmapped if not needs_no_step(p.state))),
            keys=tuple(await engine.metadata_keys(window)) if found.calls and not asked.by else (),
            notes=(*engine.notes, *read.notes),
            took=monotonic() - began,
        )


def counted(
    buckets: Sequence[Bucket],
    settings: Settings,
    asked: Asked,
    times: tuple[int, int, int],
    source: str,
    at: datetime,
) -> Triage:
    """What the counts say. `times`: the beginning of the window before, of the window, and its end."""
    before, since, until = times
    window = Window(before, since, until, until, bucket_for(since, until))
    groups = groups_of(buckets, window, Outcomes(settings))
    own = [bucket for bucket in buckets if bucket.win]
    found = Triage(
        source=source,
        at=at,
        since=moment(since),
        until=moment(until),
        before=moment(before) if before < since else None,
        bucket=window.bucket / SECOND,
        calls=sum(bucket.calls for bucket in own),
        calls_before=sum(bucket.calls for bucket in buckets if not bucket.win),
        hours=hours_of(own, window),
        ladder=ladder_of(buckets),
        groups=groups,
        where=resolved(asked.where, groups),
        retried=sum(bucket.retried for bucket in own),
        skewed=sum(bucket.skewed for bucket in own),
        stopped_dialing=sum(b.calls for b in own if b.phone_way == 2 and not b.phone_step),
        stopped_ringing=sum(b.calls for b in own if b.phone_way == 3 and not b.phone_step),
    )
    return replace(found, criterion=criterion_of(found, asked.fail_over))


class Survey(Struct, frozen=True):
    """`told` says how many `rows` there are to classify, `seconds` how long that takes, about."""

    statement: Statement
    notes: tuple[str, ...]
    told: str
    rows: int
    seconds: float


async def survey(engine: Engine, settings: Settings, asked: Asked, progress: Progress) -> Survey:
    """The window, and what its states say: a quick scan, which also tells how long the rest will take."""
    window = window_of(asked, engine.now) if engine.now else None
    if window:
        expected = await engine.expected_rows(window)
        told = f"reading which states there are, of about {expected:,} rows" if expected else "reading the states"
    else:
        told = "reading which states there are"
    began = monotonic()
    async with watched(engine, progress, told):
        reading = engine.fetch(pairs_query(engine.columns, window, engine.dialect, MOST_PAIRS + 1))
        rows, plan = await asyncio.gather(reading, asyncio.to_thread(plan_of, settings))
    took = monotonic() - began
    if window is None:
        newest = max((int(row["last_at"]) for row in rows if row["last_at"] is not None), default=None)
        end = datetime.now(UTC) if newest is None else EPOCH + timedelta(microseconds=newest + 1)
        window = window_of(asked, end)
    pairs = [Pair(str(row["state"]), str(row["source"]), int(row["rows_of"])) for row in rows]
    mapping = mapping_of(pairs, settings)
    count = sum(pair.count for pair in pairs)
    pace = round(count / took, -3)
    statement = Statement(
        columns=engine.columns,
        window=window,
        mapping=mapping,
        plan=plan,
        dialect=engine.dialect,
        shards=engine.shards,
    )
    told = f"classifying the calls of {count:,} rows{f', read at {pace:,.0f} a second' if pace else ''}"
    return Survey(statement, tuple(_notes_of(mapping, settings)), told, count, SLOWER * took)


def _notes_of(mapping: StateMapping, settings: Settings) -> Iterator[str]:
    of_agent = mapping.codes & {*map(number_of, BY_THE_AGENT)}
    if mapping.codes and not of_agent and settings.call_logs.always_logged is None:
        yield (
            "no call has a row of its agent's: so it is where none came, and where it does not write to this log"
            " (call_logs.always_logged: the states that it writes in every call, or [])"
        )
    if not mapping.by_state:
        return
    yield (
        f"there are more than {MOST_PAIRS} pairs of state and source: which component logs nothing that is a step"
        " can't be told, so a call with such a row is not judged by what is missing in it (call_logs.columns.source:"
        " null, if that column does not name components)"
    )


def window_of(asked: Asked, now: datetime) -> Window:
    """The window in microseconds, and the parts that it is shown in. Raises UserError where it has no length."""
    until = _moment(asked.until, now) if asked.until is not None else now
    since = _moment(asked.since, until if isinstance(asked.since, timedelta) else now)
    if since >= until:
        raise UserError(
            "LKD001",
            f"--since {since:%Y-%m-%d %H:%M:%S} is not before --until {until:%Y-%m-%d %H:%M:%S} (UTC)",
            "livekit-doctor triage --since 24h",
        )
    first, last = _us(since), _us(until)
    before = first - (last - first) if asked.compare else first
    return Window(before=before, since=first, until=last, now=_us(now), bucket=bucket_for(first, last))


def bucket_for(since: int, until: int) -> int:
    """How long the parts are in which the window is shown."""
    parts = (60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
    return next((part for part in parts if until - since <= 48 * part * SECOND), parts[-1]) * SECOND


def _moment(given: datetime | timedelta, from_: datetime) -> datetime:
    return from_ - given if isinstance(given, timedelta) else given


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def resolved(where: Sequence[str], groups: Sequence[Group]) -> tuple[str, ...]:
    """The ids of the groups that are meant by id, code, step or verdict. Raises UserError where there are none."""
    found: dict[str, None] = {}
    for name in where:
        wanted = name.strip().lower()
        meant = [group.id for group in groups if wanted in _names_of(group)]
        if not meant:
            there = ", ".join(group.id for group in groups) or "none: the window has no calls"
            raise UserError("LKD001", f"--where {name}: no call of the window is in such a group", f"one of {there}")
        found.update(dict.fromkeys(meant))
    return tuple(found)


def _names_of(group: Group) -> set[str]:
    return {group.id.lower(), (group.code or "").lower(), group.step.value if group.step else "", group.verdict.value}


def key_of(name: str, engine: Engine) -> Key:
    """A column by its name, else a path into the metadata. Raises UserError where there is neither."""
    columns = engine.columns
    if not all(name.split(".")):
        raise UserError("LKD001", f'--by "{name}": a part of the name is empty', "--by source, or --by region")
    if name == "source" and columns.source:
        return Key(name, columns.source)
    if name in engine.column_names and name != columns.metadata:
        return Key(name, name)
    first, *keys = name.split(".")
    if keys and first in engine.column_names:
        return Key(name, first, tuple(keys))
    if columns.metadata is None:
        there = ", ".join(engine.column_names)
        raise UserError("LKD001", f"--by {name}: there is no such column, and no metadata", f"one of {there}")
    return Key(name, None, tuple(name.split(".")))


async def _by(
    engine: Engine,
    statement: Statement,
    name: str,
    outcomes: Outcomes,
    where: Sequence[str],
    progress: Progress,
) -> By:
    progress(f"grouping by {name}")
    own = replace(statement, key=key_of(name, engine))
    rows = await engine.fetch(own.by_key(hours=True, limit=VALUES + 1))
    if len(rows) > VALUES:
        rows = await engine.fetch(own.by_key(hours=False, limit=VALUES + 1))
    ways = {step: way for way, step in enumerate(statement.plan.breaks) if step}
    found = by_of(name, rows[:VALUES], statement.window, outcomes, ways, where)
    if rows and not found.values:
        keys = await engine.metadata_keys(statement.window)
        fix = f"one of source, {', '.join(keys)}" if keys else "--by source"
        raise UserError("LKD001", f"--by {name}: no row has it", fix)
    return replace(found, cut=len(rows) > VALUES)


async def _traced(
    engine: Engine,
    settings: Settings,
    statement: Statement,
    groups: Sequence[Group],
    where: Sequence[str],
    count: int,
    progress: Progress,
) -> tuple[Traced, ...]:
    """What `trace` says of the newest calls of the first group that is asked for."""
    meant = next((group for group in groups if group.call_ids and (not where or group.id in where)), None)
    found = []
    for call_id in meant.call_ids[:count] if meant else ():
        progress(f"tracing {call_id}")
        query = rows_query(statement.columns, statement.window, engine.dialect, call_id, ROWS_OF_CALL)
        rows = await engine.fetch(query)
        found.append(trace_of(call_id, rows, settings, statement.window.now))
    return tuple(found)


def trace_of(call_id: str, rows: Sequence[Mapping[str, Any]], settings: Settings, now: int) -> Traced:
    read = Read(source=sources.CALL_LOGS, at=moment(now))
    own = sorted(rows, key=lambda row: int(row["at"]))
    logged = tuple(
        LogRow(
            read=read,
            call_id=call_id,
            at=moment(int(row["at"])),
            source=redact_text(str(row["source"] or "")),
            state=redact_text(str(row["state"] or "")),
            metadata=redact_json(str(row["metadata"])) if row["metadata"] else "",
            order=place,
        )
        for place, row in enumerate(own)
    )
    return traced(call_id, logged, settings)


def criterion_of(found: Triage, limit: float | None) -> Criterion | None:
    """Whether too many calls broke. It is not decided where so many are not known that it may be either."""
    if limit is None:
        return None
    decided = found.calls - found.of(Verdict.IN_PROGRESS)
    if decided < FEWEST_CALLS:
        return Criterion(limit, None, "undecided")
    broken, unknown = found.of(Verdict.BROKEN), found.of(Verdict.UNKNOWN)
    value = broken / decided
    if value > limit:
        return Criterion(limit, value, "failed")
    return Criterion(limit, value, "undecided" if (broken + unknown) / decided > limit else "passed")
