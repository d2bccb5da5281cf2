"""Which lines of the components' logs are a call's own.

A line is a call's own by its room, its job, its dispatch or its agent's identity. One that has none of these
counts by the agent's name and the time of the dispatch, for no more than `likely` (Call.lines_by_name).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis import clocks
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.next_call import next_call
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.evidence.job_ids import job_of, job_of_identity
from livekit_doctor.evidence.observations import Component, LogLine

K = TypeVar("K")

_OF_A_JOB = {
    *(Said.RAISED, Said.EXITED, Said.UNRESPONSIVE, Said.NO_PROCESS),
    *(Said.SPEECH_RETRIED, Said.SPEECH_FAILED, Said.TASK_FAILED, Said.SPOKE, Said.HEARD, Said.IN_SESSION),
    Said.SESSION_BROKE,
}
"""What a worker says of a job, whose id not every program's format prints."""

OF_A_PARTICIPANT = frozenset(
    {
        *(Said.SESSION_STARTED, Said.TRACK_PUBLISHED, Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT),
        *(Said.NEVER_HAD_MEDIA, Said.SIP_HEARD, Said.SIP_UNHEARD),
    }
)


def grouped(lines: Iterable[LogLine], key: Callable[[LogLine], K]) -> dict[K, list[LogLine]]:
    """In their order, by what they have in common."""
    found: dict[K, list[LogLine]] = defaultdict(list)
    for line in lines:
        found[key(line)].append(line)
    return found


class Told(Struct, frozen=True, gc=False):
    """A line, its place among all of them, and what it says."""

    number: int
    said: Said | None
    line: LogLine
    job: str
    """The job that it names."""
    agents_job: str
    """The job of the agent whom the server's line is about, by the identity that the server gives it."""


class Index:
    """Lines in their order, and by what they say."""

    def __init__(self, told: list[Told]) -> None:
        self.told = told
        self._by_said: dict[Said, list[Told]] = {}
        for each in told:
            if each.said is not None:
                self._by_said.setdefault(each.said, []).append(each)
        self._asked: dict[tuple[Said, ...], tuple[LogLine, ...]] = {}

    @cached_property
    def of_jobs(self) -> list[Told]:
        """Those that name a job, or are about its agent."""
        return [each for each in self.told if each.job or each.agents_job]

    def that(self, *what: Said) -> list[Told]:
        """Those that say one of these, in their order."""
        found = [self._by_said[said] for said in {*what} if said in self._by_said]
        return found[0] if len(found) == 1 else sorted(chain(*found), key=attrgetter("number"))

    def say(self, *what: Said) -> tuple[LogLine, ...]:
        """The lines of those: asked a hundred times a diagnosis, mostly of no log at all."""
        if not self._by_said:
            return ()
        if (lines := self._asked.get(what)) is None:
            lines = self._asked[what] = tuple(each.line for each in self.that(*what))
        return lines


class OwnLines(Struct, frozen=True, dict=True):
    """The lines of all logs, oldest first, and those of them that are the call's own."""

    call: Seen

    @cached_property
    def lines(self) -> Index:
        told = self._as_written
        if self.clocks_ahead:
            told = [(said, self._by_livekits_clock(line)) for said, line in told]
        told = sorted(told, key=lambda each: (each[1].at is None, each[1].at or each[1].read.at, each[1].order))
        return Index(
            [
                Told(number, said, line, job_of(line), _job_of_agent(line) if said in OF_A_PARTICIPANT else "")
                for number, (said, line) in enumerate(told)
            ]
        )

    @cached_property
    def _as_written(self) -> list[tuple[Said | None, LogLine]]:
        lines = {line.place: line for line in self.call.setup.all(LogLine)}
        return [(meaning(line), line) for line in lines.values()]

    @cached_property
    def clocks_ahead(self) -> dict[clocks.Log, timedelta]:
        """The logs whose clocks are known to be off from LiveKit's, and by how much."""
        return clocks.ahead(self.call.setup, self._as_written)

    def is_dated_by_livekit(self, log: Component) -> bool:
        """Whether the clock of every log of this kind is known against LiveKit's."""
        files = {(line.log, line.file) for _, line in self._as_written if line.log == log}
        return files <= self.clocks_ahead.keys()

    def _by_livekits_clock(self, line: LogLine) -> LogLine:
        by = self.clocks_ahead.get((line.log, line.file)) if line.zoned else None
        return replace(line, at=line.at - by) if by is not None and line.at else line

    @cached_property
    def every(self) -> tuple[LogLine, ...]:
        """All lines, of whichever call, dated by LiveKit's clock as far as that is known."""
        return tuple(told.line for told in self.lines.told)

    @cached_property
    def own(self) -> tuple[LogLine, ...]:
        """The lines that carry the call's room, job, dispatch or the identity of its agent."""
        return tuple(told.line for told in self._own.told)

    @cached_property
    def _own(self) -> Index:
        own, lines, others, here = [], self.lines.told, self.other_jobs, self._of_room
        for told in lines:
            named = told.job or told.said not in _OF_A_JOB or not self._several_jobs
            if named and told.job not in others and (id(told.line) in here or self._is_own(told)):
                own.append(told)
        return self.lines if len(own) == len(lines) else Index(own)

    @cached_property
    def other_jobs(self) -> frozenset[str]:
        """The jobs that lines of any log name for another agent than the call's: for one of those that come beside it,
        or for any, where the call's own was dispatched into its room, or sought for it. Where that has no job, what is
        said of the others' is not said of its own."""
        own, others = self.call.agent_name, self.call.settings.agent.others
        names: dict[str, set[str]] = {}
        for told in self.lines.of_jobs:
            if told.job and (name := told.line.fields.get("agent_name")):
                names.setdefault(told.job, set()).add(name)
        begun = self.lines.that(Said.ASKED, Said.ASSIGNED, Said.TIMED_OUT, Said.DECLINED, Said.NO_CAPACITY)
        if own == "" and {told.job for told in begun} - {*names, ""}:
            return self._later_jobs.union(names)  # one without a name is there, which the call's is
        if own and self._is_sought_here(own):
            return self._later_jobs.union(job for job, found in names.items() if own not in found)
        return self._later_jobs.union(job for job, found in names.items() if not found.isdisjoint(others))

    def _is_sought_here(self, agent_name: str) -> bool:
        return any(
            agent_name == line.fields.get("agent_name")
            or ("request" in line.fields and agent_name in requested_agents(line.fields["request"]))
            for line in self._here
        )

    @cached_property
    def _several_jobs(self) -> bool:
        """Whether a line that names no job may be about another call's. Of lines in the call's room, or that a person
        picked, nothing is told by what stands above: the request may not have been picked, or is in another log."""
        jobs = {told.job for told in self.lines.of_jobs} - {""}
        return len(jobs) + sum(not told.job for told in self.lines.that(Said.ASKED)) > 1

    @cached_property
    def job_ids(self) -> frozenset[str]:
        """The call's jobs: those that the API listed, and those that a line puts into its room, or the identity of an
        agent there, which names its job unless it chose another; not those of another agent beside its own."""
        listed = {job.id for job in self.call.jobs_ever}
        there = {line.fields.get("participant", "") for line in self._here}
        here = {line.fields.get("job_id", "") for line in self._here}.union(map(job_of_identity, there))
        return frozenset((listed | (here - self.other_jobs)) - {""})

    def ever_said(self, *what: Said) -> tuple[LogLine, ...]:
        """Those of earlier dispatches, too."""
        return self._own.say(*what)

    def ever_told(self, *what: Said) -> list[Told]:
        """The same, with the job that each names."""
        return self._own.that(*what)

    def request_above(self, line: LogLine) -> LogLine | None:
        """The last job request of any call above a line in a worker's log: of lines that name neither room nor job the
        one that it is most likely about. It says whose such a line is, and needs the log's order; whether a line that
        is the call's otherwise is so without its job, `_several_jobs` says."""
        above = (one for one in self.anywhere(Said.ASKED) if one.file == line.file and is_above(one, line))
        return max(above, key=lambda one: (one.at or one.read.at, one.order), default=None)

    def anywhere(self, *what: Said) -> tuple[LogLine, ...]:
        """All lines that say this, about whichever call."""
        return self.lines.say(*what)

    def _is_own(self, told: Told) -> bool:
        """Of a line that is not known to be in the call's room."""
        line, fields, job = told.line, told.line.fields, told.job
        if fields.get("room") or (fields.get("room_id") and self._own_sid):
            return False
        if line.read.excerpt and (not job or (not self.job_ids and job not in self.jobs_elsewhere)):
            # A person picked it, and neither this call's own job is known, nor another call to be its own.
            return True
        dispatches = {dispatch.id for dispatch in self.call.dispatches_ever}
        return job in self.job_ids or fields.get("dispatch_id") in dispatches

    @cached_property
    def jobs_elsewhere(self) -> frozenset[str]:
        """The jobs that lines put into other rooms."""
        lines = [line for line in self.every if line.fields.get("room") and not self._in_room(line)]
        return frozenset({line.fields.get("job_id", "") for line in lines} - {""} - self.job_ids)

    def _in_room(self, line: LogLine) -> bool:
        return id(line) in self._of_room

    @cached_property
    def _of_room(self) -> frozenset[int]:
        """The ids (as Python has them) of the lines in the call's room."""
        return frozenset(map(id, self._here))

    @cached_property
    def _here(self) -> list[LogLine]:
        """The lines in the call's room."""
        own_name, own, found = self._own_name, self._own_sid, list[LogLine]()
        for line in self.every if own_name else ():
            name, sid = line.fields.get("room", ""), line.fields.get("room_id", "")
            if name in ("", own_name) and (sid == own if sid and own else name and self._is_of_its_time(line)):
                found.append(line)
        return [line for line in found if not self._is_of_next_call(line)] if self._next_call else found

    def _is_of_its_time(self, line: LogLine) -> bool:
        """Whether a line that has the room's name may be of the call, by its time."""
        info, at = self.call.room_info, line.at
        if self._is_of_another_time(line):
            return False
        if info is None:
            return at is None or not line.zoned or self._sid_at(at) in ("", self._own_sid)
        return at is None or at >= info.created_at - self.call.tolerance

    def _is_of_another_time(self, line: LogLine) -> bool:
        """Whether a line that has the room's name, and nothing else of the call's, was written before the call began,
        or since another one did after it was over. A person may have picked it for this one all the same."""
        first = self.call.not_before
        if first is None or line.at is None or not line.zoned or line.at >= first:
            return self._is_of_next_call(line)
        return not line.read.excerpt

    def _is_of_next_call(self, line: LogLine) -> bool:
        after = self._next_call
        return bool(after and line.at and line.zoned and line.at >= after and not line.read.excerpt)

    @cached_property
    def _next_call(self) -> datetime | None:
        return next_call(self.call, self.anywhere, self._own_name)

    @cached_property
    def _later_jobs(self) -> frozenset[str]:
        """Those of the call that came after this one into its room, by the server's log."""
        if self._next_call is None:
            return frozenset()
        lines = [told for told in self.lines.told if told.line.log == "server" and told.job]
        began = {told.job for told in lines if not self._is_of_next_call(told.line)}
        return frozenset(told.job for told in lines if told.line.fields.get("room") == self._own_name) - began

    @property
    def _own_name(self) -> str:
        return self.call.room.name if self.call.room else ""

    @cached_property
    def _own_sid(self) -> str:
        """Of the call's room, where that is known; some releases of livekit-agents log it without the name."""
        room, info = self.call.room, self.call.room_info
        return info.sid if info else (room.sid or self._sid_of_lines) if room else ""

    @cached_property
    def _openings(self) -> tuple[tuple[datetime, str], ...]:
        """When each of the rooms that had the call's name was first heard of, oldest first."""
        first: dict[str, datetime] = {}
        name = self._own_name
        for line in self.every if name else ():
            sid = line.fields.get("room_id")
            if not sid or sid in first or line.fields.get("room") != name or not line.zoned or line.at is None:
                continue
            if not self._is_of_another_time(line):
                first[sid] = line.at
        return tuple(sorted((at, sid) for sid, at in first.items()))

    @property
    def next_opening(self) -> datetime | None:
        """When the next room of the call's name was first heard of, where its own is known."""
        own = next((at for at, sid in self._openings if sid == self._own_sid), None)
        return min((at for at, _ in self._openings if own and at > own), default=None)

    @cached_property
    def _sid_of_lines(self) -> str:
        """Of several rooms of one name that the lines name, the one that was there at the time of the call's
        rows; without rows the latest."""
        if not self._openings:
            return ""
        return self._sid_at(self.call.rows[-1].at) or self._openings[0][1] if self.call.rows else self._openings[-1][1]

    def _sid_at(self, at: datetime) -> str:
        """Which of the rooms of the call's name was the one at this moment; empty before the first."""
        if len(self._openings) < 2:
            return ""
        begun = [sid for opened, sid in self._openings if opened - self.call.tolerance <= at]
        return begun[-1] if begun else ""


def _job_of_agent(line: LogLine) -> str:
    return job_of_identity(line.fields.get("participant", "")) if line.log == "server" else ""


def is_above(one: LogLine, line: LogLine) -> bool:
    """Whether a line of a log was written before another of it: by its time, since pasted lines may be in any order."""
    if one.at and line.at and one.at != line.at:
        return one.at < line.at
    return one.order < line.order


def took(line: LogLine) -> timedelta:
    """How long a request of the API took, by the server's log; nothing where that does not say so."""
    try:
        return timedelta(seconds=float(line.fields.get("duration", "")))
    except (ValueError, OverflowError):
        return timedelta(0)
