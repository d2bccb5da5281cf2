"""Spans of an agent's session below that of its job, as OpenTelemetry exports them: what they say of the call."""

import json
from typing import Any

import pytest

from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import found, status
from tests.evidence.pasted.samples import pasted
from tests.evidence.pasted.test_span_errors import of

SECOND = 10**9
BEGAN = 1795878003 * SECOND
QUOTA = "livekit.agents._exceptions.APIStatusError: This request exceeds your quota (status_code=401)"


def span(name: str, begins: int, ends: int, *attributes: dict[str, Any], raised: str = "") -> dict[str, Any]:
    about = of(exception__stacktrace=f"Traceback (most recent call last):\n{raised}")
    times = {"startTimeUnixNano": str(BEGAN + begins * SECOND), "endTimeUnixNano": str(BEGAN + ends * SECOND)}
    events = [{"name": "exception", "timeUnixNano": times["endTimeUnixNano"], "attributes": about}] if raised else []
    return {"traceId": "6b1f", "name": name, "attributes": list(attributes), "events": events, **times}


JOB = of(lk__job_id="AJ_zT5mVq9LwK3c", lk__room_name="pay-remind-771", lk__agent_name="pay-reminder")
ENTRYPOINT = span("job_entrypoint", 0, 58, *JOB)
SESSION = span("agent_session", 1, 57, *JOB)
TURN = span("user_turn", 9, 12, *of(lk__user_transcript="Hello?"))
FAILED = span("tts_request", 2, 3, raised=QUOTA)
SPOKE = span("tts_request", 2, 3)
OTHER = {**span("job_entrypoint", 0, 58, *of(lk__job_id="AJ_another")), "traceId": "7c2a"}


def told(*spans: dict[str, Any], indent: int | None = None) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, indent=indent)


@pytest.mark.parametrize("indent", [None, 1])
def test_speech_that_failed_before_anybody_was_heard(indent: int | None) -> None:
    silent = [("agent_audio", "LKD408", "possible")]
    for other in ((), (OTHER,)):
        diagnosis = pasted(told(ENTRYPOINT, SESSION, FAILED, TURN, *other, indent=indent))
        assert found(diagnosis) == silent
        assert "exceeds your quota" in diagnosis.broken[0].because[-1].text
    for well in ((SPOKE,), (FAILED, SPOKE), (span("tts_request", 20, 21, raised=QUOTA),)):
        assert not pasted(told(ENTRYPOINT, SESSION, *well, TURN, indent=indent)).broken
    assert not pasted(told(ENTRYPOINT, SESSION, FAILED)).broken, "nobody is known to have been there"


def test_a_session_shows_that_its_agent_was_there() -> None:
    diagnosis = pasted(told(SESSION))
    assert status(diagnosis, Step.AGENT_CONNECTED) is Status.OK
    began = pasted(told(ENTRYPOINT))
    assert status(began, Step.ENTRYPOINT_CALLED) is Status.OK
    assert status(began, Step.AGENT_CONNECTED) is Status.UNKNOWN


def test_the_end_of_a_session_is_told_by_its_span() -> None:
    (ended,) = (entry for entry in pasted(told(ENTRYPOINT, SESSION)).timeline if entry.event == "agent session ended")
    assert (ended.at.timestamp() * SECOND - BEGAN) // SECOND == 57
