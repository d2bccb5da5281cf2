"""What the team says in states of its own: that the call was given up, that the agent has nothing more to do."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.states import says_done, says_ended
from livekit_doctor.evidence.observations import SipCallResult
from livekit_doctor.evidence.observations.gathered import Observation
from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    SETTINGS,
    SID,
    agent,
    at,
    audio,
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
    row,
    server_line,
    status,
    warned,
    worker_line,
)


@pytest.mark.parametrize("state", ["call_cancelled", "cancelledByUser", "user_cancelled", "caller_hung_up", "canceled"])
def test_a_call_that_was_given_up_has_ended(state: str) -> None:
    """Design, scenario G, with the team's own word for it: whoever cancels deletes the room."""
    opened = line("server", 0, "selected node for room", room=ROOM)
    gone = [server_line(1.6, "closing room", reason="API_DELETE"), server_line(1.7, "room closed")]
    rows = [row(-0.1, "call_requested"), row(0.05, "room_created"), row(1.5, state)]
    diagnosis = judge(900, *rows, log_file("server"), opened, *gone, subject=Subject(call_id=CALL, room=ROOM))
    assert (diagnosis.verdict, codes(diagnosis)) == (Verdict.UNKNOWN, [])
    assert status(diagnosis, Step.CALL_ENDED) is Status.OK
    assert "LKD603" not in warned(diagnosis)


@pytest.mark.parametrize(
    "state", ["tts_cancelled", "transfer_cancelled", "agent_ended", "agent_hung_up", "user_turn_ended", "speech_ended"]
)
def test_what_ends_in_a_call_is_not_the_call(state: str) -> None:
    assert not says_ended(state)


def handing_over(*states: str, left: float = 43) -> Diagnosis:
    rows = [row(0.3, "agent_dispatched"), row(0.9, "agent_connected", "agent"), row(1.2, "sip_participant_created")]
    rows += [row(40.5 + n, state, "agent") for n, state in enumerate(states)]
    own = dispatch(0.2, job())
    looks = [look(seconds, own, phone("active")) for seconds in (left, left + 4, left + 17)]
    with_agent = look(40, own, agent(1, audio()), phone("active"))
    return judge(left + 23, *rows, with_agent, *looks, subject=Subject(call_id=CALL, room=ROOM))


@pytest.mark.parametrize(
    "state", ["transfer_started", "transferring_to_human", "sip_refer_sent", "escalated_to_human", "voicemail_left"]
)
def test_an_agent_that_is_done_may_leave(state: str) -> None:
    """The phone stays while the target of the transfer rings, or the mailbox records: nothing shows that this ends
    well, either."""
    diagnosis = handing_over(state)
    assert (diagnosis.verdict, codes(diagnosis)) == (Verdict.NO_FAULT_SEEN, [])


@pytest.mark.parametrize(
    ("states", "left"),
    [
        (("transfer_started", "transfer_failed"), 43),
        (("voicemail_detected",), 43),
        (("transfer_started",), 100),
    ],
)
def test_an_agent_that_is_not_done_has_left(states: tuple[str, ...], left: float) -> None:
    assert found(handing_over(*states, left=left)) == [("agent_connected", "LKD407", "proven")]


@pytest.mark.parametrize("state", ["data_transfer", "transfer_enabled", "transfer_requested", "transfer_failed"])
def test_what_does_not_hand_the_phone_over(state: str) -> None:
    assert not says_done(state)


@pytest.mark.parametrize(
    "met",
    [
        (row(35, "amd_result", "agent", metadata='{"result": "machine"}'),),
        (row(35, "voicemail_detected", "webhook"),),
        (row(35, "answering_machine", "webhook"),),
        (row(40, "call_ended", "agent", metadata='{"reason": "voicemail"}'),),
        (worker_line(35, "amd result: machine, hanging up"),),
    ],
)
def test_an_agent_that_met_a_machine_had_nothing_to_say(met: tuple[Observation, ...]) -> None:
    """It never opened its session, and hung up. Where a human answered, it was silent."""
    assert (met_after_silence(*met).verdict, codes(met_after_silence(*met))) == (Verdict.NO_FAULT_SEEN, [])


@pytest.mark.parametrize("states", [(), ("amd_started",), ("voicemail_detected", "human_detected")])
def test_an_agent_that_met_no_machine_was_silent(states: tuple[str, ...]) -> None:
    rows = [row(30 + n, state, "agent") for n, state in enumerate(states)]
    assert found(met_after_silence(*rows)) == [("agent_audio", "LKD408", "likely")]


def met_after_silence(*told: Observation) -> Diagnosis:
    """Whole logs of a call whose agent published nothing for 34 s."""
    agent_id, own = "agent-AJ_1", {"room": ROOM, "room_id": SID}
    lines = [
        line("server", 0, "selected node for room", room=ROOM),
        server_line(0.9, "starting RTC session", participant=agent_id, kind="AGENT"),
        server_line(0.9, "participant active", participant=agent_id, kind="AGENT"),
        server_line(1.2, "participant active", participant="callee", kind="SIP"),
        server_line(1.2, "mediaTrack published", participant="callee", kind="audio"),
        line("sip", 6, "Outbound SIP call established", participant="callee", **own),
        server_line(40, "participant closing", participant="callee", kind="SIP", reason="CLIENT_REQUEST_LEAVE"),
        server_line(40.3, "participant closing", participant=agent_id, reason="SERVICE_REQUEST_DELETE_ROOM"),
        server_line(40.3, "room closed"),
    ]
    rows = [row(0.3, "agent_dispatched"), row(0.9, "agent_connected", "agent"), row(6, "sip_answered")]
    logs = [log_file(name) for name in ("server", "sip", "worker")]
    return judge(900, *rows, *told, *logs, *lines, subject=Subject(call_id=CALL, room=ROOM))


# An agent that dials, and logs in its own words how that went


@pytest.mark.parametrize(
    ("seconds", "words", "is_said"),
    [
        (9, "answered via ST_B", []),
        (9, "sip participant SCL_5NkWq1abcdef created", []),
        (9, "not answered via ST_B, either", ["LKD204"]),
        (9, "retrying via ST_B", ["LKD204"]),
        (1, "answered via ST_B", ["LKD204"]),
    ],
)
def test_a_refusal_after_which_another_attempt_went_well(seconds: float, words: str, is_said: list[str]) -> None:
    logged = replace(read(3600, "worker_log worker.log"), clock_at=at(2))
    refused = SipCallResult(read=logged, room=ROOM, message="SIP call failed: 503 Service Unavailable")
    told = worker_line(1, "received job request"), worker_line(seconds, words, job_id="")
    settings = replace(SETTINGS, flow=replace(SETTINGS.flow, placed_by="agent"))
    diagnosis = judge(900, log_file("worker"), *told, refused, settings=settings)
    assert [code for code in codes(diagnosis) if code == "LKD204"] == is_said
