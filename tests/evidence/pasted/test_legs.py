"""Texts that tell of several legs of one call, or of one that our own side ended: which of them decides."""

import pytest

from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import status
from tests.each import each
from tests.evidence.pasted.samples import pasted
from tests.evidence.pasted.test_carriers import INVITE, NOBODY, QUOTED, REFUSED, SILENCE, codes, message

THIRD = INVITE.replace("0123", "0199")


def sent(seconds: float, start: str, method: str = "INVITE", call: str = "a", **headers: str) -> str:
    """A message of a trace that has times."""
    above = f"2026/02/12 10:{10 + int(seconds) // 60}:{seconds % 60:09.6f} 10.0.0.5:5060 -> 198.51.100.7:5060\n"
    return above + message(start, f"1 {method}", call, **headers)


def refused(began: float, ended: float, call: str, start: str = INVITE, by: str = "486 Busy Here") -> str:
    return sent(began, start, call=call) + sent(ended, f"SIP/2.0 {by}", call=call)


def answered(began: float, ended: float, call: str = "a") -> str:
    bye = sent(ended, f"BYE {INVITE[7:]}", "BYE", call)
    return sent(began, INVITE, call=call) + sent(began + 3, "SIP/2.0 200 OK", call=call) + bye


def cancelled(after: float, reason: str = "", *, rang: bool = True) -> str:
    ringing = sent(0.4, "SIP/2.0 180 Ringing") if rang else ""
    headers = {"Reason": reason} if reason else {}
    cancel = sent(after, f"CANCEL {INVITE[7:]}", "CANCEL", **headers)
    return sent(0, INVITE) + ringing + cancel + sent(after + 0.1, "SIP/2.0 487 Request Terminated")


ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.parametrize("after", [0.3, 1, 4, 9])
@pytest.mark.parametrize("rang", [False, True])
def test_a_call_that_our_own_side_gave_up_soon(after: float, rang: bool) -> None:
    """Whoever gave it up did not wait for an answer: nothing broke that the phone's leg could tell."""
    diagnosis = pasted(cancelled(after, rang=rang))
    assert (diagnosis.verdict, diagnosis.broken) == (Verdict.UNKNOWN, ())
    assert f"who gave the call up {after:.1f} s after it was dialled" in str(diagnosis.would_settle)


def test_a_cancel_once_the_time_to_answer_was_over() -> None:
    assert codes(cancelled(30)) == NOBODY
    assert codes(cancelled(30, rang=False)) == SILENCE
    assert codes(cancelled(5, 'Q.850;cause=19;text="NO_ANSWER"')) == NOBODY, "a short one, as the Reason says"


@pytest.mark.parametrize("reason", [ELSEWHERE, "Q.850;cause=26"])
def test_a_branch_that_was_cancelled_since_another_was_answered(reason: str) -> None:
    diagnosis = pasted(cancelled(30, reason))
    assert diagnosis.broken == ()
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.OK


NOT_THE_CALLS = {
    "another branch rang beside it": sent(0.1, INVITE, call="b") + sent(3.2, "SIP/2.0 487 Gone", call="b"),
    "it was dialled twice at once": refused(4, 5, "b"),
    "through another trunk before": refused(0, 0.1, "b", by="503 Service Unavailable"),
}


@each("why, other", NOT_THE_CALLS.items())
@pytest.mark.parametrize("first", [True, False])
def test_the_dialog_that_was_answered_decides(why: str, other: str, first: bool) -> None:
    call = answered(0, 60)
    diagnosis = pasted(other + call if first else call + other)
    assert diagnosis.broken == ()
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.OK


def test_a_dialog_to_somebody_else_meanwhile() -> None:
    assert codes(answered(0, 60) + refused(30, 31, "b", THIRD)) == []


def test_a_call_after_one_that_was_answered_and_is_over() -> None:
    assert codes(answered(0, 60) + refused(70, 71, "b")) == REFUSED


def test_a_call_after_one_that_was_answered_and_may_last() -> None:
    up = answered(0, 60).partition("BYE")[0]
    assert codes(up + refused(70, 71, "b")) == QUOTED


def test_a_transfer_that_was_refused() -> None:
    """The answer is in the body of a NOTIFY, and the call went on."""
    notify = sent(32, "NOTIFY sip:10.0.0.5 SIP/2.0", "NOTIFY", Content_Type="message/sipfrag")
    call = answered(0, 60)
    assert codes(call + notify + "SIP/2.0 486 Busy Here\nContent-Length: 0\n\n") == []
    assert codes(refused(0, 1, "a")) == REFUSED


# Attempts in the words of the team's own program


def logged(*lines: str, room: str = "outbound-8841") -> str:
    return "".join(
        f"2026-02-12 10:00:{2 * number:02},100 {line.format(room)}\n" for number, line in enumerate(lines, 1)
    )


BUSY = "ERROR dialer room={} SIP call failed: 503 Service Unavailable"
WELL = (
    "INFO dialer room={} answered via ST_B",
    "[info] place-call {} sip participant SCL_5NkWq1abcdef created",
    "INFO dialer {} attempt 2: ok",
    "INFO dialer {} sip.callStatus=active",
)


@each("well", WELL)
def test_an_attempt_after_which_another_went_well(well: str) -> None:
    text = logged(BUSY, "INFO dialer room={} retrying via ST_B", well)
    assert codes(text) == []
    assert codes("\n".join(reversed(text.splitlines()))) == [], "as consoles have it"
    assert "SIP call rejected" in str(pasted(text).timeline)
    assert codes(text.replace("call failed: 503 Service Unavailable", "call failed: 486 Busy Here")) == []


def test_an_attempt_of_which_nothing_says_that_another_went_well() -> None:
    assert codes(logged(BUSY, "INFO dialer room={} not answered")) == REFUSED
    assert codes(logged(WELL[0], BUSY)) == REFUSED, "the call was dialled again after it"
    assert codes(logged(BUSY, WELL[0], BUSY)) == REFUSED
    assert codes(logged(BUSY) + logged(BUSY, WELL[0], room="outbound-8842")) == REFUSED, "another call's"
    assert codes(f"{logged(BUSY)}Did you see 'answered via ST_B' before?") == REFUSED


def test_what_went_well_and_names_nothing() -> None:
    refused, well = "2026-02-12T10:00:02Z ERROR SIP call failed: 486 Busy Here\n", "2026-02-12T{}Z INFO answered\n"
    assert codes(refused + well.format("10:00:12")) == []
    assert codes(refused + well.format("15:30:12")) == REFUSED, "hours later"


def test_attempts_without_times() -> None:
    first, second = "attempt 1: SIP call failed: 503 Service Unavailable\n", "attempt 2: {}\n"
    for prefix in ("", "[dialer] "):
        assert codes(prefix + first + prefix + second.format("answered")) == []
    last = pasted(first + second.format("SIP call failed: 486 Busy Here")).broken
    assert [item.code for item in last] == ["LKD204"]


# A carrier's records


def callback(sid: str, state: str, when: str = "", **more: str) -> str:
    fields = {"CallSid": sid, "CallStatus": state, **more}
    dated = {"Timestamp": f"Thu%2C%2012%20Feb%202026%2010%3A{when.replace(':', '%3A')}%20%2B0000"} if when else {}
    return "&".join(f"{key}={value}" for key, value in (fields | dated).items()) + "\n"


def hang_up(leg: str, status: int, began: str, ended: str) -> str:
    return (
        f'{{"event_type":"call.hangup","payload":{{"call_control_id":"v3:{leg}","sip_hangup_cause":"{status}",'
        f'"start_time":"2026-02-12T10:{began}Z","end_time":"2026-02-12T10:{ended}Z"}}}}\n'
    )


TO_CALLEE, BY_FIRST = {"Direction": "outbound-api"}, {"Direction": "outbound-dial", "ParentCallSid": "CA1"}
REACHED = callback("CA1", "completed", "11:30", CallDuration="54", SipResponseCode="200")
TRANSFERRED = callback("CA2", "busy", SipResponseCode="486", **BY_FIRST)
RECORDS = {
    "it was redialled": callback("CA2", "busy", "10:02", SipResponseCode="486") + REACHED,
    "newest first": REACHED + callback("CA2", "busy", "10:02", SipResponseCode="486"),
    "a transfer": TRANSFERRED + callback("CA1", "completed", SipResponseCode="200", **TO_CALLEE),
    "within": callback("CA1", "in-progress") + callback("CA2", "no-answer") + callback("CA1", "completed"),
    "Telnyx's": hang_up("a", 200, "10:00", "11:00") + hang_up("b", 486, "10:30", "10:32"),
}


@each("why, text", RECORDS.items())
def test_the_record_of_the_leg_that_was_answered_decides(why: str, text: str) -> None:
    diagnosis = pasted(text)
    assert diagnosis.broken == ()
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.OK


def test_the_record_of_a_leg_that_is_the_calls_own() -> None:
    after = callback("CA2", "busy", "20:02", SipResponseCode="486")
    assert codes(REACHED + after) == codes(after + REACHED) == REFUSED, "a call after the one that was answered"
    lasting = callback("CA1", "in-progress", "11:30")
    assert codes(lasting + after) == [], "of which nobody knows whether it was over"
    came_in = callback("CA1", "completed", Direction="inbound", SipResponseCode="200")
    assert codes(came_in + TRANSFERRED) == REFUSED, "dialled for the leg by which the call came in to the carrier"
    assert codes(hang_up("a", 480, "10:00", "10:01") + hang_up("b", 486, "10:30", "10:32")) == REFUSED


def test_a_call_that_our_own_side_cancelled() -> None:
    rang = callback("CA1", "ringing", "10:01")
    assert codes(rang + callback("CA1", "canceled", "10:05")) == []
    assert codes(rang + callback("CA1", "canceled", "10:41")) == SILENCE
    assert codes(callback("CA2", "ringing", "10:36") + callback("CA1", "canceled", "10:41")) == SILENCE, "another's"


def test_records_of_which_nobody_knows_the_order() -> None:
    for other in ("", "&To=%2B15555550199"):
        text = callback("CA1", "completed", SipResponseCode="200") + f"CallSid=CA2&CallStatus=busy{other}\n"
        assert status(pasted(text), Step.SIP_ANSWERED) is Status.UNKNOWN
        assert codes(text) == []


THREW = "2026-11-20T09:00:04Z WARN out-4711 createSipParticipant threw: INVITE failed: sip status: 503: Unavailable\n"


@pytest.mark.parametrize(
    "again", ["retrying via trunk B", "falling back to trunk two", "redialing", "trying next trunk"]
)
def test_a_phone_that_the_program_dials_again(again: str) -> None:
    """What became of that nobody says; where it went well, the refusal was an attempt before."""
    text = f"{THREW}2026-11-20T09:00:05Z INFO out-4711 {again}\n"
    assert [(item.code, item.confidence.value) for item in pasted(text).broken] == [("LKD204", "possible")]
    for well in ("SIP participant connected", "caller said: hello", "call in progress", "dial ok"):
        assert not pasted(f"{text}2026-11-20T09:00:14Z INFO out-4711 {well}\n").broken
    for later in ("no retries left", "retry scheduled in 300 s", "max retries reached"):
        said = pasted(f"{THREW}2026-11-20T09:00:05Z INFO out-4711 {later}\n")
        assert [(item.code, item.confidence.value) for item in said.broken] == [("LKD204", "likely")]


@pytest.mark.parametrize(
    "words",
    [
        "WarmTransferTask: failed to dial human agent",
        "could not reach supervisor",
        "consult call failed",
        "handoff failed",
    ],
)
def test_a_phone_beside_the_callees(words: str) -> None:
    text = THREW.replace("createSipParticipant threw", words)
    assert not pasted(text).broken
