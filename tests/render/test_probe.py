"""How many probes are told: snapshots of the console at two widths, and of JSON."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor.diagnosis.probing import Limits, Trial, judge, trial_of
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Canary, Coverage, Evidence, ProbeResult, Problem, Read
from livekit_doctor.render.console import probe as probe_console
from livekit_doctor.render.json import probe as probe_json
from livekit_doctor.render.report import ProbeReport
from livekit_doctor.settings import Settings
from tests.render.reports import AGENT, READ_AT, VALUES, printed, terminal

NOW = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


def agent(number: int, joined_after: float | None = None, **values: Any) -> Trial:
    result = ProbeResult(
        read=Read(source="probe", at=NOW),
        agent_name=AGENT,
        room=f"livekit-doctor-{number:012}",
        dispatch_id=f"AD_{number:012}",
        joined_after=joined_after,
        waited=joined_after or 20.0,
        **values,
    )
    return trial_of(number, Setup(Evidence(now=NOW, observations=(result,)), Settings()))


def canary(number: int, job_after: float | None) -> Trial:
    seen = Canary(
        read=Read(source="canary", at=NOW),
        agent_name="livekit-doctor-canary-1",
        room=f"livekit-doctor-{number:012}",
        worker_id="AW_1",
        job_after=job_after,
        waited=job_after or 5.0,
    )
    return trial_of(number, Setup(Evidence(now=NOW, observations=(seen,)), Settings()))


def unread(number: int) -> Trial:
    problem = Problem(code="LKD003", message="cannot reach ws://lk:7880: refused", values={"kind": "refused"})
    coverage = (Coverage(source="probe", status="unread", problem=problem),)
    return trial_of(number, Setup(Evidence(now=NOW, coverage=coverage), Settings()))


def dropped() -> ProbeReport:
    """Each ending, and a criterion of each kind."""
    joined = [agent(number, 0.3 + number % 7 / 10) for number in range(1, 23) if number not in (5, 9, 12)]
    others = [agent(5), agent(9, job_status="JS_SUCCESS", job_declined=True), agent(12, job_status="JS_RUNNING")]
    judged = judge(24, [*joined, *others, unread(23), agent(24, 7.25)], Limits(min_join_rate=0.95, max_p95=3))
    left = ("scratch room livekit-doctor-1: DeleteRoom was not answered",)
    return ProbeReport(judged, AGENT, False, VALUES, "wss://lk.example.com", 1, left, READ_AT)


def good() -> ProbeReport:
    judged = judge(3, [agent(1, 0.41), agent(2, 0.52), agent(3, 0.44)], Limits(max_p95=1))
    return ProbeReport(judged, "", False, VALUES, "wss://lk.example.com", 0)


def canaries() -> ProbeReport:
    judged = judge(2, [canary(1, 0.21), canary(2, None)], Limits())
    return ProbeReport(judged, None, True, VALUES, "wss://lk.example.com", 1)


def down() -> ProbeReport:
    return ProbeReport(judge(5, [unread(1)], Limits(max_p95=1)), AGENT, False, VALUES, "ws://lk:7880", 3)


REPORTS: dict[str, Callable[[], ProbeReport]] = {"dropped": dropped, "good": good, "canaries": canaries, "down": down}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_console(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    probe_console.render(REPORTS[name](), console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("name", REPORTS)
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    document = json.loads(msgspec.json.encode(probe_json.render(REPORTS[name]())))
    assert document == snapshot(extension_class=JSONSnapshotExtension)
