"""Jobs beside another one of the call's, whose agent came first and stayed to the end: that they failed is not missed.

So a room that was dispatched into twice has two jobs, of which the second may raise by design, when it finds the first,
or be lost: each may be told of by another log, or by a look alone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Self

from msgspec import Struct

from livekit_doctor.diagnosis.job_ends import OVER
from livekit_doctor.diagnosis.own_lines import Index, Told, is_above
from livekit_doctor.diagnosis.said import LEFT_ROOM, ROOM_GONE, Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import LEFT_ALONE
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.observations import LogLine, Participant, ParticipantList

LIVEKIT = "livekit"
"""The clock of what looks show."""


class Moment(Struct, frozen=True):
    """`at` is None where no zone, or no time, is known; `by` the log, or LiveKit's clock. Without a `line` of that log
    it was before the log begins."""

    at: datetime | None
    by: str
    line: LogLine | None = None

    @classmethod
    def of(cls, line: LogLine) -> Self:
        return cls(line.at if line.zoned else None, line.file, line)

    def is_before(self, other: "Moment", tolerance: timedelta) -> bool:
        """By the order of one log, or by two clocks."""
        if self.by == other.by != LIVEKIT:
            return self.line is None or (other.line is not None and is_above(self.line, other.line))
        return self.at is not None and other.at is not None and other.at - self.at > tolerance


class _Job:
    """When a job was heard of first, by each source, and by which of these it began then; when it was over; and until
    when its agent is known to have been in the room: `there_until` is None where nothing tells of its leaving."""

    def __init__(self) -> None:
        self.first: dict[str, Moment] = {}
        self.begun: set[str] = set()
        self.over: list[Moment] = []
        self.came = False
        self.there_until: Moment | None = None

    def hear(self, told: Told) -> None:
        """Of a line; one by which its agent left, and that nothing of it stands above, says that it had come before."""
        line, said, moment = told.line, told.said, Moment.of(told.line)
        had_come, left = _had_come(said, line), said is Said.PARTICIPANT_LEFT
        if line.file not in self.first:
            self.first[line.file] = Moment(None, line.file) if left else moment
            self.begun |= {line.file} if left or said not in OVER else set()
            had_come |= left
        self.came = self.came or had_come or said is Said.PARTICIPANT_ACTIVE
        if said in OVER:
            self.over.append(moment)
        if left or ((had_come or said is Said.PROCESS_EXITS) and self.there_until is None):
            self.there_until = moment

    def see(self, came: Moment, last: Moment | None) -> None:
        """Of a look that shows its agent."""
        self.first.setdefault(came.by, came)
        self.begun.add(came.by)
        self.came, self.there_until = True, self.there_until or last

    def is_before(self, other: "_Job", tolerance: timedelta) -> bool:
        """Whether it was heard of before the other began."""
        begins = [moment for by, moment in other.first.items() if by in other.begun] or other.first.values()
        return any(one.is_before(later, tolerance) for one, later in product(self.first.values(), begins))


def beside_another(own: Index, seen: Seen) -> dict[str, str]:
    """Each with the job whose agent stayed. `own` are the call's own lines, oldest first."""
    jobs, tolerance = _read(own, seen), seen.tolerance
    if len(jobs) < 2:
        return {}
    ends = [one.there_until for one in jobs.values() if one.there_until]
    ends += [Moment.of(line) for line in own.say(Said.PARTICIPANT_LEFT) if line.fields.get("kind") == "SIP"]

    def stayed(job: _Job) -> bool:
        """Until the phone or the other agents were gone, or to the end of what was read."""
        end = job.there_until
        return job.came and not (end and any(_is_long_after(other, end, tolerance) for other in ends))

    def is_beside(job: _Job, other: _Job) -> bool:
        """Whether the other's agent was dispatched before this one's, and was there when this one's job was over."""
        over, end = job.over or [*job.first.values()], other.there_until
        before = other.is_before(job, tolerance) and not job.is_before(other, tolerance)
        return before and (end is None or any(one.is_before(end, tolerance) for one in over))

    stays = {name for name, job in jobs.items() if stayed(job)}
    return {
        name: other for name, job in jobs.items() for other in stays if name not in stays if is_beside(job, jobs[other])
    }


def _is_long_after(other: Moment, end: Moment, tolerance: timedelta) -> bool:
    """By longer than a callee takes to hang up, whose agent has left."""
    margin = LEFT_ALONE if other.by == end.by else LEFT_ALONE + tolerance
    return bool(other.at and end.at) and other.at - end.at > margin  # type: ignore[operator]


def _read(own: Index, seen: Seen) -> dict[str, _Job]:
    looks = list(_by_looks(seen))
    names = {told.job or told.agents_job for told in own.of_jobs} | {name for name, _, _ in looks}
    jobs = {name: _Job() for name in names}
    for told in own.of_jobs if len(names) > 1 else ():
        jobs[told.job or told.agents_job].hear(told)
    for name, moment, last in looks:
        jobs[name].see(moment, last)
    return jobs


def _had_come(said: Said | None, line: LogLine) -> bool:
    """Whether its agent had been in the room until then: the job ended as it left, or its process since the room was
    gone."""
    if said is Said.JOB_ENDED:
        return LEFT_ROOM in line.fields.get("error", "")
    return said is Said.PROCESS_EXITS and line.fields.get("reason") == ROOM_GONE


def _by_looks(seen: Seen) -> Iterator[tuple[str, Moment, Moment | None]]:
    """The jobs of agents that looks have shown in the room: when each came, and until when it was there; None where it
    is there now."""
    last = {job: (agent, look) for look in seen.participant_lists for job, agent in _agents_in(look)}
    for job, (agent, look) in last.items():
        now = seen.room_live and look is seen.participant_list
        yield job, Moment(agent.joined_at, LIVEKIT), None if now else Moment(look.read.now, LIVEKIT)


def _agents_in(look: ParticipantList) -> Iterator[tuple[str, Participant]]:
    """Each with its job."""
    agents = ((job_of_identity(one.identity), one) for one in look.participants if one.state == "ACTIVE")
    yield from ((job, agent) for job, agent in agents if job)
