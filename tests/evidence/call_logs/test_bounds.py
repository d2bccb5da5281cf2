"""Rows of any size and any number: what is kept of them is bounded, and what was left out is said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from livekit_doctor.evidence.call_logs import files, formats, rows, scan, session
from livekit_doctor.evidence.call_logs.rows import CELL
from livekit_doctor.evidence.reading import utc_now
from tests.evidence.call_logs.support import (
    START,
    insert,
    problem_of,
    read_call,
    read_recent,
    rows_of,
    settings,
    states_of,
    table_of,
)
from tests.lab.names import Names
from tests.lab.servers import Database

BIG = {"room": "call-7", "note": "x" * (3 * CELL)}
ROW: dict[str, Any] = {"call_id": "c", "created_at": "2026-01-01T00:00:00Z", "state": "s", "source": "e"}


def test_a_cell_of_a_file_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**ROW, "metadata": BIG}))
    reading = read_call(settings(path), "c")
    (row,) = rows_of(reading)
    assert (len(row.metadata), row.room) == (CELL, "call-7"), "the room is looked for before"
    (note,) = table_of(reading).skipped_lines
    assert note == "row 1: it has 0.8 MB, of which 256 KB of each cell are read"


def test_a_cell_of_a_table_is_cut_by_the_database(database: Database, names: Names) -> None:
    call_id = names.call_id()
    insert(database, [(call_id, START, "edge", "state", json.dumps(BIG)), (call_id, START, "edge", "small", "{}")])
    reading = read_call(settings(database.dsn), call_id)
    assert [len(row.metadata) for row in rows_of(reading)] == [CELL, 2]
    assert table_of(reading).skipped_lines == (
        f"the row of {START:%Y-%m-%d %H:%M:%S}: it has 0.8 MB, of which 256 KB of each cell are read",
    )


async def _read_endless(database: Database, what: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(session, "MOST", 1 << 20)
    monkeypatch.setattr(session, "MOST_ROWS", 500)
    width = 100_000 if what == "bytes" else 1
    endless = sql.SQL("SELECT repeat('x', {}) AS cell, generate_series(1, 100000000) AS n").format(sql.Literal(width))
    async with session.open_session(settings(database.dsn), utc_now()) as opened:
        found = await opened.rows(endless)
        assert opened.is_cut
    return len(found)


def test_an_answer_without_end_is_cut(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as of a server that ignores LIMIT. It would be 10 TB, and is left at once."""
    assert asyncio.run(_read_endless(database, "bytes", monkeypatch)) == 11
    assert asyncio.run(_read_endless(database, "rows", monkeypatch)) == 501


def test_of_a_file_so_many_bytes_of_rows_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST", 1 << 20)
    path = tmp_path / "rows.jsonl"
    made = (
        {**ROW, "created_at": f"2026-01-01T00:00:{n:02}Z", "state": f"s{n}", "metadata": "y" * 60_000}
        for n in range(60)
    )
    path.write_text("\n".join(map(json.dumps, made)))
    reading = read_call(settings(path), "c")
    assert states_of(reading) == [f"s{n}" for n in range(43, 60)], "the newest"
    assert table_of(reading).skipped_lines == ("older rows: only the newest 1 MB are read",)
    assert not [row for row in read_recent(settings(path)).observations if len(repr(row)) > 10_000]


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    path = tmp_path / "rows.csv"
    path.write_text("call_id,created_at,state\n" + "x" * 5000)
    problem_of(read_call(settings(path), "c"), "file_format", "MB in one line")


def test_a_document_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MOST_OF_DOCUMENT", 1000)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{**ROW, "n": n} for n in range(100)], indent=1))
    problem_of(read_call(settings(path), "c"), "file_format", "one JSON document", "export JSONL or CSV")


def test_limits_hold_together() -> None:
    assert rows.MAX_ROWS < session.MOST_ROWS, "a query that asks for one row more than is read is not cut"
