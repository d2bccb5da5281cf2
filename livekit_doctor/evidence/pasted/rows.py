"""Rows of call_state_logs: CSV, psql's tables, JSON objects."""

import csv
import re
from collections.abc import Iterator, Mapping

from livekit_doctor import lazy_re
from livekit_doctor.evidence.call_logs.rooms import guessed_room, room_at, room_place
from livekit_doctor.evidence.call_logs.rows import DatedRow, RawRow, dated, log_rows
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.settings import CallLogs
from livekit_doctor.words import folded

KIND = "call_state_logs row"

_DELIMITERS = "|\t,;"
_RULER = lazy_re.compile(r"[\s|+│┼-]+$")
_END = lazy_re.compile(r"\(\d+ rows?\)$")
_RECORD = lazy_re.compile(r"-\[ RECORD \d+ \]")
_COLUMN = lazy_re.compile(r"\s*(?P<name>\w*) *\| (?P<value>.*)")
_NULLS = ("", "\\N", "NULL", "null", "<null>")

Row = tuple[int, int, Mapping[str, object]]
"""First and last line, and the values by column."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The rows that have a call id, a state and a time, in columns of the names that are configured. A query for one
    call may have left out the id's column: then they are one call's by that query, or by the only room they name."""
    asked = _asked_for(excerpt, context.call_logs)
    told = (*_in_json(excerpt, context), *_in_tables(excerpt, context))
    found = [(first, last, _dated(values, context.call_logs, asked)) for first, last, values in told]
    rooms = {row.raw.room for _, _, row in found if row is not None and not row.call_id} - {""}
    for first, last, row in found:
        if row is not None and (row.call_id or len(rooms) == 1):
            yield Found(KIND, first, last, log_rows([row], context.read))


def _is_row(names: Iterator[str] | Mapping[str, object] | list[str], call_logs: CallLogs) -> bool:
    known = {folded(str(name)) for name in names}
    columns = call_logs.columns
    needed: list[tuple[str, ...]] = [(columns.call_id, columns.at, columns.state)]
    if columns.source and columns.metadata:
        needed.append((columns.at, columns.source, columns.state, columns.metadata))
    return any(set(map(folded, each)) <= known for each in needed)


def _asked_for(excerpt: Excerpt, call_logs: CallLogs) -> str:
    """The one call id that a query in the text selects by; empty for none, and for several."""
    by_id = re.compile(rf"\b{re.escape(call_logs.columns.call_id)}\"?\s*=\s*'([^'\n]{{1,200}})'")
    found = {match[1] for line in excerpt.lines for match in by_id.finditer(line)}
    return found.pop() if len(found) == 1 else ""


def _dated(values: Mapping[str, object], call_logs: CallLogs, asked: str) -> DatedRow | None:
    columns, by_fold = call_logs.columns, {folded(name): value for name, value in values.items()}

    def value(name: str | None) -> object:
        return by_fold.get(folded(name)) if name else None

    place = room_place(columns.room, tuple(values)) if columns.room else None
    metadata = value(columns.metadata)
    room = room_at(values.get(place.column), place.keys) if place else "" if columns.room else guessed_room(metadata)
    raw = RawRow(
        place="",
        call_id=value(columns.call_id) if folded(columns.call_id) in by_fold else asked,
        at=value(columns.at),
        source=value(columns.source),
        state=value(columns.state),
        metadata=metadata,
        room=room,
    )
    row = dated(raw) if raw.call_id is not None and raw.state not in (None, "") else ""
    return row if isinstance(row, DatedRow) and 1990 < row.at.year < 2200 else None


def _in_json(excerpt: Excerpt, context: Context) -> Iterator[Row]:
    for document in excerpt.documents:
        if document.first in excerpt.taken:
            continue
        values = document.value if isinstance(document.value, list) else [document.value]
        for value in values:
            if isinstance(value, dict) and _is_row(value, context.call_logs):
                yield document.first, document.last, value


def _in_tables(excerpt: Excerpt, context: Context) -> Iterator[Row]:
    header: list[str] = []
    delimiter = ""
    for number, line in enumerate(excerpt.lines):
        text = line.strip()
        if not text:
            continue
        found = _header(text, context.call_logs)
        if found:
            delimiter, header = found
            excerpt.take(number, number)
        elif header and (_RULER.match(text) or _END.match(text)):
            excerpt.take(number, number)
        elif header:
            fields = _fields(text, delimiter)
            if len(fields) == len(header):
                yield number, number, dict(zip(header, fields, strict=True))
    yield from _expanded(excerpt, context)


def _header(text: str, call_logs: CallLogs) -> tuple[str, list[str]] | None:
    for delimiter in _DELIMITERS:
        if delimiter in text:
            names = [name or "" for name in _fields(text, delimiter)]
            if _is_row(names, call_logs):
                return delimiter, names
    return None


def _fields(text: str, delimiter: str) -> list[str | None]:
    if delimiter == "|":
        # psql never quotes; a border of its own may stand at either end.
        cells = [cell.strip() for cell in text.split("|")]
        cells = cells[1:-1] if len(cells) > 2 and cells[0] == cells[-1] == "" else cells
    else:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            return []
    return [None if cell in _NULLS else cell for cell in cells]


def _expanded(excerpt: Excerpt, context: Context) -> Iterator[Row]:
    r"""psql's expanded display (\x): a line a column."""
    start, last, values = -1, -1, dict[str, object]()
    for number, line in enumerate((*excerpt.lines, "-[ RECORD 0 ]")):
        if _RECORD.match(line.strip()):
            if start >= 0 and _is_row(values, context.call_logs):
                yield start, last, values
            start, last, values = number, number, {}
        elif start >= 0 and (column := _COLUMN.match(line)):
            last, value = number, column["value"].strip()
            values[column["name"]] = None if value in _NULLS else value
