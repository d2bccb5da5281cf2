"""Which of a call's dispatches a fact is about. The latest decides; what became of those before it is told in a line.

A dispatch is known by its id, its jobs by theirs. Where neither is known, the time tells: a job that began before the
latest dispatch was made is of an earlier one. By two clocks that holds only beyond the tolerance.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, DATE_RESOLUTION
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step

Lines = Iterable[tuple[Said | None, LogLine]]

OF_A_JOB = frozenset(
    {
        *(Said.NO_WORKER, Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.ASSIGNED, Said.JOB_ENDED, Said.ASKED),
        *(Said.ASSIGNMENT_LATE, Said.NO_PROCESS, Said.MEDIA_TIMED_OUT, Said.RAISED, Said.EXITED),
        *(Said.UNRESPONSIVE, Said.SLOW_TO_CONNECT, Said.RETURNED, Said.PROCESS_EXITS),
    }
)
"""What lines say of one dispatch's job."""

OF_A_PARTICIPANT = frozenset(
    {Said.SESSION_STARTED, Said.TRACK_PUBLISHED, Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT, Said.NEVER_HAD_MEDIA}
)

_ENDS: dict[Said, str] = {
    Said.NO_WORKER: "the server knew no worker",
    Said.DECLINED: "a worker was asked, and declined",
    Said.NO_CAPACITY: "no worker had room for its job",
    Said.TIMED_OUT: "a worker was asked, and its answer came too late",
    Said.ASSIGNMENT_LATE: "a worker was asked, and its answer came too late",
    Said.RAISED: "its entrypoint raised",
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
    maybe_later: bool = False
    """Whether a row tells of a dispatch that may be a later one, by another clock."""


def latest_of(seen: Seen, lines: Lines, agents: frozenset[str]) -> Latest:
    """`lines` are the call's own; `agents` the identities that are known to be its agents'."""
    own = list(lines)
    known, told = _known_since(seen, own), _told_of(seen, own)
    began = _began(seen, known, told)
    jobs = _Jobs(seen, own, began, max(filter(None, (known, told)), default=None))
    stayed = _stayed(own, began) if began else set()
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
            if said in _ENDS:
                became.setdefault(_ENDS[said])
    asked = [line.at for said, line in own if said is Said.ASKED and line.at and line.zoned]
    seen_last = max([*asked, *filter(None, (known,))], default=None)
    rows = max(_dispatched_by_rows(seen), default=None)
    return Latest(
        began=began,
        earlier_jobs=jobs.earlier,
        became=tuple(became),
        earlier_lines=frozenset(earlier_lines),
        maybe_later=rows is not None and seen_last is not None and rows - seen_last > DATE_RESOLUTION,
    )


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
    """The same by the clocks of others: of what logs rows, and of workers."""
    known = {one.id for one in seen.dispatches_ever}
    asked = (
        line.at
        for said, line in own
        if said is Said.ASKED and line.at and line.zoned and line.fields.get("dispatch_id", "") not in known
    )
    return max((*_dispatched_by_rows(seen), *asked), default=None)


def _dispatched_by_rows(seen: Seen) -> list[datetime]:
    return [row.at for row in seen.rows if seen.step_of_state[row.state] is Step.AGENT_DISPATCHED]


def _made(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> list[LogLine]:
    """The server's lines of CreateDispatch for this agent; those for another where none is for it."""
    lines = [
        line
        for said, line in own
        if said is Said.DISPATCH_CREATED and line.zoned and line.fields.get("status") == "200"
    ]
    named = [line for line in lines if any(map(seen.is_for_agent, requested_agents(line.fields.get("request", ""))))]
    return named or lines


class _Jobs:
    """The jobs of a call, and which of them are of a dispatch before the latest."""

    def __init__(
        self, seen: Seen, own: list[tuple[Said | None, LogLine]], began: datetime | None, told: datetime | None
    ) -> None:
        self.seen, self.began, self.told = seen, began, told
        self.dispatch_of = {job.id: one.id for one in seen.dispatches_ever for job in one.jobs}
        self.started: dict[str, datetime] = {}
        """When each was first heard of, by LiveKit's clock."""
        self.asked: dict[str, LogLine] = {}
        """The worker's first line of each."""
        for said, line in own:
            job = line.fields.get("job_id")
            if not job:
                continue
            if line.log == "server" and line.zoned and line.at and said is not None:
                self.started[job] = min(line.at, self.started.get(job, line.at))
            elif line.log == "worker":
                self.asked.setdefault(job, line)
                if line.fields.get("dispatch_id"):
                    self.dispatch_of.setdefault(job, line.fields["dispatch_id"])
        self.earlier = frozenset(job for job in {*self.started, *self.asked, *self.dispatch_of} if self._is_over(job))

    def is_earlier(self, line: LogLine) -> bool:
        job = line.fields.get("job_id")
        if job:
            return job in self.earlier
        return line.log == "server" and line.zoned and line.at is not None and self._is_before(line.at)

    def _is_over(self, job: str) -> bool:
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        own = self.dispatch_of.get(job)
        if latest is not None and own == latest.id:
            return latest.created_at is not None and self._is_before(latest.created_at)
        if latest is not None and own in {one.id for one in self.seen.dispatches_ever}:
            return True
        if job in self.started:
            return self._is_before(self.started[job])
        line = self.asked.get(job)
        return line is not None and (self._was_asked_before_another(line) or self._is_long_before(line))

    def _was_asked_before_another(self, line: LogLine) -> bool:
        """By the worker's own log, another of the call's jobs came later, of another dispatch."""
        return any(
            other.file == line.file
            and other.number > line.number
            and other.fields.get("dispatch_id", "") != line.fields.get("dispatch_id", "")
            for other in self.asked.values()
        )

    def _is_long_before(self, line: LogLine) -> bool:
        return (
            self.told is not None and line.zoned and line.at is not None and self.told - line.at > self.seen.tolerance
        )

    def _is_before(self, at: datetime) -> bool:
        return self.began is not None and self.began - at > CREATED_AT_ONCE


def _is_of_earlier_agent(line: LogLine, jobs: _Jobs, agents: frozenset[str]) -> bool:
    """A line of a participant that is the agent of an earlier job, or an agent that came before the dispatch."""
    identity = line.fields.get("participant", "")
    if identity.startswith("agent-AJ_"):
        job = identity.removeprefix("agent-")
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
