"""What test-call prints: the call and its answer, then the diagnosis as trace prints it."""

import json
from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor.evidence.observations import Observation, OutboundTrunk, SipCallResult
from livekit_doctor.render.console import placed_call as test_call_console
from livekit_doctor.render.json import placed_call as test_call_json
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import PlacedCallReport, TraceReport
from tests.diagnosis import factories as f
from tests.recordings import dialled
from tests.render.reports import printed, terminal

NUMBER = "+15555550123"


def answered_as(name: str) -> SipCallResult:
    exchange = dialled(name)
    meta = exchange.response.get("meta", {})
    return SipCallResult(
        read=f.read(6, "CreateSIPParticipant"),
        room=f.ROOM,
        trunk_id="ST_5Gh8Jk1L",
        number=NUMBER,
        ringing_timeout=5,
        took=exchange.took,
        status=exchange.status,
        twirp_code=exchange.response.get("code", ""),
        message=exchange.response.get("msg", ""),
        sip_status_code=int(meta["sip_status_code"]) if meta else None,
        sip_status=meta.get("sip_status", ""),
        participant_id=exchange.response.get("participant_id", ""),
        sip_call_id=exchange.response.get("sip_call_id", ""),
    )


def report(name: str, *looks: Observation, show: bool = False, left_behind: tuple[str, ...] = ()) -> PlacedCallReport:
    answer = answered_as(name)
    trace = TraceReport(
        diagnosis=f.judge(7, *looks, answer),
        mask=Mask((NUMBER,), show=show),
        values={"agent_name": f.AGENT},
        server="ws://127.0.0.1:7880",
        exit_status=1,
    )
    trunk = OutboundTrunk(id="ST_5Gh8Jk1L", name="carrier", address="127.0.0.1:5099", numbers=("+15555550100",))
    return PlacedCallReport(
        trace=trace,
        number=NUMBER,
        trunk_id=trunk.id,
        trunk=trunk,
        agent_name=f.AGENT,
        answer=answer,
        left_behind=left_behind,
    )


SERVED = (f.dispatch(0, f.job()), f.agent(1, f.audio()))
REPORTS = {
    "refused": lambda: report("rejected-403-wait", *f.look(7, *SERVED)),
    "rang": lambda: report("ringing-unanswered-wait", *f.look(5, *SERVED, f.phone("ringing")), *f.look(7, *SERVED)),
    "answered": lambda: report("answered-wait", *f.look(7, *SERVED, f.phone("active"))),
    "left behind": lambda: report("unknown-trunk", *f.look(7, *SERVED), left_behind=("scratch room x: not deleted",)),
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_console(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    test_call_console.render(REPORTS[name](), console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("name", REPORTS)
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    assert document(REPORTS[name]()) == snapshot(extension_class=JSONSnapshotExtension)


def test_numbers_are_masked_but_in_a_fix() -> None:
    masked = document(report("rejected-404-wait", *f.look(7, *SERVED)))
    fix = masked["trace"]["broken"][0].pop("fix")
    assert NUMBER in fix
    assert NUMBER not in json.dumps(masked)
    assert document(report("rejected-404-wait", show=True))["number"] == NUMBER


def document(placed: PlacedCallReport) -> Any:
    """As a reader of stdout has it."""
    return json.loads(msgspec.json.encode(test_call_json.render(placed)))
