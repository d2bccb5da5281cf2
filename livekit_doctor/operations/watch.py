"""What `watch` does: check again and again, and note what has changed since.

A run that raises or hangs is a state like any other, and never the end. What is kept does not grow
with time: the last run, a standing for each check, and the latest changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from livekit_doctor.checks.check import CheckResult, Status
from livekit_doctor.checks.judgement import one_line
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.reading import utc_now

KEPT = 100
"""Changes that are kept, the latest."""
GRACE = 5.0
"""Seconds beyond its timeout after which a run is given up. It removes what it made within its timeout."""
SLACK = 5.0
"""Seconds that a run may begin or end late before it is called late."""
WRITING = 10.0
"""Seconds that it may take to write down what came of a run."""

CATEGORY = "watch"
RUN, CONFIGURATION, INTERVAL = "watch.run", "watch.configuration", "watch.interval"
OUTPUT = "watch.output"
LEFT_BEHIND = "watch.left_behind"
"""What `watch` itself can have trouble with, shown among the checks: a run that came to nothing, a
configuration that can't be read, an interval that is too short, a file that can't be written, a scratch
room that could not be removed."""

Outcome = Literal["passed", "failed", "undecided", "none"]
"""What came of a run. `none`: it came to no result."""


class Plan(Struct, frozen=True):
    """`interval` is the seconds from the start of one run to that of the next, `timeout` those for each
    run, `count` after how many to stop (None: never)."""

    interval: float = 60.0
    timeout: float = 60.0
    count: int | None = None

    @property
    def limit(self) -> float:
        """The longest that a run may take, in seconds."""
        return self.timeout + GRACE


class Result(Struct, frozen=True):
    """What one check of everything came to. `exit_status` is that of `livekit-doctor check`; `server` the
    URL asked; the messages are ready to be shown."""

    results: tuple[CheckResult, ...]
    exit_status: int
    server: str | None = None
    left_behind: tuple[str, ...] = ()
    not_tested: str = ""
    """What passing does not say, as `check` has it."""


class Run(Struct, frozen=True):
    """One run: its number (from 1), when it began (UTC), the seconds that it took; `ended` is on the
    clock of the event loop. Without a `result` it came to nothing: `failure` says why, and `fix` what to
    type where that is known. `unwritten` says which files do not have it."""

    number: int
    began_at: datetime
    took: float
    ended: float
    result: Result | None = None
    failure: CheckResult | None = None
    fix: str = ""
    unwritten: CheckResult | None = None

    @property
    def outcome(self) -> Outcome:
        if self.result is None:
            return "none"
        by_status: dict[int, Outcome] = {0: "passed", 3: "undecided"}
        return by_status.get(self.result.exit_status, "failed")

    @property
    def exit_status(self) -> int:
        """What came to nothing is undecided."""
        return self.result.exit_status if self.result else 3

    @property
    def ended_at(self) -> float:
        """In seconds since 1970."""
        return self.began_at.timestamp() + self.took


class Standing(Struct, frozen=True):
    """The last result of a check, since when it has this status and code, and the status before."""

    result: CheckResult
    since: datetime
    before: Status | None = None


class Change(Struct, frozen=True):
    """A check whose status or code is another than in the run before. `before` is None for one that was
    not there before; `after` for one that is no longer there: what had been in the way no longer is."""

    run: int
    at: datetime
    check: str
    before: Status | None
    after: Status | None
    code: str | None = None
    message: str = ""


class Watched(Struct, frozen=True):
    """All that is known at a moment. `touched`, `running_since` and `next_at` are on the clock of the
    event loop; `runs` counts by outcome, `state_changes` by check id."""

    plan: Plan
    started_at: datetime
    touched: float = 0.0
    running_since: float | None = None
    next_at: float | None = None
    last: Run | None = None
    last_passed_at: float | None = None
    standings: tuple[Standing, ...] = ()
    changes: tuple[Change, ...] = ()
    runs: Mapping[str, int] = field(default_factory=dict)
    state_changes: Mapping[str, int] = field(default_factory=dict)
    overruns: int = 0

    @property
    def latest(self) -> tuple[Change, ...]:
        """What changed in the last run."""
        return tuple(change for change in self.changes if self.last and change.run == self.last.number)

    def is_alive(self, now: float) -> bool:
        """Whether runs begin and end as they should."""
        return now - self.touched <= self._longest

    def is_fresh(self, now: float) -> bool:
        """Whether the last run ended no longer ago than it may have."""
        return self.last is not None and now - self.last.ended <= self._longest

    @property
    def _longest(self) -> float:
        """From the end of one run to that of the next, in seconds."""
        return self.plan.interval + self.plan.limit + WRITING + SLACK


async def nowhere(_: Run) -> Sequence[str]:
    """Writes nothing."""
    return ()


async def watch(
    once: Callable[[], Awaitable[Result]],
    plan: Plan,
    tell: Callable[[Watched], None],
    write: Callable[[Run], Awaitable[Sequence[str]]] = nowhere,
) -> Watched:
    """Runs `once` at each interval, and tells what is known whenever a run begins and ends. `write` writes a
    run down before it is told, never raises, and returns a line for each file that could not be written.

    Runs never overlap: where one takes longer than the interval, those that would have begun meanwhile
    are left out. A UserError of the first run is raised: somebody is there to mend it.
    """
    clock = asyncio.get_running_loop().time
    watched = Watched(plan, started_at=utc_now(), touched=clock())
    due = clock()
    for number in _numbers(plan.count):
        watched = replace(watched, touched=clock(), running_since=clock(), next_at=None)
        tell(watched)
        run = await _run(once, plan, number)
        if unwritten := await write(run):
            run = replace(run, unwritten=own(OUTPUT, "warned", "; ".join(unwritten)))
        due += plan.interval * (max(0.0, clock() - due) // plan.interval + 1)
        watched = noted(watched, run)
        is_last = number == plan.count
        watched = replace(watched, touched=clock(), running_since=None, next_at=None if is_last else due)
        tell(watched)
        if not is_last:
            await asyncio.sleep(due - clock())
    return watched


def _numbers(count: int | None) -> Iterator[int]:
    number = 1
    while count is None or number <= count:
        yield number
        number += 1


async def _run(once: Callable[[], Awaitable[Result]], plan: Plan, number: int) -> Run:
    clock = asyncio.get_running_loop().time
    began_at, began = utc_now(), clock()
    result, failure, fix = None, None, ""
    try:
        async with asyncio.timeout(plan.limit) as limit:
            result = await once()
    except UserError as error:
        if number == 1:
            raise
        failure = own(RUN, "errored", error.message.partition("\n")[0], error.code)
        fix = error.fix
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        failure = own(RUN, "errored", f"the run was cancelled from inside: {one_line(Exception(*error.args))}")
    except Exception as error:
        late = f"not done within {plan.limit:g} s, and given up"
        failure = own(RUN, "errored", late if limit.expired() else one_line(error))
    return Run(number, began_at, clock() - began, clock(), result, failure, fix)


def own(id: str, status: Status, message: str, code: str | None = None) -> CheckResult:
    """A result of `watch` itself."""
    return CheckResult(id=id, category=CATEGORY, title=id.partition(".")[2], status=status, message=message, code=code)


def noted(watched: Watched, run: Run) -> Watched:
    """What is known after a run. The standings of one that came to nothing are those from before it."""
    overran = run.took > watched.plan.interval
    at = run.began_at
    before = {standing.result.id: standing for standing in watched.standings}
    after = {result.id: _standing(before.get(result.id), result, at) for result in _results(run, overran)}
    if run.result is None:
        after = {
            **{id: standing for id, standing in before.items() if id not in (RUN, INTERVAL, OUTPUT, LEFT_BEHIND)},
            **after,
        }
    is_first = not any(standing.result.category != CATEGORY for standing in watched.standings)
    changes = tuple(_changes(run, before, after))
    counted = [change.check for change in changes if change.before or not is_first]
    return replace(
        watched,
        last=run,
        last_passed_at=run.ended_at if run.outcome == "passed" else watched.last_passed_at,
        standings=tuple(after.values()),
        changes=(*watched.changes, *changes)[-KEPT:],
        runs=_more(watched.runs, [run.outcome]),
        state_changes=_more(watched.state_changes, counted),
        overruns=watched.overruns + overran,
    )


def _results(run: Run, overran: bool) -> Iterator[CheckResult]:
    if run.failure is not None:
        yield run.failure
    if overran:
        yield own(INTERVAL, "warned", "a run took longer than --interval: those due meanwhile are left out")
    if run.unwritten is not None:
        yield run.unwritten
    if run.result is not None:
        if run.result.left_behind:
            yield own(LEFT_BEHIND, "warned", "; ".join(run.result.left_behind))
        yield from run.result.results


def _standing(before: Standing | None, result: CheckResult, at: datetime) -> Standing:
    if before is None:
        return Standing(result, at)
    if _state(before.result) == _state(result):
        return replace(before, result=result)
    return Standing(result, at, before.result.status)


def _state(result: CheckResult) -> tuple[Status, str | None, str]:
    """What is another state when it is another. Of files and rooms it is also which of them: each is said."""
    return result.status, result.code, result.message if result.id in (OUTPUT, LEFT_BEHIND) else ""


def _changes(run: Run, before: Mapping[str, Standing], after: Mapping[str, Standing]) -> Iterator[Change]:
    for id, standing in after.items():
        old, new = before.get(id), standing.result
        if old is None or _state(old.result) != _state(new):
            was = old.result.status if old else None
            yield Change(run.number, run.began_at, id, was, new.status, new.code, new.message)
    for id, gone in before.items():
        if id not in after:
            yield Change(run.number, run.began_at, id, gone.result.status, None)


def _more(counts: Mapping[str, int], keys: Iterable[str]) -> dict[str, int]:
    more = dict(counts)
    for key in keys:
        more[key] = more.get(key, 0) + 1
    return more
