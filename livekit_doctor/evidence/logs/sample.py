"""What one log is: its span, its formats, and how much of it was understood, by the records that were looked at."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, field

from livekit_doctor.evidence.logs.blocks import LONGEST_LINE
from livekit_doctor.evidence.logs.windows import Window, window_at
from livekit_doctor.evidence.observations import Component
from livekit_doctor.evidence.records.component import KINDS, component, names_call
from livekit_doctor.evidence.records.excerpt import Unrecognised
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.records.shapes import spans

RECORDS = 500
"""Records at the beginning and at the end of a log that are looked at; those that are found in between as well."""

WEBHOOK = "webhook"


class Sample(Struct):
    """Facts about a log. `recognised` counts its records by kind, `unknown` the lines that are in none.

    That it is of LiveKit at all, `is_known`, a record of it must show by itself, or by naming the call: lines of any
    program have a time and a level, and are taken for the component's only beside such a one.
    """

    log: Component
    formats: Counter[str] = field(default_factory=Counter)
    recognised: Counter[str] = field(default_factory=Counter)
    unknown: Unrecognised = field(default_factory=Unrecognised)
    unnamed: int = 0
    """Records that name no call."""
    is_known: bool = False
    _of_others: Unrecognised = field(default_factory=Unrecognised)
    """Lines that are a log's, and say nothing of LiveKit."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    zoned: bool = True
    _seen: set[int] = field(default_factory=set)
    whole: bool = True
    """Whether all of the log was looked at."""
    _first_end: int = 0

    @property
    def is_whole_log(self) -> bool:
        """Whether what is not in it was not written: spans are told only of jobs whose entrypoint ran."""
        return set(self.formats) != {spans.NAME}

    @property
    def is_newest_first(self) -> bool:
        """Whether the log has its last line first, as consoles export it."""
        return self.first_at is not None and self.last_at is not None and self.last_at < self.first_at

    def begin(self, data: bytes) -> None:
        """Looks at the beginning of a log."""
        for number, window in windows(data):
            at = self._look_at(window, number)
            if at is not None and self.first_at is None:
                self.first_at, self.zoned = at
            self._first_end = window.end

    def end(self, data: bytes, number: int) -> None:
        """Looks at the end of a log, of which the last block begins with this line."""
        lowest = self._first_end if number == 1 else 0
        self.whole = number == 1 and lowest == len(data)
        place = len(data)
        found = False
        counted, lines = len(data), number + data.count(b"\n")
        for _ in range(RECORDS):
            if place <= 0:
                break
            window = window_at(data, data.rfind(b"\n", 0, place - 1) + 1)
            place = window.start
            lines -= data.count(b"\n", place, counted)
            counted = place
            if place < lowest and found:
                break
            at = self._look_at(window, lines) if place >= lowest else _time(window)
            if at is not None and not found:
                found = True
                self.last_at, zoned = at
                self.zoned = self.zoned and zoned

    def take(self, window: Window, number: int) -> None:
        """A record that was found by what was searched for."""
        self._look_at(window, number)

    def _look_at(self, window: Window, number: int) -> tuple[datetime, bool] | None:
        if window.end - window.start > LONGEST_LINE or number in self._seen:
            return _time(window)
        self._seen.add(number)
        if window.webhooks:
            self.is_known = True
            self.recognised[WEBHOOK] += window.webhooks
            return _time(window)
        known = [(log, record) for record in window.records if (log := component(record, self.log))]
        for log, record in known:
            self.recognised[KINDS[log]] += 1
            self.formats[record.format] += bool(record.format)
            self.unnamed += not names_call(record)
        self.is_known = self.is_known or any(component(record) for _, record in known)
        if not known or not self.is_known:
            for raw in window.raw.split(b"\n"):
                (self._of_others if known else self.unknown).add(raw.decode("utf-8", "replace"))
        return _time(window)

    def settle(self) -> None:
        """After the whole log: where nothing in it is LiveKit's, none of it was recognised."""
        if self.is_known or not self.recognised:
            return
        self.recognised.clear()
        self.unnamed = 0
        self.formats.clear()
        self.first_at = self.last_at = None
        self.unknown = self._of_others.plus(self.unknown)


def windows(data: bytes, most: int = RECORDS) -> Iterator[tuple[int, Window]]:
    """The first records of a block, each with the number of its first line, from 1."""
    place, number = 0, 1
    for _ in range(most):
        if place >= len(data):
            return
        window = window_at(data, place, place)
        yield number, window
        number += data.count(b"\n", place, window.end)
        place = window.end


def times(data: bytes) -> Iterator[tuple[datetime, bool]]:
    """When the first records were that have a time, and whether that has a zone."""
    for _, window in windows(data, 200):
        if at := _time(window):
            yield at


def _time(window: Window) -> tuple[datetime, bool] | None:
    record = window.record or Record("", "", window.excerpt.stripped[0].at)
    return (record.at, record.zoned) if record.at is not None else None
