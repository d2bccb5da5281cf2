"""The shapes that records have: what begins one, what goes on with it, and what it says. One module each."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import heads, tracebacks
from livekit_doctor.evidence.records.lines import GONE, Line, strip
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.records.shapes import google_yaml, json_object, text, wrapped
from livekit_doctor.evidence.records.values import equals_in, json_at, json_in, pairs_in

_LOOKED_AT = 600
"""Characters of a line in which a record may begin."""
MOST_LINES = 250
"""Lines of one record that are read."""

_OPENED = lazy_re.compile(r"\s{0,16}\{")
"""An object that goes over several lines: an entry of an indented export."""
_WARNING = lazy_re.compile(r"\S+:\d+: \w*Warning: ")
_LOGFMT = lazy_re.compile(r"(?:ts|t|time|timestamp|level|lvl|severity|msg|logger|caller)=")
_JSON_STARTS = ('{"', '{\\"', '{""')
_ERROR = lazy_re.compile(r"\b(?:ERROR|FATAL|CRITICAL|error|fatal)\b")
_GO_FRAME = lazy_re.compile(r"[\w./-]+(?:\.\(\*?\w+\))?\.[\w.()\[\]*]+$")


def begins(line: str) -> bool:
    """Whether a record begins with this line, prefixes taken off, whatever it is indented by. False also for a
    plain line."""
    return _begins(line[:_LOOKED_AT])


@lru_cache(maxsize=4096)
def _begins(line: str) -> bool:
    begun = line.lstrip()
    if not begun or begun == GONE:
        return False
    if begun.startswith(("---", "insertId:")):
        return google_yaml.begins(begun)
    if begun.startswith(("{", "[{")):
        return begun != line.rstrip() or len(begun) > 1 or _OPENED.fullmatch(line) is not None
    return any(_is_head(line, place, number) for number, place in enumerate(heads.starts(line))) or (
        _WARNING.match(begun) is not None or _LOGFMT.match(begun) is not None
    )


def _is_head(line: str, place: int, number: int) -> bool:
    head = heads.head_at(line, place)
    return head is not None and (number == 0 or head.is_whole)


def rest_of(first: str, line_after: Callable[[int], str | None]) -> int:
    """How many lines after the first belong to a record of text. `line_after(n)` is the nth after it, None at
    the end."""
    in_traceback, indent = tracebacks.PYTHON in first, indent_of(first)
    of_go, of_error = text.is_go(first), _ERROR.search(first[:120]) is not None
    kept = count = 0
    while count < MOST_LINES:
        count += 1
        line = line_after(count)
        if line is None or (line != GONE and begins_after(line, indent)):
            break
        if line == GONE:
            kept = count
        elif tracebacks.PYTHON in line:
            in_traceback, kept = True, count
        elif not line.strip():
            if not (in_traceback and tracebacks.leads_on(line_after(count + 1) or "")):
                break
        elif (
            line[0] in " \t}"
            or (in_traceback and tracebacks.goes_on(line))
            or (of_go and _GO_FRAME.match(line))
            or (
                of_error and tracebacks.NODE_ERROR.match(line) and tracebacks.is_node_frame(line_after(count + 1) or "")
            )
        ):
            kept = count
        else:
            break
    return kept


def begins_after(line: str, indent: int) -> bool:
    """Whether a record begins with this line, after one that is indented by so much."""
    return begins(line) and not _is_inside(line, indent)


def _is_inside(line: str, indent: int) -> bool:
    """Whether a line belongs to a record of text, which is indented less: an object, or a field called "error"."""
    begun = line.lstrip()
    if indent_of(line) - indent in _TIMES and heads.is_of_console(begun):
        return False
    return indent_of(line) > indent and (begun.startswith(("{", "[{")) or not has_whole_head(begun))


_TIMES = (9, 13)
"""Characters of the column of the time in livekit-agents' own console, which is blank where it did not change."""


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def read_text(lines: Sequence[Line]) -> Record | None:
    """The record of text in these lines, of which the first begins it; None where it is none."""
    texts = [line.text for line in lines if line.text != GONE]
    if indent := indent_of(texts[0]):
        texts[1:] = [line[indent:] if not line[:indent].strip() else line for line in texts[1:]]
    for number, place in enumerate(heads.starts(texts[0])):
        if _is_head(texts[0], place, number):
            record = text.read(texts, place)
            inner = read_value(record.fields) if record is not None and not record.message else None
            return _dated(inner or record, lines[0])  # what stands before a record in JSON may look like a head
    begun = texts[0].strip()
    if _LOGFMT.match(begun):
        return _dated(json_object.read(equals_in(begun)), lines[0])
    return None


def read_json(line: Line) -> Record | None:
    """The record that is the JSON in this line, at its beginning or behind something else."""
    begun = line.text.strip()
    place = min((place for mark in _JSON_STARTS if (place := begun.find(mark)) >= 0), default=-1)
    if place < 0:
        return None
    return _dated(read_value(json_at(begun, place)), line)


def has_whole_head(line: str) -> bool:
    """Whether the line begins with what can be nothing but the head of a log's line."""
    head = heads.head_at(line, len(line) - len(line.lstrip()))
    return head is not None and head.is_whole


def read_value(value: object) -> Record | None:
    """The record that a JSON value is."""
    return wrapped.read(value, _inside) if isinstance(value, dict) else None


def _inside(inner: str) -> Record | None:
    """The record in a text that stands in JSON: only what is surely one."""
    lines = [strip(line) for line in inner.splitlines()] or [Line("")]
    if lines[0].text.startswith("{"):
        value = json_in(inner)
        if not isinstance(value, dict):  # livekit-server 1.13.5 has some that is none
            return read_cut_json(lines[0])
        return _dated(read_value(value), lines[0]) if len(inner) < 1 << 20 else None
    head = heads.head_at(lines[0].text, 0)
    return read_text(lines) if head is not None and head.is_whole else None


def read_cut_json(line: Line) -> Record | None:
    """A JSON line of which the end is missing: what stands before the cut."""
    place = line.text.find('{"')
    values = pairs_in(line.text[place:]) if place >= 0 else {}
    return _dated(read_value(values), line) if len(values) > 2 else None


def read_fields(line: str) -> tuple[str, dict[str, object]] | None:
    """The message and the fields of a line without a head."""
    message, fields = text.without_fields(line)
    if not fields:
        fields = {key: value for key, value in equals_in(line).items() if key != "message"}
    return (message, fields) if fields else None


def read_warning(line: Line) -> Record | None:
    """A warning of Python, which comes on stderr between the lines of the log."""
    begun = line.text.strip()
    return _dated(Record("", begun, level="warn"), line) if _WARNING.match(begun) else None


def _dated(record: Record | None, line: Line) -> Record | None:
    """With the time that a container or a host put before it, where it has no better one itself."""
    if record is not None and line.at is not None and (record.at is None or not record.zoned):
        record.at, record.zoned, record.time_of_day = line.at, True, ""
    elif record is not None and record.at is None:
        record.time_of_day = record.time_of_day or line.time_of_day
    return record
