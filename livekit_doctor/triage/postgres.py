"""Postgres in place: nothing but the result leaves the database.

One read-only transaction, in which time zone, memory and timeout are set for itself alone, as a pooler in transaction
mode needs it. A statement that is interrupted is cancelled in the server, which psycopg does where a task is.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg
from msgspec.structs import replace
from psycopg import sql
from sqlglot import exp

from livekit_doctor.evidence.call_logs.catalog import Column, quoted
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.evidence.call_logs.session import Session, open_session
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage.dialects import POSTGRES, Arguments, Dialect, call
from livekit_doctor.triage.engine import BATCH, SAMPLED, Engine, Limits, Result
from livekit_doctor.triage.exports import no_time
from livekit_doctor.triage.terms import Columns, Window

WORK_MEM = "256MB"
MOST_SHARDS = 4
_KEYS_FROM = 4_000
"""Characters of a row's metadata that are read for the names of its keys."""


@asynccontextmanager
async def opened(settings: CallLogs, limits: Limits, now: datetime) -> AsyncIterator["Postgres"]:
    """Raises LogsUnreadable where the table can't be read as configured."""
    async with open_session(settings, now) as session:
        at = session.columns.at
        if not at.is_time:
            raise no_time(at.name, session.table.plain_name, at.type)
        told = await session.fetch(
            sql.SQL(
                "SET LOCAL statement_timeout = {timeout}; SET LOCAL TimeZone = 'UTC'; SET LOCAL work_mem = {memory};"
                # Compiling costs more than it gains; and hashing groups is faster than sorting all calls for them.
                " SET LOCAL standard_conforming_strings = on; SET LOCAL jit = off; SET LOCAL enable_sort = off;"
                # What one process hands another is as wide as a call's row of times.
                " SET LOCAL parallel_tuple_cost = 10;"
                " SELECT current_setting('max_parallel_workers_per_gather')::int AS workers"
            ).format(timeout=sql.Literal(int(limits.timeout * 1000)), memory=sql.Literal(limits.memory or WORK_MEM))
        )
        yield Postgres(session, limits, int(told[0]["workers"]))


class Postgres(Engine):
    def __init__(self, session: Session, limits: Limits, workers: int) -> None:
        self._session, self._limits = session, limits
        table, chosen = session.table, session.columns
        self.name = f"postgres {table.plain_name}"
        self.dialect = _dialect(chosen.at, chosen.metadata)
        self.columns = Columns(
            table=(table.schema, table.name),
            call_id=chosen.call_id.name,
            at=chosen.at.name,
            state=chosen.state.name,
            source=chosen.source.name if chosen.source else None,
            metadata=chosen.metadata.name if chosen.metadata else None,
        )
        # Each part reads all rows: of a view that may take longer than to classify them.
        self.shards = max(1, min(workers, MOST_SHARDS)) if table.can_have_index else 1
        self.column_names = tuple(table.columns)
        self.now = session.read.now
        self.notes = [
            *(f"LKD602 not read: {note}" for note in chosen.notes),
            f"set for this transaction alone: work_mem {limits.memory or WORK_MEM}, time zone UTC,"
            f" timeout {limits.timeout:g} s; and for planning jit off, enable_sort off, parallel_tuple_cost 10",
        ]
        if table.row_security:
            self.notes.append(f"LKD602 row-level security applies to {table.plain_name}: rows may be hidden")
        if table.can_have_index and not chosen.at.leads_index:
            make = f"CREATE INDEX CONCURRENTLY ON {table.sql_name} ({quoted(chosen.at.name)});"
            self.notes.append(f"LKD605 no index begins with {chosen.at.name}, so all rows are read: {make}")

    async def expected_rows(self, window: Window) -> int | None:
        at = quoted(self.columns.at)
        bounds = [self.dialect.moment(moment).sql("postgres") for moment in (window.first, window.last)]
        where = f"{at} >= {bounds[0]} AND {at} < {bounds[1]}"
        text = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {self._session.table.sql_name} WHERE {where}"
        plan = (await self.fetch(text))[0]["QUERY PLAN"]
        return int(plan[0]["Plan"]["Plan Rows"])

    async def fetch(self, statement: str) -> list[Result]:
        try:
            return [*await self._session.fetch(_as_it_is(statement), seconds=self._limits.timeout)]
        except (psycopg.errors.QueryCanceled, TimeoutError) as error:
            if "user request" in str(error):
                raise  # somebody ended it: the session has words for that
            seconds = self._limits.timeout
            raise LogsUnreadable(
                "timeout",
                f"reading {self._session.table.plain_name} took longer than {seconds:g} s",
                fix=f"a shorter --since, --no-before, or --timeout {seconds * 5:g}",
            ) from None

    async def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        await self.fetch(f"DECLARE triage NO SCROLL CURSOR FOR {statement}; SELECT 1 AS one")
        while batch := await self.fetch(f"FETCH {BATCH} FROM triage"):
            yield batch

    def _keys(self, metadata: str, window: Window) -> str:
        column, at = quoted(metadata), quoted(self.columns.at)
        since = self.dialect.moment(window.since).sql("postgres")
        some = (
            f"SELECT left({column}::text, {_KEYS_FROM}) AS said FROM {self._session.table.sql_name}"
            f" WHERE {at} >= {since} AND {column} IS NOT NULL LIMIT {SAMPLED}"
        )
        return (
            f"SELECT match[1] AS key, count(*) AS n FROM ({some}) AS picked,"
            """ regexp_matches(said, '"([A-Za-z_][A-Za-z0-9_]*)" *:', 'g') AS match GROUP BY 1 ORDER BY 2 DESC, 1"""
        )


def _as_it_is(statement: str) -> sql.SQL:
    """psycopg looks for placeholders, and there are none."""
    return sql.SQL(statement.replace("%", "%%"))


def _dialect(at: Column, metadata: Column | None) -> Dialect:
    """Postgres' SQL for columns of these types. Text that may be no JSON is searched, since a cast would fail."""
    functions = dict(POSTGRES.functions)
    if metadata is not None and metadata.type == "json":
        functions["X_PATH"] = lambda given: call("json_extract_path_text", *given)
    elif metadata is not None and metadata.type != "jsonb":
        functions["X_PATH"] = _searched
    if at.type == "timestamptz":
        return replace(POSTGRES, functions=functions)
    return replace(POSTGRES, functions=functions, time="TIMESTAMP", zone="")


def _searched(arguments: Arguments) -> exp.Expression:
    key = re.escape(arguments[-1].name)
    pattern = exp.Literal.string(f'"{key}" *: *"?([^",}}]*)')
    return call("SUBSTRING", exp.cast(arguments[0], "TEXT", dialect="postgres"), pattern)
