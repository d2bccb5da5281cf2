"""A room's name is not a call: it may be used again, one for each customer. What is tied to a call by that name alone
counts within the call's own time."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, Sighting, SipCallResult
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    ROOM,
    SID,
    agent,
    at,
    codes,
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
    row,
    server_line,
    worker_line,
)

HOUR = 3600.0
LATER = {"room_id": "RM_ofTheNextCall", "job_id": "AJ_ofTheNextCall"}
ROWS = [
    row(-0.1, "call_requested", room=ROOM),
    row(0.05, "room_created", room=ROOM),
    row(0.3, "agent_dispatched", room=ROOM),
    row(1.2, "sip_participant_created", room=ROOM),
]


def next_calls(seconds: float, message: str, **fields: str) -> LogLine:
    return worker_line(seconds, message, **(LATER | fields))


def sip(seconds: float, message: str, **fields: str) -> LogLine:
    return line("sip", seconds, message, room=ROOM, call_id="SCL_ofTheNextCall", **fields)


def asked_for_the_first(*lines: LogLine | SipCallResult | Sighting, ended: float = 40) -> Diagnosis:
    logs = [log_file("worker", last=9000), log_file("sip", last=9000)]
    return judge(90_000, *ROWS, row(ended, "call_ended", room=ROOM), *logs, *lines, subject=Subject(call_id=CALL))


HUNG = [
    next_calls(HOUR, "received job request"),
    next_calls(HOUR + 8, "assignment for job AJ_ofTheNextCall timed out", room="", room_id=""),
]
NO_PROCESS = [HUNG[0], next_calls(HOUR + 20, "failed to acquire process for job", room="", room_id="")]
BUSY = [
    sip(HOUR, "Creating SIP participant"),
    sip(HOUR + 4, "SIP call failed", error="INVITE failed: sip status: 486: Busy Here"),
]


@pytest.mark.parametrize("lines", [HUNG, NO_PROCESS, BUSY], ids=["hung", "no process", "busy"])
def test_the_fault_of_the_next_call_is_not_this_ones(lines: list[LogLine]) -> None:
    diagnosis = asked_for_the_first(*lines)
    assert found(diagnosis) == [("job_assigned", "LKD402", "possible")]
    assert "LKD101" in diagnosis.broken[0].candidates


@pytest.mark.parametrize(("lines", "code"), [(HUNG, "LKD403"), (NO_PROCESS, "LKD417")], ids=["hung", "no process"])
def test_a_fault_of_the_call_itself_is(lines: list[LogLine], code: str) -> None:
    """It ends when it is over."""
    assert code in codes(asked_for_the_first(*lines, ended=HOUR + 30))


def test_the_fault_of_the_call_before_is_not_this_ones() -> None:
    rows = [row(HOUR + seconds, state, room=ROOM) for seconds, state in [(0, "call_requested"), (30, "call_ended")]]
    before = [sip(0, "Creating SIP participant"), sip(4, "SIP call failed", error=BUSY[1].fields["error"])]
    diagnosis = judge(90_000, *rows, log_file("sip", last=9000), *before, subject=Subject(call_id=CALL))
    assert "LKD204" not in codes(diagnosis)


def test_a_refusal_that_was_pasted_and_came_after_the_end_may_be_another_calls() -> None:
    answer = SipCallResult(read=read(HOUR), room=ROOM, status=429, message=BUSY[1].fields["error"], sip_status_code=486)
    assert ("sip_ringing", "LKD204", "possible") in found(asked_for_the_first(answer))


@pytest.mark.parametrize(
    ("seconds", "confidence"), [(20, "possible"), (60, "possible"), (40 + 300, ""), (HOUR + 20, "possible")]
)
def test_a_refusal_that_was_pasted_without_a_room(seconds: float, confidence: str) -> None:
    """So long after the end it is another call's, unless it is dated by another zone's clock."""
    pasted = replace(read(90_000, "evidence chat.txt"), clock_at=at(seconds))
    answer = SipCallResult(read=pasted, status=429, message=BUSY[1].fields["error"], sip_status_code=486)
    told = [sure for step, code, sure in found(asked_for_the_first(answer)) if code == "LKD204"]
    assert told == ([confidence] if confidence else [])


def test_the_webhooks_of_the_next_call_are_not_this_ones() -> None:
    def webhook(seconds: float, event: str, *who: object) -> Sighting:
        return Sighting(
            read=read(HOUR), room=ROOM, room_sid=LATER["room_id"], event=event, at=at(seconds), participants=who
        )  # type: ignore[arg-type]

    hooks = [webhook(HOUR, "room_started"), webhook(HOUR + 2, "participant_joined", agent(HOUR + 2), phone("active"))]
    assert codes(asked_for_the_first(*hooks)) == ["LKD402"]
    assert not codes(asked_for_the_first(*hooks, ended=HOUR + 30))


TWO_CALLS = [
    log_file("worker", last=9000),
    log_file("sip", last=9000),
    worker_line(0.7, "received job request", dispatch_id="AD_ofTheFirstCall"),
    line("sip", 1, "Creating SIP participant", room=ROOM, call_id="SCL_ofTheFirstCall"),
    line("sip", 1.1, "SIP participant joined room", room=ROOM, room_id=SID, call_id="SCL_ofTheFirstCall"),
    line("sip", 4, "SIP call failed", room=ROOM, call_id="SCL_ofTheFirstCall", error=BUSY[1].fields["error"]),
    next_calls(HOUR, "received job request", dispatch_id="AD_ofTheNextCall"),
    next_calls(HOUR + 1, "unhandled exception while running the job task"),
    sip(HOUR, "Creating SIP participant"),
    sip(HOUR + 1, "SIP participant joined room", room_id=LATER["room_id"]),
    sip(HOUR + 4, "Outbound SIP call established"),
]


@pytest.mark.parametrize("id", [SID, "AJ_uN4vB8sK1rTy", "AD_ofTheFirstCall", "SCL_ofTheFirstCall"])
@pytest.mark.parametrize("lines", [TWO_CALLS, TWO_CALLS[::-1]], ids=["in order", "newest first"])
def test_an_id_of_the_first_call(id: str, lines: list[LogLine]) -> None:
    assert codes(judge(90_000, *lines, subject=Subject(livekit_id=id))) == ["LKD204"]


@pytest.mark.parametrize("id", [LATER["room_id"], LATER["job_id"], "AD_ofTheNextCall", "SCL_ofTheNextCall"])
def test_an_id_of_the_next_call(id: str) -> None:
    assert codes(judge(90_000, *TWO_CALLS, subject=Subject(livekit_id=id))) == ["LKD405"]


AGENT_ID = "agent-AJ_uN4vB8sK1rTy"
WENT_WELL = [
    log_file("server", last=900),
    room_line(0, "selected node for room"),
    room_line(0.2, "API AgentDispatchService.CreateDispatch", request=f'{{"agentName": "{AGENT}"}}', status="200"),
    room_line(1, "participant active", AGENT_ID),
    room_line(2, "API SIP.CreateSIPParticipant", "callee", status="200"),
    room_line(2.1, "participant active", "callee"),
    room_line(1.1, "mediaTrack published", AGENT_ID, kind="audio"),
    room_line(60, "participant closing", "callee", kind="SIP", reason="CLIENT_REQUEST_LEAVE"),
    room_line(60.6, "participant closing", AGENT_ID, kind="AGENT", reason="CLIENT_REQUEST_LEAVE"),
]
SENT_AGAIN = [
    room_line(61.5, "API AgentDispatchService.CreateDispatch", request=f'{{"agentName": "{AGENT}"}}', status="200"),
    server_line(61.6, "not dispatching agent job since no worker is available"),
]
RAISED_AGAIN = [
    SENT_AGAIN[0],
    server_line(61.7, "assigned job to worker", job_id="AJ_ofTheNextCall"),
    next_calls(58, "received job request", room_id=SID),
    next_calls(58.5, "unhandled exception while running the job task", room_id=SID),
]
ANSWERED = row(8, "sip_answered", "webhook", room=ROOM)
PHONE_AGAIN = (
    room_line(63, "API SIP.CreateSIPParticipant", "callee", status="200"),
    room_line(63.1, "participant active", "callee"),
)


@pytest.mark.parametrize("again", [SENT_AGAIN, RAISED_AGAIN], ids=["no worker", "by a clock that is slow"])
def test_an_agent_that_was_sent_into_the_room_of_a_call_that_was_over(again: list[LogLine]) -> None:
    """As by a watchdog that finds no agent in it: the room stays open for a while. What dials nobody is no attempt to
    call, whether anything tells that the phone had been answered or not."""
    logs = [*WENT_WELL, *again, *([log_file("worker", last=900)] if again is RAISED_AGAIN else [])]
    ended = row(60.3, "call_ended", "webhook", room=ROOM)
    requested = row(-0.5, "call_requested", room=ROOM)
    for rows in ([], [requested], [requested, ANSWERED], [requested, ANSWERED, ended]):
        assert not codes(judge(900, *rows, *logs, subject=Subject(room=ROOM)))
        if ended not in rows:
            assert codes(judge(900, *rows, *logs, *PHONE_AGAIN, subject=Subject(room=ROOM))), "dialled again, too"
    assert not codes(judge(900, requested, ANSWERED, ended, *logs, *PHONE_AGAIN)), "of another call, by its rows"
    stayed = [line for line in logs if not (isinstance(line, LogLine) and line.at and line.at == at(60))]
    assert codes(judge(900, requested, ANSWERED, *stayed)), "the phone was still there"


@pytest.mark.parametrize(("ended", "expected"), [(60.7, []), (30, ["LKD402"]), (None, ["LKD402"])])
def test_a_dispatch_that_is_listed_in_the_room_of_a_call_that_was_over(
    ended: float | None, expected: list[str]
) -> None:
    """Its agent's job had ended with the call; where it ended long before, or not at all, the agent may be missed."""
    states = [(-1, "call_requested"), (0.5, "agent_dispatched"), (6, "sip_answered"), (60.3, "call_ended")]
    before = job(0.7, status="JS_SUCCESS" if ended else "JS_RUNNING", ended_at=at(ended) if ended else None)
    listed = dispatch(0.5, before), dispatch(61.5, id="AD_ofAWatchdog")
    looks = [look(seconds, *listed) for seconds in (80, 100)]
    assert codes(judge(100, *(row(*each) for each in states), *looks)) == expected


def test_an_agent_that_was_sent_again_to_a_phone_that_no_agent_had_met() -> None:
    """The one before it had left before that phone was dialled: it is the call's, which tries once more."""
    gone = WENT_WELL[8]
    for left, expected in ((1.8, ["LKD101"]), (60.6, [])):
        agent_left = replace(gone, at=at(left))
        lines = [line for line in WENT_WELL if line is not gone]
        assert codes(judge(900, *lines, agent_left, *SENT_AGAIN, subject=Subject(room=ROOM))) == expected
