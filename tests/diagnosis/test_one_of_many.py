"""What one log of several says: a pod's, a node's, and the rows of a team with words of its own. What it does not have
says nothing where nobody knows that it would have it."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.core import calls_of
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.lasting import left as agents_left
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Dispatch, LogLine, LogRow, Observation
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import LiveKit, Worker
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    at,
    automatic,
    broken,
    closed,
    codes,
    dispatch,
    evidence,
    found,
    judge,
    log_file,
    look,
    phone,
    row,
    rows_only,
    server_line,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    ASSIGNED,
    CLOSED,
    HERE,
    LOGS,
    NO_WORKER,
    OF_WORKER,
    OPENED,
    afterwards,
    created,
    registered,
    request_failed,
    server_registered,
)

PLACED = [row(0, "call_requested"), row(0.1, "room_created"), row(0.2, "agent_dispatched"), row(8, "sip_answered")]
TALKED = row(20, "user_speech", "voice-agent")
ENDED = row(95, "call_ended")
DRAINS = worker_line(-20, "draining worker", **OF_WORKER)
FULL = worker_line(-20, "worker is at full capacity, marking as unavailable", **OF_WORKER)


def by_rows_and(*lines: Observation, rows: list[LogRow], logs: tuple[Observation, ...] = LOGS[1:]) -> Diagnosis:
    return judge(900, *rows, *logs, *lines, settings=HERE, subject=Subject(call_id=CALL))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([registered(-500), DRAINS], id="the old pod of a deploy"),
        pytest.param([registered(-500), FULL], id="one that is full"),
        pytest.param([registered(8)], id="one that was added later"),
        pytest.param([registered(-500, deployment="staging")], id="a staging pod"),
        pytest.param([registered(-500, url="wss://staging.example.com")], id="of another server"),
        pytest.param([worker_line(100, "process is unresponsive, killing process")], id="killed after the end"),
        pytest.param([worker_line(60, "wait_pc_connection timed out")], id="a media connection in mid-call"),
    ],
)
def test_a_call_of_which_a_row_tells_that_somebody_talked(lines: list[LogLine]) -> None:
    assert by_rows_and(*lines, rows=[*PLACED, TALKED, ENDED]).verdict is Verdict.UNKNOWN


def test_rows_alone_of_a_team_with_words_of_its_own() -> None:
    entrypoint = row(0.9, "agent_entrypoint_called", "agent")
    spoke = row(12, "user_spoke", "agent")
    assert codes(rows_only(900, *PLACED, entrypoint, row(50, "call_ended"))) == ["LKD406"]
    assert rows_only(900, *PLACED, entrypoint, spoke, ENDED).verdict is Verdict.UNKNOWN
    assert rows_only(900, *PLACED, row(12, "user_turn_completed"), ENDED).verdict is Verdict.UNKNOWN
    again = row(30, "agent_dispatched")
    assert codes(rows_only(900, *PLACED, row(12, "user_turn_completed"), again, row(50, "call_ended"))) == ["LKD402"]


def test_what_is_proven_becomes_possible() -> None:
    rows = [*PLACED, TALKED, ENDED]
    lines = (OPENED, created(0.2), server_registered(-60), server_line(0.4, "last worker deregistered", room=""))
    proven = by_rows_and(NO_WORKER, server_registered(2), *lines, rows=rows, logs=LOGS[:1])
    assert [item[1:] for item in found(proven)] == [("LKD109", "possible")]
    assert "talked" in proven.broken[0].because[-1].text


def test_a_pod_that_was_added_is_no_more_than_a_possible_cause() -> None:
    item = broken(by_rows_and(registered(8), rows=[*PLACED, ENDED]), "LKD109")
    assert (item.confidence.value, {"LKD101", "LKD403", "LKD103"} <= set(item.candidates)) == ("possible", True)


# Nodes


TIMED_OUT = request_failed("request timed out", 3.5)
ANSWERED = server_line(2, "participant active", participant="sip_1", agent_name="")


def test_a_request_that_timed_out_by_the_agents_name() -> None:
    """Another node had the CreateDispatch; this one the room."""
    taken = server_line(9, "API SIP.CreateSIPParticipant", status="200", duration="7.2", agent_name="")
    logs = (OPENED, ANSWERED, taken, server_registered(-60), CLOSED)
    assert (codes(afterwards(*logs)), codes(afterwards(*logs, TIMED_OUT))) == (["LKD401"], [])
    by_row = by_rows_and(*logs, TIMED_OUT, rows=[*PLACED, ENDED], logs=LOGS[:1])
    assert found(by_row)[0][1:] == ("LKD403", "possible")


@pytest.mark.parametrize("error", ["no servers available (received 1 responses)", "request timed out"])
def test_another_calls_line_in_the_log_of_a_node_that_had_not_the_room(error: str) -> None:
    assert afterwards(OPENED, created(0.2), request_failed(error, 4)).verdict is Verdict.UNKNOWN
    missed = afterwards(OPENED, created(0.2), ANSWERED, CLOSED, request_failed(error, 4))
    assert missed.broken[0].code in ("LKD103", "LKD403")


# Servers


def test_a_proxy_before_the_servers_port() -> None:
    settings = replace(HERE, livekit=LiveKit(url="wss://livekit.example.com"))
    own = registered(-500, url="ws://livekit.example.com:7880")
    item = judge(900, *LOGS, created(0), own, NO_WORKER, settings=settings, subject=Subject(room=ROOM))
    assert found(item)[0][2] == "possible"
    assert {"LKD101", "LKD104"} <= {item.broken[0].code, *item.broken[0].candidates}


# Jobs


def test_a_replica_behind_one_endpoint() -> None:
    lines = (created(0.1), registered(-60, worker_id="AW_ours00000000"), ASSIGNED)
    by_name = replace(HERE, workers=(Worker(url="http://agents.default.svc:8081"),))
    by_address = replace(HERE, workers=(Worker(url="http://192.0.2.8:8081"),))
    told = [
        broken(judge(900, *LOGS, *lines, settings=settings, subject=Subject(room=ROOM)), "LKD111")
        for settings in (by_name, by_address)
    ]
    assert [item.confidence.value for item in told] == ["possible", "likely"]
    assert all("LKD405" in item.candidates for item in told)


def test_a_job_that_failed_long_after_its_beginning() -> None:
    """The log of the worker's node does not tell whether the agent had been in the room."""

    def failed(seconds: float) -> LogLine:
        return server_line(seconds, "job ended", job_id=ASSIGNED.fields["job_id"], status="JS_FAILED", error="exit 139")

    assert "LKD405" in codes(afterwards_of_server(ASSIGNED, failed(3)))
    assert "no agent" not in broken(afterwards_of_server(ASSIGNED, failed(3)), "LKD405").because[0].text
    assert "LKD405" not in codes(afterwards_of_server(ASSIGNED, failed(60)))


def afterwards_of_server(*lines: LogLine) -> Diagnosis:
    return judge(900, log_file("server"), *lines, settings=HERE, subject=Subject(room=ROOM))


def test_a_process_that_does_not_end_in_time() -> None:
    blocked = worker_line(100, "process is unresponsive, killing process")
    exits = worker_line(95.5, "process exiting", reason="room disconnected")
    rows = [*PLACED, row(60, "call_ended")]
    assert "LKD415" in codes(by_rows_and(blocked, rows=rows))
    assert "LKD415" not in codes(by_rows_and(exits, blocked, rows=rows))


def test_a_state_that_was_logged_is_not_missing() -> None:
    """The first job's process crashed, and the second went well; the worker's clock is an hour ahead."""
    came = [row(6.8, "agent_entrypoint_called", "agent"), row(6.9, "agent_connected", "agent")]
    first, second = (
        worker_line(3600 + at, "received job request", job_id=job, dispatch_id=dispatch)
        for at, job, dispatch in ((0.3, "AJ_1", "AD_1"), (6.2, "AJ_2", "AD_2"))
    )
    crashed = worker_line(3601, "process exited with non-zero exit code 1", job_id="AJ_1")
    lines = (log_file("worker", last=3700), first, crashed, second)
    rows = [*PLACED, *came, row(60, "call_ended")]
    told = judge(9000, *rows, *lines, settings=HERE, subject=Subject(call_id=CALL))
    assert told.verdict is Verdict.NO_FAULT_SEEN


def test_a_worker_that_says_itself_that_its_answer_was_too_late() -> None:
    """Its log ends there, and names the job in its words alone."""
    asked = worker_line(0.3, "received job request", job_id="AJ_1", dispatch_id="AD_1", room=ROOM)
    late = worker_line(8.3, "assignment for job AJ_1 timed out")
    told = judge(9000, log_file("worker", 0.3, 8.3), asked, late, settings=HERE)
    assert found(told) == [("job_assigned", "LKD403", "likely")]


@pytest.mark.parametrize("asked", [True, False])
def test_a_worker_that_was_asked_by_name_rules_nothing_out(asked: bool) -> None:
    """Another dispatch of the call may have been asked for through another node (fact 11)."""
    told = afterwards(OPENED, created(0.2), NO_WORKER, [request_failed("request timed out", 6)] * asked)
    assert ("LKD403" in told.broken[0].candidates) is asked


@pytest.mark.parametrize(("there", "missed"), [(automatic(), False), (dispatch(0.2), True)])
def test_looks_while_it_rang_miss_no_agent_that_is_dispatched_after_the_answer(there: Dispatch, missed: bool) -> None:
    fails = worker_line(
        -21, "failed to connect to livekit, retrying in 0s", error="Cannot connect to host", **OF_WORKER
    )
    told = judge(63, look(22, there, phone("ringing")), closed(63), fails, settings=HERE)
    assert ("LKD105" in codes(told)) is missed


def test_what_was_said_of_another_rooms_dispatch_rules_nothing_out() -> None:
    """By the agent's name and the time alone a worker answered: it may be the other room's."""

    looks = [item for when in (5, 26) for item in look(when, dispatch(0.9), phone())]
    answered = request_failed("no servers available (received 1 responses)", 9)
    seen = (
        *looks,
        log_file("server"),
        created(0.9),
        server_line(2, "participant active", participant="sip_1"),
        answered,
    )
    other = replace(created(8), by_id=False, fields=created(8).fields | {"room": "outbound-another-1"})
    assert codes(judge(26, *seen, settings=HERE)) == ["LKD103"]
    told = judge(26, *seen, other, settings=HERE)
    assert "LKD101" not in {out.code for out in told.ruled_out}


def test_another_agent_that_stays_does_not_stand_for_the_calls() -> None:
    """A monitor's, by the name for which the server gave its job: the call's own left long before it."""

    def by_server(seconds: float, message: str, who: str, **fields: str) -> LogLine:
        return server_line(seconds, message, participant=who, agent_name="", **fields)

    own, other = "AJ_own000000001", "AJ_other0000001"
    jobs = [server_line(0.5, "assigned job to worker", job_id=own), server_line(0.5, "assigned job to worker",
            job_id=other, agent_name="QA Monitor")]  # fmt: skip
    left = [by_server(when, "participant closing", f"agent-{job}", kind="AGENT", reason="CLIENT_REQUEST_LEAVE")
            for job, when in ((own, 20), (other, 80))]  # fmt: skip
    came = [by_server(1, "participant active", f"agent-{job}") for job in (own, other)]
    given = evidence(900, [log_file("server"), created(0.3), *jobs, *came, *left])
    (call,) = calls_of(Setup(given, HERE), Subject(room=ROOM))
    assert [when for when, _ in agents_left(call, "AGENT")] == [at(20)]


def test_an_agent_that_was_never_heard_does_not_stand_for_one_that_was() -> None:
    """Its job is in another node's log, so that nobody knows for which agent it came."""

    def of_agent(seconds: float, message: str, job: str, **fields: str) -> LogLine:
        return server_line(seconds, message, participant=f"agent-{job}", agent_name="", **fields)

    own, other = "AJ_own000000001", "AJ_other0000001"
    came = [of_agent(when, "participant active", job) for when, job in ((1, own), (1.5, other))]
    heard = of_agent(1.2, "mediaTrack published", own, kind="audio")
    left = [of_agent(when, "participant closing", job, kind="AGENT", reason="CLIENT_REQUEST_LEAVE")
            for job, when in ((own, 20), (other, 80))]  # fmt: skip
    assigned = server_line(0.5, "assigned job to worker", job_id=own)
    given = evidence(900, [log_file("server"), created(0.3), assigned, *came, heard, *left])
    (call,) = calls_of(Setup(given, HERE), Subject(room=ROOM))
    assert at(80) not in [when for when, _ in agents_left(call, "AGENT")]
