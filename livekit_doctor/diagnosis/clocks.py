"""By how much the clocks of workers and of livekit-sip are off from LiveKit's.

Two clocks have an order beyond the tolerance only. Where a log and LiveKit tell of the same thing by its id, the log's
clock is known, and its lines are dated by LiveKit's: a worker that registered, a job that it was asked for, a phone
that joined. And no line is later than the moment at which it was read.
"""

from collections.abc import Iterable, Iterator, Mapping
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
_DATING = frozenset({Said.SESSION_STARTED, Said.SIP_CREATING, Said.REGISTERED, Said.ASKED, *_ANSWERS})


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
    dating = [(said, line) for said, line in lines if said in _DATING and line.zoned]
    by_server = [(said, line) for said, line in dating if line.log == "server"]
    others = [(said, line) for said, line in dating if line.log != "server"]
    if not others:
        return
    came = dict(_joined(setup)) | dict(_dated(by_server, "participant_id", Said.SESSION_STARTED))
    registered = dict(_dated(by_server, "worker_id", Said.REGISTERED))
    answers = [dict(_dated(by_server, "job_id", said)) for said in _ANSWERS]
    for said, line in others:
        if line.at is None:
            continue
        log, fields = (line.log, line.file), line.fields
        same = _when(came, fields, "participant_id") if said is Said.SIP_CREATING else None
        same = _when(registered, fields, "worker_id") if said is Said.REGISTERED else same
        if same is not None:
            yield log, Off(line.at - same, line.at - same)
        for answered, within in zip(answers, _ANSWERS.values(), strict=True):
            if said is Said.ASKED and (told := _when(answered, fields, "job_id")):
                yield log, Off(line.at - told, line.at - told + within)


def _dated(lines: Lines, key: str, what: Said) -> Iterator[tuple[str, datetime]]:
    return ((line.fields[key], line.at) for said, line in lines if said is what and line.at and line.fields.get(key))


def _when(dated: Mapping[str, datetime], fields: Mapping[str, str], key: str) -> datetime | None:
    return dated.get(fields.get(key, ""))


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
