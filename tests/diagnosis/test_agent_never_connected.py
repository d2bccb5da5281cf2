"""LKD415: the worker's log says that the job never connected. Its entrypoint may have joined with a Room of its
own and a user's token (fact 19), which leaves the same lines."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, Observation
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    ROOM,
    agent,
    codes,
    dispatch,
    found,
    human,
    job,
    judge,
    log_file,
    look,
    phone,
    server_line,
    worker_line,
)
from tests.diagnosis.test_component_logs import ASKED, ASSIGNED, CONNECTED, HERE, LOGS, OPENED


def returned(seconds: float) -> LogLine:
    return worker_line(seconds, "The job task completed without establishing a connection")


def unresponsive(seconds: float) -> LogLine:
    return worker_line(seconds, "process is unresponsive, killing process")


SLOW = worker_line(10.2, "The room connection was not established within 10 seconds")


def active(seconds: float, who: str) -> LogLine:
    return server_line(seconds, "participant active", participant=who, agent_name="")


def left(seconds: float, who: str, kind: str) -> LogLine:
    return server_line(seconds, "participant closing", participant=who, kind=kind, agent_name="")


PHONE = (OPENED, active(0.5, "sip_1"), left(60, "sip_1", "SIP"))


def after(*lines: Observation, log: tuple[Observation, ...] = LOGS) -> Diagnosis:
    """Nothing but the logs, of a call whose phone was there for a minute."""
    return judge(900, *log, ASKED, ASSIGNED, *lines, settings=HERE, subject=Subject(room=ROOM))


@pytest.mark.parametrize("line", [returned(0.5), returned(60), SLOW, unresponsive(60)])
def test_nobody_but_the_phone_came(line: LogLine) -> None:
    assert found(after(*PHONE, line)) == [(CONNECTED, "LKD415", "proven")]


@pytest.mark.parametrize("line", [returned(60), SLOW, unresponsive(60)])
def test_somebody_came_with_a_users_token(line: LogLine) -> None:
    bot = (active(1, "my-bot"), left(59, "my-bot", "STANDARD"))
    assert after(*PHONE, *bot, line).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("line", "came"), [(returned(0.5), 20), (SLOW, 30), (SLOW, -30)])
def test_somebody_who_came_before_the_job_or_after_its_end(line: LogLine, came: float) -> None:
    """A supervisor is not what the entrypoint joined as."""
    person = (active(came, "supervisor"), left(59, "supervisor", "STANDARD"))
    assert found(after(*PHONE, *person, line)) == [(CONNECTED, "LKD415", "proven")]


@pytest.mark.parametrize("line", [returned(0.5), returned(60)])
def test_by_the_workers_log_alone(line: LogLine) -> None:
    """Nobody saw who was in the room: the server's log may be of another node than the room's."""
    assert found(after(line)) == [(CONNECTED, "LKD415", "possible")]
    alone = judge(900, log_file("worker"), ASKED, line, settings=HERE, subject=Subject(room=ROOM))
    assert found(alone) == [(CONNECTED, "LKD415", "possible")]


def test_a_slow_one_may_have_connected_after_that() -> None:
    """The worker's log says nothing when it does, so that this is told as a warning."""
    alone = judge(900, log_file("worker"), ASKED, SLOW, settings=HERE, subject=Subject(room=ROOM))
    for diagnosis in (after(SLOW), alone):
        assert diagnosis.verdict is Verdict.UNKNOWN
        assert [warning.code for warning in diagnosis.warnings] == ["LKD415"]
    assert "LKD415" not in [warning.code for warning in after(*PHONE, active(12, "agent-AJ_1"), SLOW).warnings]


def test_somebody_of_an_unknown_kind() -> None:
    """Of what kind a participant is the server's log says when it leaves."""
    assert found(after(PHONE[0], returned(0.5))) == [(CONNECTED, "LKD415", "possible")]


def watched(line: LogLine, *inside: Observation) -> Diagnosis:
    """A live call, with the worker's log and what LiveKit lists in its room."""
    looks = [look(seconds, dispatch(0, job()), phone(), *inside) for seconds in (96, 100)]  # type: ignore[arg-type]
    return judge(100, *looks, log_file("worker"), ASKED, line, settings=HERE)


def test_the_phone_waits_alone() -> None:
    assert found(watched(returned(0.5))) == [(CONNECTED, "LKD415", "proven")]
    assert found(watched(SLOW)) == [(CONNECTED, "LKD415", "proven")]


def test_the_phone_waits_alone_after_a_time_in_which_nobody_looked() -> None:
    """The agent may have been there with a user's token until its entrypoint returned."""
    assert found(watched(returned(60))) == [(CONNECTED, "LKD415", "likely")]
    assert ("agent_connected", "LKD415", "proven") not in found(watched(unresponsive(60)))


def test_somebody_is_there_with_a_users_token() -> None:
    assert "LKD415" not in codes(watched(SLOW, human(2)))
    assert "LKD415" not in codes(watched(SLOW, replace(human(2), joined_at=None)))
    assert found(watched(SLOW, human(40))) == [(CONNECTED, "LKD415", "proven")]


def test_an_agent_that_a_look_has_shown_without_media_had_connected() -> None:
    """It is gone at the next look, to try again: what failed is its media (LKD416)."""
    waiting = dispatch(0, job(0.3)), phone("ringing")
    without_media = agent(2, state="JOINED")
    for first, expected in (((), ["LKD415"]), ((without_media,), [])):
        looks = [*look(20, *waiting, *first), *look(23, *waiting), *look(27, *waiting)]
        told = codes(judge(27, log_file("worker"), ASKED, SLOW, *looks))
        assert [code for code in told if code == "LKD415"] == expected
