"""From a place in a block to the whole record around it."""

from msgspec import Struct

from livekit_doctor.evidence.logs.formats import belongs, starts_record
from livekit_doctor.evidence.logs.prefixes import Line, strip, without_colours

MOST_LINES = 250
"""Lines of one record that are read."""


class Record(Struct):
    """Its lines, and where it begins and ends in the block."""

    lines: list[Line]
    start: int
    end: int

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]


def begins_record(raw: bytes) -> bool:
    """Whether a record begins with this line of a log."""
    return starts_record(strip(raw).text)


def record_at(data: bytes, place: int, lowest: int = 0) -> Record:
    """The record that the line beginning at `place` belongs to; nothing before `lowest` is part of it."""
    place = start = _whole_line(data, place, lowest)
    for _ in range(MOST_LINES):
        if starts_record(_line(data, start)[0].text):
            record = _from(data, start)
            return record if record.end > place else _from(data, place)
        if start <= lowest:
            break
        start = _whole_line(data, _line_before(data, start), lowest)
        if start < lowest:
            break
    return _from(data, place)


def _from(data: bytes, start: int) -> Record:
    """The record that begins here, whatever its first line is."""
    line, end = _line(data, start)
    lines, texts = [line], [line.text]
    while end < len(data) and len(lines) < MOST_LINES:
        line, after = _line(data, end)
        if starts_record(line.text) or not belongs(line.text, texts):
            break
        lines.append(line)
        texts.append(line.text)
        end = after
    while len(lines) > 1 and not lines[-1].text.strip():
        lines.pop()
    return Record(lines, start, end)


def _whole_line(data: bytes, start: int, lowest: int) -> int:
    """Where a line begins that the container runtime may have cut into several."""
    for _ in range(MOST_LINES):
        if start <= lowest:
            break
        before = _line_before(data, start)
        if before < lowest or not strip(data[before:start]).goes_on:
            break
        start = before
    return start


def _line(data: bytes, start: int) -> tuple[Line, int]:
    """The line that begins here, put together where it was cut, and where the next one begins."""
    end = _end(data, start)
    line = strip(data[start:end])
    for _ in range(MOST_LINES):
        if not line.goes_on or end >= len(data):
            break
        start, end = end, _end(data, end)
        rest = strip(data[start:end])
        line = Line(without_colours(line.text + rest.text), line.at, rest.goes_on)
    return line, end


def _line_before(data: bytes, start: int) -> int:
    return data.rfind(b"\n", 0, start - 1) + 1


def _end(data: bytes, start: int) -> int:
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end + 1
