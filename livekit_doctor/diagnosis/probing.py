"""Many probes judged together: how many rooms got their agent, how soon, and is that good enough. Pure."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from math import ceil
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.findings import Finding, RuledOut
from livekit_doctor.diagnosis.rules.workers import canary_without_job, probe_without_agent
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Canary, ProbeResult

FEWEST_FOR_P95 = 20
"""Of fewer values the p95 is the largest one."""

SHOWN = 3
"""Of the dispatches that ended alike so many are evidence; all are in the list of dispatches."""

BARS = 8
"""A histogram has at most so many."""

_NEEDS_THE_NAME = ("LKD101", "LKD102", "LKD110")
"""What a worker that gets jobs under the same name excludes."""


class Outcome(StrEnum):
    """How a dispatch ended. `undecided`: the evidence could not be read."""

    JOINED = "joined"
    """The agent's participant became ACTIVE; a canary: its job request came."""
    NO_JOB = "no_job"
    DECLINED = "declined"
    JOB_WITHOUT_AGENT = "job_without_agent"
    UNDECIDED = "undecided"


class Trial(Struct, frozen=True, kw_only=True):
    """One dispatch. `latency` and `waited` are seconds since it was made; `number` counts from 1 in the
    order in which they were; `finding` is why no agent came, or why nobody knows."""

    number: int
    outcome: Outcome
    room: str = ""
    dispatch_id: str = ""
    latency: float | None = None
    waited: float = 0.0
    finding: Finding | None = None


class Latency(Struct, frozen=True, kw_only=True):
    """Of the dispatches whose agent joined, in seconds. Percentiles are by nearest rank: values that
    were measured, the smallest that so many per cent do not exceed."""

    count: int
    min: float
    p50: float
    p95: float
    max: float


class Bar(Struct, frozen=True, kw_only=True):
    """How many latencies (seconds) are at least `start` and below `end`."""

    start: float
    end: float
    count: int


class Ending(Struct, frozen=True, kw_only=True):
    """The dispatches that ended alike without an agent. `finding` has what is to be said of them."""

    outcome: Outcome
    count: int
    finding: Finding


class Limits(Struct, frozen=True, kw_only=True):
    """What passes: at least this share of dispatches got its agent (0 to 1), 95 % of them within
    `max_p95` seconds."""

    min_join_rate: float = 1.0
    max_p95: float | None = None


class Criterion(Struct, frozen=True, kw_only=True):
    """`value` is None where nothing was measured; `undecided` where what could not be read may turn it."""

    name: Literal["min_join_rate", "max_p95"]
    limit: float
    value: float | None
    status: Literal["passed", "failed", "undecided"]


class Judged(Struct, frozen=True, kw_only=True):
    """`count` dispatches were asked for; those that were not made are undecided."""

    count: int
    trials: tuple[Trial, ...]
    latency: Latency | None
    histogram: tuple[Bar, ...]
    endings: tuple[Ending, ...]
    criteria: tuple[Criterion, ...]

    def number_of(self, outcome: Outcome) -> int:
        made = sum(trial.outcome is outcome for trial in self.trials)
        return made + (self.count - len(self.trials) if outcome is Outcome.UNDECIDED else 0)


def trial_of(number: int, setup: Setup) -> Trial:
    """What the evidence of one probe, or of one canary, says."""
    probe, canary = setup.latest(ProbeResult), setup.latest(Canary)
    finding = next((found for rule in (probe_without_agent, canary_without_job) for found in rule(setup)), None)
    if probe is not None:
        return Trial(
            number=number,
            outcome=_outcome(probe),
            room=probe.room,
            dispatch_id=probe.dispatch_id,
            latency=probe.joined_after,
            waited=probe.waited,
            finding=finding,
        )
    if canary is not None:
        outcome = Outcome.NO_JOB if canary.job_after is None else Outcome.JOINED
        return Trial(
            number=number,
            outcome=outcome,
            room=canary.room,
            latency=canary.job_after,
            waited=canary.waited,
            finding=None if outcome is Outcome.JOINED else finding,
        )
    return Trial(number=number, outcome=Outcome.UNDECIDED, finding=finding)


def _outcome(probe: ProbeResult) -> Outcome:
    if probe.joined_after is not None:
        return Outcome.JOINED
    if probe.job_declined:
        return Outcome.DECLINED
    return Outcome.JOB_WITHOUT_AGENT if probe.job_status else Outcome.NO_JOB


def judge(count: int, trials: Sequence[Trial], limits: Limits) -> Judged:
    """All trials together."""
    trials = tuple(sorted(trials, key=lambda trial: trial.number))
    latencies = sorted(trial.latency for trial in trials if trial.latency is not None)
    judged = Judged(
        count=count,
        trials=trials,
        latency=latency_of(latencies),
        histogram=tuple(histogram(latencies)),
        endings=tuple(_endings(trials)),
        criteria=(),
    )
    return replace(judged, criteria=tuple(_criteria(judged, limits)))


# Latencies


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """The smallest of the sorted values that so many per cent of them do not exceed."""
    return values[max(1, ceil(percent / 100 * len(values))) - 1]


def latency_of(values: Sequence[float]) -> Latency | None:
    """Of sorted values; None of none."""
    if not values:
        return None
    p50, p95 = nearest_rank(values, 50), nearest_rank(values, 95)
    return Latency(count=len(values), min=values[0], p50=p50, p95=p95, max=values[-1])


def histogram(values: Sequence[float]) -> Iterator[Bar]:
    """Sorted values in bars of one width, a round number of seconds: the narrowest with at most BARS bars."""
    if not values:
        return
    widths = (digit * 10**power for power in range(-1, 5) for digit in (1, 2, 5))
    width = next(width for width in widths if int(values[-1] / width) - int(values[0] / width) < BARS)
    for step in range(int(values[0] / width), int(values[-1] / width) + 1):
        count = sum(int(value / width) == step for value in values)
        yield Bar(start=round(step * width, 6), end=round((step + 1) * width, 6), count=count)


# How the others ended


def _endings(trials: Sequence[Trial]) -> Iterator[Ending]:
    groups: dict[tuple[Outcome, str], list[Trial]] = {}
    for trial in trials:
        if trial.finding is not None:
            groups.setdefault((trial.outcome, trial.finding.code), []).append(trial)
    for (outcome, _), alike in sorted(groups.items(), key=lambda group: list(Outcome).index(group[0][0])):
        finding = alike[0].finding
        assert finding is not None
        yield Ending(outcome=outcome, count=len(alike), finding=_told_apart(finding, alike, trials))


def _told_apart(finding: Finding, alike: Sequence[Trial], trials: Sequence[Trial]) -> Finding:
    """Where dispatches before and after each of these got their agent, a worker was there under its name."""
    joined = [trial.number for trial in trials if trial.outcome is Outcome.JOINED]
    between = joined and all(joined[0] < trial.number < joined[-1] for trial in alike)
    excluded = [code for code in finding.candidates if between and code in _NEEDS_THE_NAME]
    because = "dispatches under the same name, made before and after, got their agent"
    told = [trial.finding.because for trial in alike if trial.finding]
    return replace(
        finding,
        because=tuple(one for because in told[:SHOWN] for one in because),
        candidates=tuple(code for code in finding.candidates if code not in excluded),
        ruled_out=(*finding.ruled_out, *(RuledOut(code=code, because=because) for code in excluded)),
    )


# Good enough?


def _criteria(judged: Judged, limits: Limits) -> Iterator[Criterion]:
    joined, undecided = judged.number_of(Outcome.JOINED), judged.number_of(Outcome.UNDECIDED)
    decided = judged.count - undecided
    at_least, at_most = joined / judged.count, (joined + undecided) / judged.count
    yield Criterion(
        name="min_join_rate",
        limit=limits.min_join_rate,
        value=joined / decided if decided else None,
        status=_between(at_least, at_most, lambda rate: rate >= limits.min_join_rate),
    )
    if limits.max_p95 is None:
        return
    limit = limits.max_p95
    value = judged.latency.p95 if judged.latency else None
    latencies = sorted(trial.latency for trial in judged.trials if trial.latency is not None)
    unknown = [float("inf")] * undecided
    if value is None:
        status: Literal["passed", "failed", "undecided"] = "undecided"
    else:
        best, worst = ([0.0] * undecided + latencies), (latencies + unknown)
        status = _between(nearest_rank(worst, 95), nearest_rank(best, 95), lambda p95: p95 <= limit)
    yield Criterion(name="max_p95", limit=limit, value=value, status=status)


def _between(worst: float, best: float, passes: Callable[[float], bool]) -> Literal["passed", "failed", "undecided"]:
    """Passed if it passes whatever the undecided ones would have said, failed if it fails at the best."""
    if passes(worst):
        return "passed"
    return "undecided" if passes(best) else "failed"
