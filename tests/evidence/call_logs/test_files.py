"""Exported rows: each format as people have it, and files that are broken."""

import asyncio
import csv
import gzip
import io
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import chain, repeat
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from livekit_doctor.evidence.call_logs import files
from livekit_doctor.evidence.observations import RecentCalls
from livekit_doctor.settings import CallLogs, Columns
from tests.evidence.call_logs.support import (
    NOW,
    START,
    calls_of,
    inspect,
    log_states_of,
    moments,
    nearest,
    problem_of,
    read_by_room,
    read_call,
    read_calls,
    read_recent,
    rows_of,
    settings,
    states_of,
    status_of,
    table_of,
)
from tests.lab.names import Names

Row = dict[str, Any]
Write = Callable[[list[Row]], str]


def as_csv(rows: list[Row], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        values = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()}
        writer.writerow(values)
    return out.getvalue()


def as_jsonl(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


FORMATS: dict[str, tuple[str, Write]] = {
    "csv": ("rows.csv", as_csv),
    "semicolons": ("rows.csv", lambda rows: as_csv(rows, ";")),
    "tabs": ("rows.tsv", lambda rows: as_csv(rows, "\t")),
    "csv with a byte order mark": ("rows.csv", lambda rows: "\ufeff" + as_csv(rows)),
    "csv of another name": ("rows.txt", as_csv),
    "csv named json": ("rows", as_csv),
    "json": ("rows.json", json.dumps),
    "json indented": ("rows.json", lambda rows: json.dumps(rows, indent=2)),
    "json of another name": ("rows", json.dumps),
    "json with an object around": ("rows.json", lambda rows: json.dumps({"count": 4, "rows": rows, "next": None})),
    "json with two objects around": ("rows.json", lambda rows: json.dumps({"result": {"data": rows}}, indent=1)),
    "json_agg": ("rows.json", lambda rows: json.dumps([{"json_agg": rows}])),
    "jsonl": ("rows.jsonl", as_jsonl),
    "jsonl of another name": ("rows.txt", as_jsonl),
    "jsonl named json": ("rows.json", lambda rows: "\n" + as_jsonl(rows)),
    "jsonl after other lines": ("rows.ndjson", lambda rows: "Exported by a tool\n" + as_jsonl(rows)),
}


def sample(names: Names) -> tuple[str, list[Row]]:
    """A call id, and rows of it among those of another call."""
    random, call_id, other = Random(names.call_id()), names.call_id(), names.call_id()
    rows = [
        {
            "id": number,
            "call_id": call_id if number % 2 else other,
            "created_at": at.isoformat(),
            "source": 'edge, "function"',
            "state": f"state-{number}",
            "metadata": {"room": names.room(), "text": 'a "quoted"\nline; and\tmore'},
        }
        for number, at in enumerate(moments(random, 8))
    ]
    return call_id, rows


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("form", FORMATS)
def test_formats(tmp_path: Path, names: Names, form: str, compressed: bool) -> None:
    call_id, rows = sample(names)
    name, write = FORMATS[form]
    path = tmp_path / (name + (".gz" if compressed else ""))
    data = write(rows).encode()
    path.write_bytes(gzip.compress(data) if compressed else data)

    reading = read_call(settings(path), call_id)
    own = [row for row in rows if row["call_id"] == call_id]
    found = rows_of(reading)
    assert [(row.call_id, row.at.isoformat(), row.source, row.state) for row in found] == [
        (row["call_id"], row["created_at"], row["source"], row["state"]) for row in own
    ]
    assert [json.loads(row.metadata) for row in found] == [row["metadata"] for row in own]
    assert [row.room for row in found] == [row["metadata"]["room"] for row in own]
    assert [row.order for row in found] == list(range(len(own)))
    assert {(row.read.source, row.read.at, row.read.clock_at) for row in found} == {("call_logs", NOW, None)}
    table = table_of(reading)
    assert (table.name, table.rows_of_call, table.has_rows, table.indexed) == (str(path), len(own), True, None)
    skipped = ("line 1: not a JSON object",) if "other lines" in form else ()
    assert table.skipped_lines == skipped
    assert status_of(reading) == "read"


def test_one_row_of_json(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    for name, text in {"a.json": json.dumps(rows[1], indent=1), "b.json": json.dumps(rows[1]) + "\n\n"}.items():
        path = tmp_path / name
        path.write_text(text)
        assert states_of(read_call(settings(path), call_id)) == ["state-1"]


def test_utf_16(tmp_path: Path, names: Names) -> None:
    """As Windows writes it."""
    call_id, rows = sample(names)
    path = tmp_path / "rows.csv"
    path.write_bytes(as_csv(rows).encode("utf-16"))
    assert len(rows_of(read_call(settings(path), call_id))) == 4


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"call_id,created_at,source,state\nx,2025-10-28,caf\xe9,\xff\xff\n")
    reading = read_call(settings(path), "x")
    (row,) = rows_of(reading)
    assert (row.source, row.state) == ("caf\ufffd", "\ufffd\ufffd")
    assert table_of(reading).skipped_lines == ("3 characters that are not UTF-8 (replaced)",)


def test_lone_surrogates_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(r'{"call_id":"x","created_at":"2025-10-28","source":"\ud800","state":"\udfff","metadata":"\ud800"}')
    msgspec.json.encode(read_call(settings(path), "x"))
    assert len(rows_of(read_call(settings(path), "x"))) == 1


def test_lines_ends(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    plain = [{**row, "metadata": {}} for row in rows]
    for end in ("\r\n", "\r"):
        path = tmp_path / "rows.csv"
        path.write_bytes(as_csv(plain).replace("\r\n", "\n").replace("\n", end).encode())
        assert len(rows_of(read_call(settings(path), call_id))) == 4, repr(end)


def test_nulls_as_exporters_write_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("call_id\tcreated_at\tsource\tstate\tmetadata\nx\t2025-10-28\t\\N\tthere\tNULL\n")
    (row,) = rows_of(read_call(settings(path), "x"))
    assert (row.source, row.metadata) == ("", "")


# Columns


def test_column_names_as_exporters_change_them(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    for spellings in ("Call ID,Created At,SOURCE,State,Metadata", "callId,createdAt,source,state,metadata"):
        path = tmp_path / "rows.csv"
        new = spellings.split(",")
        old = ("call_id", "created_at", "source", "state", "metadata")
        path.write_text(as_csv([dict(zip(new, (row[key] for key in old), strict=True)) for row in rows]))
        assert len(rows_of(read_call(settings(path, Columns(room="metadata.room")), call_id))) == 4


def test_an_exact_name_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Call_ID,call_id,created_at,source,STATE,state\nno,x,2025-10-28,edge,no,yes\n")
    assert states_of(read_call(settings(path), "x")) == ["yes"]


def test_configured_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"conversation": 7, "ts": 1761672393, "who": "edge", "what": "there", "extra": {"a": [{"room": "r"}]}}
    path.write_text(json.dumps(row))
    columns = Columns(call_id="conversation", at="ts", source="who", state="what", metadata=None, room="extra.a.0.room")
    (found,) = rows_of(read_call(settings(path, columns), "7"))
    assert (found.call_id, found.source, found.state, found.room, found.metadata) == ("7", "edge", "there", "r", "")
    assert found.at == START.replace(microsecond=0)


def test_columns_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("call_id,created_at,state\nx,2025-10-28,there\n")
    reading = read_call(settings(path), "x")
    assert (states_of(reading), table_of(reading).skipped_lines) == (["there"], ())


def test_a_missing_column_that_is_nearly_there(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("call_id,created_at,state,sources\nx,2025-10-28,there,edge\n")
    reading = read_call(settings(path), "x")
    assert states_of(reading) == ["there"]
    (note,) = table_of(reading).skipped_lines
    assert note == 'the source of each row: there is no column "source"; did you mean "sources"?'


def test_a_configured_column_that_is_not_even_nearly_there(tmp_path: Path) -> None:
    """The rows are of use without it: it may be that none of them has it."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"call_id": "x", "created_at": "2025-10-28", "state": "there"}')
    reading = read_call(settings(path, Columns(room="extra.room")), "x")
    assert states_of(reading) == ["there"]
    assert table_of(reading).skipped_lines == ('the room of each row: there is no column "extra.room".',)


MISSING = {
    "call_id": ("calls_id", "call_id"),
    "at": ("create_at", "created_at"),
    "state": ("states", "state"),
    "source": ("sourced", "source"),
    "metadata": ("metadatas", "metadata"),
    "room": ("metdata.room", "metadata"),
}


@pytest.mark.parametrize("role", MISSING)
@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_no_column(tmp_path: Path, names: Names, role: str, form: str) -> None:
    call_id, rows = sample(names)
    path = tmp_path / f"rows.{form}"
    path.write_text(FORMATS[form][1](rows))
    typed, meant = MISSING[role]
    logs = settings(path, Columns(**{role: typed}))
    words = (str(path), f'did you mean "{meant}"?', f"call_logs.columns.{role}")
    problem = problem_of(read_call(logs, call_id), "no_column_in_file", f'column "{typed}" does not exist', *words)
    assert problem.values["column"] == typed
    assert problem.values["file"] == str(path)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    secret = secrets.token_hex(12)
    for text in (
        "name,price\napple,1\n",
        "hello\n",
        "name;password=" + secret,
        "{}",
        '[{"a": 1}]',
        '{"a": 1}\n{"b": 2}',
    ):
        path.write_text(text)
        problem = problem_of(inspect(settings(path)), "file_format", str(path), '"call_id", "created_at", "state"')
        assert secret not in problem.message


def test_a_file_without_a_header(tmp_path: Path, names: Names) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{names.call_id()},2025-10-28,edge,there\n" * 3)
    problem_of(inspect(settings(path)), "file_format", '"edge", "there"')


# A file without call ids


def without_ids(rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key != "call_id"} for row in rows]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_rows_of_one_call_without_its_id(tmp_path: Path, names: Names, form: str) -> None:
    call_id, rows = sample(names)
    path = tmp_path / f"rows.{form}"
    path.write_text(FORMATS[form][1]([{**row, "metadata": {"room": "one"}} for row in without_ids(rows)]))
    reading = read_call(settings(path), call_id)
    assert [(row.call_id, row.state) for row in rows_of(reading)] == [(call_id, f"state-{n}") for n in range(8)]
    (note,) = table_of(reading).skipped_lines
    assert 'no column "call_id"' in note
    (call,) = calls_of(read_recent(settings(path)))
    assert (call.call_id, call.state) == (str(path), "state-7")


def test_rows_without_ids_of_several_rooms(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    path = tmp_path / "rows.csv"
    path.write_text(as_csv(without_ids(rows)))
    problem_of(read_call(settings(path), call_id), "no_column_in_file", '"call_id"', "call_logs.columns.call_id")


def test_rows_with_another_id_column(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    path = tmp_path / "rows.csv"
    path.write_text(as_csv([{"call_sid": row.pop("call_id"), **row} for row in rows]))
    problem_of(read_call(settings(path), call_id), "no_column_in_file", 'did you mean "call_sid"?')


def test_the_id_beside_the_rows(tmp_path: Path, names: Names) -> None:
    """As in the incidents of the design."""
    call_id, rows = sample(names)
    path = tmp_path / "incident.json"
    path.write_text(json.dumps({"call_id": call_id, "room": "r", "rows": without_ids(rows), "never": ["x"]}))
    assert len(rows_of(read_call(settings(path), call_id))) == 8
    assert rows_of(read_call(settings(path), "another")) == []


def test_a_row_without_an_id_among_others(tmp_path: Path, names: Names) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"call_id": "x", "created_at": "2025-10-28", "state": "its own"}\n'
        '{"created_at": "2025-10-28", "state": "nobody\'s"}\n'
    )
    assert states_of(read_call(settings(path), "x")) == ["its own"]
    assert states_of(read_call(settings(path), "y")) == []


# Order


@pytest.mark.parametrize("newest_first", [False, True])
def test_rows_of_the_same_second(tmp_path: Path, names: Names, newest_first: bool) -> None:
    """A dashboard exports the newest row first; rows of one second are not told in reverse."""
    call_id, other = names.call_id(), names.call_id()
    rows: list[Row] = [
        {"call_id": call_id, "created_at": START.isoformat(), "state": f"state-{number}"} for number in range(3)
    ]
    later = (START + timedelta(seconds=5)).isoformat()
    rows.append({"call_id": other, "created_at": later, "state": "later"})
    path = tmp_path / "rows.csv"
    path.write_text(as_csv(rows[::-1] if newest_first else rows))
    assert states_of(read_call(settings(path), call_id)) == ["state-0", "state-1", "state-2"]
    calls = [(call.call_id, call.state) for call in calls_of(read_recent(settings(path)))]
    assert calls == [(other, "later"), (call_id, "state-2")]


def test_rows_in_any_order(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    Random(call_id).shuffle(rows)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    assert states_of(read_call(settings(path), call_id)) == ["state-1", "state-3", "state-5", "state-7"]


def test_a_huge_call(tmp_path: Path) -> None:
    rows = [(START + timedelta(seconds=number), number) for number in range(16_000)]
    Random(1).shuffle(rows)
    path = tmp_path / "rows.csv"
    lines = "".join(f"x,{at.isoformat()},state-{number}\n" for at, number in rows)
    path.write_text("call_id,created_at,state\n" + lines)
    reading = read_call(settings(path), "x")
    assert states_of(reading) == [f"state-{number}" for number in range(11_000, 16_000)]
    assert table_of(reading).skipped_lines[-1] == "older rows: only the newest 5000 are read"


# Several calls


def test_rows_of_several_calls_unless_the_file_is_too_large_to_be_read_twice(
    tmp_path: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, rows = sample(names)
    path = tmp_path / "rows.jsonl"
    path.write_text(as_jsonl(rows))
    both = (call_id, rows[0]["call_id"])
    alone = [row for name in both for row in rows_of(read_call(settings(path), name))]
    told = rows_of(read_calls(settings(path), *both, "no such call"))
    key = attrgetter("call_id", "order")
    assert sorted(told, key=key) == sorted((replace(row, read=told[0].read) for row in alone), key=key)
    assert len({row.call_id for row in told}) == 2
    monkeypatch.setattr("livekit_doctor.evidence.call_logs.files.MOST_READ_TWICE", path.stat().st_size - 1)
    assert rows_of(read_calls(settings(path), *both)) == []


# Other readings


def test_recent_nearest_room_and_states(tmp_path: Path, names: Names) -> None:
    call_id, rows = sample(names)
    rows[3]["state"] = rows[5]["state"]
    path = tmp_path / "rows.jsonl"
    path.write_text(as_jsonl(rows))
    logs = settings(path, Columns(room="metadata.room"))

    calls = calls_of(read_recent(logs, 10))
    assert [(call.call_id, call.state) for call in calls] == [(call_id, "state-7"), (rows[0]["call_id"], "state-6")]
    assert len(calls_of(read_recent(logs, 1))) == 1

    for reading in (read_call(logs, call_id.upper()), nearest(logs, call_id.upper())):
        assert calls_of(reading)[0].call_id == call_id
    assert (status_of(read_call(logs, "zzzzzzz")), table_of(read_call(logs, "zzzzzzz")).has_rows) == ("empty", True)
    assert not any(isinstance(item, RecentCalls) for item in read_call(logs, "zzzzzzz").observations)

    room = rows[5]["metadata"]["room"]
    assert [(row.call_id, row.state, row.room) for row in rows_of(read_by_room(logs, room))] == [
        (call_id, "state-5", room)
    ]
    assert status_of(read_by_room(logs, "unknown")) == "empty"
    # Without a setting the room is looked for where metadata mostly has it.
    assert [row.state for row in rows_of(read_by_room(settings(path), room))] == ["state-5"]

    reading = inspect(logs)
    assert log_states_of(reading)[0] == "state-5"
    assert sorted(log_states_of(reading)) == [f"state-{n}" for n in (0, 1, 2, 4, 5, 6, 7)]
    assert status_of(reading) == "read"


@pytest.mark.parametrize("text", ["", "\n\n", "call_id,created_at,source,state\n", "[]", '{"rows": []}'])
def test_no_rows(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows"
    path.write_text(text)
    for reading in (read_call(settings(path), "x"), inspect(settings(path)), read_recent(settings(path))):
        assert (status_of(reading), table_of(reading).has_rows) == ("empty", False)


# Broken lines


def test_broken_lines_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "call_id,created_at,source,state,metadata\n"
        "x,2025-10-28 17:26:31,edge,first,\n"
        "x,2025-10-28 17:26:32,edge\n"
        'x,2025-10-28 17:26:33,edge,second,{"a": 1, "b": 2}\n'
        "x,yesterday,edge,third,\n"
        "\n"
        'x,2025-10-28 17:26:34,edge,"fourth,\n'
        "x,2025-10-28 17:26:35,edge,fifth,,\n"
        'x,2025-10-28 17:26:36,edge,"si"xth,\n'
        "x,2025-10-28 17:26:37,edge,seventh,\n"
    )
    reading = read_call(settings(path), "x")
    assert states_of(reading) == ["first", "fifth", "seventh"]
    assert table_of(reading).skipped_lines == (
        "line 3: 3 fields, the header has 5",
        "line 4: not valid CSV",
        "line 5: 'yesterday' is not a time (state 'third')",
        "line 7: a quote that is never closed",
        "line 9: not valid CSV",
    )


def test_broken_lines_of_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = '{"call_id": "x", "created_at": "2025-10-28", "state": "there"}'
    path.write_text(f'{good}\nnot json\n[1]\n"x"\n{good[:30]}\n\n{good.replace("there", "again")}\n')
    reading = read_call(settings(path), "x")
    assert states_of(reading) == ["there", "again"]
    assert table_of(reading).skipped_lines == tuple(f"line {n}: not a JSON object" for n in (2, 3, 4, 5))


def test_json_that_is_cut_off(tmp_path: Path, names: Names) -> None:
    _, rows = sample(names)
    path = tmp_path / "rows.json"
    text = json.dumps([{**row, "call_id": "x"} for row in rows], indent=1)
    path.write_text(text[: text.index("state-5")])
    reading = read_call(settings(path), "x")
    assert states_of(reading) == [f"state-{n}" for n in range(5)]
    (note,) = table_of(reading).skipped_lines
    assert note.startswith("after row 5: the JSON is broken")


def test_json_rows_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"call_id": "x", "created_at": "2025-10-28", "state": "there"}, 7, null]')
    assert table_of(read_call(settings(path), "x")).skipped_lines == (
        "row 2: not a JSON object",
        "row 3: not a JSON object",
    )


@pytest.mark.parametrize("text", ['{"a": ', "[{", "[1, 2", "{]", '["x"]', "[[1]]", "[" * 100_000, "7" * 5000])
def test_json_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    problem_of(read_call(settings(path), "x"), "file_format")


def test_many_broken_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("call_id,created_at,state\nx,2025-10-28,there\n" + "x,y\n" * 50)
    notes = table_of(read_call(settings(path), "x")).skipped_lines
    assert (len(notes), notes[-1]) == (21, "and 30 more like these")


def test_secrets_in_metadata(tmp_path: Path) -> None:
    path, secret = tmp_path / "rows.csv", secrets.token_hex(12)
    metadata = json.dumps({"participant_token": secret, "a": [f"eyJ{secret}.eyJ{secret}.{secret}"], "kept": "yes"})
    path.write_text(as_csv([{"call_id": "x", "created_at": "2025-10-28", "state": "s", "metadata": metadata}]))
    (row,) = rows_of(read_call(settings(path), "x"))
    assert secret not in row.metadata
    assert json.loads(row.metadata)["kept"] == "yes"


# Files that can't be read


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "call_rows.csv").touch()
    path = tmp_path / "call-rows.csv"
    problem = problem_of(read_call(settings(path), "x"), "file_missing", str(path), 'did you mean "call_rows.csv"?')
    assert problem.values["file"] == str(path)


def test_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "rows.csv"
    problem_of(read_call(settings(path), "x"), "file_missing", f"there is no folder {path.parent}")


def test_a_folder(tmp_path: Path) -> None:
    problem_of(read_call(settings(tmp_path), "x"), "file_unreadable", str(tmp_path), "directory")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """A link in a circle: root, too, is refused."""
    path = tmp_path / "rows.csv"
    path.symlink_to(path)
    problem_of(read_call(settings(path), "x"), "file_unreadable", str(path))


def test_a_name_with_a_nul() -> None:
    problem_of(read_call(CallLogs(file="a\0b"), "x"), "file_unreadable")


def test_gzip_that_is_cut_off(tmp_path: Path, names: Names) -> None:
    random = Random(names.call_id())
    rows = [
        {"call_id": "x", "created_at": at.isoformat(), "state": f"state-{random.random()}"}
        for at in moments(random, 5000)
    ]
    data = gzip.compress(as_csv(rows).encode())
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(data[: len(data) // 2])
    reading = read_call(settings(path), "x")
    assert states_of(reading)[:100] == [row["state"] for row in rows[:100]]
    assert table_of(reading).skipped_lines == ("the rest of the file: its gzip data is broken",)

    path.write_bytes(data[:20])
    problem_of(read_call(settings(path), "x"), "file_format", str(path), "gzip")


# Standard input


def test_standard_input(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be read once, and is asked more than once."""
    call_id, rows = sample(names)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(as_csv(rows).encode()))))
    logs = CallLogs(file="-")
    for _ in range(2):
        reading = read_call(logs, call_id)
        assert len(rows_of(reading)) == 4
        assert table_of(reading).name == "standard input"


def test_standard_input_of_another_test(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of one is told for another."""
    for state in ("first", "second"):
        text = f"call_id,created_at,state\nx,2025-10-28,{state}\n"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert states_of(read_call(CallLogs(file="-"), "x")) == [state]


def test_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    try:
        monkeypatch.setattr(sys, "stdin", os.fdopen(follower))
        problem_of(read_call(CallLogs(file="-"), "x"), "file_unreadable", "terminal")
    finally:
        os.close(leader)


def test_a_pipe(tmp_path: Path, names: Names) -> None:
    """As the shell's <(psql ...) gives it: neither size nor seeking."""
    call_id, rows = sample(names)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(as_jsonl(rows),))
    writer.start()
    assert len(rows_of(read_call(settings(path), call_id))) == 4
    writer.join(10)


def test_who_waits_no_longer_has_nothing_read_any_further(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The loop ends with the thread that reads, which an export without end would keep for ever."""
    lines = chain(["call_id,created_at,source,state\n"], repeat("call-2,2026-01-06T10:00:00Z,edge,room_created\n"))
    monkeypatch.setattr(files, "_decoded", lambda *_: lines)
    file = tmp_path / "rows.csv"
    file.touch()

    async def read() -> None:
        async with asyncio.timeout(0.2):
            await files.read_call(settings(file), "call-1", NOW)

    with pytest.raises(TimeoutError):
        asyncio.run(read())
