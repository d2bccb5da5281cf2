"""Exported rows: CSV, JSON and JSONL as records, told apart by content."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.evidence.call_logs.rows import shortened
from livekit_doctor.words import folded

_MAX_LINES_OF_RECORD = 200
_MAX_FIELD = 1 << 26
MOST_OF_DOCUMENT = 64 << 20
"""Characters."""
_NULLS = ("", "\\N", "NULL", "null")
_SPACE = lazy_re.compile(r"[\s,]*")

Numbered = tuple[int, str]
Skip = Callable[[str], None]


class Record(Struct, frozen=True):
    """One row by column name. `place` is such as "line 7". A header has the names only."""

    place: str
    values: Mapping[str, object]
    is_header: bool = False


def records(lines: Iterable[str], suffix: str, columns: Iterable[str], skip: Skip) -> Iterator[Record]:
    """The rows in the text. `suffix`, such as ".jsonl", only helps where the content is unclear.

    `columns` are those by which a JSON object is known to be a row itself. What can't be read is
    told to `skip`. Raises LogsUnreadable where the text is none of the formats.
    """
    numbered = iter(enumerate(lines, 1))
    first = next((line for line in numbered if line[1].strip()), None)
    if first is None:
        return iter(())
    start = first[1].lstrip()[0]
    if start == "{" and _json_object(first[1]) is not None:
        second = next((line for line in numbered if line[1].strip()), None)
        if second is not None:
            return _jsonl(chain((first, second), numbered), skip)
        return _document(first[1], columns, skip)
    rest = chain((first,), numbered)
    if start in "[{":
        return _document_or_lines([*_bounded(rest)], columns, skip)
    if suffix in (".jsonl", ".ndjson"):
        return _jsonl(rest, skip)
    if suffix == ".json":
        raise LogsUnreadable("file_format", f"the file is not JSON: it begins with {shortened(first[1].strip(), 20)!r}")
    return _csv(rest, skip)


# JSON


def _bounded(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines of a document, which is read as a whole."""
    left = MOST_OF_DOCUMENT
    for line in lines:
        left -= len(line[1])
        if left < 0:
            raise LogsUnreadable(
                "file_format",
                f"the file is one JSON document of more than {MOST_OF_DOCUMENT >> 20} MB: export JSONL or CSV, "
                "which are read row by row",
            )
        yield line


def _json_object(line: str) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _jsonl(lines: Iterable[Numbered], skip: Skip) -> Iterator[Record]:
    for number, line in lines:
        if not line.strip():
            continue
        values = _json_object(line)
        if values is None:
            skip(f"line {number}: not a JSON object")
        else:
            yield Record(f"line {number}", values)


def _document_or_lines(lines: list[Numbered], columns: Iterable[str], skip: Skip) -> Iterator[Record]:
    """A JSON document, or, where it is broken, what is whole in it."""
    text = "".join(line for _, line in lines)
    try:
        return _document(text, columns, skip)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
    if any(_json_object(line) is not None for _, line in lines):
        return _jsonl(lines, skip)
    if text.lstrip().startswith("["):
        whole = list(_whole_items(text))
        if whole:
            skip(f"after row {len(whole)}: the JSON is broken ({why}), what follows was not read")
            return _rows(whole, skip)
    raise LogsUnreadable("file_format", f"the file is not valid JSON: {why}")


def _document(text: str, columns: Iterable[str], skip: Skip) -> Iterator[Record]:
    value = json.loads(text)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = _unwrapped(value[0], columns)
    elif isinstance(value, dict):
        value = _unwrapped(value, columns)
    if not isinstance(value, list):
        raise LogsUnreadable("file_format", "the file is JSON, but neither an array of rows nor a row")
    return _rows(value, skip)


def _unwrapped(value: dict[str, object], columns: Iterable[str]) -> list[object]:
    """The rows in an object such as {"rows": [...]}, or the object itself, being one row.

    A call id beside the array belongs to each row that has none.
    """
    names = {folded(name) for name in columns}
    arrays = [
        item
        for item in value.values()
        if isinstance(item, list) and item and all(isinstance(row, dict) for row in item)
    ]
    outer = {key: item for key, item in value.items() if isinstance(item, str | int)}
    known = {key: item for key, item in outer.items() if folded(key) in names}
    if len(arrays) == 1 and len(known) < 2:
        return [{**known, **row} for row in arrays[0]]
    empty = [item for item in value.values() if item == []]
    if len(empty) == 1 and not known and not arrays:
        return []
    inner = [item for item in value.values() if isinstance(item, dict)]
    if len(inner) == 1 and not known and not arrays:
        return _unwrapped(inner[0], columns)
    return [value]


def _whole_items(text: str) -> Iterator[object]:
    """The items of an array before the place at which it breaks."""
    decoder = json.JSONDecoder()
    place = text.index("[") + 1
    while True:
        match = _SPACE.match(text, place)
        try:
            item, place = decoder.raw_decode(text, match.end() if match else place)
        except (ValueError, RecursionError):
            return
        yield item


def _rows(items: list[object], skip: Skip) -> Iterator[Record]:
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield Record(f"row {number}", item)
        else:
            skip(f"row {number}: not a JSON object")


# CSV


def _csv(lines: Iterable[Numbered], skip: Skip) -> Iterator[Record]:
    csv.field_size_limit(_MAX_FIELD)
    source = _Pushback(lines)
    header: list[str] = []
    delimiter = ","
    while record := source.record(skip):
        number, text = record[0][0], [line for _, line in record]
        if not header:
            delimiter = max(",;\t|", key=lambda candidate: len(_fields(text, candidate) or ()))
            header = [name.strip() for name in _fields(text, delimiter) or ()]
            if not header:
                raise LogsUnreadable("file_format", f"line {number} does not name the columns of a CSV file")
            yield Record(f"line {number}", dict.fromkeys(header), is_header=True)
            continue
        fields = _fields(text, delimiter)
        while fields and len(fields) > len(header) and not fields[-1].strip():
            fields.pop()
        if fields is None or len(fields) != len(header):
            why = "not valid CSV" if fields is None else f"{len(fields)} fields, the header has {len(header)}"
            skip(f"line {number}: {why}")
            source.push_back(record[1:])
            continue
        values = (None if field in _NULLS else field for field in fields)
        yield Record(f"line {number}", dict(zip(header, values, strict=True)))


def _fields(lines: list[str], delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True), None)
    except csv.Error:
        return None


class _Pushback:
    """Lines, joined to records by their quotes; lines of a record that proved wrong come again."""

    def __init__(self, lines: Iterable[Numbered]) -> None:
        self._lines = iter(lines)
        self._again: deque[Numbered] = deque()

    def push_back(self, lines: list[Numbered]) -> None:
        self._again.extendleft(reversed(lines))

    def record(self, skip: Skip) -> list[Numbered] | None:
        """The lines of the next record, None at the end."""
        while (line := self._next()) is not None:
            record, quotes = [line], line[1].count('"')
            while quotes % 2 and len(record) < _MAX_LINES_OF_RECORD:
                line = self._next()
                if line is None:
                    break
                record.append(line)
                quotes += line[1].count('"')
            if quotes % 2:
                skip(f"line {record[0][0]}: a quote that is never closed")
                self.push_back(record[1:])
            elif record[0][1].strip() or len(record) > 1:
                return record
        return None

    def _next(self) -> Numbered | None:
        return self._again.popleft() if self._again else next(self._lines, None)
