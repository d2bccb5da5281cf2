"""Facts that are of the call's room, and not of its latest job, dial or phone; and absence that had no time to show."""

import pytest
from msgspec import structs

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import SipCallResult
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    SID,
    agent,
    at,
    audio,
    closed,
    codes,
    declined_job,
    dispatch,
    found,
    job,
    judge,
    line,
    log_file,
    look,
    phone,
    read,
    room_line,
    rooms,
    row,
    server_line,
    the_room,
    worker_line,
)

HERE = Subject(room=ROOM)
FOR_THE_AGENT = f'{{"agentName": "{AGENT}"}}'


@pytest.mark.parametrize(("left", "ended", "verdict"), [(22, 80, Verdict.NO_FAULT_SEEN), (41, 41, Verdict.HEALTHY)])
def test_the_leaving_of_an_earlier_phone_is_not_the_end(left: float, ended: float, verdict: Verdict) -> None:
    """The server's log ends soon after it; a look shows a phone long after that, and the agent for the last time."""
    told = room_line(left, "participant closing", "sip_1", kind="SIP", reason="CLIENT_REQUEST_LEAVE")
    sip = [
        line("sip", 4, "Outbound SIP call established", room=ROOM, call_id="SCL_2"),
        line("sip", 5, "track subscribed", room=ROOM, call_id="SCL_2", participant="agent-AJ_1", kind="audio"),
        line("sip", ended, "Closing outbound call", room=ROOM, call_id="SCL_2", status="0", reason="hangup"),
    ]
    looks = [*look(40, dispatch(1, job()), agent(2, audio()), phone(joined=3)), *closed(90)]
    assert judge(90, *looks, log_file("server", last=45), told, log_file("sip"), *sip, subject=HERE).verdict is verdict


@pytest.mark.parametrize(("dispatch_id", "expected"), [("AD_1", []), ("AD_2", ["LKD417"])])
def test_a_job_that_was_restarted_when_the_call_was_over_is_its_own(dispatch_id: str, expected: list[str]) -> None:
    """By its dispatch; with another one it is of somebody who calls in a room of that name."""
    rows = [row(0, "call_requested"), row(0.2, "agent_dispatched"), row(2.5, "call_ended")]
    told = [
        worker_line(1, "received job request", dispatch_id="AD_1"),
        worker_line(5, "failed to acquire process for job after 3 attempts"),
        worker_line(11, "received job request", dispatch_id=dispatch_id, job_id="AJ_restarted"),
        worker_line(24, "process exiting", reason="room disconnected", job_id="AJ_restarted"),
    ]
    assert codes(judge(900, *rows, log_file("worker"), *told)) == expected


@pytest.mark.parametrize(("ended", "expected"), [(6.2, []), (60, ["LKD404"])])
def test_a_job_that_was_not_assigned_before_the_call_ended(ended: float, expected: list[str]) -> None:
    """The worker may have answered later: 3 s, and the server asks on."""
    rows = [row(0, "call_requested"), row(4.8, "agent_dispatched"), row(ended, "call_ended")]
    told = [
        line("server", -600, "worker registered", agent_name=AGENT, job_type="JT_ROOM", worker_id="AW_1"),
        room_line(4.8, "API AgentDispatchService.CreateDispatch", request=FOR_THE_AGENT, status="200"),
        worker_line(4.9, "received job request"),
    ]
    logs = log_file("server", first=-700, last=900), log_file("worker", first=-700, last=900)
    assert codes(judge(900, *rows, *logs, *told)) == expected


@pytest.mark.parametrize(("known", "expected"), [("AW_1", ["LKD404"]), ("AW_of_before", [])])
def test_a_job_that_was_not_assigned_by_a_server_that_had_just_started(known: str, expected: list[str]) -> None:
    """Its log begins within the clocks' tolerance, and with the registration after which the worker was asked."""
    told = [
        line("server", 1, "worker registered", agent_name=AGENT, job_type="JT_ROOM", worker_id=known),
        room_line(2, "API AgentDispatchService.CreateDispatch", request=FOR_THE_AGENT, status="200"),
        line("worker", 1, "registered worker", agent_name=AGENT, worker_id="AW_1"),
        worker_line(2.1, "received job request"),
        room_line(60, "room closed"),
    ]
    logs = log_file("server", first=0.5, last=900), log_file("worker", first=0.2, last=900)
    assert codes(judge(900, *logs, *told, subject=HERE)) == expected


@pytest.mark.parametrize(("sought", "expected"), [((14.2,), ["LKD413"]), ((2, 14.2), ["LKD101"])])
def test_a_dispatch_that_was_deleted_is_not_the_latest_of_two(sought: tuple[float, ...], expected: list[str]) -> None:
    """Each finds no worker once, whether the line by which it was made was picked or not."""
    lines = [
        room_line(0, "selected node for room"),
        room_line(11, "API AgentDispatchService.CreateDispatch", request=FOR_THE_AGENT, status="200"),
        room_line(12.5, "API AgentDispatchService.DeleteDispatch", request='{"dispatchId": "AD_x"}', status="200"),
        *(server_line(seconds, "not dispatching agent job since no worker is available") for seconds in sought),
    ]
    assert codes(judge(900, *lines, log_file("server", last=900), subject=HERE)) == expected


@pytest.mark.parametrize(("opened", "sure"), [((), "possible"), ((-5.0,), "proven")])
def test_a_dial_that_failed_in_a_log_that_begins_within_the_call(opened: tuple[float, ...], sure: str) -> None:
    """It may be that of a colleague: whether the callee had been dialled before it would not be seen."""
    refused = room_line(17, "API SIP.CreateSIPParticipant", "colleague", status="503", error="no response from servers")
    log = log_file("server", first=9 if not opened else -600, last=900)
    told = [room_line(seconds, "selected node for room") for seconds in opened]
    diagnosis = judge(900, log, *told, refused, room_line(31, "room closed"), subject=HERE)
    assert found(diagnosis) == [("sip_participant_created", "LKD203", sure)]


@pytest.mark.parametrize(("status", "expected"), [("200", []), ("503", ["LKD204"])])
def test_a_request_that_failed_after_another_that_did_not(status: str, expected: list[str]) -> None:
    """Of the phone that the first one dialled nothing tells that it is gone."""
    first = room_line(0.5, "API SIP.CreateSIPParticipant", "callee", status=status)
    pasted = structs.replace(read(900, "evidence error.txt"), clock_at=at(100))
    words = "twirp error unknown: INVITE failed: sip status: 403: Forbidden"
    failed = SipCallResult(read=pasted, status=403, message=words, sip_status_code=403)
    log = log_file("server", last=30)
    opened = room_line(0, "selected node for room")
    assert codes(judge(900, log, opened, first, failed, subject=HERE)) == expected


@pytest.mark.parametrize(("again", "expected"), [((), ["LKD407"]), ((29.9,), [])])
def test_an_agent_whose_process_is_gone_has_not_stayed(again: tuple[float, ...], expected: list[str]) -> None:
    """So that a job after it is no job beside its own, and what became of the call is that job's: of lines that were
    picked, the one by which the agent left need not be among them."""
    lines = [
        room_line(0.2, "participant active", "callee"),
        room_line(19.3, "participant active", "agent-AJ_uN4vB8sK1rTy"),
        room_line(56.9, "participant closing", "callee", kind="SIP", reason="CLIENT_REQUEST_LEAVE"),
        worker_line(17.4, "received job request", dispatch_id="AD_1"),
        worker_line(21.3, "unhandled exception while running the job task"),
        worker_line(21.4, "process exiting", reason="job crashed"),
        *(worker_line(seconds, "received job request", dispatch_id="AD_2", job_id="AJ_2") for seconds in again),
    ]
    assert codes(judge(900, *lines, log_file("worker", last=900), subject=HERE)) == expected


@pytest.mark.parametrize(("other_job", "sure"), [("AJ_uN4vB8sK1rTy", "proven"), ("AJ_next", "possible")])
def test_a_job_that_the_list_has_not_yet_may_follow_the_one_that_failed(other_job: str, sure: str) -> None:
    failed = job(7.9, identity="", status="JS_FAILED", error="job process did not start", ended_at=at(9))
    looks = look(30, dispatch(7.7, failed), phone())
    blocked = worker_line(10.9, "event loop blocked for 112ms", job_id=other_job, room_id=SID)
    diagnosis = judge(30, *looks, log_file("worker"), blocked, subject=HERE)
    assert [(code, confidence) for _, code, confidence in found(diagnosis)] == [("LKD411", sure)]


@pytest.mark.parametrize(("then", "sure"), [((rooms(23, the_room()), closed(64)), "likely"), (closed(23), "proven")])
def test_a_room_is_looked_into_to_its_end_where_it_is_soon_gone(then: tuple[object, ...], sure: str) -> None:
    """Not where the next list of rooms still has it: another dispatch may have come after that."""
    looks = look(20.5, dispatch(18.4, declined_job(18.7)), phone())
    assert found(judge(65, *looks, *then, subject=HERE)) == [("job_assigned", "LKD404", sure)]


@pytest.mark.parametrize(("state", "expected"), [("consult_failed", []), ("note", ["LKD208"])])
def test_a_dial_that_a_row_of_a_transfer_tells_of_too(state: str, expected: list[str]) -> None:
    """By the server's log it has an identity of its own, which need not be known to be the callee's."""
    error = "max auth retry attempts reached"
    rows = [row(0, "call_requested"), row(5, "agent_connected", "agent")]
    rows += [row(9.7, state, "agent", metadata=f'{{"error": "twirp error unknown: {error}"}}'), row(27, "call_ended")]
    refused = room_line(9.6, "API SIP.CreateSIPParticipant", "colleague", status="400", error=error)
    assert codes(judge(900, *rows, log_file("server", last=900), refused)) == expected


@pytest.mark.parametrize(("worked", "expected"), [(False, ["LKD412"]), (True, [])])
def test_a_job_of_the_room_in_a_workers_log_came_of_a_dispatch(worked: bool, expected: list[str]) -> None:
    """The server's log ends before it was made."""
    request = f'{{"name": "{ROOM}", "agents": [{FOR_THE_AGENT}]}}'
    lines = [room_line(0, "selected node for room"), room_line(2, "API RoomService.CreateRoom", request=request)]
    lines += [worker_line(14, "event loop blocked for 255ms")] if worked else []
    assert codes(judge(900, *lines, log_file("server", last=9), log_file("worker", last=900), subject=HERE)) == expected


def test_the_leaving_of_an_earlier_job_s_agent_after_the_next_was_asked_for() -> None:
    """Its identity does not tell which job's it is: its session began before."""
    lines = [
        worker_line(5, "received job request", job_id="AJ_1", dispatch_id="AD_1"),
        room_line(5.1, "assigned job to worker", job_id="AJ_1"),
        room_line(6, "starting RTC session", "front-desk", participant_id="PA_a"),
        worker_line(22, "received job request", job_id="AJ_2", dispatch_id="AD_2"),
        room_line(25, "removing participant without connection", "front-desk", participant_id="PA_a"),
        room_line(25, "participant closing", "front-desk", participant_id="PA_a", kind="AGENT"),
        room_line(25.1, "failed to assign job to worker", job_id="AJ_2", error="context deadline exceeded"),
        room_line(60, "room closed"),
    ]
    assert codes(judge(900, *lines, log_file("server", last=900), log_file("worker", last=900), subject=HERE)) == [
        "LKD403"
    ]
