"""A SIP call as LiveKit's API and Cloud's dashboard tell of it (livekit.SIPCallInfo)."""

import json
from typing import Any

import pytest

from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import found, status
from tests.each import each
from tests.evidence.pasted.console import inspect
from tests.evidence.pasted.samples import pasted, recognised

MADE = 1771514406
RINGING, ANSWERED = Step.SIP_RINGING.value, Step.SIP_ANSWERED.value

BUSY = {"code": "SIP_STATUS_BUSY_HERE", "status": "Busy Here"}
ENDED = {"callStatus": "SCS_DISCONNECTED", "endedAtNs": f"{MADE + 30}000000000"}
FAILED = ENDED | {"callStatus": "SCS_ERROR"}
ACTIVE = {"callStatus": "SCS_ACTIVE", "startedAtNs": f"{MADE + 12}000000000"}
HUNG_UP = ENDED | {"startedAtNs": f"{MADE + 12}000000000"}


def call(last_seen: str = "dialing", at: int = MADE, **more: Any) -> dict[str, Any]:
    return {
        "callId": "SCL_q6TzRvXk9WpN",
        "trunkId": "ST_e4KpXzTw7QvR",
        "roomName": "kyc-7731",
        "roomId": "RM_x3WqTzKv8RpL",
        "participantIdentity": "kyc-callee",
        "participantAttributes": {"sip.callID": "SCL_q6TzRvXk9WpN", "sip.callStatus": last_seen},
        "callDirection": "SCD_OUTBOUND",
        "callStatus": "SCS_PARTICIPANT_JOINED",
        "createdAtNs": f"{at}000000000",
        **more,
    }


def in_snake_case(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "".join(f"_{char.lower()}" if char.isupper() else char for char in key): said for key, said in value.items()
    }


def in_dashboard(value: dict[str, Any]) -> str:
    """As it is copied from there: no commas, and no quotes around the keys."""
    lines = [
        f"{key}: {{\n" + "\n".join(f'{name}: "{text}"' for name, text in said.items()) + "\n}"
        if isinstance(said, dict)
        else f"{key}: {json.dumps(said)}"
        for key, said in value.items()
    ]
    return "\n".join(["{", *lines, "}"])


FORMS = [json.dumps, lambda value: json.dumps(in_snake_case(value), indent=1), inspect, in_dashboard]
FORMS.append(lambda value: json.dumps({"items": [value]}))


@each("form", FORMS)
@each(
    "told, expected",
    [
        (call("ringing", **ENDED, disconnectReason="USER_UNAVAILABLE"), (ANSWERED, "LKD206", "likely")),
        (call(**ENDED, disconnectReason="USER_UNAVAILABLE"), (ANSWERED, "LKD206", "possible")),
        (call(**FAILED, disconnectReason="USER_REJECTED", callStatusCode=BUSY), (RINGING, "LKD204", "likely")),
        (call(**FAILED, disconnectReason="USER_REJECTED", callStatusCode={"code": 486}), (RINGING, "LKD204", "likely")),
        (call(**FAILED, disconnectReason=12), (RINGING, "LKD204", "likely")),
        (call(**FAILED, error="INVITE failed: sip status: 486: Busy Here"), (RINGING, "LKD204", "likely")),
        (call(**FAILED, error="max auth retry attempts reached"), (RINGING, "LKD208", "likely")),
    ],
)
def test_a_call_that_failed(told: dict[str, Any], expected: tuple[str, str, str], form: Any) -> None:
    diagnosis = pasted(form(told))
    assert found(diagnosis) == [expected]
    assert recognised(form(told))["SIP call"] == 1
    assert "API error message" not in recognised(form(told))


@each("form", FORMS)
@each(
    "told, reached",
    [
        (call(), Step.SIP_DIALING),
        (call("ringing"), Step.SIP_RINGING),
        (call(**ACTIVE), Step.SIP_ANSWERED),
        (call("active", callStatus=2), Step.SIP_ANSWERED),
        (call("active", **HUNG_UP, disconnectReason="CLIENT_INITIATED"), Step.SIP_ANSWERED),
        (call("active", **HUNG_UP, disconnectReason="USER_REJECTED"), Step.SIP_ANSWERED),
        (call("active", **HUNG_UP, callStatusCode=BUSY), Step.SIP_ANSWERED),
    ],
)
def test_a_call_that_did_not_fail(told: dict[str, Any], reached: Step, form: Any) -> None:
    diagnosis = pasted(form(told))
    assert found(diagnosis) == []
    assert status(diagnosis, reached) is Status.OK
    further = [Step.SIP_DIALING, Step.SIP_RINGING, Step.SIP_ANSWERED]
    assert all(status(diagnosis, step) is Status.UNKNOWN for step in further[further.index(reached) + 1 :])


@pytest.mark.parametrize("then", [call(at=MADE + 60), call(at=MADE + 60, **ACTIVE)])
def test_after_one_that_failed_the_phone_was_dialled_again(then: dict[str, Any]) -> None:
    failed = call(**FAILED, callStatusCode=BUSY)
    assert found(pasted(json.dumps({"items": [failed, then | {"callId": "SCL_r7UaSwYm4XqP"}]}))) == []


def test_a_call_that_came_in_was_not_dialled() -> None:
    told = call("active", callDirection="SCD_INBOUND", dispatchRuleId="SDR_m2NpQw7RtY5u", **FAILED, callStatusCode=BUSY)
    assert found(pasted(json.dumps(told))) == []


def test_after_how_long_it_was_answered() -> None:
    (reached,) = [step for step in pasted(json.dumps(call(**ACTIVE))).steps if step.step is Step.SIP_ANSWERED]
    assert "answered after 12.0 s" in [because.text for because in reached.evidence]


def test_a_teams_own_object_is_none() -> None:
    assert "SIP call" not in recognised(json.dumps(call(callStatus="failed")))
