"""Exports, whatever reads them: formats, the columns that are meant, the line that is broken, whether they change."""

import csv
import glob
import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO, cast

from livekit_doctor.evidence.call_logs.near_names import nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, did_you_mean, listed
from livekit_doctor.settings import Columns as Wanted
from livekit_doctor.triage.terms import Columns
from livekit_doctor.words import folded

Marks = Mapping[Path, tuple[int, int, int]]


def is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def marks_of(names: Iterable[str]) -> Marks:
    """By what each of these files is known again: whoever writes into one, replaces it or adds one changes that."""
    found = {}
    for name in names:
        named = str(Path(name).expanduser())
        for path in map(Path, glob.glob(named, recursive=True) if is_pattern(name) else [named]):
            if path.is_file():
                about = path.stat()
                found[path] = (about.st_ino, about.st_size, about.st_mtime_ns)
    return found


def require_unchanged(names: Sequence[str], before: Marks) -> None:
    """Raises LogsUnreadable: what is half of one state and half of another is no answer."""
    now = marks_of(names)
    changed = sorted(str(path) for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if changed:
        text = f"{changed[0]} changed while it was read, so nothing of it is shown"
        raise LogsUnreadable("file_format", text, fix="copy what is still being written, and give the copy")


def columns_of(table: tuple[str, ...], wanted: Wanted, there: Sequence[str], place: str) -> Columns:
    """Those that are meant, by their names as they are there. Raises LogsUnreadable where one is missing."""
    by_fold = {folded(name): name for name in reversed(there)}

    def find(key: str, name: str | None, needed: bool) -> str | None:
        if name is None:
            return None
        found = name if name in there else by_fold.get(folded(name))
        if found is None and needed:
            meant = did_you_mean(near) if (near := nearest_names(name, there)) else f"; it has {listed(there)}."
            text = f'column "{name}" does not exist in {place}{meant} Set call_logs.columns.{key}'
            raise LogsUnreadable("no_column_in_file", text, column=name, key=key)
        return found

    return Columns(
        table=table,
        call_id=find("call_id", wanted.call_id, True) or "",
        at=find("at", wanted.at, True) or "",
        state=find("state", wanted.state, True) or "",
        source=find("source", wanted.source, False),
        metadata=find("metadata", wanted.metadata, False),
    )


def no_time(at: str, place: str, kind: str) -> LogsUnreadable:
    text = f'column "{at}" of {place} is of type {kind}, and triage needs a timestamp'
    return LogsUnreadable("no_column_in_file", f"{text}: set call_logs.columns.at to one", column=at, key="at")


def kind_of(path: Path) -> str:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in (".parquet", ".pq"):
        return "parquet"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix != ".json":
        return "csv"
    return "json"


def delimiter_of(path: Path) -> str:
    """What stands between the names of the first line; of a pattern, that of the first file."""
    first = next(iter(sorted(path.parent.glob(path.name))), path) if is_pattern(path.name) else path
    try:
        with _text(first) as file:
            head = file.readline(10_000)
    except (OSError, EOFError, ValueError):
        return ","  # whatever is wrong, the engine says it
    return max(",;\t|", key=head.count)


def broken_line(path: Path) -> str | None:
    """The first line with more or fewer values than the first one has."""
    try:
        with _text(path) as file:
            rows = csv.reader(file, delimiter=delimiter_of(path), strict=True)
            names = next(rows, [])
            for row in rows:
                if row and len(row) != len(names):
                    return f"line {rows.line_num} has {len(row)} values, and the first line {len(names)}"
    except csv.Error as error:
        return f"line {rows.line_num}: {error}"
    except (OSError, EOFError, UnicodeError):
        return None
    return None


def line_of_time(path: Path, at: str, value: str) -> int | None:
    """The first line that has this value, which is no time, in column `at`."""
    try:
        with _text(path) as file:
            if kind_of(path) == "csv":
                rows = csv.reader(file, delimiter=delimiter_of(path))
                place = next(rows).index(at)
                return next((rows.line_num for row in rows if row[place : place + 1] == [value]), None)
            return next((number for number, line in enumerate(file, 1) if f'"{value}"' in line), None)
    except (csv.Error, OSError, EOFError, UnicodeError, ValueError, StopIteration):
        return None


def _text(path: Path) -> TextIO:
    opened_as = gzip.open if path.suffix.lower() == ".gz" else open
    return cast(TextIO, opened_as(path, "rt", encoding="utf-8-sig", errors="replace", newline=""))
