"""Workers and the dispatch system as experiments and endpoints show them."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules import workers
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    Coverage,
    Evidence,
    LeftBehind,
    Observation,
    ProbeResult,
    ScratchDispatch,
)
from livekit_doctor.flow import Step
from livekit_doctor.settings import Agent, Settings
from tests.diagnosis.factories import (
    AGENT,
    SETTINGS,
    at,
    canary,
    dispatch,
    endpoint,
    found,
    judge,
    look,
    phone,
    read,
    unread,
)

Rule = Callable[[Setup], Iterator[Finding]]


def fired(
    rule: Rule, *items: Observation, settings: Settings = SETTINGS, coverage: tuple[Coverage, ...] = ()
) -> list[tuple[str, str]]:
    setup = Setup(Evidence(now=at(20), observations=items, coverage=coverage), settings)
    return [(finding.code, finding.confidence.value) for finding in rule(setup)]


def probe(**values: object) -> ProbeResult:
    made = ProbeResult(read=read(9, "probe"), agent_name=AGENT, room="livekit-doctor-p", waited=20.0)
    return replace(made, **values)


def scratch(listed: bool, gone: bool) -> ScratchDispatch:
    return ScratchDispatch(read=read(9), room="livekit-doctor-s", listed=listed, gone_after_delete=gone)


def test_an_endpoint_that_does_not_answer() -> None:
    entry = unread("worker_endpoint http://10.0.0.7:8081", "LKD106", "timed out")
    assert fired(workers.worker_unreachable, coverage=(entry,)) == [("LKD106", "proven")]
    assert fired(workers.worker_unreachable, coverage=(Coverage(source="worker_endpoint x", status="read"),)) == []
    assert (
        fired(workers.worker_unreachable, coverage=(Coverage(source="worker_endpoint", status="not_configured"),)) == []
    )


@pytest.mark.parametrize(("status", "codes"), [(503, [("LKD105", "likely")]), (200, []), (404, [])])
def test_only_a_503_says_that_a_worker_is_not_connected(status: int, codes: list[tuple[str, str]]) -> None:
    assert fired(workers.worker_not_connected, endpoint(status=status)) == codes


def test_a_worker_under_another_name() -> None:
    rule = workers.worker_runs_under_other_name
    assert fired(rule, endpoint("Other")) == [("LKD102", "likely")]
    assert fired(rule, endpoint(AGENT)) == []
    assert fired(rule, endpoint("Other"), endpoint(AGENT)) == [], "one of the workers has it"
    assert fired(rule, endpoint("Other"), settings=Settings()) == [], "no name is expected"
    assert fired(rule, endpoint(None)) == [], "an endpoint without a name"
    assert fired(rule, endpoint("Other"), settings=Settings(agent=Agent(name=AGENT, others=("Other",)))) == []


def test_a_canary_without_its_job() -> None:
    rule = workers.canary_without_job
    assert fired(rule, canary(9, job_after=None)) == [("LKD107", "proven")]
    assert fired(rule, canary(9)) == []
    assert fired(rule, canary(9, job_after=None, worker_id="")) == [], "it was not registered"
    assert fired(rule) == []
    assert fired(rule, canary(9, job_after=None), canary(12)) == [], "the latest counts"
    assert fired(rule, coverage=(unread("canary", "LKD003"),)) == [("LKD003", "proven")]


@pytest.mark.parametrize(
    ("listed", "gone", "codes"),
    [(True, True, []), (False, True, [("LKD107", "likely")]), (True, False, [("LKD107", "likely")])],
)
def test_a_scratch_dispatch(listed: bool, gone: bool, codes: list[tuple[str, str]]) -> None:
    assert fired(workers.scratch_dispatch_incomplete, scratch(listed, gone)) == codes


def test_a_probe() -> None:
    rule = workers.probe_without_agent
    assert fired(rule, probe(joined_after=0.9)) == []
    assert fired(rule, probe()) == [("LKD402", "likely")]
    assert fired(rule, probe(job_status="JS_RUNNING")) == [("LKD406", "likely")]
    assert fired(rule, probe(job_status="JS_SUCCESS", job_declined=True)) == [("LKD404", "proven")]
    assert fired(rule) == []


def test_a_probe_alone_cannot_tell_its_candidates_apart() -> None:
    def candidates(*items: Observation) -> tuple[str, ...]:
        return next(workers.probe_without_agent(Setup(Evidence(now=at(20), observations=items), SETTINGS))).candidates

    assert {"LKD101", "LKD103", "LKD403", "LKD107"} <= set(candidates(probe()))
    assert "LKD107" not in candidates(probe(), canary(9))
    assert "LKD107" in candidates(probe(), canary(9, job_after=None))


def test_what_was_left_behind() -> None:
    left = LeftBehind(read=read(9), what="room x", error="timeout")
    assert list(workers.left_behind(Setup(Evidence(now=at(9), observations=(left,)), SETTINGS))) == [left]


# In a call


def test_no_worker_is_one_of_several_causes() -> None:
    """The canary works, and no endpoint of the team answers: it may also just be unreachable from here."""
    entry = unread("worker_endpoint http://10.0.0.7:8081", "LKD106", "refused")
    inside = look(16, dispatch(), phone())
    diagnosis = judge(16, inside, canary(16), coverage=(entry,))
    assert found(diagnosis) == [(Step.JOB_ASSIGNED.value, "LKD402", "likely")]
    assert "LKD101" in diagnosis.broken[0].candidates
    assert found(judge(14, look(14, dispatch(), phone()), canary(14), coverage=(entry,))) == []
