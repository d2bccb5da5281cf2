"""An export of a log that is one line of many megabytes is read as its entries are that stand one a line."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from livekit_doctor.evidence.logs.blocks import LONGEST_LINE
from livekit_doctor.evidence.records import long_exports
from tests.evidence.logs.support import Found, Ids, others, python_json, python_text, read_text
from tests.evidence.records.test_exports import ENVELOPES, of_google

CALL = Ids(7)
OWN = [python_json("received job request", **CALL.fields), python_json("process exiting", **CALL.fields)]


@cache
def entries() -> tuple[Any, ...]:
    filler = [{**json.loads(line), "text": "one two " * 400} for line in others(180).splitlines()]
    return (*filler, json.loads(OWN[0]), *filler, json.loads(OWN[1]))


def said(found: Found) -> list[Any]:
    return [structs.replace(line, number=0) for line in found.lines]


WRAPS = (lambda entry: entry, of_google, lambda entry: {"message": json.dumps(entry)})


@pytest.mark.parametrize(("envelope", "wrap"), list(zip(ENVELOPES, cycle(WRAPS), strict=False)))
def test_the_same_as_one_a_line(
    tmp_path: Path, envelope: Callable[[list[Any]], Any], wrap: Callable[[Any], Any]
) -> None:
    values = list(map(wrap, entries()))
    text = json.dumps(envelope(values), separators=(",", ":"))
    assert len(text.partition("\n")[0]) > LONGEST_LINE
    found = read_text(tmp_path, text, rooms=(CALL.room,))
    want = read_text(tmp_path, "\n".join(map(json.dumps, values)), rooms=(CALL.room,))
    assert found.messages == ["received job request", "process exiting"]
    assert said(found) == said(want)
    assert found.file.skipped == {}
    assert found.file.lines >= len(values)


def test_entries_of_text(tmp_path: Path) -> None:
    lines = [python_text("received job request", **CALL.fields), *[python_text("agent state") for _ in range(20_000)]]
    assert read_text(tmp_path, json.dumps(lines), rooms=(CALL.room,)).messages == ["received job request"]


def test_what_is_no_entry_does_not_end_the_reading(tmp_path: Path) -> None:
    values = [1, "words", None, [], {"a": {"b": 2}}, *entries(), "last"]
    assert len(read_text(tmp_path, json.dumps(values), rooms=(CALL.room,)).lines) == 2


@pytest.mark.parametrize("end", ["", "}", '{"message": "cut o', "]]]", "\nwords of somebody\n"])
def test_what_came_before_a_broken_end_is_read(tmp_path: Path, end: str) -> None:
    text = json.dumps(entries())[:-1] + end
    assert len(read_text(tmp_path, text, rooms=(CALL.room,)).lines) == 2


def test_what_stands_below_it_is_read(tmp_path: Path) -> None:
    text = json.dumps([json.loads(line) for line in others(6_000).splitlines()])
    found = read_text(tmp_path, f"{text}\n" + "\n".join(OWN), rooms=(CALL.room,))
    assert found.messages == ["received job request", "process exiting"]


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "%s", "level": "INFO"}',
        "[%s]",
        "[[[[[[%s",
        '{"entries": {"entries": {"entries": "%s',
        '{"%s',
        "{%s}",
    ],
)
def test_what_is_no_export_is_one_long_line(tmp_path: Path, text: str) -> None:
    log = text % (CALL.room + " x" * LONGEST_LINE) + "\n" + OWN[0]
    found = read_text(tmp_path, log, rooms=(CALL.room,))
    assert found.messages == ["received job request"]
    assert found.file.skipped == {"longer than 1 MB": 1}


def test_it_is_read_as_it_comes() -> None:
    """What was read of an export of whichever length is handed on before the next part is asked for."""
    one = b'{"message": "' + b"x" * 2_000 + b'"},'
    asked = 0

    def parts() -> Iterator[bytes]:
        nonlocal asked
        yield b"["
        for asked in range(64):  # noqa: B007
            yield one * 500

    handed = 0
    for part in long_exports.in_parts(parts(), LONGEST_LINE):
        handed += len(part)
        assert handed >= (asked - 3) * 500 * len(one)
    assert handed > 63 * 500 * 2_000
