"""CSV exports of log hosts, of which the columns are a record's fields: each row as the JSON object that it is.

Date,Host,Service,@jobId,@err.message,Message
2026-01-05T16:05:05.356Z,i-07,agent,AJ_NZAsRZNRaMZg,,received job request

Datadog, New Relic, Grafana, Kibana, CloudWatch Logs Insights, Azure, Google Cloud, Splunk, Better Stack: they differ in
what they call the columns, and in what stands between them. The shape of JSON reads the object, so that the same facts
mean the same in either.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.component import ids_in
from livekit_doctor.evidence.records.fields import bare
from livekit_doctor.evidence.records.known_words import says_any
from livekit_doctor.evidence.records.lines import GONE, strip
from livekit_doctor.evidence.records.record import LEVELS
from livekit_doctor.evidence.records.shapes import has_whole_head
from livekit_doctor.evidence.records.values import json_in

_TAB = "\t"
_DELIMITERS = f",;{_TAB}|"
_MESSAGES = frozenset(
    {
        *("message", "msg", "content", "log", "logs", "logline", "logmessage", "logentry", "line", "body"),
        *("text", "textpayload", "raw", "logdata", "messages", "logsmessage", "renderedmessage", "eventmessage"),
    }
)
_TIMES = frozenset(
    {
        *("timestamp", "time", "date", "datetime", "dt", "ts", "timegenerated", "timeutc", "eventtime"),
        *("generatedat", "receivedat", "createdat", "ingestiontime", "messagetime", "logtime", "datetimeutc"),
        *("timestampms", "receivetimestamp", "observedtimestamp", "eventtimestamp"),
    }
)
_LEVELS = frozenset(
    {
        *("level", "severity", "loglevel", "levelname", "severitytext", "severityname", "severitylevel"),
        *("detectedlevel", "lvl", "priority"),
    }
)
_LOGGERS = frozenset({"logger", "loggername"})
_STATUS = "status"
"""Datadog's name of the level, and everybody's of something else: its values tell."""
_LOWER = frozenset({_STATUS, "extra", "fields", "context", "attributes", "labels", "properties"})
"""Columns that the shape of JSON knows, which some write with a capital."""
_EVENT = "event"
"""structlog's name of the message, beside a level or a logger."""
_OF_CALL_LOGS = frozenset({"callid", "state"})
"""Columns of rows of the call state logs, which have their own reader."""

_MAY_BE = lazy_re.compile(r"message|msg|content|log|line|body|text|raw|event", re.IGNORECASE)
_COLUMN = lazy_re.compile(r"[A-Za-z_@$#][\w@$#.:/ ()\[\]+-]{0,80}|")
_UNIT = lazy_re.compile(r"\s*[(\[][\w:/ +-]{1,24}[)\]]$|_[sdtgb]$")
"""What Azure and others put behind a column's name: its zone or its type."""
_LONGEST_HEADER = 4_000
_RULER = lazy_re.compile(r"[\s|:+-]*-[\s|:+-]*$")
_ROW = lazy_re.compile(
    r"(?:\"?[\w.:/-]{0,60}\"?[,;\t|]){0,3}\"?(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|1\d{12}\b"
    r"|[A-Z][a-z]{2} [ \d]?\d,? (?:\d{4},? )?\d\d:\d\d:\d\d)"
)
_OF_DAY = lazy_re.compile(r"[A-Z][a-z]{2} [ \d]?\d (?=\d\d:\d\d:\d\d)")
"""A date without its year, as consoles show it, is none."""
_TIME = lazy_re.compile(r"\d{1,2}:\d\d|\d{10,19}(?:\.\d+)?(?:[eE]\+?\d+)?$")
_MOST_LINES = 250
"""Lines of one row: a quote that is never closed does not take all of the text."""
_CUT_OVER, _NARROWEST = 30, 40
"""Lines over which a row may have been cut, and characters of the first of them."""
_MISSED = 3
"""Lines in a row that are no rows, after which the table is over."""


class _Header(Struct):
    """The columns by the names that the shape of JSON knows. `message` and `time` are their places, and `day` that of
    a date whose time has a column of its own."""

    delimiter: str
    keys: Sequence[str]
    message: int
    time: int
    day: int = -1
    others: Sequence[int] = ()
    """Further columns of messages, for rows that have none in the first."""

    def read(self, lines: Sequence[str]) -> tuple[str, int] | None:
        """The row that begins these lines as JSON, and how many of them it has; None where they begin none."""
        found, count = _cells(lines, self.delimiter)
        cells = [
            cell.rstrip() if place == self.message and self.delimiter != "|" else cell.strip()
            for place, cell in enumerate(self._fitted(found))
        ]  # a line of a traceback is indented
        if not cells or (self.time >= 0 and not _TIME.search(cells[self.time])) or not any(cells):
            return None
        if not cells[self.message]:
            # Google's has a column for what is JSON, and one for what is text.
            cells[self.message] = next((cells[place] for place in self.others if cells[place]), "")
        if self.day >= 0:
            cells[self.time] = f"{cells[self.day]} {cells[self.time]}"
        values: dict[str, object] = {}
        for key, cell in zip(self.keys, cells, strict=False):
            if key == _STATUS and cell.lower() in LEVELS:
                key = "level"
            if cell and key:
                values.setdefault(key, _value(key, cell))
        return json.dumps(values, ensure_ascii=False), count

    def is_whole(self, lines: Sequence[str]) -> bool:
        """Whether these lines have a cell for each column."""
        return len(_cells(lines, self.delimiter)[0]) >= len(self.keys)

    def _fitted(self, cells: list[str]) -> list[str]:
        """As many cells as there are columns: a message that was not quoted has the delimiter in it, and what is empty
        at the end of a row gets lost."""
        more = len(cells) - len(self.keys)
        if more > 0:
            end = self.message + more + 1
            return [*cells[: self.message], self.delimiter.join(cells[self.message : end]), *cells[end:]]
        lost = -more
        if lost and (len(cells) < 2 or self.time < 0 or self.time >= len(cells)):
            return []
        return [*cells, *[""] * lost]


def in_json(lines: Iterable[str]) -> Iterator[str]:
    """The lines, the rows of an export as JSON, GONE where the further lines of a row stood, and nothing in place of
    its header."""
    source, waiting = iter(lines), deque[str]()
    header: _Header | None = None
    missed = 0
    while (line := waiting.popleft() if waiting else next(source, None)) is not None:
        if found := _header(line):
            header, missed = found, 0
            yield ""
        elif header is None or line == GONE:
            yield _without_header(line) or line
        elif header.delimiter == "|" and _RULER.match(line):
            yield ""
        else:
            row = _whole(line, header, source, waiting)
            read = header.read(row) or header.read([line])
            if not (read and header.is_whole(row[: read[1]])):
                waiting.extendleft(reversed(row[1:]))
                row = _uncut(line, header, source, waiting)
                read = header.read(["".join(row)])
                read = (read[0], len(row)) if read else None
            value, count = read or (line, 1)
            waiting.extendleft(reversed(row[count:]))
            missed = missed + 1 if read is None else 0
            if missed > _MISSED or not line.strip():
                header = None
            yield value
            yield from [GONE] * (count - 1)


def _without_header(line: str) -> str | None:
    """A row of which the header was not pasted, as JSON: a cell says what a component does, and what the others are
    shows in them."""
    if line.startswith("{") or not _ROW.match(line) or ".go:" in line:
        return None
    delimiter = _TAB if line.count(_TAB) > 1 else max(_DELIMITERS, key=line.count)
    if line.count(delimiter) < 2 or (delimiter != _TAB and has_whole_head(strip(line).text)):
        return None
    if not any(_is_message(cell.strip(' "'), delimiter) for cell in line.split(delimiter)):
        return None
    values: dict[str, object] = {}
    for cell in map(str.strip, _cells([line], delimiter)[0]):
        if key := _key_of(cell, delimiter):
            cell = _OF_DAY.sub("", cell) if key == "timestamp" else cell
            values.setdefault("error" if key == "message" and key in values else key, _value(key, cell))
    return json.dumps(values, ensure_ascii=False) if {"message", "timestamp"} <= values.keys() else None


def _is_message(cell: str, delimiter: str) -> bool:
    return says_any(cell) or (delimiter == _TAB and cell.startswith('{"'))


def _key_of(cell: str, delimiter: str) -> str:
    """What a cell without a header is."""
    if _is_message(cell, delimiter):
        return "message"
    if cell.lower() in LEVELS:
        return "level"
    if _TIME.search(cell) and len(cell) < 40:
        return "timestamp"
    if cell.startswith("livekit") and " " not in cell:
        return "logger"
    return next((name for name, _ in ids_in(cell)), "error" if " " in cell else "")


def in_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same for a log that comes in parts, if it begins with a header, with blank lines in place of what is GONE."""
    source = iter(parts)
    first = next(source, b"")
    start = first[: 2 * _LONGEST_HEADER].lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    if _header(start) is None:
        yield first
        yield from source
        return
    for line in in_json(_lines(first, source)):
        yield b"\n" if line == GONE else line.encode("utf-8", "replace") + b"\n"


def _lines(first: bytes, parts: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    part: bytes | None = first
    while part is not None:
        lines = (rest + part).split(b"\n")
        rest = lines.pop()
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
        part = next(parts, None)
    if rest:
        yield rest.decode("utf-8", "replace").rstrip("\r")


def _whole(line: str, header: _Header, source: Iterator[str], waiting: deque[str]) -> list[str]:
    """The line and those after it to where its quotes are closed."""
    row, quotes = [line], line.count('"')
    while quotes % 2 and header.delimiter != "|" and len(row) < _MOST_LINES:
        after = waiting.popleft() if waiting else next(source, None)
        if after is None:
            break
        row.append(after)
        quotes += after.count('"')
    return row


def _uncut(line: str, header: _Header, source: Iterator[str], waiting: deque[str]) -> list[str]:
    """The line and those after it that make a row of it, where a terminal cut it."""
    row = [line]
    while len(line) >= _NARROWEST and len(row) < _CUT_OVER and header.time >= 0:
        after = waiting.popleft() if waiting else next(source, None)
        if after is None or not after.strip() or len(after) > len(line) or _header(after) or header.read([after]):
            waiting.extendleft([after] if after is not None else [])
            break
        row.append(after)
        if header.is_whole(["".join(row)]) and "".join(row).count('"') % 2 == 0:
            return row
    waiting.extendleft(reversed(row[1:]))
    return [line]


def _cells(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """The cells of the row that begins these lines, and how many of the lines it has."""
    if delimiter == "|":
        return lines[0].strip().strip("|").split("|"), 1
    texts = (
        "" if line == GONE else f"{line if delimiter == _TAB or number else line.lstrip()}\n"
        for number, line in enumerate(lines)
    )
    reader = csv.reader(texts, delimiter=delimiter, skipinitialspace=f'{delimiter} "' in lines[0])
    try:
        return next(reader, []), reader.line_num
    except csv.Error:
        return [], 1


def _value(key: str, cell: str) -> object:
    """JSON as what it is, and pino's number of a level."""
    if cell.startswith(("{", "[")):
        value = json_in(cell)
        return value if isinstance(value, dict | list) else cell
    return int(cell) if key == "level" and cell.isdecimal() and len(cell) < 4 else cell


def is_header(line: str) -> bool:
    return _header(line) is not None


def _header(line: str) -> _Header | None:
    """The header that a line is: a message beside a time, a level or a logger, and nothing but names."""
    if len(line) > _LONGEST_HEADER or "{" in line or not _MAY_BE.search(line):
        return None
    for delimiter in _DELIMITERS:
        if delimiter not in line:
            continue
        cells = [cell.strip() for cell in _cells([line], delimiter)[0]]
        if len(cells) < 2 or not all(map(_COLUMN.fullmatch, cells)):
            continue
        names = [_UNIT.sub("", bare(cell)) for cell in cells]
        folded = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
        if header := _of_columns(delimiter, names, folded):
            return header
    return None


def _of_columns(delimiter: str, names: Sequence[str], folded: Sequence[str]) -> _Header | None:
    message, time, level, logger = (_place(folded, known) for known in (_MESSAGES, _TIMES, _LEVELS, _LOGGERS))
    day = folded.index("date") if set(folded) >= {"date", "time"} else -1
    time = folded.index("time") if day >= 0 else time
    if message < 0 and max(level, logger) >= 0:
        message = _place(folded, frozenset({_EVENT}))
    said = max(time, level, logger) >= 0 or _STATUS in folded or "service" in folded
    if message < 0 or not said or set(folded) >= _OF_CALL_LOGS:
        return None
    places = {message: "message", time: "timestamp", level: "level", logger: "logger"}
    keys = [places.get(place, name.lower() if name.lower() in _LOWER else name) for place, name in enumerate(names)]
    others = [place for place, name in enumerate(folded) if name in _MESSAGES and place != message]
    return _Header(delimiter, keys, message, time, day, others)


def _place(folded: Sequence[str], known: frozenset[str]) -> int:
    """The first of the columns of such a name; -1 for none."""
    return next((place for place, name in enumerate(folded) if name in known), -1)
