"""Jobs that the API lists without a worker: the server's reason is said, and nothing is taken for assigned."""

import pytest
from msgspec.structs import replace

from livekit_doctor.evidence.observations import Job
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import because, codes, dispatch, job, judge, look, phone, status


def waiting(status: str, reason: str, **values: object) -> Job:
    return job(None, identity="", **{"worker_id": "", "status": status, "reason": reason, **values})


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ("JS_CANCELLED", "JSR_NO_CAPACITY", "LKD103"),
        ("JS_PENDING", "JSR_NO_CAPACITY", "LKD103"),
        ("JS_PENDING", "", "LKD402"),
        ("JS_PENDING", "JSR_LATER", "LKD402"),
        ("9", "17", "LKD402"),
    ],
)
def test_nobody_has_it(state: str, reason: str, code: str) -> None:
    diagnosis = judge(60, look(60, dispatch(0, waiting(state, reason)), phone("active")))
    assert codes(diagnosis) == [code]
    assert status(diagnosis, Step.JOB_ASSIGNED) is Status.BROKEN
    assert state in because(diagnosis, code)
    assert reason in because(diagnosis, code)


def test_it_may_still_come() -> None:
    diagnosis = judge(3, look(3, dispatch(0, waiting("JS_PENDING", "JSR_NO_CAPACITY")), phone("ringing")))
    assert not diagnosis.broken


def test_a_state_of_a_newer_server_with_a_worker_is_assigned() -> None:
    diagnosis = judge(3, look(3, dispatch(0, job(status="JS_SUSPENDED")), phone("ringing")))
    assert status(diagnosis, Step.JOB_ASSIGNED) is Status.OK


def test_a_job_that_failed_and_is_tried_again_is_no_verdict_yet() -> None:
    failed = job(status="JS_FAILED", error="out of memory", identity="")
    again = waiting("JS_PENDING", "JSR_RETRYING", id="AJ_again")
    (item,) = judge(60, look(60, dispatch(0, failed, again), phone("active"))).broken
    assert (item.code, item.confidence.value) == ("LKD411", "possible")


def test_a_job_that_failed_and_is_followed_by_one_that_finds_nobody_free() -> None:
    failed = job(status="JS_FAILED", error="out of memory", identity="")
    for state in ("JS_PENDING", "JS_CANCELLED"):
        next_one = waiting(state, "JSR_NO_CAPACITY", id="AJ_next")
        for jobs in ((failed, next_one), (next_one, failed)):
            assert codes(judge(60, look(60, dispatch(0, *jobs), phone("active")))) == ["LKD103"]


def test_a_restart_policy_is_shown() -> None:
    diagnosis = judge(60, look(60, replace(dispatch(0, job()), restart_policy="JRP_NEVER"), phone("active")))
    assert "restarts JRP_NEVER" in str(diagnosis.steps)
