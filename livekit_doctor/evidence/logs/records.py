"""From a place in a block to the whole record around it."""

from dataclasses import dataclass

from livekit_doctor.evidence.logs.formats import belongs, starts_record
from livekit_doctor.evidence.logs.prefixes import Line, strip, without_colours

MOST_LINES = 250
"""Lines of one record that are read."""


@dataclass(slots=True)
class Record:
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
    start = place
    for _ in range(MOST_LINES):
        head = strip(_raw(data, start))
        if starts_record(head.text) and not _goes_on_from(data, start, lowest):
            break
        if start <= lowest:
            return _from(data, place)
        start = data.rfind(b"\n", 0, start - 1) + 1
        if start < lowest:
            return _from(data, place)
    else:
        return _from(data, place)
    record = _from(data, start)
    return record if record.end > place else _from(data, place)


def _goes_on_from(data: bytes, start: int, lowest: int) -> bool:
    """Whether the line is the rest of the one before, which the container runtime cut."""
    if start <= lowest:
        return False
    return strip(_raw(data, data.rfind(b"\n", 0, start - 1) + 1)).goes_on


def _from(data: bytes, start: int) -> Record:
    """The record that begins here, whatever its first line is."""
    line = strip(_raw(data, start))
    lines, texts = [line], [line.text]
    end = _end(data, start)
    while end < len(data) and len(lines) < MOST_LINES:
        line = strip(_raw(data, end))
        if lines[-1].goes_on:
            lines[-1] = Line(without_colours(lines[-1].text + line.text), lines[-1].at, line.goes_on)
            texts[-1] = lines[-1].text
        elif starts_record(line.text) or not belongs(line.text, texts):
            break
        else:
            lines.append(line)
            texts.append(line.text)
        end = _end(data, end)
    while len(lines) > 1 and not lines[-1].text.strip():
        lines.pop()
    return Record(lines, start, end)


def _raw(data: bytes, start: int) -> bytes:
    return data[start : _end(data, start)]


def _end(data: bytes, start: int) -> int:
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end + 1
