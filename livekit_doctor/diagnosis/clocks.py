"""By how much the clocks of workers and of livekit-sip are off from LiveKit's.

Two clocks have an order beyond the tolerance only. Where a log and LiveKit tell of the same thing by its id, the log's
clock is known, and its lines are dated by LiveKit's: a worker that registered, a job that it was asked for, a phone
that joined. And no line is later than the moment at which it was read.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.times import ANSWERED_WITHIN, DATE_RESOLUTION, WORKER_ANSWERS_WITHIN
from livekit_doctor.evidence.observations import Component, LogFile, LogLine, ParticipantList, RoomList

Log = tuple[Component, str]
"""Which log, and its file."""
Lines = Iterable[tuple[Said | None, LogLine]]

NONE = timedelta(0)
_ANSWERS = {
    Said.ASSIGNED: WORKER_ANSWERS_WITHIN,
    Said.DECLINED: WORKER_ANSWERS_WITHIN,
    Said.TIMED_OUT: ANSWERED_WITHIN,
}
"""How long after a worker was asked for a job the server says what came of it, at most."""
_TELLS_OF = {
    **dict.fromkeys((Said.SESSION_STARTED, Said.SIP_CREATING), "participant_id"),
    Said.REGISTERED: "worker_id",
    **dict.fromkeys((Said.ASKED, *_ANSWERS), "job_id"),
}
"""What LiveKit and others tell of, and the id by which it is the same."""


class Off(Struct, frozen=True):
    """How far a clock is ahead of LiveKit's: at least and, where that is known, at most."""

    least: timedelta
    most: timedelta | None = None


def ahead(setup: Setup, lines: Lines) -> dict[Log, timedelta]:
    """The logs whose clocks are known against LiveKit's, and how far each is ahead (or behind, if negative): no less
    than this. What a second may be, counts as none."""
    found: dict[Log, list[Off]] = {}
    for log, off in (*_by_ids(setup, lines), *_by_reading(setup)):
        found.setdefault(log, []).append(off)
    known = {log: _nearest(offs) for log, offs in found.items()}
    return {log: by if abs(by) > DATE_RESOLUTION else NONE for log, by in known.items() if by or _is_known(found[log])}


def _is_known(offs: list[Off]) -> bool:
    return any(off.most is not None for off in offs)


def _nearest(offs: list[Off]) -> timedelta:
    """The least that all of them allow; nothing where no one offset does, since the clock was set in between."""
    least = max((off.least for off in offs), default=NONE)
    most = min((off.most for off in offs if off.most is not None), default=max(least, NONE))
    return min(max(NONE, least), most) if least - most <= DATE_RESOLUTION else NONE


def _by_ids(setup: Setup, lines: Lines) -> Iterator[tuple[Log, Off]]:
    told: dict[Said, dict[str, datetime]] = {said: {} for said in _TELLS_OF}
    others: list[tuple[Said, datetime, LogLine]] = []
    for said, line in lines:
        if said not in _TELLS_OF or not line.zoned or line.at is None:
            continue
        if line.log != "server":
            others.append((said, line.at, line))
        elif name := line.fields.get(_TELLS_OF[said]):
            told[said][name] = line.at
    joined = dict(_joined(setup)) if others else {}
    for said, at, line in others:
        log, name = (line.log, line.file), line.fields.get(_TELLS_OF[said], "")
        same = told[said].get(name) if said is Said.REGISTERED else None
        if said is Said.SIP_CREATING:
            same = told[Said.SESSION_STARTED].get(name, joined.get(name))
        if same is not None:
            yield log, Off(at - same, at - same)
        for answer, within in _ANSWERS.items() if said is Said.ASKED else ():
            if answered := told[answer].get(name):
                yield log, Off(at - answered, at - answered + within)


def _joined(setup: Setup) -> Iterator[tuple[str, datetime]]:
    for listing in setup.all(ParticipantList):
        yield from ((p.sid, p.joined_at) for p in listing.participants if p.joined_at)


def _by_reading(setup: Setup) -> Iterator[tuple[Log, Off]]:
    """By LiveKit's clock as this machine's has it: the `Date` of an answer may be a second early."""
    look = setup.latest(RoomList)
    if look is None or look.read.clock_at is None:
        return
    by_this_machine = look.read.at - look.read.clock_at - DATE_RESOLUTION
    for file in setup.all(LogFile):
        if file.log in ("worker", "sip") and file.zoned and file.last_at is not None:
            yield (file.log, file.name), Off(file.last_at - (file.read.at - by_this_machine))
