"""Which lines of a pasted text were written before which: by their times, in whatever order they stand.

Consoles export the newest line first, and chats quote the last one first. Lines of one moment, and lines without a
time, stand in the order that most of the others have.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Component, LogLine, Observation

_OF_DAY = lazy_re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d+)?$")
_LONG = 12 * 3600
"""Seconds by which times of day differ over midnight, and hardly otherwise."""


def ranked(observations: Iterable[Observation]) -> list[Observation]:
    """The same, each line of a log with its place in time among those of the same log."""
    items = list(observations)
    places: dict[Component, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if isinstance(item, LogLine):
            places[item.log].append(place)
    for own in places.values():
        own.sort(key=lambda place: getattr(items[place], "number", 0))
    logs = {log: [line for place in own if isinstance(line := items[place], LogLine)] for log, own in places.items()}
    newest_first = sum(map(_direction, logs.values())) < 0
    for log, own in places.items():
        for rank, number in enumerate(_by_time(logs[log], newest_first=newest_first)):
            items[own[number]] = structs.replace(logs[log][number], rank=rank)
    return items


def _by_time(lines: Sequence[LogLine], *, newest_first: bool) -> list[int]:
    """The places of the lines, oldest first. One without a time is as old as the one before it."""
    order = list(range(len(lines)))[:: -1 if newest_first else 1]
    at = next((lines[number].at for number in order if lines[number].at), None)
    times: dict[int, datetime] = {}
    for number in order:
        at = lines[number].at or at
        if at is not None:
            times[number] = at
    return sorted(order, key=lambda number: times[number]) if times else order


def _direction(lines: Sequence[LogLine]) -> int:
    """How many more lines are newer than the one before them than are older."""
    steps = [_step(before, after) for before, after in pairwise(lines)]
    return sum(step > 0 for step in steps) - sum(step < 0 for step in steps)


def _step(before: LogLine, after: LogLine) -> float:
    """Seconds from one line to the next; 0 where that is not known."""
    if before.at and after.at:
        return (after.at - before.at).total_seconds()
    step = _of_day(after) - _of_day(before)
    return step if abs(step) < _LONG else 0


def _of_day(line: LogLine) -> float:
    text = line.fields.get("time_of_day", "")
    if not _OF_DAY.match(text):
        return float("nan")
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
