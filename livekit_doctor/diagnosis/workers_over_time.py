"""The workers over time: who was registered under a name at a moment, and in which state, by all the logs.

Every registration has an id, which the server's line and the worker's own share; a worker that connects again
gets another. A line that names no worker, as that it is full, is about the worker whose log it stands in. Where
that log is of several, it is about one of them, and nobody knows which.

One that was killed leaves no line of its going. Its successor does, in the log of the container or the service
that started both.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum, auto
from functools import cached_property
from itertools import accumulate
from operator import attrgetter

from msgspec import Struct, field

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.own_lines import grouped
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import STARTED_TOGETHER
from livekit_doctor.evidence.observations import LogLine


class State(StrEnum):
    REGISTERED = auto()
    """It takes jobs, as far as its log tells: the server asks none that reports a load over 0.7."""
    FULL = auto()
    DRAINING = auto()
    """It finishes its jobs and takes no other, until it is gone."""
    GONE = auto()
    """It left, or lost its connection."""
    REPLACED = auto()
    """Its log goes on with another one under its name, and nothing tells of it since: most likely it was killed."""


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

NO_MORE = (State.GONE, State.REPLACED)
"""The states of one that is not there any more."""

_FOR_GOOD = (*NO_MORE, State.DRAINING)
"""The states that no later line takes back, the stronger first."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Change(Struct, frozen=True):
    """From this line on the worker is in this state."""

    state: State
    line: LogLine


class Worker(Struct, frozen=True, eq=False, dict=True):
    """One registration of a worker."""

    registration: LogLine
    """When it registered."""
    registrations: Sequence[LogLine]
    """The lines that tell of it, the server's and the worker's own, oldest first."""
    named: Sequence[LogLine] = ()
    """All lines with its id, oldest first."""
    changes: list[Change] = field(default_factory=list)
    """Oldest first."""
    doubtful: dict[str, dict[State, list[LogLine]]] = field(default_factory=dict)
    """By log, the lines that are about one of several workers of it; shared by all of them."""

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

    def at(self, moment: datetime | None) -> Change | None:
        """What it was at this moment, and the line that says so; None: not registered yet. Lines without a
        time count, and all of them where the moment is not known."""
        if not _is_by(self.registration, moment):
            return None
        past = [change for change in self.changes if _is_by(change.line, moment)]
        final = (change for state in _FOR_GOOD for change in past if change.state is state)
        return next(final, past[-1] if past else Change(State.REGISTERED, self.registration))

    def may_have_been(self, state: State, moment: datetime | None) -> LogLine | None:
        """The line that says that this worker, or another one of the same log, was in this state by then."""
        for file, number in self.starts.items():
            lines = self.doubtful.get(file, {}).get(state, [])
            past = len(lines)
            if moment is not None and lines and lines[-1].at is not None:
                past = bisect_right(lines, moment, key=lambda line: line.at or _LONG_AGO)
            if past and lines[past - 1].order > number:
                return lines[past - 1]
        return None

    @property
    def starts(self) -> dict[str, int]:
        """The workers' logs in which it registered, and the place of the line in its order."""
        own = [line for line in self.registrations if line.log == "worker"]
        return {line.file: line.order for line in sorted(own, key=attrgetter("order"), reverse=True)}

    def is_heard_of_after(self, moment: datetime) -> bool:
        """Whether a line with its id, or one that is surely about it, is later."""
        lines = [*self.named, *(change.line for change in self.changes if change.state is not State.REPLACED)]
        return any(line.at is not None and is_dated(line) and line.at > moment for line in lines)


def workers_of(logs: ComponentLogs) -> tuple[Worker, ...]:
    """Every registration that a line tells of, under whichever name, oldest first."""
    named = grouped(logs.every, lambda line: line.fields.get("worker_id", ""))
    lines = grouped(logs.registrations(), lambda line: line.fields.get("worker_id") or f"{line.file}:{line.order}")
    index = _Index(tuple(Worker(_first(own), own, named.get(key, [])) for key, own in lines.items()))
    for told in logs.lines.that(*_STATES, *([Said.REGISTERED] if index.replaced else [])):
        index.read(told.said, told.line)
    return index.workers


def _first(registrations: list[LogLine]) -> LogLine:
    """By the server's clock, which dates the dispatches too, where that is known."""
    return next((line for line in registrations if line.log == "server"), registrations[0])


class _Index:
    """The workers by what a line may know of them: an id, a log, or the name that it was the last of."""

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        self.workers = workers
        self.by_id = {worker.id: worker for worker in workers if worker.id}
        self.by_file: dict[str, list[tuple[int, Worker]]] = defaultdict(list)
        """Those that are still there, in the order of their lines."""
        self.doubtful: dict[str, dict[State, list[LogLine]]] = {}
        for worker in workers:
            for file, number in worker.starts.items():
                self.by_file[file].append((number, worker))
                worker.doubtful[file] = self.doubtful.setdefault(file, defaultdict(list))
        for there in self.by_file.values():
            there.sort(key=_number)
        self.replaced = _replaced(self.by_file)

    @cached_property
    def by_kind(self) -> dict[str, dict[tuple[frozenset[str], frozenset[str]], deque[Worker]]]:
        """By name, then by the servers' logs and the types of job, oldest first."""
        found: dict[str, dict[tuple[frozenset[str], frozenset[str]], deque[Worker]]] = defaultdict(dict)
        for worker in sorted(self.workers, key=lambda one: one.registration.at or _LONG_AGO):
            if is_dated(worker.registration):
                files = frozenset(line.file for line in worker.registrations if line.log == "server")
                kinds = frozenset(one.fields["job_type"] for one in worker.registrations if "job_type" in one.fields)
                found[worker.name].setdefault((files, kinds), deque()).append(worker)
        return found

    def read(self, said: Said | None, line: LogLine) -> None:
        if said is Said.REGISTERED:
            for worker in self.replaced.get((line.file, line.order), ()) if line.log == "worker" else ():
                self._change(worker, State.REPLACED, line)
            return
        if said is None:
            return
        state, named = _STATES[said], line.fields.get("worker_id")
        if named and named in self.by_id:
            self._change(self.by_id[named], state, line)
        elif said is Said.DEREGISTERED:
            for worker in self._left_with_the_last(line):
                self._change(worker, state, line)
        elif line.log == "worker" and not named:
            there = self.by_file.get(line.file, [])
            before = bisect_left(there, line.order, key=_number)
            if before == 1:
                self._change(there[0][1], state, line)
            elif before:
                self.doubtful[line.file][state].append(line)

    def _change(self, worker: Worker, state: State, line: LogLine) -> None:
        worker.changes.append(Change(state, line))
        if state not in NO_MORE:
            return
        for file, number in worker.starts.items():
            there = self.by_file[file]
            place = bisect_left(there, number, key=_number)
            if place < len(there) and there[place][1] is worker:
                del there[place]

    def _left_with_the_last(self, line: LogLine) -> Iterator[Worker]:
        """When the last worker under a name leaves a server, all that it had registered before have left."""
        if not is_dated(line):
            return
        kind = {line.fields["job_type"]} if "job_type" in line.fields else set()
        for (files, kinds), workers in self.by_kind.get(line.fields.get("agent_name", ""), {}).items():
            if (files and line.file not in files) or len(kinds | kind) > 1:
                continue
            while workers and _is_by(workers[0].registration, line.at):
                yield workers.popleft()


def _replaced(by_file: dict[str, list[tuple[int, Worker]]]) -> dict[tuple[str, int], list[Worker]]:
    """The workers that another one replaced, by the log and the line with which that one registered."""
    found: dict[tuple[str, int], list[Worker]] = defaultdict(list)
    for file, there in by_file.items():
        names: dict[str, list[tuple[int, Worker]]] = defaultdict(list)
        for number, worker in there:
            names[worker.name].append((number, worker))
        for same in names.values():
            times = list(accumulate((worker.registration.at or _LONG_AGO for _, worker in same), max))
            for number, worker in same:
                own = [line.order for line in worker.named if (line.log, line.file) == ("worker", file)]
                later = max(bisect_right(same, max(own, default=number), key=_number), _first_later(worker, times))
                if later < len(same):
                    found[file, same[later][0]].append(worker)
    return found


def _first_later(worker: Worker, times: list[datetime]) -> int:
    """The first of these registrations that may be of a successor: after the last that a server said of this
    one, and not so soon that both were started together."""
    heard = [line.at for line in worker.named if line.at and line.log == "server" and is_dated(line)]
    began = worker.registration.at
    return max(
        bisect_right(times, max(heard)) if heard else 0,
        bisect_right(times, STARTED_TOGETHER, key=lambda at: at - began) if began else 0,
    )


def _number(entry: tuple[int, Worker]) -> int:
    return entry[0]


def _is_by(line: LogLine, moment: datetime | None) -> bool:
    return moment is None or line.at is None or line.at <= moment


def is_dated(line: LogLine) -> bool:
    """Whether the line's time can be held against another clock's; what a person picked was picked for its time."""
    return line.read.excerpt or (line.at is not None and line.zoned)
