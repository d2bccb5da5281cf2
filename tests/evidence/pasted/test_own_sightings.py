"""What lines of the team's own say they saw, with the ids that LiveKit's API answered."""

import json

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis, Status
from livekit_doctor.evidence.observations import Sighting
from livekit_doctor.flow import Confidence, Step
from tests.evidence.pasted.samples import pasted, reading

ROOM = "call-c-771"
DISPATCH = "AD_h2VxM8pYw5Lc"
FULL = (
    "2026-02-12 10:00:01,100 - INFO livekit.agents - registered worker "
    '{"agent_name": "caller", "id": "AW_Rb6KtQ9mXs3N"}\n'
    "2026-02-12 10:01:01,100 - INFO livekit.agents - worker is at full capacity, marking as unavailable "
    '{"load": 0.873, "threshold": 0.7}\n'
)


def status(diagnosis: Diagnosis, step: Step) -> Status:
    return next(item.status for item in diagnosis.steps if item.step is step)


@pytest.mark.parametrize(
    "line",
    [
        f"[info     ] dispatch_created    [dialer] agent_name=caller call_id=c-771 dispatch_id={DISPATCH} room={ROOM}",
        f"2026-02-12 10:01:05,000 - INFO dialer - Dispatch created: {DISPATCH} room={ROOM} agent=caller",
        f"2026-02-12 10:01:05,000 - INFO dialer - created agent dispatch {DISPATCH} in room {ROOM}",
        f"2026-02-12 10:01:05 INFO dialer agent dispatched room={ROOM} dispatch={DISPATCH}",
        json.dumps(
            {"level": "info", "msg": "dispatchCreated", "room": ROOM, "dispatchId": DISPATCH, "agent": "caller"}
        ),
        json.dumps({"level": "INFO", "event": "create_dispatch returned", "room_name": ROOM, "dispatch_id": DISPATCH}),
        f"10:01:05  dispatched agent caller into room {ROOM}: {DISPATCH}",
    ],
)
def test_a_dispatch(line: str) -> None:
    diagnosis = pasted(FULL + line)
    assert diagnosis.room is not None
    assert diagnosis.room.name == ROOM
    assert status(diagnosis, Step.AGENT_DISPATCHED) is Status.OK
    assert [item.code for item in diagnosis.broken] == ["LKD103"]


@pytest.mark.parametrize(
    "words",
    [
        "dispatch failed",
        "dispatch not created",
        "dispatch deleted",
        "create_dispatch error",
        "waiting for dispatch",
        "polling dispatch",
        "should the dispatch be created?",
        "dispatch created ok=false",
    ],
)
def test_no_dispatch(words: str) -> None:
    line = f"2026-02-12 10:01:05,000 - INFO dialer - {words} dispatch_id={DISPATCH} room={ROOM}"
    assert status(pasted(FULL + line), Step.AGENT_DISPATCHED) is not Status.OK


def test_a_line_of_livekits_own_is_no_line_of_the_teams() -> None:
    line = f"2026-02-12 10:01:05,000 - INFO livekit.agents - dispatch created dispatch_id={DISPATCH} room={ROOM}"
    assert status(pasted(FULL + line), Step.AGENT_DISPATCHED) is not Status.OK


def test_for_which_agent_is_not_known_where_the_line_does_not_say() -> None:
    diagnosis = pasted(f"INFO dialer: dispatch created dispatch_id={DISPATCH} room={ROOM}")
    (shown,) = (item for item in diagnosis.steps if item.step is Step.AGENT_DISPATCHED)
    assert "not named" in shown.evidence[0].text
    assert not diagnosis.broken


PHONE = f"participant_id=PA_g9TdR4nKz7Bq room={ROOM} sip_call_id=SCL_w3JfP6sHv8Xm"


@pytest.mark.parametrize(
    "words",
    [
        "sip_participant_created",
        "SIP participant created",
        "created SIP participant",
        "CreateSIPParticipant ok",
        "call placed",
    ],
)
def test_a_phone(words: str) -> None:
    diagnosis = pasted(f"[info     ] {words}     [dialer] {PHONE}")
    assert status(diagnosis, Step.SIP_PARTICIPANT_CREATED) is Status.OK
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.UNKNOWN


@pytest.mark.parametrize(
    "words",
    [
        "sip_participant_failed",
        "sip participant not created",
        "inbound call placed",
        "sip participant left",
        "track ok",
    ],
)
def test_no_phone(words: str) -> None:
    line = f"[info     ] {words}     [dialer] {PHONE}"
    assert not any(isinstance(item, Sighting) for item in reading(line).observations)


@pytest.mark.parametrize("at", ["", "2026-02-12 10:01:0{} "])
def test_a_phone_that_was_created_may_be_refused(at: str) -> None:
    text = f"{at.format(1)}[info     ] sip_participant_created     [dialer] {PHONE}\n"
    refused = {"callID": "SCL_w3JfP6sHv8Xm", "room": ROOM, "error": "INVITE failed: sip status: 486: Busy Here"}
    text += f"2026-02-12T10:01:05.000Z\tINFO\tsip\tsip/outbound.go:233\tSIP call failed\t{json.dumps(refused)}\n"
    assert [item.code for item in pasted(text).broken] == ["LKD204"]


def test_the_refusal_of_a_later_attempt_without_times() -> None:
    error = "livekit.api.twirp_client.SipCallError: SIP call failed: 486 Busy Here (resource_exhausted)"
    text = f"[info     ] sip_participant_created     [dialer] {PHONE}\n{error}\n"
    assert [item.code for item in pasted(text).broken] == ["LKD204"]


def test_what_an_answer_shows_is_not_told_again() -> None:
    listed = (
        "┌─────────────────┬────────────┬───────────┐\n│ DispatchID      │ Room       │ AgentName │\n"
        f"├─────────────────┼────────────┼───────────┤\n│ {DISPATCH} │ {ROOM} │ caller    │\n"
    )
    line = f"INFO dialer: dispatch created dispatch_id={DISPATCH} room={ROOM}\n"
    assert len([item for item in reading(line + listed).observations if hasattr(item, "dispatches")]) == 1


@pytest.mark.parametrize(
    ("lines", "answered"),
    [
        ("10:00:01 SIP participant PA_m3WxTk8rZc5V (SCL_d4JbRw6kGz8N) created in call-c-771", Status.UNKNOWN),
        (
            "10:00:01 phone PA_m3WxTk8rZc5V placed into call-c-771\n10:00:05 PA_m3WxTk8rZc5V sip.callStatus=active",
            Status.OK,
        ),
        ("10:00:05 room call-c-771: sip.callStatus of PA_m3WxTk8rZc5V is now active", Status.OK),
        ("10:00:05 INFO dialer callStatus: ringing participant=PA_m3WxTk8rZc5V room=call-c-771", Status.UNKNOWN),
        ("10:00:05 room call-c-771: sip.callStatus of PA_m3WxTk8rZc5V never became active", Status.UNKNOWN),
        ("10:00:05 PA_m3WxTk8rZc5V sip.callStatus=active", Status.OK),
    ],
)
def test_the_status_of_a_phone(lines: str, answered: Status) -> None:
    """In a room that is named without the word, too, or that another line of the phone names."""
    diagnosis = pasted(lines)
    assert status(diagnosis, Step.SIP_ANSWERED) is answered
    assert not diagnosis.broken


def test_a_phone_of_which_room() -> None:
    """Of the only one that is named, if its own lines name none."""
    text = f"10:00:04 dialing room={ROOM}\n10:00:05 PA_m3WxTk8rZc5V sip.callStatus=active"
    assert status(pasted(text), Step.SIP_ANSWERED) is Status.OK
    others = f"{text}\n10:00:04 dispatched {DISPATCH} room={ROOM}\n10:00:05 dispatched AD_q7LnHv2sXt9K room=call-c-772"
    other = pasted(others, subject=Subject(room=ROOM))
    assert status(other, Step.SIP_ANSWERED) is Status.UNKNOWN


LEFT = "10:00:09 callee PA_m3WxTk8rZc5V left call-c-771:"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{LEFT} disconnect_reason=USER_REJECTED", ("LKD204", Confidence.LIKELY)),
        (f"{LEFT} disconnect reason 12", ("LKD204", Confidence.LIKELY)),
        (f"{LEFT} DisconnectReason.SIP_TRUNK_FAILURE", ("LKD204", Confidence.POSSIBLE)),
        (f"{LEFT} USER_UNAVAILABLE sip.callStatus=ringing", ("LKD206", Confidence.LIKELY)),
        ("room call-c-771\nsip participant callee PA_m3WxTk8rZc5V disconnected: USER_REJECTED", ("LKD204", "likely")),
        (f"{LEFT} disconnect_reason=CLIENT_INITIATED", None),
        ("{ sid: 'PA_m3W', identity: 'callee', kind: 3, disconnectReason: 'USER_REJECTED' }", ("LKD204", "likely")),
        ('{"sid": "PA_m3W", "identity": "callee", "kind": "SIP", "disconnectReason": 12}', ("LKD204", "likely")),
    ],
)
def test_why_a_phone_left(line: str, expected: tuple[str, str] | None) -> None:
    diagnosis = pasted(line)
    assert [(item.code, item.confidence) for item in diagnosis.broken] == ([expected] if expected else [])
    answered = "\n10:00:05 PA_m3WxTk8rZc5V sip.callStatus=active room=call-c-771"
    assert not pasted(line + answered).broken


def test_a_dispatch_by_its_name_and_the_job_that_it_has_not() -> None:
    text = f"""
16:09:43  list_dispatch {ROOM} -> {DISPATCH} agent=Caller jobs=0
16:09:12  dispatched agent Caller into room {ROOM}: {DISPATCH}
"""
    worker = "09:30:02 registered worker AW_f6CtPm9xVh3L agent_name=caller"
    assert [(item.code, item.step) for item in pasted(text).broken] == [("LKD402", Step.JOB_ASSIGNED)]
    assert [(item.code, item.step) for item in pasted(text + worker).broken] == [("LKD102", Step.JOB_ASSIGNED)]


TIMED_OUT = "livekit.api.twirp_client.TwirpError: TwirpError(code=canceled, message=sip request timed out, status=408)"
DIALED = f"INFO:dialer:dialing into room={ROOM}"
CHANGED = "INFO:dialer:room event participant_attributes_changed callee {'sip.callStatus': 'ringing'}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{DIALED}\n{CHANGED}", "LKD206"),
        (CHANGED, "LKD206"),
        (f"2026-02-12 10:01:05,000 - INFO - sip.callStatus=ringing room={ROOM}", "LKD206"),
        ("callee attributes changed: { 'sip.callStatus': 'ringing' }", "LKD206"),
        ('callee attributes changed: {"sip.callStatus":"ringing"}', "LKD206"),
        (f"the last that we polled for {ROOM} was sip.callStatus=ringing", "LKD206"),
        (f"10:01:01 room={ROOM} sip_call_id=SCL_w3JfP6sHv8Xm dialing\n{CHANGED}", "LKD206"),
        (DIALED, "LKD205"),
        (CHANGED.replace("ringing", "dialing"), "LKD205"),
        ("it never got to sip.callStatus=ringing", "LKD205"),
        ('if participant.attributes["sip.callStatus"] == "ringing":', "LKD205"),
        (f"{CHANGED}\n{DIALED}\nINFO:dialer:dialing into room=call-c-772", "LKD205"),
        (f"{CHANGED}\n10:01:01 SCL_w3JfP6sHv8Xm dialing\n10:01:02 SCL_aaaaaaaaaaaa dialing", "LKD205"),
        (f"{CHANGED}\n{CHANGED.replace('ringing', 'dialing')}\n{CHANGED}", "LKD205"),
    ],
)
def test_a_status_without_the_phones_id(text: str, code: str) -> None:
    """It is the only phone's; of several phones, or calls, nobody knows whose it is."""
    diagnosis = pasted(f"{text}\n{TIMED_OUT}", subject=Subject(room=ROOM))
    assert [item.code for item in diagnosis.broken] == [code]
