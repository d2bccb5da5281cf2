"""The one reader of logs: from the lines of a text to the records in it.

`--evidence` reads a whole text, and the log options the lines around what they search for. Both mean the same by a
record: it begins where one of the shapes begins, whatever stands before it in its line, and what goes on with it is
part of it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import takewhile

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Component, LogLine, Read
from livekit_doctor.evidence.records import exports, shapes, tracebacks
from livekit_doctor.evidence.records.component import has_id, is_uncaught, with_ids
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import normalised, shortened
from livekit_doctor.evidence.records.known_words import RUST, from_known_words, says_worker
from livekit_doctor.evidence.records.lines import GONE, Line
from livekit_doctor.evidence.records.printed import object_at
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.records.shapes import google_yaml, sentry, spans
from livekit_doctor.evidence.records.values import json_in
from livekit_doctor.evidence.records.wraps import glues, joined
from livekit_doctor.redact import redact_text

LONGEST_MESSAGE = 600
_CUT_OVER = 30
"""Lines over which the fields at the end of a record may have been cut."""
_OBJECT_OVER = 60
"""Lines of an object as JavaScript's console prints it."""
_CONSOLE = lazy_re.compile(r"\t|\s\S+\.go:\d+ ")
"""In what LiveKit's Go programs print, whose fields stand at the end of each line."""
_OBJECT = lazy_re.compile(r"(?:^|[\s:(])\{\s*(?:$|[\w'\"\[$])")
_JSONS = 2_000
"""Records of one JSON document that are read."""
_AGENTS = "livekit.agents"
"""The logger of a worker's own words, which not every formatter prints: the team's own code did not write them."""


class Placed(Struct):
    """A record, and in which lines of the text it stands."""

    record: Record
    first: int
    last: int


def records(excerpt: Excerpt) -> Iterator[Placed]:
    """The records of a text, in its order, but for those that another recogniser has taken."""
    number = 0
    while number < len(excerpt.lines):
        last = number
        if number not in excerpt.taken and excerpt.stripped[number].text.strip() not in ("", GONE):
            for placed in records_at(excerpt, number):
                yield placed
                last = placed.last
        number = last + 1


def records_at(excerpt: Excerpt, number: int) -> list[Placed]:
    """What begins in this line: a record, or the several of a list in JSON; nothing where the line begins none."""
    found = _records_at(excerpt, number)
    for placed in found:
        placed.last = excerpt.end_of(placed.last)
    return found


def _records_at(excerpt: Excerpt, number: int) -> list[Placed]:
    line = excerpt.stripped[number]
    if shapes.has_whole_head(line.text):
        placed = _text(excerpt, number)
        return [placed] if placed else []
    record = shapes.read_json(line) if not sentry.may_be(line.text) else None
    if record is not None:
        return [Placed(record, number, number)]
    document = excerpt.document_at(number) if "{" in line.text or "[" in line.text else None
    if document is not None and spans.is_export(document.value):
        return [Placed(record, number, document.last) for record in spans.read(document.value)[:_JSONS]]
    if document is not None and (told := sentry.read(document.value)):
        return [Placed(record, number, document.last) for record in told[:_JSONS]]
    if document is not None:
        values: Sequence[object] = exports.entries(document.value) or [document.value]
        if document.last > number or any(shapes.read_value(value) is not None for value in values):
            found = [
                shapes.read_value(value) or Record("", document.label, fields=value)
                for value in values
                if isinstance(value, dict)
            ]
            return [Placed(record, number, document.last) for record in found[:_JSONS]]
    placed = (
        _yaml(excerpt, number)
        or _text(excerpt, number)
        or _placed(shapes.read_cut_json(line) if document is None else None, number)
        or _traceback(excerpt, number)
        or _object(excerpt, number)
        or _plain(line, number)
    )
    return [placed] if placed else []


def _placed(record: Record | None, number: int) -> Placed | None:
    return Placed(record, number, number) if record is not None else None


def _yaml(excerpt: Excerpt, number: int) -> Placed | None:
    """An entry as gcloud prints it."""
    if not google_yaml.begins(excerpt.stripped[number].text):
        return None
    lines = [line.text for line in excerpt.stripped[number : number + shapes.MOST_LINES]]
    count = google_yaml.length(lines)
    value = google_yaml.read(lines[:count])
    return Placed(record, number, number + count - 1) if (record := shapes.read_value(value)) is not None else None


def _text(excerpt: Excerpt, number: int) -> Placed | None:
    """A record of text and the lines that go on with it."""
    head = excerpt.stripped[number]
    if warning := shapes.read_warning(head):
        return Placed(warning, number, number + _rest(excerpt, number, head.text))
    if not shapes.begins(head.text) or head.text.lstrip().startswith("{"):
        return None
    head, last = _with_whole_fields(excerpt, number, head)
    count = _rest(excerpt, last, head.text)
    record = shapes.read_text([head, *excerpt.stripped[last + 1 : last + 1 + count]])
    return Placed(record, number, last + count) if record is not None else None


def _rest(excerpt: Excerpt, number: int, first: str) -> int:
    def line_after(count: int) -> str | None:
        return excerpt.stripped[number + count].text if number + count < len(excerpt.lines) else None

    return shapes.rest_of(first, line_after)


def _with_whole_fields(excerpt: Excerpt, number: int, head: Line) -> tuple[Line, int]:
    """The first line with the JSON at its end made whole by the next lines, where it was cut; and the last of them."""
    head, number = _with_fields_below(excerpt, number, head)
    brace = head.text.find('{"')
    if json_in(head.text[brace:]) is not None if brace >= 0 else not _CONSOLE.search(head.text.strip()):
        return head, number
    after = excerpt.stripped[number + 1 : number + _CUT_OVER]
    rest = [line.text for line in takewhile(_may_go_on, after)]
    for count in range(1, len(rest) + 1):
        if not rest[count - 1].rstrip().endswith("}"):
            continue
        for glue in glues((head.text, *rest[:count])):
            text = joined((head.text, *rest[:count]), glue)
            if '{"' in text and json_in(text[text.find('{"') :]) is not None:
                return Line(text, head.at), number + count
    return head, number


def _with_fields_below(excerpt: Excerpt, number: int, head: Line) -> tuple[Line, int]:
    """The first line with those of its message and the first one of its fields, as livekit-agents' own console prints
    them, where that is not all of the fields."""
    if '{"' in head.text or shapes.indent_of(head.text) > _INDENT:
        return head, number
    below = list(takewhile(_is_below, excerpt.stripped[number + 1 : number + _MESSAGE_OVER]))
    for count, line in enumerate(below, 1):
        if (text := line.text.lstrip()).startswith('{"'):
            if json_in(text.rstrip()) is not None:
                break
            texts = (head.text.rstrip(), *(one.text.strip() for one in below[: count - 1]), text)
            return Line(" ".join(texts), head.at), number + count
    return head, number


def _is_below(line: Line) -> bool:
    return shapes.indent_of(line.text) > _INDENT and (line.text.lstrip().startswith('{"') or _may_go_on(line))


_INDENT = 24
"""Blanks before what goes on with a message in livekit-agents' own console, at least."""
_MESSAGE_OVER = 12
"""Lines of such a message."""


def _may_go_on(line: Line) -> bool:
    return bool(line.text.strip()) and line.text != GONE and not shapes.begins(line.text)


def _traceback(excerpt: Excerpt, number: int) -> Placed | None:
    """A traceback that no record leads to: what was raised is its message."""
    text = excerpt.stripped[number].text.strip()
    node = tracebacks.NODE_ERROR.match(text)
    after = excerpt.below(number)
    said = says_worker(text) and after.startswith(tracebacks.PYTHON)
    if not (said or text.startswith(tracebacks.PYTHON) or (node and tracebacks.is_node_frame(after))):
        return None
    count = _rest(excerpt, number, text)
    lines = [text, *(line.text for line in excerpt.stripped[number + 1 : number + 1 + count] if line.text != GONE)]
    raised = (
        text
        if said
        else node["message"]
        if node
        else next((line for line in reversed(lines) if line.strip()), "").strip()
    )
    record = Record("", raised, level="error", traceback="\n".join(lines), by="raised")
    return Placed(record, number, number + count)


def _object(excerpt: Excerpt, number: int) -> Placed | None:
    """An object as a JavaScript console prints it, or Python's print: what stands before it is the message."""
    line = excerpt.stripped[number].text
    found = _OBJECT.search(line)
    if found is None:
        return None
    place = line.find("{", found.start())
    text = "\n".join((line, *_to_its_end(excerpt, number)))
    read = object_at(text, place)
    if read is None:
        return None
    fields, end = read
    record = shapes.read_value(fields)
    message = from_known_words(line[:place].strip(" :,=("))
    record = record or Record("object", message, excerpt.stripped[number].at, fields=fields)
    return Placed(record, number, number + text.count("\n", 0, end))


def _to_its_end(excerpt: Excerpt, number: int) -> Iterator[str]:
    """The lines after one that opens an object, to the one that closes it."""
    line = excerpt.stripped[number].text
    if not line.rstrip().endswith(("{", ",", "[")):
        return
    indent = shapes.indent_of(line)
    for after in takewhile(_may_go_on, excerpt.stripped[number + 1 : number + _OBJECT_OVER]):
        yield after.text
        if after.text.lstrip().startswith(("}", "]")) and shapes.indent_of(after.text) <= indent:
            return


def _plain(line: Line, number: int) -> Placed | None:
    """A line of a program's own, that says an id of LiveKit's, or what a component says with its fields; one of the RTC
    library's."""
    text = line.text.strip()
    record = Record("", text, line.at)
    if text.startswith(RUST):
        return Placed(Record("", text, line.at, by="raised"), number, number)
    if has_id(text):
        found = shapes.read_fields(text)
        if found is not None:
            record.message, record.fields = found
        return Placed(record, number, number)
    return None


def observed(record: Record, log: Component, name: str, number: int, read: Read, *, by_id: bool = True) -> LogLine:
    """The record as evidence: without secrets, its fields under one name for all shapes."""
    message, mark, rest = record.message.partition(tracebacks.PYTHON)
    traceback = record.traceback or mark + rest
    fields = with_ids(normalised(record.fields), message)
    if record.time_of_day:
        fields["time_of_day"] = record.time_of_day
    return LogLine(
        read=read,
        log=log,
        file=name,
        number=number,
        at=in_range(record.at),
        zoned=record.zoned,
        level=record.level,
        logger=redact_text(record.logger) or (_AGENTS if log == "worker" and says_worker(message) else ""),
        message=shortened(redact_text(message), LONGEST_MESSAGE).strip(),
        fields=fields,
        traceback=tracebacks.trimmed(traceback),
        ends_entrypoint=log == "worker" and is_uncaught(record, traceback) and tracebacks.ends_entrypoint(traceback),
        by_id=by_id,
    )


def in_range(at: datetime | None) -> datetime | None:
    """Nothing for a time at the ends of the calendar, of which ages can't be taken."""
    return at if at is not None and 1990 < at.year < 2200 else None
