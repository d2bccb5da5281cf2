"""Whatever the bytes of a file are, reading it ends, and says either rows or why not."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from livekit_doctor.evidence.observations import Reading
from livekit_doctor.settings import Columns
from tests.evidence.call_logs.support import (
    inspect,
    read_by_room,
    read_call,
    read_recent,
    rows_of,
    settings,
    status_of,
    table_of,
)

PATIENT = hypothesis_settings(deadline=None)
COLUMNS = ("call_id", "created_at", "source", "state", "metadata")
SUFFIXES = st.sampled_from(["", ".csv", ".tsv", ".json", ".jsonl", ".gz", ".csv.gz", ".json.gz"])
PIECES = st.sampled_from(
    [
        *COLUMNS,
        ",",
        ";",
        "\t",
        "\n",
        "\r\n",
        '"',
        "{",
        "}",
        "[",
        "]",
        ":",
        "null",
        "x",
        "1761672393",
        "2025-10-28",
        "\0",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("x") | st.just("2025-10-28"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(COLUMNS) | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


def readings(data: bytes, suffix: str) -> list[Reading]:
    """Each way to read a file with these bytes; all can be saved."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{suffix}"
        path.write_bytes(data)
        logs = settings(path, Columns(room="metadata.room"))
        found = [read_call(logs, "x"), read_by_room(logs, "x"), read_recent(logs), inspect(logs)]
    for reading in found:
        assert status_of(reading) in ("read", "empty", "unread")
        msgspec.json.encode(reading)
        if reading.coverage[0].problem:
            assert reading.coverage[0].problem.values["kind"] in ("file_format", "no_column_in_file")
            assert len(reading.coverage[0].problem.message) < 2000
    return found


@PATIENT
@given(st.binary(max_size=400), SUFFIXES)
def test_any_bytes(data: bytes, suffix: str) -> None:
    readings(data, suffix)


@PATIENT
@given(st.binary(max_size=200), SUFFIXES)
def test_any_bytes_compressed_and_broken(data: bytes, suffix: str) -> None:
    readings(gzip.compress(data), suffix)
    readings(gzip.compress(data)[: -len(data) // 2], suffix)
    readings(b"\x1f\x8b" + data, suffix)


@PATIENT
@given(st.lists(PIECES, max_size=60).map("".join), SUFFIXES)
def test_any_text_of_the_right_pieces(text: str, suffix: str) -> None:
    readings(text.encode(), suffix)
    readings(f"call_id,created_at,state\n{text}".encode(), suffix)


@PATIENT
@given(VALUES, SUFFIXES)
def test_any_json(value: Any, suffix: str) -> None:
    readings(json.dumps(value).encode(), suffix)
    readings(json.dumps({"rows": [value, {"call_id": "x", "created_at": 1761672393, "state": value}]}).encode(), suffix)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
ROWS = st.lists(st.tuples(st.integers(0, 10**6), TEXTS.map(lambda text: "s" + text)), min_size=1, max_size=12)


@PATIENT
@given(ROWS, st.sampled_from([",", ";", "\t"]), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_any_csv_comes_back(rows: list[tuple[int, str]], delimiter: str, quoting: Any) -> None:
    """What a CSV writer wrote is read as it was, in the order of time."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
    writer.writerow(COLUMNS)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    told = [(start + timedelta(seconds=second), state) for second, state in rows]
    for at, state in told:
        writer.writerow(["x", at.isoformat(), "edge", state, ""])
    reading = readings(out.getvalue().encode(), ".csv")[0]
    found = [(row.at, row.state) for row in rows_of(reading)]
    assert table_of(reading).skipped_lines == ()
    assert sorted(found) == sorted(told)
    assert [at for at, _ in found] == sorted(at for at, _ in told)


@PATIENT
@given(ROWS)
def test_any_jsonl_comes_back(rows: list[tuple[int, str]]) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    told = [(start + timedelta(seconds=second), state) for second, state in rows]
    lines = [json.dumps({"call_id": "x", "created_at": at.timestamp(), "state": state}) for at, state in told]
    reading = readings("\n".join(lines).encode(), ".jsonl")[0]
    assert sorted((row.at, row.state) for row in rows_of(reading)) == sorted(told)
