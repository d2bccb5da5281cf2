"""Probes judged together: the smallest numbers that pass, fail, or leave it open."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.diagnosis.probing import (
    BARS,
    Judged,
    Limits,
    Outcome,
    Trial,
    histogram,
    judge,
    latency_of,
    nearest_rank,
    trial_of,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Canary, Coverage, Evidence, Observation, ProbeResult, Problem, Read
from livekit_doctor.settings import Settings

NOW = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


def seen(*observations: Observation, unread: bool = False) -> Setup:
    problem = Problem(code="LKD003", message="no answer")
    coverage = (Coverage(source="probe", status="unread", problem=problem),) if unread else ()
    return Setup(Evidence(now=NOW, observations=observations, coverage=coverage), Settings())


def result(**values: object) -> ProbeResult:
    return ProbeResult(read=Read(source="probe", at=NOW), agent_name="x", room="r", **values)  # type: ignore[arg-type]


def a_canary(job_after: float | None) -> Canary:
    return Canary(read=Read(source="canary", at=NOW), agent_name="c", room="r", worker_id="AW_1", job_after=job_after)


@pytest.mark.parametrize(
    ("setup", "outcome", "code"),
    [
        (seen(result(joined_after=0.4)), Outcome.JOINED, None),
        (seen(result(job_status="JS_SUCCESS", job_declined=True)), Outcome.DECLINED, "LKD404"),
        (seen(result(job_status="JS_RUNNING")), Outcome.JOB_WITHOUT_AGENT, "LKD406"),
        (seen(result()), Outcome.NO_JOB, "LKD402"),
        (seen(unread=True), Outcome.UNDECIDED, "LKD003"),
        (seen(a_canary(0.2)), Outcome.JOINED, None),
        (seen(a_canary(None)), Outcome.NO_JOB, "LKD107"),
    ],
)
def test_how_a_dispatch_ends(setup: Setup, outcome: Outcome, code: str | None) -> None:
    """As the rules of `check --probe` say it."""
    trial = trial_of(3, setup)
    assert (trial.number, trial.outcome) == (3, outcome)
    assert (trial.finding and trial.finding.code) == code
    assert (trial.latency is not None) is (outcome is Outcome.JOINED)


def trials(told: str, latency: float = 0.5) -> list[Trial]:
    """A letter each: j joined, n no job, d declined, u undecided."""
    by_letter = {
        "j": seen(result(joined_after=latency)),
        "n": seen(result()),
        "d": seen(result(job_status="JS_SUCCESS", job_declined=True)),
        "u": seen(unread=True),
    }
    return [trial_of(number, by_letter[letter]) for number, letter in enumerate(told, 1)]


def judged(told: str, count: int | None = None, **limits: float) -> Judged:
    return judge(count or len(told), trials(told), Limits(**limits))


@pytest.mark.parametrize(
    ("told", "limit", "status", "value"),
    [
        ("jjjj", 1.0, "passed", 1.0),
        ("jjjn", 1.0, "failed", 0.75),
        ("jjjn", 0.75, "passed", 0.75),
        ("nnnn", 0.0, "passed", 0.0),
        ("jjjjjjjnnn", 0.7, "passed", 0.7),
        ("jjju", 0.75, "passed", 1.0),
        ("jjju", 1.0, "undecided", 1.0),
        ("jjnu", 1.0, "failed", 2 / 3),
        ("uu", 0.5, "undecided", None),
    ],
)
def test_join_rate(told: str, limit: float, status: str, value: float | None) -> None:
    """Undecided only where what could not be read may turn it."""
    criterion = judged(told, min_join_rate=limit).criteria[0]
    assert (criterion.status, criterion.value) == (status, value)


def test_dispatches_that_were_not_made_are_undecided() -> None:
    result = judged("u", count=5)
    assert result.number_of(Outcome.UNDECIDED) == 5
    assert result.criteria[0].status == "undecided"


@pytest.mark.parametrize(
    ("told", "limit", "status"),
    [
        ("jj", 0.5, "passed"),
        ("jj", 0.4, "failed"),
        ("jju", 0.5, "undecided"),
        ("jju", 0.4, "failed"),
        ("n", 9, "undecided"),
    ],
)
def test_p95(told: str, limit: float, status: str) -> None:
    criterion = judged(told, max_p95=limit).criteria[1]
    assert (criterion.name, criterion.status) == ("max_p95", status)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [nearest_rank(values, percent) for percent in (0, 50, 95, 100)] == [1, 50, 95, 100]
    assert nearest_rank(values[:19], 95) == 19, "the largest one of fewer than 20"
    assert nearest_rank(values[:20], 95) == 19
    latency = latency_of(values)
    assert latency is not None
    assert (latency.count, latency.min, latency.p50, latency.p95, latency.max) == (100, 1, 50, 95, 100)
    assert latency_of([]) is None


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=50))
def test_each_latency_is_in_one_bar(values: list[float]) -> None:
    values.sort()
    bars = list(histogram(values))
    assert 1 <= len(bars) <= BARS
    assert sum(bar.count for bar in bars) == len(values)
    assert bars[0].count > 0
    assert bars[-1].count > 0
    assert bars[0].start <= values[0] + 1e-6
    assert values[-1] <= bars[-1].end + 1e-6


def test_those_that_ended_alike_are_told_together() -> None:
    endings = judged("jndnu").endings
    assert [(ending.outcome, ending.count, ending.finding.code) for ending in endings] == [
        (Outcome.NO_JOB, 2, "LKD402"),
        (Outcome.DECLINED, 1, "LKD404"),
        (Outcome.UNDECIDED, 1, "LKD003"),
    ]


@pytest.mark.parametrize(
    ("told", "excluded"), [("jnj", True), ("njj", False), ("jjn", False), ("n", False), ("jnjn", False)]
)
def test_a_worker_is_there_where_dispatches_before_and_after_got_their_agent(told: str, excluded: bool) -> None:
    """Before the first and after the last of them it may have been another time of its life."""
    (ending,) = judged(told).endings
    assert ("LKD101" not in ending.finding.candidates) is excluded
    assert ("LKD101" in [item.code for item in ending.finding.ruled_out]) is excluded
    assert {"LKD103", "LKD403"} <= set(ending.finding.candidates)
