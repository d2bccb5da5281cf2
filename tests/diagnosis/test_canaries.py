"""What a canary of the tool's own says of a call whose dispatch has no job, and beside one that has."""

import pytest

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Coverage
from tests.diagnosis.factories import (
    READ,
    agent,
    audio,
    because,
    canary,
    codes,
    dispatch,
    found,
    job,
    judge,
    look,
    phone,
)
from tests.diagnosis.factories import unread as not_read

ONE, TWO = (f"worker_endpoint http://10.0.0.{number}:8081" for number in (7, 8))
REFUSED = "LKD106"


def without_job(*endpoints: Coverage, works: bool = True) -> Diagnosis:
    """The newest of two dispatches has no job."""
    waits = look(16, dispatch(-1, id="AD_first"), dispatch(0, id="AD_second"), phone())
    return judge(16, waits, canary(16, 0.24 if works else None), coverage=(*READ, *endpoints))


def test_no_configured_worker_answers() -> None:
    diagnosis = without_job(not_read(ONE, REFUSED, "refused"), not_read(TWO, REFUSED, "timed out"))
    assert found(diagnosis) == [("job_assigned", "LKD402", "likely")]
    assert "LKD101" in diagnosis.broken[0].candidates
    assert [out.because for out in diagnosis.ruled_out if out.code == "LKD107"] == [
        "a canary registered and got its job in 0.2 s"
    ]


@pytest.mark.parametrize("other", ["LKD105", "LKD107", "LKD003", None])
def test_one_of_them_answers_in_some_way(other: str | None) -> None:
    answers = Coverage(source=TWO, status="read") if other is None else not_read(TWO, other)
    assert "LKD101" not in codes(without_job(not_read(ONE, REFUSED), answers))


def test_no_worker_is_configured() -> None:
    assert codes(without_job()) == ["LKD402"]


def test_no_canary_was_sent() -> None:
    coverage = (*READ, not_read(ONE, REFUSED))
    assert codes(judge(16, look(16, dispatch(), phone()), coverage=coverage)) == ["LKD402"]


def test_a_canary_without_a_job() -> None:
    diagnosis = without_job(works=False)
    assert found(diagnosis) == [("job_assigned", "LKD107", "likely")]
    assert "dispatch AD_second has no job" in because(diagnosis, "LKD107")


def test_a_canary_without_a_job_says_nothing_of_a_call_that_has_one() -> None:
    inside = look(16, dispatch(0, job()), agent(1, audio()), phone())
    assert not codes(judge(16, inside, canary(16, job_after=None)))
