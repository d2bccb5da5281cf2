"""How many calls are told: snapshots of the console at two widths, and of JSON."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor.flow import LEGS, Confidence, Leg, Step, Verdict
from livekit_doctor.render.console import triage as triage_console
from livekit_doctor.render.console.page import Detail
from livekit_doctor.render.json import triage as triage_json
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import TriageReport
from livekit_doctor.render.triage_words import bars, begun
from livekit_doctor.triage.result import By, Criterion, Group, Rise, Rung, Traced, Triage, Value
from tests.render.reports import CALLEE, VALUES, printed, terminal

UNTIL = datetime(2031, 2, 3, 12, 0, tzinfo=UTC)
SINCE = UNTIL - timedelta(hours=24)
HOURS = tuple(40 + hour for hour in range(24))
CALLS = sum(HOURS)
ROSE = Rise(UNTIL - timedelta(hours=6), UNTIL - timedelta(hours=7), UNTIL - timedelta(hours=5), 0.016, 0.21)


def ladder() -> tuple[Rung, ...]:
    counts = (CALLS, CALLS - 3, CALLS - 20, 1100, 1090, 1080, 900)
    times: dict[Step, tuple[float, float]] = {
        Step.AGENT_CONNECTED: (1.2, 2.6),
        Step.SIP_RINGING: (2.04, 6.6),
        Step.SIP_ANSWERED: (9.7, 25.9),
    }
    steps = (Step.CALL_REQUESTED, Step.ROOM_CREATED, *LEGS[Leg.AGENT])
    agent = (Rung(step, Leg.AGENT, n, *times.get(step, ())) for step, n in zip(steps, counts, strict=True))
    phone = (
        Rung(step, Leg.PHONE, n, *times.get(step, ()))
        for step, n in zip(LEGS[Leg.PHONE], (1200, 1199, 1100, 1000), strict=True)
    )
    return (*agent, *phone)


def group(name: str, verdict: Verdict, calls: int, before: int, **values: Any) -> Group:
    hours = tuple(calls * hour // CALLS for hour in HOURS)
    times = {"first_at": SINCE + timedelta(minutes=3), "last_at": UNTIL - timedelta(minutes=1)} if calls else {}
    return Group(name, verdict, calls, before, **{"hours": hours, **times, **values})


def whole() -> Triage:
    """A group of each kind, one that is new, one that rose, one that has gone."""
    groups = (
        group(
            "LKD402",
            Verdict.BROKEN,
            100,
            20,
            code="LKD402",
            step=Step.JOB_ASSIGNED,
            confidence=Confidence.POSSIBLE,
            candidates=("LKD101", "LKD102"),
            hours=(1,) * 18 + (15, 16, 14, 13, 12, 12),
            call_ids=("call-1", "call 2", "call-3", "call-4"),
            change="worse",
            rose=ROSE,
        ),
        group(
            "sip-603",
            Verdict.BROKEN,
            20,
            0,
            code="LKD204",
            step=Step.SIP_RINGING,
            confidence=Confidence.PROVEN,
            sip_status=603,
            call_ids=("call-5",),
        ),
        group(
            "LKD501",
            Verdict.BROKEN,
            0,
            40,
            code="LKD501",
            step=Step.ROOM_CREATED,
            confidence=Confidence.POSSIBLE,
            change="better",
        ),
        group("unknown", Verdict.UNKNOWN, 30, 31, reasons=(("a state says that it failed", 20), ("its last row", 10))),
        group("no_fault_seen", Verdict.NO_FAULT_SEEN, 100, 90),
        group("in_progress", Verdict.IN_PROGRESS, 1, 0),
        group("healthy", Verdict.HEALTHY, CALLS - 251, 1000),
    )
    return Triage(
        source="postgres telemetry.call_state_logs",
        at=UNTIL + timedelta(seconds=3),
        since=SINCE,
        until=UNTIL,
        before=SINCE - timedelta(hours=24),
        bucket=3600.0,
        calls=CALLS,
        calls_before=1181,
        hours=HOURS,
        ladder=ladder(),
        groups=groups,
        retried=4,
        skewed=2,
        stopped_dialing=7,
        stopped_ringing=8,
        unmapped=tuple(f"state_{number}" for number in range(10)),
        keys=("caller_id", "region", "error", "it's"),
        notes=(f"not read: {CALLEE}",),
        took=1.5,
    )


def by() -> Triage:
    values = (
        Value("eu-west", 300, 90, True, "LKD402", 80, 0.02, ROSE),
        Value("us-east", 900, 30),
        *(Value(f"zone-{number}", 5, 0) for number in range(20)),
    )
    callers = By("caller_id", (Value(CALLEE, 1000, 20), Value("+15555550143", 30, 2)), without=6, cut=True)
    traced = (
        Traced("call-1", Verdict.BROKEN, "LKD402", Step.JOB_ASSIGNED, ("agent_connected was never logged",)),
        Traced("call 2", Verdict.NO_FAULT_SEEN, None, None, ()),
    )
    return replace(whole(), by=(By("region", values), callers), traced=traced, where=("LKD402",))


def empty() -> Triage:
    return replace(whole(), calls=0, calls_before=0, hours=(), groups=(), ladder=(), took=None, unmapped=(), keys=())


def report(found: Triage, status: int = 0, **values: Any) -> TriageReport:
    return TriageReport(found, Mask(), VALUES, status, **values)


REPORTS: dict[str, Callable[[], TriageReport]] = {
    "whole": lambda: report(whole()),
    "by": lambda: report(by(), shown=3, command="livekit-doctor triage --since 7d"),
    "failed": lambda: report(replace(whole(), criterion=Criterion(0.02, 0.0925, "failed")), 1),
    "undecided": lambda: report(replace(whole(), criterion=Criterion(0.1, 0.0925, "undecided")), 3),
    "passed": lambda: report(replace(whole(), criterion=Criterion(0.2, 0.0925, "passed"))),
    "empty": lambda: report(empty(), 3),
    "empty with criterion": lambda: report(replace(empty(), criterion=Criterion(0.2, None, "undecided")), 3),
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_console(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    triage_console.render(REPORTS[name](), console)
    assert printed(console) == snapshot


def test_quiet_is_what_broke_and_the_answer(snapshot: SnapshotAssertion) -> None:
    console = terminal(120)
    triage_console.render(REPORTS["failed"](), console, Detail.QUIET)
    assert printed(console) == snapshot


@pytest.mark.parametrize("name", ["by", "empty with criterion"])
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    document = json.loads(msgspec.json.encode(triage_json.render(REPORTS[name]())))
    assert document == snapshot(extension_class=JSONSnapshotExtension)


def test_what_may_have_risen_at_one_moment_is_one_line() -> None:
    """A rare outcome leaves open since when it is more; a frequent one, that rose at one of those moments, does not."""

    def risen(code: str, at: int, earliest: int, latest: int) -> Group:
        hours = (UNTIL - timedelta(hours=hour) for hour in (at, earliest, latest))
        return group(code, Verdict.BROKEN, 50, 0, code=code, rose=Rise(*hours, 0.01, 0.1))

    groups = (risen("LKD205", 4, 8, 3), risen("LKD402", 6, 6, 6), risen("LKD206", 12, 13, 11))
    assert list(begun(replace(whole(), groups=groups))) == [
        "Began at about 00:00 (between 02-02 23:00 and 01:00): LKD206 sip-not-answered",
        "Began at about 06:00: LKD402 no-worker-took-job, LKD205 sip-no-response",
    ]


def test_bars_are_shares_of_their_time_and_not_counts() -> None:
    assert bars((1, 10, 0, 0), (10, 100, 50, 0)) == "██▁·"
    assert bars((0, 0), (5, 5)) == "▁▁"
