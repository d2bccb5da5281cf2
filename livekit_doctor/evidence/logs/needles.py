"""What is known of the call, and the search for it in large blocks of bytes."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor import lazy_re

SHORTEST = 3
"""Characters of a name or an id that can be searched for: a shorter one is in too many lines."""

SHORTEST_NUMBER = 7

AROUND = timedelta(hours=1)
"""From the call to a line that names its room, but belongs to another call in a room of that name."""
ZONES = timedelta(hours=14)
"""How far a time without a zone may be off."""

_ID = lazy_re.compile(r"(?:RM|AJ|AD|SCL|PA)_[A-Za-z0-9]{6,}")


class Needles(Struct, frozen=True, kw_only=True):
    """What is known of a call. `rooms` and `call_ids` are names that another call may have too; `ids` are
    LiveKit's own, RM_, AJ_, AD_, SCL_, PA_. `agent_name` and `worker_ids` are not searched for, they are
    in the lines of all calls; they tell which of the lines without an id come first.

    `start` and `end` are when the call was, as far as that is known.
    """

    rooms: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    agent_name: str | None = None
    worker_ids: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that can be searched for. A short number stands for anything."""
        return tuple(
            text
            for text in (*self.rooms, *self.call_ids)
            if len(text) >= (SHORTEST_NUMBER if text.isdigit() else SHORTEST)
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is searched for."""
        return tuple(dict.fromkeys((*self.names, *(text for text in self.ids if _ID.fullmatch(text)))))

    def near(self, at: datetime, zoned: bool) -> bool:
        """Whether a line of this time may be of the call."""
        margin = AROUND if zoned else AROUND + ZONES
        if self.start is not None and at < self.start - margin:
            return False
        last = self.end or self.start
        return last is None or at <= last + margin


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def spellings(text: str) -> tuple[bytes, ...]:
    """The needle as it may stand in a log: plain, inside a JSON string, and inside a JSON string in another."""
    found = {text.encode("utf-8", "replace"): None}
    for once in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        html = once.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        for spelt in (once, html):
            found[spelt.encode("utf-8", "replace")] = None
            found[json.dumps(spelt, ensure_ascii=False)[1:-1].encode("utf-8", "replace")] = None
    return tuple(found)


def holds(data: bytes, needle: bytes) -> bool:
    """Whether it is there. Python looks for short needles faster from the end than from the beginning."""
    return data.rfind(needle) >= 0


def places_of(data: bytes, needles: Iterable[bytes], start: int = 0) -> Iterator[int]:
    """Where the lines begin that have one of the needles, in no order."""
    for needle in needles:
        at = data.find(needle, start) if holds(data, needle) else -1
        while at >= 0:
            yield data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            if end < 0:
                break
            at = data.find(needle, end)
