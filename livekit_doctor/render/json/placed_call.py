"""livekit-doctor/test-call/v1."""

from typing import Any

from livekit_doctor.catalogue.sip_statuses import sip_status
from livekit_doctor.evidence.observations import SipCallResult
from livekit_doctor.redact import printable
from livekit_doctor.render.json import trace as trace_json
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_trace
from livekit_doctor.render.report import PlacedCallReport

SCHEMA = "livekit-doctor/test-call/v1"


def render(report: PlacedCallReport) -> dict[str, Any]:
    """The call and its answer, and its diagnosis as livekit-doctor/trace/v1 under `trace`."""
    return {
        "schema": SCHEMA,
        "exit_status": report.trace.exit_status,
        "number": report.number,
        "trunk_id": report.trunk_id,
        "agent_name": report.agent_name,
        "verdict": report.trace.diagnosis.verdict,
        "answer": _answer(report.answer) if report.answer else None,
        "left_behind": report.left_behind,
        "trace": trace_json.render(report.trace),
        "next": render_next(after_trace(report.trace)),
        "error": None,
    }


def _answer(answer: SipCallResult) -> dict[str, Any]:
    return {
        "at": answer.read.now,
        "took": round(answer.took, 3),
        "http_status": answer.status,
        "twirp_code": answer.twirp_code or None,
        "message": printable(answer.message) or None,
        "sip_status": _sip_status(answer),
        "participant_id": answer.participant_id or None,
        "sip_call_id": answer.sip_call_id or None,
    }


def _sip_status(answer: SipCallResult) -> dict[str, Any] | None:
    """The SIP status and what it can mean; None where the carrier gave none."""
    code = answer.sip_status_code
    if code is None or not 300 <= code <= 699:
        return None
    status = sip_status(code)
    return {
        "code": code,
        "name": status.name,
        "text": answer.sip_status or None,
        "meanings": [{"who": meaning.who, "means": meaning.means} for meaning in status.meanings],
    }
