"""What the newest look says of a source, and what of it shows."""

import asyncio
from pathlib import Path

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.call_logs import files
from livekit_doctor.evidence.logs.scan import Scan
from livekit_doctor.evidence.observations import Coverage, Evidence, Problem, Reading
from livekit_doctor.evidence.reading import combine
from livekit_doctor.operations.trace import Options, trace
from livekit_doctor.settings import CallLogs, Logs, Settings
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


def broken(*_: object) -> None:
    raise LookupError("password=hunter2")


def test_an_unforeseen_error_is_that_of_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said with its kind, without secrets, and the other sources are read."""
    (tmp_path / "server.log").write_text("")
    monkeypatch.setattr(files, "_scan", broken)
    monkeypatch.setattr(Scan, "run", broken)
    settings = Settings(
        call_logs=CallLogs(file=str(tmp_path / "rows.jsonl")), logs=Logs(server=(str(tmp_path / "server.log"),))
    )
    traced = asyncio.run(trace(settings, Subject(call_id="call-31"), Options()))
    problems = {entry.source.split()[0]: entry.problem for entry in traced.evidence.coverage if entry.problem}
    assert problems.keys() == {"call_logs", "server_log"}
    for problem in problems.values():
        assert problem.code == "LKD602"
        assert "LookupError: password=***" in problem.message
