"""Reading the call logs in a plain test, and what of a reading the tests look at."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from livekit_doctor.evidence import call_logs
from livekit_doctor.evidence.observations import (
    LogRow,
    LogStates,
    LogTable,
    Problem,
    Reading,
    RecentCall,
    RecentCalls,
)
from livekit_doctor.settings import CallLogs, Columns
from tests.in_full.said import noted
from tests.lab.servers import Database

T = TypeVar("T")

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
START = datetime(2025, 10, 28, 17, 26, 33, 120_000, tzinfo=UTC)


def settings(source: str | Path, columns: Columns | None = None, **changed: Any) -> CallLogs:
    """Of a database by its DSN, of a file by its path."""
    key = "file" if isinstance(source, Path) else "dsn"
    return CallLogs(**{key: str(source), "columns": columns or Columns(), **changed})


def read_call(logs: CallLogs, call_id: str) -> Reading:
    return noted(asyncio.run(call_logs.read_call(logs, call_id, NOW)))


def read_by_room(logs: CallLogs, room: str) -> Reading:
    return noted(asyncio.run(call_logs.read_by_room(logs, room, NOW)))


def read_recent(logs: CallLogs, limit: int = 10) -> Reading:
    return noted(asyncio.run(call_logs.read_recent(logs, limit)))


def read_calls(logs: CallLogs, *call_ids: str) -> Reading:
    return noted(asyncio.run(call_logs.read_calls(logs, call_ids)))


def nearest(logs: CallLogs, call_id: str) -> Reading:
    return noted(asyncio.run(call_logs.nearest(logs, call_id)))


def inspect(logs: CallLogs) -> Reading:
    return noted(asyncio.run(call_logs.inspect(logs)))


def rows_of(reading: Reading) -> list[LogRow]:
    return [item for item in reading.observations if isinstance(item, LogRow)]


def states_of(reading: Reading) -> list[str]:
    return [row.state for row in rows_of(reading)]


def table_of(reading: Reading) -> LogTable:
    return one(reading, LogTable)


def calls_of(reading: Reading) -> tuple[RecentCall, ...]:
    return one(reading, RecentCalls).calls


def log_states_of(reading: Reading) -> tuple[str, ...]:
    return one(reading, LogStates).states


def one(reading: Reading, kind: type[T]) -> T:
    found = [item for item in reading.observations if isinstance(item, kind)]
    assert len(found) == 1, reading
    return found[0]


def status_of(reading: Reading) -> str:
    (entry,) = reading.coverage
    assert entry.source == "call_logs"
    assert (entry.problem is None) == (entry.status != "unread")
    return entry.status


def problem_of(reading: Reading, kind: str, *words: str) -> Problem:
    """The problem of an unread source, being of this kind and with these words in its message."""
    assert status_of(reading) == "unread", reading
    problem = reading.coverage[0].problem
    assert problem is not None
    assert reading.observations == ()
    assert problem.code == "LKD602"
    assert problem.values["kind"] == kind, problem
    assert "\n" not in problem.message
    for word in words:
        assert word in problem.message, problem.message
    assert {"schema", "table", "column"} <= problem.values.keys()
    return problem


def insert(
    database: Database,
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str] = ("call_id", "created_at", "source", "state", "metadata"),
    table: str = "call_state_logs",
    schema: str = "public",
) -> None:
    """Rows in this order; fewer values than columns are fine."""
    with psycopg.connect(database.dsn, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for row in rows:
            names = [sql.Identifier(name) for name in columns[: len(row)]]
            values = [sql.Literal(value) for value in row]
            connection.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier(schema, table), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
                )
            )


def moments(random: Random, count: int, start: datetime = START) -> list[datetime]:
    """Rising times, milliseconds to minutes apart."""
    result, moment = [], start
    for _ in range(count):
        moment += timedelta(milliseconds=random.randrange(1, 60_000))
        result.append(moment)
    return result
