"""From a place in a block of bytes to the record around it, which the one reader reads."""

from functools import cached_property
from itertools import pairwise

from msgspec import Struct, field

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import shapes
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.lines import Line, cleaned, strip
from livekit_doctor.evidence.records.reader import records_at
from livekit_doctor.evidence.records.record import Record

MOST_LINES = shapes.MOST_LINES
_FEW_LINES = 12
_MEMBER = lazy_re.compile(r"\s+\"[\w@.-]{1,60}\": ")
_MAY_BE_WEBHOOK = lazy_re.compile(rb"\bevent\b\W{1,8}(?:room|participant|track|agent_job|egress|ingress)_\w")
_STARTS = 3
"""Beginnings before a line that are tried: an object of an export may have others inside."""


class Window(Struct, dict=True):
    """The lines of one record, and where they begin and end in the block, of which `raw` is this part. An export in
    JSON may have several `records` there; none where the lines are in no known shape."""

    excerpt: Excerpt
    start: int
    end: int
    raw: bytes
    records: list[Record] = field(default_factory=list)

    @property
    def record(self) -> Record | None:
        return self.records[0] if self.records else None

    @cached_property
    def webhooks(self) -> int:
        """How many webhooks the lines are: those are no lines of the component, wherever they were logged."""
        # The expression tries at each byte, and the server has lines of 16 kB.
        if b"event" not in self.raw or not _MAY_BE_WEBHOOK.search(self.raw):
            return 0
        from livekit_doctor.evidence.pasted import webhooks

        return webhooks.count(self.excerpt)


def begins_record(raw: bytes) -> bool:
    """Whether a record begins with this line of a log; not with what is in an object of an indented export."""
    text = _line(raw).text
    return _MEMBER.match(text) is None and shapes.begins(text)


def _line(raw: bytes) -> Line:
    return strip(cleaned(raw.decode("utf-8", "replace").rstrip("\r\n")))


def window_at(data: bytes, place: int, lowest: int = 0) -> Window:
    """The record that the line beginning at `place` belongs to; nothing before `lowest` is part of it."""
    place = start = _whole_line(data, place, lowest)
    tried = 0
    for _ in range(MOST_LINES):
        if begins_record(data[start : _end(data, start)]):
            tried += 1
            window = _from(data, start)
            if window.end > place and (window.record is not None or start == place):
                return window
            if tried == _STARTS or data[start : start + 64].lstrip()[:1] != b"{":
                break
        if start <= lowest:
            break
        start = _whole_line(data, _line_before(data, start), lowest)
        if start < lowest:
            break
    return _from(data, place)


def _from(data: bytes, start: int) -> Window:
    """The record that begins here, whatever its first line is."""
    for most in (_FEW_LINES, MOST_LINES):
        ends = _ends(data, start, most)
        lines = [data[begin:end].decode("utf-8", "replace").rstrip("\r\n") for begin, end in pairwise((start, *ends))]
        excerpt = Excerpt.of_lines(lines)
        placed = records_at(excerpt, 0)
        last = placed[0].last if placed else excerpt.end_of(0)
        if len(ends) < most or (placed and last < most - 1):
            break
    end = ends[last]
    return Window(excerpt.head(last + 1), start, end, data[start:end], [each.record for each in placed])


def _ends(data: bytes, start: int, most: int) -> list[int]:
    """Where the lines end that may be of the record that begins here: up to where the next one begins."""
    ends = [_end(data, start)]
    line = _line(data[start : ends[0]])
    indent = shapes.indent_of(line.text)
    while ends[-1] < len(data) and len(ends) < most:
        end = _end(data, ends[-1])
        after = _line(data[ends[-1] : end])
        if not line.goes_on and shapes.begins_after(after.text, indent):
            break
        ends.append(end)
        line = after
    return ends


def _whole_line(data: bytes, start: int, lowest: int) -> int:
    """Where a line begins that the container runtime may have cut into several."""
    for _ in range(MOST_LINES):
        if start <= lowest:
            break
        before = _line_before(data, start)
        if before < lowest or not _goes_on(data[before:start]):
            break
        start = before
    return start


def _goes_on(raw: bytes) -> bool:
    """Whether a container's mark in the line says so, in plain text or docker's JSON."""
    return (b" P" in raw or b'"log"' in raw) and strip(raw.decode("utf-8", "replace")).goes_on


def _line_before(data: bytes, start: int) -> int:
    return data.rfind(b"\n", 0, start - 1) + 1


def _end(data: bytes, start: int) -> int:
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end + 1
