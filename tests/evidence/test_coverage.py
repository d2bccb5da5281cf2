"""What the newest look says of a source, and what of it shows."""

from livekit_doctor.evidence.gather import combine
from livekit_doctor.evidence.observations import Coverage, Evidence, Problem, Reading
from tests.diagnosis.factories import at, rooms

BEFORE = Evidence(now=at(0))


def reading(status: str, *observations: object, source: str = "livekit_api") -> Reading:
    problem = Problem(code="LKD003", message=status) if status.startswith("no") else None
    entry = Coverage(source=source, status="unread" if problem else "read", problem=problem)
    return Reading(observations=observations, coverage=(entry,))  # type: ignore[arg-type]


def said(evidence: Evidence) -> list[str]:
    return [entry.problem.message if entry.problem else entry.status for entry in evidence.coverage]


READ, FAILED = reading("read"), reading("no answer")


def test_the_newest_look_decides() -> None:
    assert said(BEFORE.plus(READ).plus(FAILED)) == ["no answer"]
    assert said(BEFORE.plus(FAILED).plus(READ)) == ["read"]
    assert said(BEFORE.plus(READ).plus(reading("read", source="call_logs"))) == ["read", "read"]


def test_what_an_older_look_saw_stays() -> None:
    seen = rooms(1)
    assert BEFORE.plus(reading("read", seen)).plus(FAILED).observations == (seen,)


def test_within_one_look_a_failure_shows() -> None:
    for first, second in ((READ, FAILED), (FAILED, READ)):
        assert said(BEFORE.plus(first, second)) == ["no answer"]
        assert said(BEFORE.plus(first).plus(second, same_look=True)) == ["no answer"]
        assert said(BEFORE.plus(combine([first, second]))) == ["no answer"]
    assert said(BEFORE.plus(FAILED, reading("nothing either"))) == ["no answer"], "the first, which is the cause"
    assert said(BEFORE.plus(FAILED).plus(READ, READ)) == ["read"]
