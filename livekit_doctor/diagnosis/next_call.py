"""When another call began in the room of one that was over: a name may be used again, one for each customer, and a room
stays open for a while after its call (fact 18), so that a watchdog may send an agent into it that nobody needs."""

from collections.abc import Callable
from datetime import datetime

from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.observations import LogLine

Say = Callable[..., tuple[LogLine, ...]]
"""The lines, of whichever call, that say one of these."""

_BEGINS = (Said.ROOM_OPENED, Said.ROOM_ASKED_FOR, Said.DISPATCH_CREATED, Said.ASKED, Said.SIP_CREATING)
"""What is said as a call begins."""


def next_call(call: Seen, say: Say, room: str) -> datetime | None:
    """By the rows, a clock's tolerance after they say that the call had ended; by the server's own log as soon as its
    phone had left."""

    def here(*what: Said) -> list[LogLine]:
        lines = [line for line in say(*what) if line.at and line.zoned and line.fields.get("room") == room]
        return [line for line in lines if not line.read.excerpt]

    over = call.over_since
    # LiveKit Cloud restarts a job that failed (fact 33): one more of a dispatch of the call is no other call's.
    asked = here(Said.ASKED) if over else []
    known = {line.fields.get("dispatch_id") for line in asked if over and line.at and line.at <= over} - {None}
    begins = [(line.log, line.at) for line in here(*_BEGINS) if line.at and line.fields.get("dispatch_id") not in known]
    by_server = [at for log, at in begins if log == "server"]
    phones = _Phones(call, here) if by_server else None
    later = [at for _, at in begins if over and at > over] + [at for at in by_server if phones and phones.over_at(at)]
    return min(later, default=None)


class _Phones:
    """Those that were in the room, by the server's log."""

    def __init__(self, call: Seen, here: Callable[..., list[LogLine]]) -> None:
        gone = here(Said.PARTICIPANT_LEFT)
        self._left = [_when(line) for line in gone if line.fields.get("kind") == "SIP"]
        phones = {who for _, who in self._left} | {who for _, who in map(_when, here(Said.SIP_ACCEPTED))}
        came = list(map(_when, here(Said.PARTICIPANT_ACTIVE)))
        self._came = [(at, who) for at, who in came if who in phones]
        until = {who: at for at, who in map(_when, gone)}
        self._agents = [(at, until.get(who)) for at, who in came if job_of_identity(who)]
        dialled = here(Said.SIP_CREATING, Said.SIP_ACCEPTED, Said.SIP_FAILED, Said.SIP_REFUSED)
        self._dialled = [at for at, _ in (*self._came, *map(_when, dialled))]
        self._ended = call.ended_last
        self._tolerance = call.tolerance

    def over_at(self, at: datetime) -> bool:
        """Whether the last phone had left by this moment, and nothing of the call was to come: a row said so, or an
        agent had been there with it, and none was dialled after it. What would be an attempt to call dials."""
        left = max((one for one, _ in self._left if one < at), default=None)
        there = sum(one < at for one, _ in self._came) > sum(one < at for one, _ in self._left)
        if left is None or there:
            return False
        if self._ended and abs(self._ended - left) <= self._tolerance:
            return True
        joined = max((one for one, _ in self._came if one < left), default=left)
        met = any(came < left and not (gone and gone < joined) for came, gone in self._agents)
        return met and not any(at > left for at in self._dialled)


def _when(line: LogLine) -> tuple[datetime, str]:
    assert line.at is not None
    return line.at, line.fields.get("participant", "")
