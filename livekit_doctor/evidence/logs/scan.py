"""One pass over one log: large blocks are searched, and only the lines that hit are parsed."""

import heapq
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial

from msgspec import structs

from livekit_doctor.evidence.logs import messages, unnamed
from livekit_doctor.evidence.logs.blocks import LONGEST_LINE, Block, Blocks
from livekit_doctor.evidence.logs.kept import Kept
from livekit_doctor.evidence.logs.needles import Needles, holds, is_id, places_of, spellings
from livekit_doctor.evidence.logs.sample import Sample, times
from livekit_doctor.evidence.logs.source import LogSource
from livekit_doctor.evidence.logs.windows import Window, begins_record, window_at
from livekit_doctor.evidence.observations import LogFile, LogLine, Observation, Read, Sighting
from livekit_doctor.evidence.pasted import api_errors
from livekit_doctor.evidence.pasted.interface import Context, Recogniser
from livekit_doctor.evidence.records import columns, long_exports, shapes, tracebacks
from livekit_doctor.evidence.records.component import component
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import room_in
from livekit_doctor.evidence.records.lines import GONE, strip
from livekit_doctor.evidence.records.reader import observed
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.sources import EVIDENCE
from livekit_doctor.settings import CallLogs

_PEEKED = 1 << 16
"""Bytes at the beginning of a block in which its time is looked for."""

NEARBY = 8
"""Blocks before and after one of the call that are searched for everything."""
NEAR = timedelta(minutes=10)
"""Before and after the call."""
SHORT = 1 << 20
"""Bytes of a log that a terminal may have cut, and that may be something else than a log."""
TOO_LONG = "longer than 1 MB"


class Scan:
    """Collects what one log says of a call. `needles` grows by the ids that its lines bring along.

    Searching for a text costs a pass over the log, so only the names of the call and few messages are
    searched for everywhere. The ids, and the other messages, are in the lines around those with a name
    or of the call's time. With `thorough` all is searched for everywhere: for logs that are small, can
    be read only once, or have no line with a name.
    """

    def __init__(
        self, source: LogSource, needles: Needles, read: Read, call_logs: CallLogs, *, thorough: bool = True
    ) -> None:
        self.source, self.needles, self._read, self._call_logs = source, needles, read, call_logs
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
        self.sample = Sample(source.log)
        self.found: list[Observation] = []
        self.webhooks = 0
        self._skipped: Counter[str] = Counter()
        self._lines = 0
        self._numbers: Sequence[int] = ()

    def run(self, parts: Iterator[bytes], progress: Callable[[], None] = lambda: None) -> None:
        """Goes through the log. Raises what the stream raises; what was read until then is kept."""
        blocks = Blocks(columns.in_parts(long_exports.in_parts(parts, LONGEST_LINE)), begins_record)
        last = Block(b"", 1)
        try:
            for block in blocks:
                if block.number == 1:
                    block = self._unwrapped(block)
                    self.sample.begin(block.data)
                self._look_at(block)
                self._check_text(block.data)
                last = block if block.data else last
                progress()
        finally:
            if not self.matched:
                self._search_passed()
            self._lines = blocks.lines
            if blocks.too_long:
                self._skipped[TOO_LONG] += blocks.too_long
            self._check_end(last.data)
            self.sample.end(last.data, last.number)
            self.sample.settle()
            if last.number == 1 and 0 < len(last.data) <= SHORT:
                self.found += unnamed.found(last.data, self)

    @property
    def lines(self) -> list[LogLine]:
        lines = self._kept.lines()
        if self._numbers:
            lines = [structs.replace(line, number=self._numbers[line.number - 1]) for line in lines]
        if not self.sample.is_newest_first:
            return lines
        return [structs.replace(line, rank=-number) for number, line in enumerate(lines)]

    @property
    def matched(self) -> int:
        """Records with an id of the call, and webhooks."""
        return self._kept.matched + self.webhooks

    @property
    def file(self) -> LogFile:
        span = [at for at in (self.sample.first_at, self.sample.last_at) if at is not None]
        return LogFile(
            read=self._read,
            log=self.source.log,
            name=self.source.name,
            formats=tuple(name for name, _ in self.sample.formats.most_common()),
            lines=self._lines,
            matched=self._kept.matched,
            # Some exports have the newest line first.
            first_at=min(span, default=None),
            last_at=max(span, default=None),
            zoned=self.sample.zoned,
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
        if any(holds(block.data, needle) for needle in self._first_needles) or self._is_of_the_time(block):
            self._near_left = NEARBY
            return True
        self._near_left -= 1
        return self._near_left >= 0

    def _is_of_the_time(self, block: Block) -> bool:
        start = self.needles.start
        if start is None:
            return False
        first = next(times(block.data[:_PEEKED]), None)
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
            window = window_at(data, place, done)
            done = window.end
            number += data.count(b"\n", counted, window.start)
            counted = window.start
            if window.end - window.start > LONGEST_LINE:
                self._skipped[TOO_LONG] += 1
                continue
            known = set(self._spelt)
            self._take(window, number)
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

    def _take(self, window: Window, number: int) -> None:
        self.sample.take(window, number)
        if window.webhooks:
            self._take_webhooks(window)
            return
        for record in window.records or [self._unknown(window)]:
            own = window.raw if len(window.records) < 2 else _spelt(record)
            self._take_record(record, own, window, number)

    def _take_webhooks(self, window: Window) -> None:
        if not any(_is_word_in(spelt, window.raw) for spelt in self._spelt):
            return
        from livekit_doctor.evidence.pasted import webhooks

        record = window.record or Record("", "", window.excerpt.stripped[0].at)
        for found in webhooks.find(window.excerpt, self.context(record.at if record.zoned else None)):
            self.webhooks += found.count
            for item in found.observations:
                if isinstance(item, Sighting):
                    jobs = [job.id for dispatch in item.dispatches for job in dispatch.jobs]
                    self._learn({"room": item.room, "room_id": item.room_sid, "job_id": next(iter(jobs), "")})
                self.found.append(item)

    def _take_record(self, record: Record, raw: bytes, window: Window, number: int) -> None:
        found = {text for spelt, text in self._spelt.items() if _is_word_in(spelt, raw)}
        by_name_only = not found - set(self._names)
        if found and by_name_only and not self._is_of_room(room_in(record.fields), found):
            found = set()
        message = self._messages.in_message(record.message)
        if (not found and message is None) or messages.is_chatter(record.message):
            return
        self.sample.is_known = self.sample.is_known or bool(found)
        log = component(record, self.source.log)
        log = self.source.log if log in (None, "app") else log
        made = partial(observed, record, log, self.source.name, number, self._read, by_id=bool(found))
        if not found:
            self._kept.add_without_id(message or "", record, made)
        elif by_name_only and record.at and not self.needles.near(record.at, record.zoned):
            self._kept.left_out["too far from the time of the call"] += 1
        elif line := self._kept.add(made):
            self._learn(line.fields)
            self.found += self._told(window, record)

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

    def _unknown(self, window: Window) -> Record:
        texts = [line.text for line in window.excerpt.stripped if line.text != GONE]
        if texts[0].startswith("{"):
            self._skipped["JSON that is not whole"] += 1
        traceback = "\n".join(texts) if any(tracebacks.PYTHON in text for text in texts) else ""
        return Record("", texts[0].strip(), window.excerpt.stripped[0].at, traceback=traceback)

    def context(self, at: datetime | None = None) -> Context:
        """Of what is found in a line of this time. What has no time is worth as much as if it were pasted."""
        read = self._read if at is not None else structs.replace(self._read, source=f"{EVIDENCE} {self.source.name}")
        return Context(structs.replace(read, clock_at=at), self._call_logs)

    def _told(self, window: Window, record: Record | None) -> Iterator[Observation]:
        """What lines of the call tell beside being a record: an error of the API, a webhook, an answer of the API."""
        if record is not None and record.by == "go":
            return
        context = self.context(record.at if record is not None and record.zoned else None)
        for recogniser in _others() if record is None or not record.format else (api_errors.find,):
            for found in recogniser(window.excerpt, context):
                window.excerpt.take(found.first, found.last)
                yield from found.observations

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

    def _unwrapped(self, block: Block) -> Block:
        """The log's text as it was before a terminal cut it or a tool put it into one JSON document; a large one has
        its entries in lines of their own, and nobody cuts it."""
        if not block.is_last or len(block.data) > SHORT:
            return block
        lines = block.data.decode("utf-8", "surrogateescape").split("\n")
        put = Excerpt.of_lines(lines).unfolded(every=True)
        self._numbers = put.numbers
        return structs.replace(block, data="\n".join(put.bodies).encode("utf-8", "surrogateescape"))

    def _check_end(self, data: bytes) -> None:
        last_line = data.rfind(b"\n") + 1
        if 0 < len(data) - last_line <= LONGEST_LINE:
            line = strip(data[last_line:].decode("utf-8", "replace"))
            if line.text.startswith("{") and shapes.read_json(line) is None:
                self._skipped["half a JSON line at the end"] += 1

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


def _others() -> tuple[Recogniser, ...]:
    """Of what is no line of a log; they bring protobuf along."""
    from livekit_doctor.evidence.pasted.recognisers import BESIDE_LOG_LINES

    return BESIDE_LOG_LINES


def _spelt(record: Record) -> bytes:
    """What one of several records of a document says, to be searched in."""
    return f"{record.message} {json.dumps(record.fields, default=str)}".encode("utf-8", "replace")


def _is_word_in(spelt: bytes, raw: bytes) -> bool:
    return re.search(rb"(?<![0-9A-Za-z_])" + re.escape(spelt) + rb"(?![0-9A-Za-z_])", raw) is not None
