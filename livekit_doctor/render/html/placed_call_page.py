"""What the page of a test call says: the number dialled, its answer, and the diagnosis."""

from collections.abc import Iterator
from typing import Any

from livekit_doctor.catalogue.sip_statuses import sip_status
from livekit_doctor.evidence.observations import SipCallResult
from livekit_doctor.render.html import trace_page
from livekit_doctor.render.report import PlacedCallReport


def of(report: PlacedCallReport) -> dict[str, Any]:
    """That of its diagnosis, and what was dialled and answered; `answer` is empty where nothing was dialled."""
    trace = trace_page.of(report.trace)
    code = report.answer.sip_status_code if report.answer else None
    return {
        **trace,
        "title": trace["title"].replace("livekit-doctor trace", f"test call to {report.number}"),
        "facts": (*_facts(report), *trace["facts"]),
        "answer": tuple(_answer(report.answer)) if report.answer else (),
        "sip_status": sip_status(code) if code is not None and 300 <= code <= 699 else None,
        "in_words": report.answer.sip_status if report.answer else "",
        "left_behind": report.left_behind,
    }


def _facts(report: PlacedCallReport) -> Iterator[tuple[str, str]]:
    trunk = report.trunk
    yield "dialled", report.number
    yield "trunk", f'{trunk.id} "{trunk.name}" {trunk.address}' if trunk else report.trunk_id
    yield "agent", report.agent_name or "none dispatched"


def _answer(answer: SipCallResult) -> Iterator[tuple[str, str]]:
    yield "answered", f"{answer.read.now:%Y-%m-%d %H:%M:%S} UTC, after {answer.took:.1f} s"
    if answer.status:
        yield "HTTP status", str(answer.status) + (f" {answer.twirp_code}" if answer.twirp_code else "")
    if answer.message:
        yield "message", answer.message
    if answer.participant_id:
        yield "SIP participant", answer.participant_id
    if answer.sip_call_id:
        yield "SIP call", answer.sip_call_id
