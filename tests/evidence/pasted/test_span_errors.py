"""Errors of LiveKit's API in the exceptions of OpenTelemetry's spans: of the moment and the room that the span has."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livekit_doctor.evidence.observations import SipCallResult
from tests.evidence.pasted.samples import pasted, reading

RAISED = datetime(2026, 2, 20, 15, 6, 46, 910000, tzinfo=UTC)
MESSAGE = (
    "SipCallError(code=resource_exhausted, message=INVITE failed: sip status: 486: Busy here, status=429, "
    "metadata={'error_details': '...', 'sip_status': 'Busy here', 'sip_status_code': '486'})"
)


def of(**values: str) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def nanoseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1000) * 10**6)


def span(name: str, *events: dict[str, Any], at: datetime = RAISED) -> dict[str, Any]:
    own = of(lk__job_id="AJ_zT5mVq9LwK3c", lk__pii__room_name="pay-remind-771", lk__agent_name="pay-reminder")
    times = {"startTimeUnixNano": nanoseconds(at), "endTimeUnixNano": nanoseconds(at)}
    spans = [{"name": name, "attributes": own, "events": list(events), **times}]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def exception(error: str = MESSAGE) -> dict[str, Any]:
    trace = f"Traceback (most recent call last):\n  raise Error(\nlivekit.api.twirp_client.{error}\n"
    about = of(exception__type="Error", exception__message=error, exception__stacktrace=trace)
    return {"name": "exception", "timeUnixNano": nanoseconds(RAISED), "attributes": about}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_span_dates_the_answer_that_it_ended_with(indent: int | None) -> None:
    text = (
        f"2026-02-22 09:00:00 INFO exporter started\n{json.dumps(span('job_entrypoint', exception()), indent=indent)}"
    )
    (answer,) = (item for item in reading(text).observations if isinstance(item, SipCallResult))
    assert (answer.read.clock_at, answer.room) == (RAISED, "pay-remind-771")
    (broken,) = pasted(text).broken
    assert (broken.code, broken.because[0].at) == ("LKD204", RAISED)


def test_an_error_beside_a_span_has_the_time_of_its_line() -> None:
    text = f"{json.dumps(span('job_entrypoint'))}\n2026-02-22 09:00:00+00:00 ERROR {MESSAGE}"
    (answer,) = (item for item in reading(text).observations if isinstance(item, SipCallResult))
    assert (answer.read.clock_at, answer.room) == (datetime(2026, 2, 22, 9, tzinfo=UTC), "")


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "error", [MESSAGE, "TwirpError(code=unauthenticated, message=invalid API key: APIx, status=401)"]
)
@pytest.mark.parametrize(("after", "is_further"), [(20, True), (-20, True), (None, False)])
def test_what_a_tool_asked_for_while_somebody_talked_is_not_the_calls(
    error: str, after: int | None, is_further: bool
) -> None:
    """As a transfer, whose dial failed: the phone was on the line when the agent heard it."""
    lines = [span("job_entrypoint"), span("function_tool", exception(error))]
    if after is not None:
        heard = span("user_turn", at=RAISED + after * SECOND)
        (inner,) = heard["resourceSpans"][0]["scopeSpans"][0]["spans"]
        inner["attributes"] += of(lk__user_transcript="Hello?")
        lines.append(heard)
    codes = [(broken.code, broken.confidence.value) for broken in pasted("\n".join(map(json.dumps, lines))).broken]
    assert ("likely" not in dict(codes).values()) is is_further
