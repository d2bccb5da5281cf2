"""Each way in which a table can't be read: its kind, what it says, and no password in it."""

import asyncio
import secrets
import subprocess
import sys
import time
from random import Random
from typing import Any
from urllib.parse import quote

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from livekit_doctor.evidence import call_logs
from livekit_doctor.evidence.observations import Problem, Reading
from livekit_doctor.settings import CallLogs, Columns
from tests.each import each
from tests.evidence.call_logs.support import (
    NOW,
    START,
    insert,
    inspect,
    problem_of,
    read_call,
    rows_of,
    settings,
    states_of,
    status_of,
    table_of,
)
from tests.evidence.call_logs.wire import Wire
from tests.lab.names import Names
from tests.lab.servers import Database
from tests.lab.support import free_port, until


def word(names: Names) -> str:
    return names.call_id().replace("-", "_")


def readings(logs: CallLogs) -> list[Reading]:
    """Each way of reading."""

    async def read() -> list[Reading]:
        return [
            await call_logs.read_call(logs, "x", NOW),
            await call_logs.read_by_room(logs, "x", NOW),
            await call_logs.read_recent(logs, 1),
            await call_logs.nearest(logs, "x"),
            await call_logs.inspect(logs),
        ]

    return asyncio.run(read())


def test_not_configured() -> None:
    for reading in readings(CallLogs(dsn="", file=None)):
        assert (status_of(reading), reading.observations) == ("not_configured", ())


def test_psycopg_is_imported_when_it_is_needed() -> None:
    """A file is read, and the package imported, without it: it is slow to import."""
    program = (
        "import asyncio, sys; from livekit_doctor.evidence import call_logs; "
        "from livekit_doctor.settings import CallLogs; "
        "asyncio.run(call_logs.inspect(CallLogs(file='nowhere'))); sys.exit('psycopg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_each_way_of_reading_tells_the_problem(database: Database, names: Names) -> None:
    logs = settings(database.dsn, Columns(room="metadata.room"), table=word(names))

    for reading in readings(logs):
        problem_of(reading, "no_table")


# Names


def test_no_schema(database: Database, names: Names) -> None:
    schema = word(names)
    database.execute(f"create schema {schema}")
    typed = schema[:-2] + "x"
    problem = problem_of(
        inspect(settings(database.dsn, schema=typed)),
        "no_schema",
        f'schema "{typed}" does not exist',
        f'"{schema}"',
        "call_logs.schema",
    )
    assert problem.values["schema"] == typed


def test_no_schema_and_the_table_is_in_another(database: Database, names: Names) -> None:
    problem = problem_of(inspect(settings(database.dsn, schema=word(names))), "no_schema", 'did you mean "public"?')
    assert problem.values["nearest"] == "public"


def test_no_table(database: Database, names: Names) -> None:
    typed = "call_states_log"
    problem = problem_of(
        inspect(settings(database.dsn, table=typed)),
        "no_table",
        f'table "{typed}" does not exist in schema "public"; did you mean "call_state_logs"?',
        "call_logs.table",
    )
    assert problem.values["nearest"] == "call_state_logs"


def test_the_table_is_in_another_schema(database: Database, names: Names) -> None:
    schema = word(names)
    database.execute(f"create schema {schema}; alter table call_state_logs set schema {schema}")
    problem_of(inspect(settings(database.dsn)), "no_table", f'it is in schema "{schema}"', "set call_logs.schema")


def test_a_table_of_a_like_name_in_another_schema(database: Database, names: Names) -> None:
    schema = word(names)
    database.execute(f"create schema {schema}; alter table call_state_logs set schema {schema}")
    database.execute("create table unrelated_things ()")
    problem_of(
        inspect(settings(database.dsn, table="call_state_log")),
        "no_table",
        f'did you mean "{schema}.call_state_logs"?',
        '"unrelated_things"',
    )


def test_the_table_differs_in_case(database: Database) -> None:
    database.execute('alter table call_state_logs rename to "Call_State_Logs"')
    problem_of(inspect(settings(database.dsn)), "no_table", 'did you mean "Call_State_Logs"?')


def test_an_index_is_not_a_table(database: Database) -> None:
    problem_of(inspect(settings(database.dsn, table="call_state_logs_pkey")), "no_table", '"call_state_logs"')


COLUMNS = {
    "call_id": ("calls_id", "call_id"),
    "at": ("created", "created_at"),
    "source": ("Source", "source"),
    "state": ("status", "state"),
    "metadata": ("meta_data", "metadata"),
    "room": ("metdata.room", "metadata"),
}


@pytest.mark.parametrize("role", COLUMNS)
def test_no_column(database: Database, role: str) -> None:
    typed, meant = COLUMNS[role]
    problem = problem_of(
        inspect(settings(database.dsn, Columns(**{role: typed}))),
        "no_column",
        f'column "{typed.partition(".")[0]}" does not exist in public.call_state_logs; did you mean "{meant}"?',
        f"call_logs.columns.{role}",
    )
    assert problem.values["column"] == typed.partition(".")[0]
    assert problem.values["nearest"] == meant


def test_no_column_and_nothing_is_near(database: Database, names: Names) -> None:
    problem_of(
        inspect(settings(database.dsn, Columns(state="zzz"))),
        "no_column",
        'column "zzz" does not exist',
        'it has "id", "call_id", "created_at", "source", "state", "metadata"',
    )


def test_no_time_column(database: Database) -> None:
    """Nothing is spelled like it, so that a column of the right type is proposed."""
    database.execute("alter table call_state_logs rename created_at to moment")
    problem_of(inspect(settings(database.dsn)), "no_column", '"created_at" does not exist', 'did you mean "moment"?')


def test_two_wrong_columns(database: Database) -> None:
    problem_of(
        inspect(settings(database.dsn, Columns(call_id="callid", state="stat"))),
        "no_column",
        'did you mean "call_id"?',
        'did you mean "state"?',
    )


# Permissions


def test_no_permission_on_the_table(database: Database, names: Names) -> None:
    limited = database.create_role()
    role = conninfo_to_dict(limited)["user"]
    grant = f'GRANT SELECT ON "public"."call_state_logs" TO "{role}";'
    problem = problem_of(inspect(settings(limited)), "no_permission", f'role "{role}"', grant)
    assert problem.values["grant"] == grant
    database.execute(problem.values["grant"])
    assert status_of(inspect(settings(limited))) == "empty"


def test_no_permission_on_a_column(database: Database) -> None:
    limited = database.create_role("select (call_id, created_at, source) on call_state_logs")
    problem = problem_of(inspect(settings(limited)), "no_permission", '"state", "metadata"')
    database.execute(problem.values["grant"])
    assert status_of(inspect(settings(limited))) == "empty"


def test_no_permission_on_the_schema(database: Database, names: Names) -> None:
    schema = f'{word(names)} "x"'
    name = sql.Identifier(schema)
    database.execute(sql.SQL("create schema {}").format(name))
    database.execute(sql.SQL("alter table call_state_logs set schema {}").format(name))
    limited = database.create_role()
    problem = problem_of(inspect(settings(limited, schema=schema)), "no_permission", "GRANT USAGE ON SCHEMA")
    database.execute(problem.values["grant"])
    assert status_of(inspect(settings(limited, schema=schema))) == "empty"


def test_no_permission_behind_a_view(database: Database) -> None:
    database.execute("create view told with (security_invoker) as select * from call_state_logs")
    limited = database.create_role("select on told")
    problem_of(inspect(settings(limited, table="told")), "no_permission", "public.told", "call_state_logs")


def test_no_permission_to_connect(database: Database) -> None:
    limited = database.create_role()
    database.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(database.name)))
    problem_of(inspect(settings(limited)), "no_permission", "GRANT CONNECT ON DATABASE", database.name)


def test_a_foreign_table_whose_server_fails(database: Database) -> None:
    database.execute(
        "create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;"
        "create foreign table afar (call_id text, created_at timestamptz, source text, state text) server nowhere"
    )
    problem_of(read_call(settings(database.dsn, table="afar"), "x"), "other", "public.afar", "no handler")


# Connections


def test_wrong_password(database: Database) -> None:
    wrong = secrets.token_hex(8)
    dsn = make_conninfo(database.create_role("select on call_state_logs"), password=wrong)
    problem = problem_of(inspect(settings(dsn)), "auth", "password", "rejected", "CALL_LOGS_DATABASE_URL")
    assert_nowhere(wrong, problem)


def test_no_password(database: Database) -> None:
    values = conninfo_to_dict(database.create_role("select on call_state_logs"))
    values.pop("password")
    problem_of(inspect(settings(make_conninfo("", **values))), "auth", "needs a password", str(values["user"]))


def test_unknown_role(database: Database, names: Names) -> None:
    dsn = make_conninfo(database.dsn, user=word(names), password=secrets.token_hex(8))
    problem_of(inspect(settings(dsn)), "auth", "CALL_LOGS_DATABASE_URL")


def test_a_role_that_may_not_log_in(database: Database) -> None:
    limited = database.create_role()
    role = sql.Identifier(str(conninfo_to_dict(limited)["user"]))
    database.execute(sql.SQL("alter role {} nologin").format(role))
    problem_of(inspect(settings(limited)), "auth", "can't log in")


def test_no_database(database: Database, names: Names) -> None:
    name = word(names)
    problem = problem_of(
        inspect(settings(make_conninfo(database.dsn, dbname=name))), "no_database", f'database "{name}" does not exist'
    )
    assert problem.values["database"] == name


def test_too_many_connections(database: Database) -> None:
    limited = database.create_role("select on call_state_logs")
    role = sql.Identifier(str(conninfo_to_dict(limited)["user"]))
    database.execute(sql.SQL("alter role {} connection limit 0").format(role))
    problem_of(inspect(settings(limited)), "unreachable", "no free connection")


def test_nothing_listens() -> None:
    password, port = secrets.token_hex(8), free_port()
    dsn = f"postgresql://user:{password}@127.0.0.1:{port}/calls"
    problem = problem_of(inspect(settings(dsn)), "unreachable", "nothing listens", f"127.0.0.1:{port}")
    assert_nowhere(password, problem)


def test_unknown_host() -> None:
    dsn = f"postgresql://user:{secrets.token_hex(8)}@no-such-host.invalid/calls"
    problem_of(inspect(settings(dsn)), "unreachable", '"no-such-host.invalid"', "resolved")


def test_no_socket() -> None:
    problem_of(inspect(settings("host=/tmp/no-such-folder dbname=x")), "unreachable", "/tmp/no-such-folder")


def test_tls_is_asked_for_and_not_there(database: Database) -> None:
    dsn = make_conninfo(database.dsn, sslmode="require")
    problem_of(inspect(settings(dsn)), "unreachable", "TLS", "sslmode")


def test_a_server_that_does_not_answer(silent_port: int) -> None:
    started = time.monotonic()
    reading = inspect(settings(f"postgresql://user@127.0.0.1:{silent_port}/x?sslmode=disable", timeout=0.5))
    problem_of(reading, "timeout", f"127.0.0.1:{silent_port}", "0.5 s")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("queries", [0, 1])
def test_a_connection_that_falls_silent(database: Database, queries: int) -> None:
    with Wire(database.server.port) as wire:
        wire.silent_after = queries
        reading = read_call(settings(make_conninfo(database.dsn, port=wire.port), timeout=0.5), "x")
    problem_of(reading, "timeout", "0.5 s")
    assert len(wire.queries) == queries + 1


def test_a_locked_table(database: Database) -> None:
    started = time.monotonic()
    with psycopg.connect(database.dsn) as other:
        other.execute("lock table call_state_logs in access exclusive mode")
        reading = read_call(settings(database.dsn, timeout=0.5), "x")
    problem_of(reading, "timeout", "public.call_state_logs", "0.5 s")
    assert time.monotonic() - started < 5


def test_a_slow_search_for_similar_ids(database: Database) -> None:
    """It is a help: that it takes too long does not hide that the table was read."""
    database.execute(
        "create view slow as select * from call_state_logs where call_id = 'x' or pg_sleep(0.2) is not null"
    )
    insert(database, [(f"call-{number}", START, "edge", "there") for number in range(30)])
    reading = read_call(settings(database.dsn, table="slow", timeout=1.0), "call-30")
    assert (status_of(reading), table_of(reading).has_rows) == ("empty", True)
    assert len(reading.observations) == 1


def test_a_connection_that_ends(database: Database) -> None:
    database.execute(
        "create function stop() returns text language sql as "
        "$$ select pg_terminate_backend(pg_backend_pid())::text $$;"
        "create view told as select call_id, created_at, source, stop() as state, metadata from call_state_logs"
    )
    insert(database, [("x", START, "edge", "there")])
    problem_of(read_call(settings(database.dsn, table="told"), "x"), "unreachable", "broke")


def test_nothing_is_ever_written(database: Database) -> None:
    """Not even by a view whose function writes."""
    database.execute(
        "create table written (n int);"
        "create function writes() returns text language plpgsql as "
        "$$ begin insert into written values (1); return 'x'; end $$;"
        "create view told as select call_id, created_at, source, writes() as state, metadata from call_state_logs"
    )
    insert(database, [("x", START, "edge", "there")])
    problem_of(read_call(settings(database.dsn, table="told"), "x"), "other", "public.told", "read-only")
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("select count(*) from written").fetchone() == (0,)


# Database URLs


def url(database: Database, random: Random, password: str) -> str:
    """A URL with this password, for a role that has it."""
    values = conninfo_to_dict(database.create_role("select on call_state_logs"))
    role = str(values["user"])
    database.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), password))
    return f"postgresql://{role}:{quote(password, safe='')}@127.0.0.1:{values['port']}/{database.name}"


@pytest.mark.parametrize(
    "change",
    [
        lambda dsn: dsn.replace("postgresql://", "postgres://"),
        lambda dsn: dsn.replace("postgresql://", "postgresql+asyncpg://"),
        lambda dsn: dsn.replace("postgresql://", "postgresql+psycopg2://"),
        lambda dsn: f"{dsn}?pgbouncer=true&connection_limit=1&sslmode=disable",
        lambda dsn: f"{dsn}?schema=public",
        lambda dsn: f"  {dsn}\n",
    ],
)
def test_urls_as_frameworks_write_them(database: Database, names: Names, change: Any) -> None:
    insert(database, [("x", START, "edge", "there")])
    dsn = change(url(database, Random(names.call_id()), f"p@ss/w:r?d#%{secrets.token_hex(4)}"))
    assert states_of(read_call(settings(dsn), "x")) == ["there"]


@each("character", [*"@/?# %", "@@", "a:b@c:", "[", "]", "'", '"', "=", "&", "\\"])
@each("form", ["postgresql://user:{}@127.0.0.1:1/db", "host=127.0.0.1 port=1 password={}"])
def test_a_password_is_never_shown(character: str, form: str) -> None:
    """However it is written, and wherever the mistake in the URL makes it end up."""
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    reading = inspect(settings(form.format(first + character + second)))
    assert status_of(reading) == "unread"
    problem = reading.coverage[0].problem
    assert problem is not None
    assert problem.values["kind"] in ("dsn", "unreachable")
    assert_nowhere(first, problem)
    assert_nowhere(second, problem)


@pytest.mark.parametrize(
    "dsn", ["garbage", "mysql://user:pw@host/db", "https://x.supabase.co", "postgresql://h:port/d", "host", "a=b"]
)
def test_a_url_that_is_none(dsn: str) -> None:
    problem = problem_of(inspect(settings(dsn)), "dsn", "postgresql://USER@HOST:PORT/DATABASE")
    assert "pw" not in problem.message


def assert_nowhere(secret: str, problem: Problem) -> None:
    assert secret not in msgspec.json.encode(problem).decode()


# Behind a pooler (design fact 28)


def test_what_is_sent(database: Database, names: Names) -> None:
    """No startup options, no prepared statement, everything in one transaction, two queries."""
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", "there")])
    with Wire(database.server.port) as wire:
        logs = settings(make_conninfo(database.dsn, port=wire.port), timeout=7)
        reading = read_call(logs, call_id)
        assert states_of(reading) == ["there"]
        assert wire.startup.keys() == {"user", "database"}
        until(lambda: "X" in [kind for kind, _ in wire.messages], what="the goodbye")
        assert [kind for kind, _ in wire.messages] == ["Q", "Q", "Q", "X"]
        first, second, last = wire.queries
        assert first.startswith("BEGIN READ ONLY; SET LOCAL statement_timeout = 7000;")
        assert second.startswith("SELECT")
        assert last == "ROLLBACK"

        wire.messages.clear()
        assert rows_of(read_call(logs, "unknown")) == []
        until(lambda: {kind for kind, _ in wire.messages} == {"Q", "X"}, what="queries and a goodbye")
        assert (wire.queries[0][:5], wire.queries[-1]) == ("BEGIN", "ROLLBACK")

        wire.messages.clear()
        problem_of(read_call(settings(make_conninfo(database.dsn, port=wire.port), table="x"), "x"), "no_table")
        assert wire.queries[-1] == "ROLLBACK"
