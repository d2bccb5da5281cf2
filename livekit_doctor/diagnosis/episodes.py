"""Which of a call's dispatches a fact is about. The latest decides; what became of those before it is told in a line.

A dispatch is known by its id, its jobs by theirs. Where neither is known, the time tells: a job that began before the
latest dispatch was made is of an earlier one. By two clocks that holds only beyond the tolerance.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor.diagnosis.beside import OF_A_PARTICIPANT, beside_another, job_of_agent
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.said import Said, job_of, job_of_identity, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import (
    CREATED_AT_ONCE,
    CREATED_TOGETHER,
    DATE_RESOLUTION,
    MEDIA_GIVEN_UP,
    MOMENT,
    SAID_TO_BE_SLOW,
)
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step

Lines = Iterable[tuple[Said | None, LogLine]]

OF_A_JOB = frozenset(
    {
        *(Said.NO_WORKER, Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.ASSIGNED, Said.JOB_ENDED, Said.ASKED),
        *(Said.ASSIGNMENT_LATE, Said.NO_PROCESS, Said.MEDIA_TIMED_OUT, Said.RAISED, Said.EXITED),
        *(Said.UNRESPONSIVE, Said.SLOW_TO_CONNECT, Said.RETURNED, Said.PROCESS_EXITS, Said.SESSION_BROKE),
        *(Said.SPEECH_FAILED, Said.CHANNEL_CLOSED),
    }
)
"""What lines say of one dispatch's job."""

_DONE = (Said.JOB_ENDED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.DECLINED)
"""What the server says of a job as the last thing: what comes after that is about another one, if it names one."""

_ENDS: dict[Said, str] = {
    Said.NO_WORKER: "the server knew no worker",
    Said.DECLINED: "a worker was asked, and declined",
    Said.NO_CAPACITY: "no worker had room for its job",
    Said.TIMED_OUT: "a worker was asked, and its answer came too late",
    Said.ASSIGNMENT_LATE: "a worker was asked, and its answer came too late",
    Said.RAISED: "its entrypoint raised",
    Said.UNRESPONSIVE: "its process blocked, and was killed",
    Said.EXITED: "its process died",
    Said.RETURNED: "its entrypoint returned without connecting",
    Said.NO_PROCESS: "no process came up for its job",
    Said.NEVER_HAD_MEDIA: "its agent's media never connected",
    Said.PARTICIPANT_LEFT: "its agent left",
}
"""What became of a dispatch, in the words of the line that says it."""


class Latest(Struct, frozen=True):
    """The latest dispatch of the call's agent."""

    began: datetime | None = None
    """When it was made, by LiveKit's clock or as near to it as is known."""
    earlier_jobs: frozenset[str] = frozenset()
    """Jobs of the dispatches before it."""
    became: tuple[str, ...] = ()
    """What became of the earlier ones, oldest first, each once."""
    earlier_lines: frozenset[int] = frozenset()
    """The ids (as Python has them) of the lines that are about an earlier dispatch."""
    maybe_later: str = ""
    """What tells of a dispatch that may be later: a row by another clock, a name that is not known, or that what became
    of one is not known to be of the last."""
    superseded: bool = False
    """Whether rows tell of more dispatches than are known otherwise, the last later than all that is known of those."""


def latest_of(seen: Seen, lines: Lines, agents: frozenset[str], complete: bool) -> Latest:
    """`lines` are the call's own; `agents` the identities that are known to be its agents'; `complete`: the server's
    log has each dispatch into the room."""
    own = list(lines)
    known, told = _known_since(seen, own), _told_of(seen, own)
    began = _began(seen, known, told)
    jobs = _Jobs(seen, own, began, max(filter(None, (known, told)), default=None))
    stayed = _stayed(own, jobs.heard_of_latest or began) if began else set()
    earlier_lines: set[int] = set()
    became: dict[str, None] = {}
    for said, line in own:
        if said in OF_A_JOB:
            earlier = jobs.is_earlier(line)
        elif said in OF_A_PARTICIPANT:
            earlier = _is_of_earlier_agent(line, jobs, agents) and line.fields.get("participant") not in stayed
        else:
            continue
        if earlier:
            earlier_lines.add(id(line))
            beside = (job_of(line) or job_of_agent(said, line)) in jobs.beside
            if said in _ENDS and not beside and line.fields.get("job_type", "JT_ROOM") == "JT_ROOM":
                became.setdefault(_ENDS[said])
    by_rows, more = _later_by_rows(seen, own, known)
    of_another = _later_of_another_name(seen, own, known) or jobs.not_of_the_listed() or jobs.not_placed(complete)
    return Latest(
        began=began,
        earlier_jobs=jobs.earlier,
        became=tuple(became),
        earlier_lines=frozenset(earlier_lines),
        maybe_later=of_another or by_rows,
        superseded=more and not of_another and not seen.api_covers,
    )


def _later_by_rows(seen: Seen, own: list[tuple[Said | None, LogLine]], known: datetime | None) -> tuple[str, bool]:
    """A row of a dispatch that may be later than the last one that LiveKit or the worker tell of, and whether the rows
    tell of more than those do. Where the worker alone does, by a clock of its own, it may have been asked for any that
    was made at about that time; and where its clock is not known, for any at all."""
    rows, without = _dispatched_by_rows(seen), _without_worker(seen, own)
    begun = [line for said, line in own if said in (Said.ASKED, Said.ASSIGNED)]
    asked = [line for line in begun if line.log == "worker"]
    told = [line for said, line in own if said in _DONE[1:] and line.log == "server"]
    dated = {line.fields.get("job_id"): line.at for line in (*asked, *told) if line.at and line.zoned}
    jobs = {line.fields["job_id"] for said, line in own if said in OF_A_JOB and line.fields.get("job_id")}
    more = len(rows) > max(len(jobs) + len(without), len(seen.dispatches_ever), len(_made(seen, own)))
    # A row may be written a little after its dispatch, and is not written after what became of that.
    written = CREATED_AT_ONCE if more else DATE_RESOLUTION
    by_job = {line.fields.get("job_id"): line.at + written for line in begun if line.at and line.zoned}
    by_job |= {line.fields.get("job_id"): line.at + CREATED_AT_ONCE for line in told if line.at and line.zoned}
    seen_last = [*by_job.values(), *(at + CREATED_AT_ONCE for at in without), *([known + written] if known else ())]
    if rows and seen_last and max(rows) > max(seen_last):
        return _BY_A_ROW, more
    if known is not None or not asked:
        return "", False
    last = max(dated.values(), default=None)
    since = last - seen.tolerance - MOMENT if last else None  # a worker is asked a moment after it
    rows = [at for at in rows if since is None or at >= since]
    near = [at for at in dated.values() if since is None or at >= since]
    jobs = {line.fields.get("job_id", "") for line in asked}
    return (_BY_A_ROW, True) if len(rows) > len(near or jobs) else ("", False)


_BY_A_ROW = "a row tells of a dispatch that may be a later one, by another clock"


def _without_worker(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> list[datetime]:
    """When the server found no worker to ask for a job of the call's agent: such a dispatch has no job."""
    return [one.at for said, one in own if said is Said.NO_WORKER and one.at and one.zoned and is_sought(seen, one)]


def is_sought(seen: Seen, line: LogLine) -> bool:
    """Whether a server's line is about a job such as the call's, for its agent or one that is almost of its name: not
    the lookups for jobs of other types, which fail in healthy calls too (fact 12)."""
    return line.fields.get("job_type", "JT_ROOM") == "JT_ROOM" and seen.is_for_agent(line.fields.get("agent_name", ""))


def _later_of_another_name(seen: Seen, own: list[tuple[Said | None, LogLine]], known: datetime | None) -> str:
    """A later dispatch into the room for an agent that is not known: its name may be a mistake."""
    made = {(one.agent_name, one.created_at) for listing in seen.dispatch_lists for one in listing.dispatches}
    made |= {(name, line.at) for line in _dispatched(own) for name in requested_agents(line.fields.get("request", ""))}
    ours = {*seen.settings.agent.others, *(one.agent_name for one in seen.dispatches_ever), seen.agent_name, ""}
    names = [name for name, at in made if name not in ours and at and known and at - known > CREATED_AT_ONCE]
    if seen.agent_name is None or not names:
        return ""
    return f'a later dispatch into this room, for "{names[-1]}", may be this call\'s'


def _began(seen: Seen, known: datetime | None, told: datetime | None) -> datetime | None:
    """By LiveKit's clock; what is told by another counts where it is later beyond the tolerance."""
    if told is None or (known is not None and told - known <= seen.tolerance):
        return known
    return told - seen.tolerance


def _known_since(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> datetime | None:
    """When the latest dispatch was made by LiveKit's own clock."""
    by_livekit = [one.created_at for one in seen.dispatches_ever if one.created_at is not None]
    by_livekit += [line.at for line in _made(seen, own) if line.at is not None]
    return max(by_livekit, default=None)


def _told_of(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> datetime | None:
    """The same by the clocks of others: of what logs rows, and of workers, where the server says nothing of the job."""
    known = {one.id for one in seen.dispatches_ever}
    by_server = {line.fields["job_id"] for _, line in own if line.log == "server" and line.fields.get("job_id")}
    asked = (
        line.at
        for said, line in own
        if said is Said.ASKED and line.at and line.zoned and line.fields.get("dispatch_id", "") not in known
        if line.fields.get("job_id") not in by_server
    )
    return max((*_dispatched_by_rows(seen), *asked), default=None)


def _dispatched_by_rows(seen: Seen) -> list[datetime]:
    return [row.at for row in seen.rows if seen.step_of_state[row.state] is Step.AGENT_DISPATCHED]


def _made(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> list[LogLine]:
    """The server's lines of CreateDispatch for this agent; those for another where none is for it."""
    lines = _dispatched(own)
    named = [line for line in lines if any(map(seen.is_for_agent, requested_agents(line.fields.get("request", ""))))]
    return named or lines


def _dispatched(own: list[tuple[Said | None, LogLine]]) -> list[LogLine]:
    return [
        line
        for said, line in own
        if said is Said.DISPATCH_CREATED and line.zoned and line.fields.get("status") == "200"
    ]


def _opens_with_agents(said: Said | None, line: LogLine) -> bool:
    return said is Said.ROOM_ASKED_FOR and bool(requested_agents(line.fields.get("request", "")))


class _Jobs:
    """The jobs of a call, and which of them are of a dispatch before the latest."""

    def __init__(
        self, seen: Seen, own: list[tuple[Said | None, LogLine]], began: datetime | None, told: datetime | None
    ) -> None:
        self.seen, self.began, self.told = seen, began, told
        self.made = [*_made(seen, own), *(line for said, line in own if _opens_with_agents(said, line))]
        self.dispatch_of = {job.id: one.id for one in seen.dispatches_ever for job in one.jobs}
        self.started: dict[str, datetime] = {}
        """When each was first heard of, by LiveKit's clock."""
        self.ended: dict[str, datetime] = {}
        """When the server had done with each."""
        self.asked: dict[str, LogLine] = {}
        """The worker's first line of each."""
        self.failed: dict[str, LogLine] = {}
        """The worker's line of its end."""
        for said, line in own:
            job = job_of(line) or job_of_agent(said, line)
            if not job:
                continue
            if line.log == "server" and line.zoned and line.at and said is not None:
                self.started[job] = min(line.at, self.started.get(job, line.at))
                if said in (*_DONE, Said.PARTICIPANT_LEFT):
                    self.ended[job] = line.at
            elif line.log == "worker" and said is not Said.ASSIGNMENT_LATE:  # which is said long after
                self.asked.setdefault(job, line)
                if said in _ENDS:
                    self.failed.setdefault(job, line)
                if line.fields.get("dispatch_id"):
                    self.dispatch_of.setdefault(job, line.fields["dispatch_id"])
        self.without_worker = _without_worker(seen, own)
        self.requested = {job_of(line): line for said, line in own if said is Said.ASKED}
        """The request for each."""
        self.by_two_clocks = False
        self.beside = beside_another(own, seen.tolerance)
        self.earlier = frozenset(job for job in {*self.started, *self.asked, *self.dispatch_of} if self._is_over(job))

    @property
    def heard_of_latest(self) -> datetime | None:
        """When the server's log first tells of a job of the latest dispatch."""
        return min((at for job, at in self.started.items() if job not in self.earlier), default=None)

    def is_earlier(self, line: LogLine) -> bool:
        job = job_of(line)
        if job:
            return job in self.earlier
        if line.at is None or not line.zoned or self.began is None:
            return False
        if line.log == "sip":
            return self.began - line.at > self.seen.tolerance
        return line.log == "server" and self._is_before(line.at)

    def not_of_the_listed(self) -> str:
        """Where the worker was asked for the job of another dispatch than the latest in the list, and nobody knows
        which of the two was first."""
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        if latest is None or latest.created_at is None:
            return ""
        jobs = {job.id for job in latest.jobs}
        own = {self.dispatch_of.get(job) for job in {*self.asked} - self.earlier} - {None}
        others = {job for job in {*self.started} - self.earlier if self.dispatch_of.get(job, "") != latest.id} - jobs
        if (not own or latest.id in own) and not (jobs and others):
            return ""
        return f"dispatch {latest.id} is the last in the list, and a log tells of another's job"

    def not_placed(self, complete: bool) -> str:
        """Where the jobs that are not known to be of an earlier dispatch are not known to be of the last one, either:
        the worker alone tells of one, by another clock, or by none, and another dispatch was made; or logs tell of two.
        """
        if self.by_two_clocks:
            return "the logs tell of several jobs, and not of which was the last: their clocks are two"
        current = {*self.started, *self.asked} - self.earlier
        if len(current) > 1 and len({self.dispatch_of.get(job, job) for job in current}) > 1:
            return "the logs tell of several jobs, and not of which was the last"
        for job in current - {*self.started}:
            line = self.asked[job]
            dated = line.at is not None and line.zoned
            before = dated and self.began is not None and self.began - line.at > DATE_RESOLUTION  # type: ignore[operator]
            if self._listed_with(job) or (dated and not before):
                continue
            several = len(self.made) > len(self.earlier) + 1
            if (before and not complete) or ((before or not dated) and several):
                return "the worker's log tells of a job that may be an earlier dispatch's: it has another clock"
        return ""

    def _came_after(self, job: str, moment: datetime) -> bool:
        line = self.asked[job]
        return line.zoned and line.at is not None and line.at > moment

    def _listed_with(self, job: str) -> bool:
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        return latest is not None and self.dispatch_of.get(job) == latest.id

    def _is_over(self, job: str) -> bool:
        if job in self.beside or job in self.beside.values():
            return job in self.beside
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        own = self.dispatch_of.get(job)
        if latest is not None and own == latest.id:
            return latest.created_at is not None and self._is_before(latest.created_at)
        if latest is not None and own in {one.id for one in self.seen.dispatches_ever}:
            return True
        line, failed = self.asked.get(job), self.failed.get(job)
        if line and job not in self.requested and line.file in {one.file for one in self.requested.values()}:
            return True  # its request is above the log's beginning
        if failed and any(other != job and _is_below(one, failed) for other, one in self.asked.items()):
            return True
        if job in self.started and self._is_before(self.started[job]):
            return True
        others = [*self.without_worker, *(at for other, at in self.started.items() if other != job)]
        if job in self.ended and any(at > self.ended[job] for at in others):
            return True
        if job in self.ended and any(self._came_after(other, self.ended[job]) for other in self.asked if other != job):
            self.by_two_clocks = True
            return True
        if line is not None and self._was_asked_before_another(line, by_id=job in self.started):
            return True
        return job not in self.started and line is not None and self._is_long_before(line)

    def _was_asked_before_another(self, line: LogLine, by_id: bool) -> bool:
        """By the worker's own log, another of the call's jobs came later, of another dispatch; `by_id`: surely, since
        that is named."""
        return any(
            other.file == line.file and other.order > line.order and _is_of_later_dispatch(line, other, by_id)
            for other in self.asked.values()
        )

    def _is_long_before(self, line: LogLine) -> bool:
        return (
            self.told is not None and line.zoned and line.at is not None and self.told - line.at > self.seen.tolerance
        )

    def _is_before(self, at: datetime) -> bool:
        return self.began is not None and self.began - at > CREATED_AT_ONCE


def _is_below(line: LogLine, failed: LogLine) -> bool:
    """Whether a job's first line is in the same log and later than another's end."""
    return line.file == failed.file and bool(line.at and failed.at and line.at > failed.at)


def _is_of_later_dispatch(line: LogLine, other: LogLine, by_id: bool) -> bool:
    """Where not both lines name a dispatch, time tells: the agents of one call are dispatched together."""
    named = [one.fields["dispatch_id"] for one in (line, other) if one.fields.get("dispatch_id")]
    if len(named) == 2 or by_id:
        return len({*named}) == 2
    if line.at is None or other.at is None:
        return True
    said = meaning(line)
    return other.at - line.at + (_SAID_AFTER.get(said, timedelta()) if said else timedelta()) > CREATED_TOGETHER


_SAID_AFTER = {Said.MEDIA_TIMED_OUT: MEDIA_GIVEN_UP, Said.SLOW_TO_CONNECT: SAID_TO_BE_SLOW}
"""What is said of a job so long after it had begun, at least."""


def _is_of_earlier_agent(line: LogLine, jobs: _Jobs, agents: frozenset[str]) -> bool:
    """A line of a participant that is the agent of an earlier job, or an agent that came before the dispatch."""
    identity = line.fields.get("participant", "")
    if job := job_of_identity(identity):
        return job in jobs.earlier if job in jobs.started or job in jobs.asked else jobs.is_earlier(line)
    return identity in agents and jobs.is_earlier(line)


def _stayed(own: list[tuple[Said | None, LogLine]], began: datetime) -> set[str]:
    """Participants that were in the room when the latest dispatch was made: its agent joined them."""
    return {identity for identity in _there_at(own, began) if identity}


def _there_at(own: list[tuple[Said | None, LogLine]], moment: datetime) -> Iterator[str]:
    there: dict[str, bool] = {}
    for said, line in own:
        if line.log == "server" and line.at is not None and line.at < moment:
            if said is Said.PARTICIPANT_ACTIVE:
                there[line.fields.get("participant", "")] = True
            elif said is Said.PARTICIPANT_LEFT:
                there[line.fields.get("participant", "")] = False
    return (identity for identity, still in there.items() if still)
