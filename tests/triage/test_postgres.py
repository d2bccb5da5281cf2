"""Postgres in place: columns of any type, tables of any kind, and what goes wrong in the middle."""

import asyncio
import random
import re
import signal
import subprocess
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.flow import Verdict
from livekit_doctor.progress import Doing, Progress
from livekit_doctor.settings import CallLogs, Columns, Settings
from livekit_doctor.triage import postgres as engine
from livekit_doctor.triage.engine import Limits
from livekit_doctor.triage.result import Triage
from livekit_doctor.triage.run import Asked, triage
from livekit_doctor.whole_file import WholeFile
from tests.cli.command_line import start, wait_for
from tests.lab.servers import Database, Postgres
from tests.triage import logs
from tests.triage.pgbouncer import PgBouncer
from tests.triage.reference import Row

END = (int(datetime.now(UTC).timestamp()) - 4000) * logs.SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOME = list(logs.rows(3, 300, END - 20 * logs.HOUR, END))
PLAIN = {"call_id": "text", "created_at": "timestamptz", "source": "text", "state": "text", "metadata": "jsonb"}


def fill(database: Database, create: str, rows: Sequence[Row] = SOME, table: str = "own.events") -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS own; {create}".encode())
        connection.execute("SET TimeZone = 'UTC'")
        columns = "call_id, created_at, source, state, metadata"
        with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
            for row in rows:
                at = EPOCH + timedelta(microseconds=row.at)
                copy.write_row((row.call_id, at.replace(tzinfo=None), row.source, row.state, row.metadata))


def table_of(**types: str) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in {**PLAIN, **types}.items())
    return f"CREATE TABLE own.events ({columns})"


def found(database: Database, table: str = "events", **asked: Any) -> Triage:
    settings = Settings(call_logs=CallLogs(dsn=database.dsn, schema="own", table=table))
    return asyncio.run(triage(settings, Asked(**asked), Progress()))


def counts(told: Triage) -> dict[str, tuple[int, int]]:
    return {group.id: (group.calls, group.before) for group in told.groups}


@pytest.fixture(scope="module")
def expected(postgres: Postgres) -> dict[str, tuple[int, int]]:
    """What is said of them in a table of the usual types."""
    database = postgres.create_database()
    fill(database, table_of())
    told = counts(found(database))
    database.drop()
    assert sum(calls for calls, _ in told.values()) == 300
    assert len(told) > 6
    return told


@pytest.mark.parametrize(
    "types",
    [
        {"created_at": "timestamp"},
        {"created_at": "timestamp(3)"},
        {"metadata": "json"},
        {"metadata": "text"},
        {"call_id": "varchar(80)", "state": "varchar", "source": "name"},
    ],
    ids=str,
)
def test_columns_of_other_types(types: dict[str, str], database: Database, expected: dict[str, Any]) -> None:
    fill(database, table_of(**types))
    told = found(database, by=("region",))
    if types.get("created_at") != "timestamp(3)":
        assert counts(told) == expected
    assert told.calls == 300
    assert {value.value for value in told.by[0].values} == {"us-east", "us-west", "eu-west"}


def test_ids_that_are_uuids(database: Database, expected: dict[str, Any]) -> None:
    draw = random.Random(1)
    ids = {row.call_id: str(uuid.UUID(int=draw.getrandbits(128))) for row in SOME}
    fill(database, table_of(call_id="uuid"), [row._replace(call_id=ids[row.call_id]) for row in SOME])
    told = found(database, detail=2)
    assert counts(told) == expected
    assert [one.verdict.value for one in told.traced] == ["broken"] * 2


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_zone_of_the_database_changes_nothing(zone: str, database: Database, expected: dict[str, Any]) -> None:
    fill(database, table_of(created_at="timestamp"))
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET TimeZone = {}").format(name, sql.Literal(zone)))
    assert counts(found(database)) == expected


def test_partitions_and_a_view_over_them(database: Database, expected: dict[str, Any]) -> None:
    day = EPOCH + timedelta(microseconds=END)
    parts = "".join(
        f"CREATE TABLE own.events_{n} PARTITION OF own.events FOR VALUES FROM"
        f" ('{day - timedelta(days=n):%Y-%m-%d}') TO ('{day - timedelta(days=n - 1):%Y-%m-%d}');"
        for n in range(3)
    )
    create = f"{table_of()} PARTITION BY RANGE (created_at); {parts} CREATE VIEW own.seen AS SELECT * FROM own.events"
    fill(database, create)
    assert counts(found(database)) == expected
    assert counts(found(database, "seen")) == expected


def test_a_name_that_has_everything_in_it(database: Database) -> None:
    """Names and values go in as identifiers and literals."""
    name = 'odd "name" %s; --'
    fill(database, table_of(), [row._replace(state=(row.state or "") + "' OR \\ %(x)s") for row in SOME[:50]])
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        rename = sql.SQL("ALTER TABLE own.events RENAME COLUMN call_id TO {}")
        connection.execute(rename.format(sql.Identifier(name)).as_string(connection).encode())
    columns = Columns(call_id=name)
    settings = Settings(call_logs=CallLogs(dsn=database.dsn, schema="own", table="events", columns=columns))
    told = asyncio.run(triage(settings, Asked(by=("source",)), Progress()))
    assert told.calls == len({row.call_id for row in SOME[:50]})
    assert told.of(Verdict.UNKNOWN) == told.calls
    with pytest.raises(UserError, match="no row has it"):
        asyncio.run(triage(settings, Asked(by=("a'b\"c.d%s",)), Progress()))


def test_the_index_that_is_missing_is_named_and_not_made(database: Database) -> None:
    fill(database, table_of())
    said = 'CREATE INDEX CONCURRENTLY ON "own"."events" ("created_at");'
    assert any(note.startswith("LKD605") and said in note for note in found(database).notes)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pg_indexes WHERE schemaname = 'own'").fetchone() == (0,)
        connection.execute(said.replace("CONCURRENTLY ", "").encode())
    assert not any(note.startswith("LKD605") for note in found(database).notes)


def test_a_time_column_of_another_type_is_one_clear_line(database: Database) -> None:
    fill(database, table_of(created_at="text"))
    with pytest.raises(LogsUnreadable, match=r'column "created_at" of own.events is of type text, and triage needs'):
        found(database)


def test_a_huge_row_does_not_cross_the_wire(database: Database) -> None:
    """Of 5 MB of metadata, a few bytes are read."""
    fill(database, table_of())
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO own.events SELECT call_id, created_at + interval '1 s', source, 'sip_participant_failed',"
            """ ('{"sip_status_code": 486, "x": "' || repeat('y', 5000000) || '"}')::jsonb FROM own.events LIMIT 1"""
        )
    told = found(database, by=("region",), detail=1)
    assert told.calls == 300


async def _what_is_set(dsn: str) -> dict[str, str]:
    logs_of = CallLogs(dsn=dsn, schema="own", table="events")
    async with engine.opened(logs_of, Limits(timeout=7, memory="33MB"), datetime.now(UTC)) as opened:
        names = ("work_mem", "TimeZone", "statement_timeout", "transaction_read_only")
        return {name: (await opened.fetch(f"SHOW {name}"))[0][name] for name in names}


def test_what_is_set_is_set_for_the_transaction_alone(database: Database) -> None:
    fill(database, table_of())
    told = asyncio.run(_what_is_set(database.dsn))
    assert told == {"work_mem": "33MB", "TimeZone": "UTC", "statement_timeout": "7s", "transaction_read_only": "on"}


def test_behind_a_pooler_in_transaction_mode(
    database: Database, expected: dict[str, Any], lab_folder: Path, tmp_path: Path
) -> None:
    """PgBouncer itself, with one connection to the database: it says the same, and who comes next finds nothing set."""
    fill(database, table_of())
    with PgBouncer(lab_folder, database) as pooler:
        settings = Settings(call_logs=CallLogs(dsn=pooler.dsn, schema="own", table="events"))
        with WholeFile(str(tmp_path / "each.csv"), "--per-call") as file:
            asked = Asked(by=("region",), detail=1, per_call=("each.csv", file))
            told = asyncio.run(triage(settings, asked, Progress()))
        assert counts(told) == expected
        assert len((tmp_path / "each.csv").read_text().splitlines()) == told.calls + 1
        with psycopg.connect(pooler.dsn, autocommit=True, prepare_threshold=None) as connection:
            names = ("work_mem", "statement_timeout", "transaction_read_only", "enable_sort")
            left = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
            assert left == [("4MB",), ("0",), ("off",), ("on",)]
            assert connection.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)


def test_how_many_rows_there_are_is_said_before_they_are_read(database: Database) -> None:
    """The planner's estimate first, then what was counted, the pace, and how long the rest takes at it."""
    fill(database, table_of())
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("ANALYZE own.events")
    told: list[Doing] = []
    settings = Settings(call_logs=CallLogs(dsn=database.dsn, schema="own", table="events"))
    asyncio.run(triage(settings, Asked(), Progress(lambda doing: told.extend(doing))))
    estimated, counted = (
        (int(found[1].replace(",", "")), doing.until)
        for doing in told
        if (found := re.search(r"of (?:about )?([\d,]+) rows", doing.what))
    )
    assert estimated == (pytest.approx(len(SOME), rel=0.05), None)
    assert counted[0] == len(SOME)
    assert counted[1] is not None
    assert re.search(r"rows, read at [\d,]+ a second$", next(doing.what for doing in told if doing.until))


def slow(database: Database) -> None:
    """A view that takes its time for every row."""
    fill(database, table_of())
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE VIEW own.slow AS SELECT call_id, created_at, source, state, metadata FROM own.events"
            " WHERE pg_sleep(0.05) IS NOT NULL"
        )


def test_a_statement_that_takes_too_long_says_what_to_type(database: Database) -> None:
    slow(database)
    with pytest.raises(LogsUnreadable, match=r"took longer than 1 s$") as raised:
        found(database, "slow", limits=Limits(timeout=1))
    assert raised.value.values["fix"] == "a shorter --since, --no-before, or --timeout 5"


def _quoted(text: str) -> str:
    return f'"{text}"'


def running(postgres: Postgres, database: Database) -> int:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        name = psycopg.conninfo.conninfo_to_dict(database.dsn)["dbname"]
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'active'", (name,)
        ).fetchone()
        assert row
        return int(row[0])


def start_slow(postgres: Postgres, database: Database, folder: Path) -> "subprocess.Popen[str]":
    """A triage whose statement runs, and does not end."""
    slow(database)
    (folder / "checks.yaml").write_text("call_logs:\n  schema: own\n  table: slow\n")
    (folder / ".env").write_text(f"CALL_LOGS_DATABASE_URL={_quoted(database.dsn)}\n")
    process = start("triage", cwd=folder)
    wait_for(lambda: running(postgres, database) == 1)
    return process


def test_an_interrupt_cancels_the_statement_in_the_server(
    postgres: Postgres, database: Database, tmp_path: Path
) -> None:
    process = start_slow(postgres, database, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    wait_for(lambda: running(postgres, database) == 0)


def test_a_database_that_dies_in_the_middle_is_one_clear_line(
    postgres: Postgres, database: Database, tmp_path: Path
) -> None:
    process = start_slow(postgres, database, tmp_path)
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        name = psycopg.conninfo.conninfo_to_dict(database.dsn)["dbname"]
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    out, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert out == ""
    assert "the connection with" in err
    assert "Traceback" not in err
