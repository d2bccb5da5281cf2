"""One pass over one log: large blocks are searched, and only the lines that hit are parsed."""

import heapq
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property, partial

from msgspec import structs

from livekit_doctor.evidence.logs import formats, messages
from livekit_doctor.evidence.logs.blocks import LONGEST_LINE, Block, Blocks
from livekit_doctor.evidence.logs.fields import normalised, room_in, shortened
from livekit_doctor.evidence.logs.kept import Kept
from livekit_doctor.evidence.logs.needles import Needles, is_id, places_of, spellings
from livekit_doctor.evidence.logs.parsed import Parsed
from livekit_doctor.evidence.logs.prefixes import strip
from livekit_doctor.evidence.logs.records import Record, begins_record, record_at
from livekit_doctor.evidence.logs.source import LogSource
from livekit_doctor.evidence.logs.tracebacks import trimmed
from livekit_doctor.evidence.observations import LogFile, LogLine, Read
from livekit_doctor.redact import redact_text

LONGEST_MESSAGE = 600
_SAMPLED = 200
"""Lines at the beginning and at the end of a log in which its format and its span are looked for."""
_PEEKED = 1 << 16
"""Bytes at the beginning of a block in which its time is looked for."""

NEARBY = 2
"""Blocks before and after one of the call that are searched for everything."""
NEAR = timedelta(minutes=10)
"""Before and after the call."""
TOO_LONG = "longer than 1 MB"
_TRACEBACK = "Traceback (most recent call last):"


class Scan:
    """Collects what one log says of a call. `needles` grows by the ids that its lines bring along.

    Searching for a text costs a pass over the log, so only the names of the call and few messages are
    searched for everywhere. The ids, and the other messages, are in the lines around those with a name
    or of the call's time. With `thorough` all is searched for everywhere: for logs that are small, can
    be read only once, or have no line with a name.
    """

    def __init__(self, source: LogSource, needles: Needles, read: Read, *, thorough: bool = True) -> None:
        self.source, self.needles, self._read = source, needles, read
        self._thorough = thorough or not needles.names
        self._messages = messages.WITHOUT_ID[source.log]
        self._kept = Kept(needles)
        self._spelt: dict[bytes, str] = {}
        for text in needles.texts:
            self._add_needle(text)
        self._first_needles = tuple(spelt for spelt, text in self._spelt.items() if text in needles.names)
        self._passed: deque[Block] = deque(maxlen=NEARBY)
        self._near_left = 0
        self._before: datetime | None = None
        self._formats: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._zoned = True
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None
        self._lines = 0

    def run(self, parts: Iterator[bytes], progress: Callable[[], None] = lambda: None) -> None:
        """Goes through the log. Raises what the stream raises; what was read until then is kept."""
        blocks = Blocks(parts, begins_record)
        last = b""
        try:
            for block in blocks:
                if block.number == 1:
                    self._sample_first(block.data)
                self._look_at(block)
                self._check_text(block.data)
                last = block.data or last
                progress()
        finally:
            if not self.matched:
                self._search_passed()
            self._lines = blocks.lines
            if blocks.too_long:
                self._skipped[TOO_LONG] += blocks.too_long
            self._sample_last(last)

    @property
    def lines(self) -> list[LogLine]:
        return self._kept.lines()

    @property
    def matched(self) -> int:
        """Records with an id of the call."""
        return self._kept.matched

    @property
    def file(self) -> LogFile:
        span = [at for at in (self._first_at, self._last_at) if at is not None]
        return LogFile(
            read=self._read,
            log=self.source.log,
            name=self.source.name,
            formats=tuple(name for name, _ in self._formats.most_common()),
            lines=self._lines,
            matched=self._kept.matched,
            # Some exports have the newest line first.
            first_at=min(span, default=None),
            last_at=max(span, default=None),
            zoned=self._zoned,
            skipped=dict(self._skipped),
            left_out=dict(self._kept.left_out),
        )

    # The search

    def _look_at(self, block: Block) -> None:
        """A block that is not near the call has none of its names."""
        if self._is_near(block):
            self._search_passed()
            self._search(block, {*self._messages.needles, *self._nearby})
        else:
            self._search(block, set(self._messages.needles))
            self._passed.append(block)

    @property
    def _nearby(self) -> set[bytes]:
        return {*self._spelt, *messages.as_bytes(self._messages.nearby)}

    def _is_near(self, block: Block) -> bool:
        """Whether the call is in this block, or not far from it."""
        if self._thorough:
            return True
        if any(needle in block.data for needle in self._first_needles) or self._is_of_the_time(block):
            self._near_left = NEARBY
            return True
        self._near_left -= 1
        return self._near_left >= 0

    def _is_of_the_time(self, block: Block) -> bool:
        start = self.needles.start
        if start is None:
            return False
        first = next(self._times(block.data[:_PEEKED]), None)
        if first is None or not first[1]:
            return False
        before, self._before = self._before, first[0]
        end = self.needles.end or start
        spans = before is not None and before <= start <= first[0]
        return spans or start - NEAR <= first[0] <= end + NEAR

    def _search_passed(self) -> None:
        """What was searched for the names only, and turns out to be near the call."""
        for block in self._passed:
            self._search(block, self._nearby)
        self._passed.clear()

    def _search(self, block: Block, needles: set[bytes]) -> None:
        data = block.data
        places = list(places_of(data, needles))
        heapq.heapify(places)
        done, counted, number = 0, 0, block.number
        while places:
            place = heapq.heappop(places)
            if place < done or not self._may_matter(data, place):
                continue
            record = record_at(data, place, done)
            done = record.end
            number += data.count(b"\n", counted, record.start)
            counted = record.start
            if record.end - record.start > LONGEST_LINE:
                self._skipped[TOO_LONG] += 1
                continue
            known = set(self._spelt)
            self._take(record, data[record.start : record.end], number)
            for place in places_of(data, self._spelt.keys() - known, done):
                heapq.heappush(places, place)

    def _may_matter(self, data: bytes, place: int) -> bool:
        """Spares the parsing of lines that have only a part of a message."""
        end = data.find(b"\n", place)
        line = data[place : end if end >= 0 else len(data)]
        return any(needle in line for needle in self._needed) or any(needle in line for needle in self._spelt)

    @cached_property
    def _needed(self) -> tuple[bytes, ...]:
        return messages.as_bytes((*self._messages.anywhere, *self._messages.nearby))

    def _take(self, record: Record, raw: bytes, number: int) -> None:
        found = {text for spelt, text in self._spelt.items() if _is_word_in(spelt, raw)}
        parsed = formats.parse(record.lines)
        if parsed is None:
            parsed = self._unparsed(record)
        else:
            self._formats[parsed.format] += bool(parsed.format)
        by_name_only = not found - set(self._names)
        room = room_in(parsed.fields)
        if by_name_only and not self._is_of_room(room, found):
            found = set()
        message = self._messages.in_message(parsed.message)
        if (not found and message is None) or messages.is_chatter(parsed.message):
            return
        made = partial(self._line, parsed, number, by_id=bool(found))
        if not found:
            self._kept.add_without_id(message or "", made())
        elif by_name_only and parsed.at and not self.needles.near(parsed.at, parsed.zoned):
            self._kept.left_out["too far from the time of the call"] += 1
        elif line := self._kept.add(made):
            self._learn(line.fields)

    @property
    def _names(self) -> tuple[str, ...]:
        """Names that another call may have too."""
        return (*self.needles.rooms, *self.needles.call_ids)

    def _is_of_room(self, room: str, found: set[str]) -> bool:
        """Whether a line that has only names of the call, and may say its room, is of the call."""
        if not room:
            # A room may be called "test", or "room".
            return not all(text.isalpha() for text in found)
        return not self.needles.rooms or room in self.needles.rooms or bool(found & set(self.needles.call_ids))

    def _unparsed(self, record: Record) -> Parsed:
        texts = record.texts
        if texts[0].startswith("{"):
            self._skipped["JSON that is not whole"] += 1
        traceback = "\n".join(texts) if any(_TRACEBACK in text for text in texts) else ""
        return Parsed("", texts[0].strip(), record.lines[0].at, traceback=traceback)

    def _line(self, parsed: Parsed, number: int, *, by_id: bool) -> LogLine:
        fields = normalised(parsed.fields)
        if parsed.time_of_day:
            fields["time_of_day"] = parsed.time_of_day
        message, mark, rest = parsed.message.partition(_TRACEBACK)
        return LogLine(
            read=self._read,
            log=self.source.log,
            file=self.source.name,
            number=number,
            at=parsed.at,
            zoned=parsed.zoned,
            level=parsed.level,
            logger=parsed.logger,
            message=shortened(redact_text(message), LONGEST_MESSAGE).strip(),
            fields=fields,
            traceback=trimmed(parsed.traceback or mark + rest),
            by_id=by_id,
        )

    def _learn(self, fields: dict[str, str]) -> None:
        """Ids that a line of the call brings along lead to further lines of it."""
        for name in ("job_id", "room_id", "call_id"):
            text = fields.get(name, "")
            if is_id(text) and text not in self.needles.ids:
                self.needles = structs.replace(self.needles, ids=(*self.needles.ids, text))
                self._add_needle(text)
        room = fields.get("room", "")
        if room and not self.needles.rooms:
            self.needles = structs.replace(self.needles, rooms=(room,))
            for text in self.needles.texts:
                self._add_needle(text)

    def _add_needle(self, text: str) -> None:
        for spelt in spellings(text):
            self._spelt.setdefault(spelt, text)

    # Facts about the log

    def _sample_first(self, data: bytes) -> None:
        first = next(self._times(data), None)
        if first is not None:
            self._first_at, self._zoned = first

    def _sample_last(self, data: bytes) -> None:
        last_line = data.rfind(b"\n") + 1
        if 0 < len(data) - last_line <= LONGEST_LINE:
            line = strip(data[last_line:])
            if line.text.startswith("{") and formats.parse([line]) is None:
                self._skipped["half a JSON line at the end"] += 1
        last = next(self._times_from_end(data), None)
        if last is not None:
            self._last_at, zoned = last
            self._zoned = self._zoned and zoned

    def _times(self, data: bytes) -> Iterator[tuple[datetime, bool]]:
        """When the first records were that have a time."""
        place = 0
        for _ in range(_SAMPLED):
            if place >= len(data):
                return
            record = record_at(data, place, place)
            yield from self._time(record)
            place = record.end

    def _times_from_end(self, data: bytes) -> Iterator[tuple[datetime, bool]]:
        place = len(data)
        for _ in range(_SAMPLED):
            if place <= 0:
                return
            record = record_at(data, data.rfind(b"\n", 0, place - 1) + 1)
            yield from self._time(record)
            place = record.start

    def _time(self, record: Record) -> Iterator[tuple[datetime, bool]]:
        if record.end - record.start > LONGEST_LINE:
            return
        parsed = formats.parse(record.lines)
        if parsed is not None:
            self._formats[parsed.format] += bool(parsed.format)
        if parsed is not None and parsed.at is not None:
            yield parsed.at, parsed.zoned
        elif record.lines[0].at is not None:
            yield record.lines[0].at, True

    def _check_text(self, data: bytes) -> None:
        if data.isascii():
            return
        try:
            data.decode()
        except UnicodeDecodeError:
            self._skipped["not UTF-8 (read, with its bad bytes replaced)"] += sum(map(_is_broken, data.split(b"\n")))


def _is_broken(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


def _is_word_in(spelt: bytes, raw: bytes) -> bool:
    return re.search(rb"(?<![0-9A-Za-z_])" + re.escape(spelt) + rb"(?![0-9A-Za-z_])", raw) is not None
