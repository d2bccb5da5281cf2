"""Whose fact a phone's is: in a room may be a supervisor's, too, the second number of two that were dialled at once, or
the dial of an attempt before. What became of one of these did not become of the call."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, LogRow, Sighting
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    SID,
    agent,
    at,
    codes,
    found,
    judge,
    line,
    log_file,
    phone,
    read,
    row,
    rows_only,
)

DAY = 86_400.0
BUSY = '{"sip_status_code": 486}'
PLACED = [
    row(0, "call_requested"),
    row(0.3, "agent_dispatched"),
    row(0.9, "agent_entrypoint_called", "agent"),
    row(1, "agent_connected", "agent"),
    row(1.2, "sip_participant_created"),
]


def webhook(seconds: float, event: str, who: object, because: str = "") -> Sighting:
    return Sighting(
        read=read(3600, "evidence"),
        room=ROOM,
        room_sid=SID,
        event=event,
        at=at(seconds),
        participants=(who,),  # type: ignore[arg-type]
        left_because=because,
    )


def of_callee(seconds: float, event: str, because: str = "", status: str = "dialing") -> Sighting:
    return webhook(seconds, event, phone(status, 1.2, identity="callee"), because)


def of_other(seconds: float, event: str, because: str = "", joined: float = 40) -> Sighting:
    who = phone("dialing", joined, sid="PA_2", identity="other")
    return webhook(seconds, event, replace(who, attributes=who.attributes | {"sip.callID": "SCL_other"}), because)


AGENT = webhook(1, "participant_joined", agent(1))
CAME = of_callee(1.2, "participant_joined")
HUNG_UP = of_callee(90, "participant_left", "CLIENT_INITIATED", "active")


@pytest.mark.parametrize("after", [[HUNG_UP], []], ids=["the callee hung up later", "the callee is there"])
@pytest.mark.parametrize(
    ("came", "left", "reason"), [(40, 45, "USER_REJECTED"), (1.3, 31, "USER_UNAVAILABLE")], ids=["added", "at once"]
)
def test_the_webhook_of_another_phone_that_was_refused(
    came: float, left: float, reason: str, after: list[Sighting]
) -> None:
    other = [of_other(came, "participant_joined", joined=came), of_other(left, "participant_left", reason, came)]
    assert judge(3600, AGENT, CAME, *other, *after).verdict is Verdict.NO_FAULT_SEEN


def test_the_webhook_of_the_only_phone_that_was_refused() -> None:
    for before in ([], [of_callee(31, "participant_left", "USER_UNAVAILABLE")]):
        other = [of_other(40, "participant_joined"), of_other(45, "participant_left", "USER_REJECTED")]
        came = [CAME] if before else []
        assert found(judge(3600, AGENT, *came, *before, *other)) == [("sip_ringing", "LKD204", "likely")]


def spoke(*seconds: float) -> list[LogRow]:
    return [row(when, "user_speech", "agent") for when in seconds]


@pytest.mark.parametrize(
    ("rows", "confidence"),
    [
        ([*spoke(20, 40), row(44, "sip_failed", metadata=BUSY)], "possible"),
        ([*spoke(20), row(35, "sip_participant_created"), row(39, "sip_failed", metadata=BUSY)], "proven"),
        ([row(4, "sip_failed", metadata=BUSY)], "proven"),
    ],
    ids=["somebody had talked", "and was dialled again", "nobody had talked"],
)
def test_a_refusal_after_somebody_talked(rows: list[LogRow], confidence: str) -> None:
    diagnosis = rows_only(DAY, *PLACED, *rows, row(50, "call_ended"))
    assert found(diagnosis) == [("sip_ringing", "LKD204", confidence)]


@pytest.mark.parametrize(
    ("summary", "confidence"),
    [
        ('{"sip_status_code": 486, "attempts": 2}', "possible"),
        ('{"last_error": "INVITE failed: sip status: 486: Busy Here"}', "possible"),
        ('{"sip_status_code": 603, "attempts": 1}', "proven"),
    ],
)
def test_a_row_of_the_end_that_sums_up_what_came_before(summary: str, confidence: str) -> None:
    """Busy, dialled again: whether it was answered then, nobody says."""
    again = [row(4, "sip_failed", metadata=BUSY), row(12, "sip_participant_created")]
    diagnosis = rows_only(DAY, *PLACED, *again, row(30, "call_ended", metadata=summary))
    assert found(diagnosis) == [("sip_ringing", "LKD204", confidence)]


@pytest.mark.parametrize(
    ("before", "confidence"),
    [(PLACED, "possible"), (PLACED[:2], "proven"), ([*PLACED, row(9, "call_ended")], "proven")],
    ids=["still on the phone", "had not dialled", "over"],
)
def test_an_attempt_whose_phone_is_busy_with_the_one_before(before: list[LogRow], confidence: str) -> None:
    again = [row(10.9, "call_requested"), row(13, "sip_failed", metadata=BUSY), row(70, "call_ended")]
    assert ("sip_ringing", "LKD204", confidence) in found(rows_only(DAY, *before, *again))


# Sound


def sip(seconds: float, message: str, dial: str = "SCL_callee", **fields: str) -> LogLine:
    return line("sip", seconds, message, room=ROOM, call_id=dial, participant=dial, **fields)


def timed_out(seconds: float, dial: str = "SCL_callee") -> LogLine:
    return sip(seconds, "Closing outbound call with error", dial, error="media-timeout", reason="media-timeout")


def by_sip(*lines: LogLine, rows: list[LogRow] | None = None) -> Diagnosis:
    begun = [log_file("sip", last=900), sip(1, "Creating SIP participant"), sip(8, "Outbound SIP call established")]
    return judge(3600, *(rows or []), *begun, *lines, subject=Subject(call_id=CALL, room=ROOM))


def test_a_call_in_which_no_sound_ever_came() -> None:
    assert found(by_sip(timed_out(40))) == [("sip_answered", "LKD210", "proven")]


def test_a_call_whose_sound_broke_off() -> None:
    """livekit-sip waits for the first sound for 30 s only: had none come, it would have ended the call long before."""
    assert not codes(by_sip(timed_out(610)))
    rows = [*PLACED, row(8, "sip_answered"), row(8.5, "agent_audio", "agent"), row(610.5, "call_ended")]
    assert by_sip(timed_out(610), rows=rows).verdict is Verdict.NO_FAULT_SEEN
    assert not codes(by_sip(timed_out(35), rows=[*PLACED, *spoke(15)]))


def test_the_sound_of_a_further_phone() -> None:
    further = [sip(40, "Creating SIP participant", "SCL_2"), sip(46, "Outbound SIP call established", "SCL_2")]
    over = sip(200, "Closing outbound call")
    assert not codes(by_sip(*further, timed_out(77, "SCL_2"), over))
    assert not codes(by_sip(*further, timed_out(77, "SCL_2")))


@pytest.mark.parametrize(("left", "found_codes"), [(39, ["LKD210"]), (610, [])])
def test_a_webhook_that_says_that_media_failed(left: float, found_codes: list[str]) -> None:
    hooks = [AGENT, CAME, of_callee(left, "participant_left", "MEDIA_FAILURE", "active")]
    assert codes(judge(3600, *PLACED, row(8, "sip_answered"), *hooks)) == found_codes
