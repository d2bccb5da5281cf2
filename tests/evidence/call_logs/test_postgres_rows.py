"""The rows of a call, whatever the table looks like."""

import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest
from psycopg import sql

from livekit_doctor.evidence.observations import RecentCalls
from livekit_doctor.settings import Columns
from tests.evidence.call_logs.support import (
    NOW,
    START,
    insert,
    moments,
    one,
    read_call,
    rows_of,
    settings,
    states_of,
    status_of,
    table_of,
)
from tests.lab.names import Names
from tests.lab.servers import Database
from tests.lab.support import until


@pytest.fixture
def random(names: Names) -> Random:
    return Random(names.call_id())


def remake(database: Database, columns: str, table: str = "call_state_logs") -> None:
    """Replaces the table by one of these columns, indexed by its first."""
    database.execute(f"drop table call_state_logs; create table {table} ({columns})")


def test_rows_of_the_call_in_the_order_of_time_then_insertion(database: Database, names: Names, random: Random) -> None:
    call_id, other = names.call_id(), names.call_id()
    times = moments(random, 6)
    times[3] = times[2]  # the same moment, told apart by insertion alone
    rows = [(call_id, at, random.choice("ab"), f"state-{number}", None) for number, at in enumerate(times)]
    noise = [(other, at, "x", "noise", None) for at in moments(random, 5)]
    shuffled = [rows[4], *noise[:3], rows[0], rows[2], rows[5], rows[3], *noise[3:], rows[1]]
    insert(database, shuffled)

    before = datetime.now(UTC)
    reading = read_call(settings(database.dsn), call_id)

    found = rows_of(reading)
    assert [(row.call_id, row.at, row.source, row.state) for row in found] == [row[:4] for row in rows]
    assert [row.order for row in found] == list(range(6))
    assert status_of(reading) == "read"
    table = table_of(reading)
    assert (table.name, table.rows_of_call, table.has_rows, table.indexed, table.row_security) == (
        "public.call_state_logs",
        6,
        True,
        True,
        False,
    )
    assert table.skipped_lines == ()
    read = found[0].read
    assert read.source == "call_logs"
    assert timedelta() <= read.at - NOW < timedelta(seconds=30)
    assert read.clock_at is not None
    assert timedelta() <= read.clock_at - before < timedelta(seconds=30)


def test_rows_of_the_same_moment_without_an_integer_key(database: Database, names: Names) -> None:
    remake(database, "call_id text, created_at timestamptz, source text, state text, metadata jsonb")
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", f"state-{number}") for number in range(20)])
    assert states_of(read_call(settings(database.dsn), call_id)) == [f"state-{number}" for number in range(20)]


def test_duplicates_are_kept(database: Database, names: Names) -> None:
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", "twice", None)] * 2)
    rows = rows_of(read_call(settings(database.dsn), call_id))
    assert [(row.state, row.order) for row in rows] == [("twice", 0), ("twice", 1)]


ID_TYPES = {
    "text": lambda random: f"call {random.random()} '%s\\ \"é",
    "varchar(200)": lambda random: f"call-{random.random()}",
    "character(40)": lambda random: f"call-{random.random()}",
    "uuid": lambda random: str(uuid.UUID(int=random.getrandbits(128))),
    "smallint": lambda random: str(random.randrange(-300, 300)),
    "integer": lambda random: str(random.randrange(10**6)),
    "bigint": lambda random: str(random.randrange(10**12, 10**13)),
    "id_domain": lambda random: f"call-{random.random()}",
}


@pytest.mark.parametrize("type_", ID_TYPES)
def test_type_of_the_call_id(database: Database, random: Random, type_: str) -> None:
    """The call is found, by the index, and an id that the type can't hold is just not there."""
    database.execute("create domain id_domain as text")
    remake(database, f"call_id {type_}, created_at timestamptz, source text, state text, metadata json")
    database.execute("create index the_index on call_state_logs (call_id)")
    database.execute(sql.SQL("alter database {} set enable_seqscan = off").format(sql.Identifier(database.name)))
    ids = [ID_TYPES[type_](random) for _ in range(20)]
    insert(database, [(call_id, START, "edge", f"of {call_id}") for call_id in ids])
    wanted = random.choice(ids)
    logs = settings(database.dsn)

    reading = read_call(logs, wanted)
    assert [(row.call_id, row.state) for row in rows_of(reading)] == [(wanted, f"of {wanted}")] * ids.count(wanted)
    assert table_of(reading).indexed is True
    until(lambda: index_scans(database), what="the index to be counted as used")

    for unknown in ("nope", "", "é" * 50, "a\0b", "\ud800", "9" * 40, "007", "1e3", "'; drop table call_state_logs"):
        reading = read_call(logs, unknown)
        assert (status_of(reading), rows_of(reading)) == ("empty", []), unknown


def index_scans(database: Database) -> int:
    with psycopg.connect(database.dsn) as connection:
        row = connection.execute(
            "select idx_scan from pg_stat_user_indexes where indexrelname = 'the_index'"
        ).fetchone()
    assert row
    return int(row[0])


def test_uuid_in_another_spelling(database: Database, random: Random) -> None:
    remake(database, "call_id uuid, created_at timestamptz, source text, state text, metadata json")
    call_id = uuid.UUID(int=random.getrandbits(128))
    insert(database, [(call_id, START, "edge", "there")])
    for spelling in (str(call_id).upper(), call_id.hex, f"{{{call_id}}}"):
        rows = rows_of(read_call(settings(database.dsn), spelling))
        assert [row.call_id for row in rows] == [str(call_id)]


SECOND = int(START.timestamp())
TIME_TYPES = {
    "timestamptz": ("2025-10-28 22:56:33.12+05:30", START),
    "timestamp": ("2025-10-28 17:26:33.12", START),
    "date": ("2025-10-28", datetime(2025, 10, 28, tzinfo=UTC)),
    "text": ("2025-10-28T17:26:33.12Z", START),
    "varchar": ("2025-10-28 17:26:33.12+00", START),
    "bigint": (int(START.timestamp() * 1000), START),
    "integer": (SECOND, START.replace(microsecond=0)),
    "float8": (SECOND + 0.12, START),
    "numeric": (SECOND * 1000 + 120, START),
}


@pytest.mark.parametrize("type_", TIME_TYPES)
def test_type_of_the_time(database: Database, names: Names, type_: str) -> None:
    """Read the same whatever the zone and the date style of the session."""
    remake(database, f'call_id text, "at" {type_}, source text, state text, metadata json')
    for setting in ("timezone = 'Asia/Kathmandu'", "datestyle = 'German'"):
        database.execute(sql.SQL(f"alter database {{}} set {setting}").format(sql.Identifier(database.name)))
    call_id = names.call_id()
    value, expected = TIME_TYPES[type_]
    columns = ("call_id", "at", "source", "state")
    insert(database, [(call_id, value, "edge", "there")], columns)

    (row,) = rows_of(read_call(settings(database.dsn, Columns(at="at")), call_id))
    assert abs(row.at - expected) < timedelta(milliseconds=1)
    assert row.at.utcoffset() == timedelta()


def test_order_by_a_column_named_as_the_output(database: Database, names: Names) -> None:
    """The newest of many are taken by the column and not by its text."""
    remake(database, 'call_id text, "at" bigint, source text, state text, metadata json')
    call_id = names.call_id()
    database.execute(
        sql.SQL(
            "insert into call_state_logs select {}, 946684900 + n * 100000, 'edge', 'state-' || n, null "
            "from generate_series(1, 5003) n"
        ).format(call_id)
    )
    states = states_of(read_call(settings(database.dsn, Columns(at="at")), call_id))
    assert (states[0], states[-1]) == ("state-4", "state-5003")


def test_a_huge_call(database: Database, names: Names) -> None:
    call_id = names.call_id()
    database.execute(
        sql.SQL(
            "insert into call_state_logs (call_id, created_at, source, state) "
            "select {}, timestamptz '2025-01-01Z' + n * interval '1 second', 'edge', 'state-' || n "
            "from generate_series(1, 6000) n order by random()"
        ).format(call_id)
    )
    reading = read_call(settings(database.dsn), call_id)
    assert states_of(reading) == [f"state-{number}" for number in range(1001, 6001)]
    table = table_of(reading)
    assert table.rows_of_call == 5000
    assert table.skipped_lines == ("older rows: only the newest 5000 are read",)


def test_times_that_are_none(database: Database, names: Names) -> None:
    call_id = names.call_id()
    database.execute("alter table call_state_logs alter created_at drop not null")
    insert(
        database,
        [
            (call_id, None, "edge", "undated"),
            (call_id, "infinity", "edge", "endless"),
            (call_id, "0044-03-15 BC", "edge", "ancient"),
            (call_id, START, "edge", "dated"),
        ],
    )
    reading = read_call(settings(database.dsn), call_id)
    assert states_of(reading) == ["dated"]
    skipped = " / ".join(table_of(reading).skipped_lines)
    assert "undated" in skipped
    assert "endless" in skipped
    assert "ancient" in skipped


def test_nulls(database: Database, names: Names) -> None:
    remake(database, "call_id text, created_at timestamptz, source text, state text, metadata jsonb")
    call_id = names.call_id()
    insert(database, [(call_id, START)])
    (row,) = rows_of(read_call(settings(database.dsn), call_id))
    assert (row.source, row.state, row.metadata, row.room) == ("", "", "", "")


@pytest.mark.parametrize("type_", ["json", "jsonb", "text"])
def test_metadata_without_its_secrets(database: Database, names: Names, type_: str) -> None:
    remake(database, f"call_id text, created_at timestamptz, source text, state text, metadata {type_}")
    call_id, room, secret = names.call_id(), names.room(), secrets.token_hex(12)
    metadata = {
        "room": room,
        "dispatch_id": "AD_1",
        "token": f"eyJ{secret}.eyJ{secret}.{secret}",
        "nested": {"apiKey": secret, "url": f"postgres://user:{secret}@host/db"},
    }
    insert(database, [(call_id, START, "edge", "there", json.dumps(metadata))])
    (row,) = rows_of(read_call(settings(database.dsn), call_id))
    assert secret not in row.metadata
    assert json.loads(row.metadata)["dispatch_id"] == "AD_1"
    assert row.room == room


def test_metadata_that_is_not_json(database: Database, names: Names) -> None:
    remake(database, "call_id text, created_at timestamptz, source text, state text, metadata text")
    call_id, secret = names.call_id(), secrets.token_hex(12)
    insert(database, [(call_id, START, "edge", "there", f"dialing, password={secret}, ok")])
    (row,) = rows_of(read_call(settings(database.dsn), call_id))
    assert secret not in row.metadata
    assert row.metadata.startswith("dialing, ")


def test_the_room_by_a_path(database: Database, names: Names) -> None:
    """Also where JSON was written as a string into a JSON column, as JavaScript clients do."""
    call_id, room = names.call_id(), names.room()
    value = {"livekit": {"room_name": room}, "room": "another"}
    insert(
        database,
        [
            (call_id, START, "edge", "object", json.dumps(value)),
            (call_id, START, "edge", "string", json.dumps(json.dumps(value))),
            (call_id, START, "edge", "none", None),
            (call_id, START, "edge", "number", '{"livekit": {"room_name": 7}}'),
        ],
    )
    columns = Columns(room="metadata.livekit.room_name")
    rows = rows_of(read_call(settings(database.dsn, columns), call_id))
    assert [row.room for row in rows] == [room, room, "", ""]


def test_the_room_of_a_column(database: Database, names: Names) -> None:
    """A column's own name wins over a path, even with a dot in it."""
    database.execute('alter table call_state_logs add "metadata.room" text')
    call_id, room = names.call_id(), names.room()
    columns = ("call_id", "created_at", "source", "state", "metadata", "metadata.room")
    insert(database, [(call_id, START, "edge", "there", '{"room": "not this"}', room)], columns)
    (row,) = rows_of(read_call(settings(database.dsn, Columns(room="metadata.room")), call_id))
    assert row.room == room


def test_awkward_names(database: Database, names: Names, random: Random) -> None:
    """Quotes, spaces, placeholders, capitals, other scripts: all are names in Postgres."""
    parts = ['"', "'", "%", "%s", "%%", "%(a)s", " ", ".", "é", "日本", "Call", "select", "{}", "\\", ";", "--", "$1"]

    def name() -> str:
        return "".join(random.choices(parts, k=4)) + f"{random.randrange(100)}"

    for _ in range(5):
        schema, table, call_column, at, source, state, metadata, room = (f"{n}{name()}" for n in range(8))
        database.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        database.execute(
            sql.SQL("create table {} ({} text, {} timestamptz, {} text, {} text, {} json, {} text)").format(
                *(sql.Identifier(*name) for name in ((schema, table), (call_column,), (at,), (source,))),
                *(sql.Identifier(name) for name in (state, metadata, room)),
            )
        )
        columns = Columns(call_id=call_column, at=at, source=source, state=state, metadata=metadata, room=room)
        call_id = names.call_id() + name()
        row = (call_id, START, name(), name(), "[1]", name())
        insert(database, [row], (call_column, at, source, state, metadata, room), table, schema)
        logs = settings(database.dsn, columns, schema=schema, table=table)
        (found,) = rows_of(read_call(logs, call_id))
        assert (found.call_id, found.at, found.source, found.state, found.metadata, found.room) == row


def test_a_table_without_the_columns_that_may_be_missing(database: Database, names: Names) -> None:
    remake(database, "call_id text, created_at timestamptz, state text")
    call_id = names.call_id()
    insert(database, [(call_id, START, "there")], ("call_id", "created_at", "state"))
    for columns in (Columns(), Columns(source=None, metadata=None)):
        reading = read_call(settings(database.dsn, columns), call_id)
        assert (states_of(reading), table_of(reading).skipped_lines) == (["there"], ())
    database.execute("alter table call_state_logs add sources text")
    reading = read_call(settings(database.dsn), call_id)
    assert states_of(reading) == ["there"]
    (note,) = table_of(reading).skipped_lines
    assert note == 'the source of each row: there is no column "source"; did you mean "sources"?'


INDEXES = {
    "create index on call_state_logs (call_id)": True,
    "create index on call_state_logs (call_id, created_at)": True,
    "create index on call_state_logs using hash (call_id)": True,
    "alter table call_state_logs add unique (call_id)": True,
    "create index on call_state_logs (created_at, call_id)": False,
    "create index on call_state_logs (lower(call_id))": False,
    "create index on call_state_logs (call_id) where state = 'x'": False,
    "create index on call_state_logs using brin (call_id)": False,
    "select 1": False,
}


@pytest.mark.parametrize("statement", INDEXES)
def test_indexed(database: Database, names: Names, statement: str) -> None:
    remake(database, "call_id text, created_at timestamptz, source text, state text, metadata jsonb")
    database.execute(statement)
    assert table_of(read_call(settings(database.dsn), names.call_id())).indexed is INDEXES[statement]


RELATIONS = {
    "view": ("create view {} as select * from call_state_logs", None),
    "materialized view": ("create materialized view {} as select * from call_state_logs", False),
    "partitioned table": (
        "create table {} (like call_state_logs) partition by hash (call_id); "
        "create table part_0 partition of {} for values with (modulus 2, remainder 0); "
        "create table part_1 partition of {} for values with (modulus 2, remainder 1); "
        "insert into {} select * from call_state_logs; create index on {} (call_id)",
        True,
    ),
}


@pytest.mark.parametrize("kind", RELATIONS)
def test_kinds_of_table(database: Database, names: Names, kind: str) -> None:
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", f"state-{number}") for number in range(5)])
    create, indexed = RELATIONS[kind]
    database.execute(create.replace("{}", "calls_told"))
    reading = read_call(settings(database.dsn, table="calls_told"), call_id)
    assert states_of(reading) == [f"state-{number}" for number in range(5)]
    assert table_of(reading).indexed is indexed


def test_an_empty_table(database: Database, names: Names) -> None:
    reading = read_call(settings(database.dsn), names.call_id())
    assert status_of(reading) == "empty"
    table = table_of(reading)
    assert (table.rows_of_call, table.has_rows) == (0, False)
    assert not [item for item in reading.observations if isinstance(item, RecentCalls)]


def test_rows_hidden_by_row_security(database: Database, names: Names) -> None:
    """A role that no policy lets in sees an empty table, and no error: it is not said to be empty."""
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", "hidden")])
    database.execute("alter table call_state_logs enable row level security")
    limited = database.create_role("select on call_state_logs")

    reading = read_call(settings(limited), call_id)
    table = table_of(reading)
    assert (status_of(reading), table.row_security, table.has_rows) == ("unread", True, False)
    (entry,) = reading.coverage
    assert entry.problem is not None
    assert (entry.problem.values["kind"], entry.problem.values["role"]) == ("row_security", table.role)

    reading = read_call(settings(database.dsn), call_id)
    assert (states_of(reading), table_of(reading).row_security) == (["hidden"], False)


def test_a_role_that_may_read_only_these_columns(database: Database, names: Names) -> None:
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", "there", "{}")])
    limited = database.create_role("select (call_id, created_at, source, state, metadata) on call_state_logs")
    assert states_of(read_call(settings(limited), call_id)) == ["there"]


def test_a_database_in_another_encoding(database: Database, names: Names) -> None:
    """SQL_ASCII, where the server does not say how its text is encoded."""
    name = f"{database.name}_ascii"
    database.server.execute(
        f"create database {name} template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'"
    )
    try:
        other = Database(database.server, name)
        call_id = names.call_id()
        insert(other, [(call_id, START, "edge", "über")])
        assert states_of(read_call(settings(other.dsn), call_id)) == ["über"]
    finally:
        database.server.execute(f"drop database {name} with (force)")


def test_rows_are_told_the_same_when_read_again(database: Database, names: Names, random: Random) -> None:
    call_id = names.call_id()
    insert(database, [(call_id, at, "edge", f"state-{at}") for at in moments(random, 4)])
    first, second = (rows_of(read_call(settings(database.dsn), call_id)) for _ in range(2))
    assert [(row.at, row.state, row.order) for row in first] == [(row.at, row.state, row.order) for row in second]
    assert one(read_call(settings(database.dsn), call_id + "x"), RecentCalls).calls[0].call_id == call_id
