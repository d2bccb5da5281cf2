"""Recent calls, the nearest ids, the rows of a room, and what `check` wants to know."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from livekit_doctor.evidence import call_logs
from livekit_doctor.evidence.call_logs.rows import MAX_ROWS
from livekit_doctor.evidence.observations import Reading, RecentCalls
from livekit_doctor.settings import Columns
from tests.evidence.call_logs.support import (
    START,
    calls_of,
    insert,
    inspect,
    log_states_of,
    moments,
    nearest,
    read_by_room,
    read_call,
    read_calls,
    read_recent,
    rows_of,
    settings,
    status_of,
    table_of,
)
from tests.lab.names import Names
from tests.lab.servers import Database

AT_INDEXES = ("select 1", "create index on call_state_logs (created_at)", "alter table call_state_logs drop id")


@pytest.mark.parametrize("statement", AT_INDEXES)
def test_recent_calls(database: Database, names: Names, statement: str) -> None:
    """The newest call first, each with its last row, of rows of the same second the one inserted last."""
    database.execute(statement)
    random = Random(names.call_id())
    ids = [names.call_id() for _ in range(6)]
    rows = []
    for call_id, at in zip(ids, moments(random, 6), strict=True):
        for number in range(random.randrange(1, 4)):
            rows.append((call_id, at, "edge", f"{call_id} {number}"))
    insert(database, rows)
    last = {row[0]: row for row in rows}

    reading = read_recent(settings(database.dsn), 4)
    calls = [(call.call_id, call.at, call.source, call.state) for call in calls_of(reading)]
    assert calls == [last[call_id] for call_id in reversed(ids[2:])]
    assert status_of(reading) == "read"


def test_rows_of_several_calls(database: Database, names: Names) -> None:
    """By an index on the id, and else only where all rows of the table are few: a call of which some are missing would
    look broken."""
    ids = [names.call_id() for _ in range(4)]
    database.execute("drop index if exists call_state_logs_call_id_idx")
    rows = [
        (call_id, START + timedelta(seconds=number), "edge", f"s{number}") for call_id in ids for number in range(3)
    ]
    insert(database, rows)
    logs = settings(database.dsn)

    def told() -> list[tuple[str, str]]:
        found = rows_of(read_calls(logs, *ids[:2], "no such call", "\0"))
        return sorted((row.call_id, row.state) for row in found)

    wanted = sorted((call_id, state) for call_id, _, _, state in rows if call_id in ids[:2])
    assert told() == wanted
    more = "insert into call_state_logs (call_id, created_at, source, state)"
    database.execute(f"{more} select 'x', now(), 'edge', 's' from generate_series(1, {MAX_ROWS})")
    assert told() == []
    database.execute("create index on call_state_logs (call_id)")
    assert told() == wanted
    database.execute(f"update call_state_logs set call_id = '{ids[0]}' where call_id = 'x'")
    assert told() == [], "more rows than are read"


def test_no_recent_calls(database: Database) -> None:
    reading = read_recent(settings(database.dsn))
    assert (calls_of(reading), status_of(reading), table_of(reading).has_rows) == ((), "empty", False)


MISSPELLED: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "space": lambda name: f" {name}\t",
    "quotes": lambda name: f'"{name}"',
    "shortened": lambda name: name[:-3],
    "without its start": lambda name: name[6:],
    "inside a sentence": lambda name: f"id: {name}, please",
    "two characters swapped": lambda name: name[:7] + name[8] + name[7] + name[9:],
    "other separator": lambda name: name.replace("-", "_"),
}


@pytest.mark.parametrize("mistake", MISSPELLED)
def test_nearest_ids(database: Database, names: Names, mistake: str) -> None:
    ids = [names.call_id() for _ in range(20)]
    wanted = ids[7]
    insert(database, [(call_id, START, "edge", "there") for call_id in ids])
    logs, typed = settings(database.dsn), MISSPELLED[mistake](wanted)
    if typed == wanted:
        typed += "x"
    for reading in (read_call(logs, typed), nearest(logs, typed)):
        assert calls_of(reading)[0].call_id == wanted
        assert typed not in [call.call_id for call in calls_of(reading)]
    assert status_of(read_call(logs, typed)) == "empty"


def test_nearest_of_an_old_call(database: Database, names: Names) -> None:
    """It is found by the index, behind more rows than are compared."""
    wanted = names.call_id()
    insert(database, [(wanted, START, "edge", "old")])
    database.execute(
        "insert into call_state_logs (call_id, source, state) "
        "select 'other-' || n, 'edge', 'new' from generate_series(1, 21000) n"
    )
    assert calls_of(nearest(settings(database.dsn), f" {wanted.upper()} "))[0].call_id == wanted


def test_nothing_is_near(database: Database, names: Names) -> None:
    insert(database, [(names.call_id(), START, "edge", "there")])
    reading = read_call(settings(database.dsn), "zzzzzzzzzz")
    assert (status_of(reading), table_of(reading).has_rows) == ("empty", True)
    assert not [item for item in reading.observations if isinstance(item, RecentCalls)]


@pytest.mark.parametrize("type_", ["jsonb", "json", "text"])
@pytest.mark.parametrize("ending", ["", ' "é\\/', "%_"])
def test_rows_of_a_room_by_a_path(database: Database, names: Names, type_: str, ending: str) -> None:
    database.execute(f"alter table call_state_logs alter metadata type {type_} using metadata::{type_}")
    room, call_id, other = names.room() + ending, names.call_id(), names.call_id()
    columns = Columns(room="metadata.livekit.room")
    rows = [
        (call_id, START, "edge", "first", json.dumps({"livekit": {"room": room}})),
        (call_id, START, "edge", "second", json.dumps({"livekit": {"room": room}}, ensure_ascii=False)),
        (call_id, START, "edge", "elsewhere", json.dumps({"room": room})),
        (call_id, START, "edge", "longer", json.dumps({"livekit": {"room": room + "2"}})),
        (other, START + timedelta(seconds=1), "edge", "third", json.dumps({"livekit": {"room": room}})),
        (other, START, "edge", "none", None),
    ]
    insert(database, rows)
    reading = read_by_room(settings(database.dsn, columns), room)
    assert [(row.call_id, row.state, row.order) for row in rows_of(reading)] == [
        (call_id, "first", 0),
        (call_id, "second", 1),
        (other, "third", 0),
    ]
    assert {row.room for row in rows_of(reading)} == {room}
    assert (status_of(reading), table_of(reading).rows_of_call) == ("read", 3)


def test_rows_of_a_room_by_a_column(database: Database, names: Names) -> None:
    database.execute("alter table call_state_logs add room text")
    room, call_id = names.room(), names.call_id()
    columns = ("call_id", "created_at", "source", "state", "room")
    insert(database, [(call_id, START, "edge", "there", room), (call_id, START, "edge", "not", "other")], columns)
    logs = settings(database.dsn, Columns(room="room"))
    assert [row.state for row in rows_of(read_by_room(logs, room))] == ["there"]
    reading = read_by_room(logs, "unknown")
    assert (status_of(reading), rows_of(reading)) == ("empty", [])


def test_no_room_is_configured(database: Database, names: Names) -> None:
    assert read_by_room(settings(database.dsn), names.room()) == Reading()


def test_inspect(database: Database, names: Names) -> None:
    rows = [(names.call_id(), START, "edge", state) for state in ("rare", "often", "often", "some", "often", "some")]
    insert(database, rows)
    reading = inspect(settings(database.dsn))
    assert log_states_of(reading) == ("often", "some", "rare")
    table = table_of(reading)
    assert (table.has_rows, table.indexed, table.row_security) == (True, True, False)
    assert status_of(reading) == "read"


def test_inspect_looks_at_the_latest_rows(database: Database) -> None:
    database.execute(
        "insert into call_state_logs (call_id, created_at, source, state) "
        "select 'c', now() + n * interval '1 second', 'edge', case when n <= 500 then 'old' else 'new' end "
        "from generate_series(1, 1500) n"
    )
    assert log_states_of(inspect(settings(database.dsn))) == ("new",)


def test_inspect_an_empty_table(database: Database) -> None:
    reading = inspect(settings(database.dsn))
    assert (status_of(reading), log_states_of(reading), table_of(reading).has_rows) == ("empty", (), False)


def test_rows_of_a_room_that_no_setting_places(database: Database, names: Names) -> None:
    room, call_id = names.room(), names.call_id()
    rows = [
        (call_id, START, "edge", "there", json.dumps({"room": room})),
        (call_id, START, "edge", "longer", json.dumps({"room": room + "2"})),
        (call_id, START, "edge", "said", json.dumps({"note": room})),
    ]
    insert(database, rows)
    assert [row.state for row in rows_of(read_by_room(settings(database.dsn), room))] == ["there"]


def test_calls_whose_ids_begin_alike(database: Database, names: Names) -> None:
    call_id = names.call_id()
    ids = [f"{call_id}-a", f"{call_id}-b", f"x{call_id}"]
    insert(database, [(name, START, "edge", "there", None) for name in ids])
    reading = asyncio.run(call_logs.beginning(settings(database.dsn), call_id))
    assert {call.call_id for call in calls_of(reading)} == set(ids[:2])
