"""When an error of LiveKit's API was raised, and of which room: by the span that it ended, or by its own lines."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.shapes import spans
from livekit_doctor.evidence.records.times import IN_TEXT, moment

NEAR = 25
"""Lines around an error in which its method and its time are looked for."""
_ROOM = lazy_re.compile(r"[\"']?room(?:_name|Name)?[\"']?\s?[:=]\s?[\"']([^\"'\n]{1,200})[\"']")


class Origin(Struct, frozen=True):
    at: datetime | None
    room: str
    first: int = 0
    last: int = 0
    words: str = ""


def of_spans(excerpt: Excerpt) -> Iterator[Origin]:
    """The exceptions that spans ended with."""
    for document in excerpt.documents:
        for record in spans.read(document.value):
            if record.traceback:
                room = str(record.fields.get("room", ""))
                yield Origin(record.at, room, document.first, document.last, record.traceback)


def origin(first: int, last: int, message: str, excerpt: Excerpt, raised: list[Origin]) -> Origin:
    for one in raised:
        if one.first <= first <= one.last and message and message in one.words:
            return one
    found = _ROOM.search(" ".join(excerpt.lines[first : last + 1]))
    return Origin(_logged_at(first, excerpt), found[1] if found else "")


def _logged_at(first: int, excerpt: Excerpt) -> datetime | None:
    """When it was logged, where the line itself or the head of its traceback says so."""
    for line in excerpt.lines[max(0, first - NEAR) : first + 1][::-1]:
        found = IN_TEXT.search(line)
        if found:
            at = moment(found[0])[0]
            return at if at is not None and 1990 < at.year < 2200 else None
    return None
