"""The agent was dispatched, and nobody but the phone was in the room, by the log of its node alone."""

import pytest

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, Observation
from tests.diagnosis.factories import codes, found, judge, log_file, room_line, row, server_line, worker_line
from tests.diagnosis.test_component_logs import ASSIGNED, HERE, OPENED, created

DISPATCHED = OPENED, created(0.2)
PHONE = room_line(2.2, "participant active", "sip_1")
HUNG_UP = room_line(40, "participant closing", "sip_1", kind="SIP")
CLOSED = room_line(60, "room closed")
ENDED = server_line(0.7, "job ended", job_id="AJ_uN4vB8sK1rTy", status="JS_SUCCESS")
WORKER = log_file("worker"), worker_line(0.3, "received job request")


def by_the_room(*lines: Observation, last: float = 900) -> Diagnosis:
    return judge(900, log_file("server", last=last), *DISPATCHED, PHONE, HUNG_UP, CLOSED, *lines, settings=HERE)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), ("job_assigned", "LKD402", "possible")),
        ((ASSIGNED,), ("entrypoint_called", "LKD406", "likely")),
        ((ASSIGNED, ENDED), ("entrypoint_called", "LKD406", "possible")),
        ((ASSIGNED, *WORKER), ("entrypoint_called", "LKD406", "possible")),
    ],
)
def test_an_agent_that_never_came(lines: tuple[LogLine, ...], expected: tuple[str, str, str]) -> None:
    assert found(by_the_room(*lines)) == [expected]


@pytest.mark.parametrize(
    "somebody",
    [
        room_line(1, "participant active", "agent-AJ_uN4vB8sK1rTy"),
        room_line(1, "starting RTC session", "front-desk"),
        room_line(39, "participant closing", "front-desk", kind="STANDARD"),
    ],
)
def test_somebody_was_there_who_may_be_the_agent(somebody: LogLine) -> None:
    assert "LKD406" not in codes(by_the_room(ASSIGNED, somebody))


def test_a_phone_that_hung_up_before_the_agent_was_late_and_a_log_that_ends_before() -> None:
    short = room_line(14, "participant closing", "sip_1", kind="SIP")
    log = log_file("server", last=900), *DISPATCHED, ASSIGNED, PHONE
    assert codes(judge(900, *log, short, room_line(34, "room closed"), settings=HERE)) == []
    assert codes(by_the_room(ASSIGNED, last=14)) == []


def test_a_worker_that_was_asked_was_registered_under_the_name() -> None:
    """What became of the job its log does not say; that there was no worker for it, it excludes."""
    rows = [row(0, "room_created"), row(0.3, "agent_dispatched"), row(2, "sip_participant_created")]
    asked = worker_line(0.5, "received job request")
    without = judge(900, *rows, log_file("worker", -600, 1)).broken[0]
    said = judge(900, *rows, log_file("worker", -600, 1), asked).broken[0]
    assert without.code == said.code == "LKD402"
    assert {"LKD101", "LKD104", "LKD105", "LKD403", "LKD404"} <= set(without.candidates)
    assert not {"LKD101", "LKD102", "LKD104", "LKD105", "LKD107", "LKD109"} & set(said.candidates)
    assert {"LKD403", "LKD404", "LKD417"} <= set(said.candidates)
    again = judge(900, *rows, row(30, "agent_dispatched"), log_file("worker", -600, 1), asked).broken[0]
    assert "LKD101" in again.candidates, "of the later dispatch nothing is known"


def test_a_worker_of_almost_the_name_in_its_own_log() -> None:
    """The agent is missed by rows alone; whether there was another worker, no log of the server tells."""
    rows = [row(0, "room_created"), row(0.3, "agent_dispatched"), row(2, "sip_participant_created")]
    registered = worker_line(-60, "registered worker", room="", room_id="", job_id="", agent_name="front-desk-7")
    said = judge(900, *rows, log_file("worker", -600, 800), registered)
    assert found(said) == [("job_assigned", "LKD102", "possible")]
    assert {"LKD101", "LKD103", "LKD104"} <= set(said.broken[0].candidates)
    assert codes(judge(900, *rows, log_file("worker", -600, 800), registered, row(3, "agent_connected", "agent"))) == []
