"""The workers over time: who was registered under a name at a moment, and in which state, by all the logs.

Every registration has an id, which the server's line and the worker's own share; a worker that connects again
gets another. A line that names no worker, as that it is full, is about the worker whose log it stands in. Where
that log is of several, it is about one of them, and nobody knows which.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto

from livekit_doctor.diagnosis.component_logs import ComponentLogs, Said, meaning
from livekit_doctor.evidence.observations import LogLine


class State(StrEnum):
    REGISTERED = auto()
    """It takes jobs, as far as its log tells: the server asks none that reports a load over 0.7."""
    FULL = auto()
    DRAINING = auto()
    """It finishes its jobs and takes no other, until it is gone."""
    GONE = auto()
    """It left, or lost its connection."""


_STATES = {
    Said.FREE: State.REGISTERED,
    Said.FULL: State.FULL,
    Said.DRAINING: State.DRAINING,
    Said.SHUT_DOWN: State.GONE,
    Said.CONNECTION_FAILED: State.GONE,
    Said.GAVE_UP: State.GONE,
    Said.WORKER_CLOSED: State.GONE,
    Said.DEREGISTERED: State.GONE,
}

_FOR_GOOD = (State.GONE, State.DRAINING)
"""The states that no later line takes back, the stronger first."""


@dataclass(frozen=True, slots=True)
class Change:
    """From this line on the worker is in this state."""

    state: State
    line: LogLine
    sure: bool = True
    """False: the line is about this worker or about another one of the same log."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One registration of a worker."""

    registrations: tuple[LogLine, ...]
    """The lines that tell of it, the server's and the worker's own."""
    changes: list[Change] = field(default_factory=list)
    """Oldest first."""

    @property
    def name(self) -> str:
        return self.registration.fields.get("agent_name", "")

    @property
    def id(self) -> str:
        return self.registration.fields.get("worker_id", "")

    @property
    def files(self) -> frozenset[str]:
        """The logs in which it registered."""
        return frozenset(line.file for line in self.registrations)

    @property
    def registration(self) -> LogLine:
        """When it registered: by the server's clock, which dates the dispatches too, where that is known."""
        return next((line for line in self.registrations if line.log == "server"), self.registrations[0])

    def at(self, moment: datetime | None) -> Change | None:
        """What it was at this moment, and the line that says so; None: not registered yet. Lines without a
        time count, and all of them where the moment is not known."""
        if not _is_by(self.registration, moment):
            return None
        past = [change for change in self.changes if change.sure and _is_by(change.line, moment)]
        final = (change for state in _FOR_GOOD for change in past if change.state is state)
        return next(final, past[-1] if past else Change(State.REGISTERED, self.registration))

    def may_have_been(self, state: State, moment: datetime | None) -> LogLine | None:
        """The line that says that this worker, or another one of the same log, was in this state by then."""
        doubtful = [one for one in self.changes if not one.sure and one.state is state and _is_by(one.line, moment)]
        return doubtful[-1].line if doubtful else None


def workers_of(logs: ComponentLogs) -> tuple[Worker, ...]:
    """Every registration that a line tells of, under whichever name, oldest first."""
    lines: dict[str, list[LogLine]] = {}
    for line in logs.registrations():
        lines.setdefault(line.fields.get("worker_id") or f"{line.file}:{line.number}", []).append(line)
    workers = tuple(Worker(tuple(own)) for own in lines.values())
    for line in logs.anywhere(*_STATES):
        concerned = [worker for worker in workers if _may_be_about(line, worker)]
        for worker in concerned:
            sure = len(concerned) == 1 or line.log == "server"
            said = meaning(line)
            if said is not None:
                worker.changes.append(Change(_STATES[said], line, sure))
    return workers


def _may_be_about(line: LogLine, worker: Worker) -> bool:
    named = line.fields.get("worker_id")
    if named and named == worker.id:
        return True
    if line.log == "server":
        return meaning(line) is Said.DEREGISTERED and _left_with_the_last(line, worker)
    gone = any(change.sure and change.state is State.GONE for change in worker.changes)
    return not named and not gone and any(_follows(line, before) for before in worker.registrations)


def _left_with_the_last(line: LogLine, worker: Worker) -> bool:
    """When the last worker under a name leaves a server, all that it had registered before have left."""
    if line.fields.get("agent_name") != worker.name or not (is_dated(line) and is_dated(worker.registration)):
        return False
    known = [one for one in worker.registrations if one.log == "server"]
    elsewhere = known and all(one.file != line.file for one in known)
    kinds = {one.fields["job_type"] for one in (line, *worker.registrations) if "job_type" in one.fields}
    return not elsewhere and len(kinds) < 2 and _is_by(worker.registration, line.at)


def _follows(line: LogLine, other: LogLine) -> bool:
    return (line.log, line.file) == (other.log, other.file) and line.number > other.number


def _is_by(line: LogLine, moment: datetime | None) -> bool:
    return moment is None or line.at is None or line.at <= moment


def is_dated(line: LogLine) -> bool:
    """Whether the line's time can be held against another clock's; what a person picked was picked for its time."""
    return line.read.excerpt or (line.at is not None and line.zoned)
