"""A report of every kind that a command can end with, by name."""

from datetime import UTC, datetime
from functools import cache

import msgspec
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.evidence.observations import RecentCall
from livekit_doctor.flow import Step, Verdict
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import (
    ErrorReport,
    ExplainReport,
    Found,
    InitReport,
    LiveRoom,
    LiveRooms,
    NextStep,
    RecentReport,
    Report,
)
from livekit_doctor.triage.result import Traced
from tests.render import test_clean, test_lint, test_placed_call, test_probe, test_triage
from tests.render.reports import AGENT, CALLEE, ROOM, TRACES, check_report, trace_report

STATUSES = {Verdict.BROKEN: 1, Verdict.HEALTHY: 0, Verdict.IN_PROGRESS: 0, Verdict.NO_FAULT_SEEN: 3, Verdict.UNKNOWN: 3}

HOSTILE = (
    "</script><script>alert(1)</script> ]]> <!-- & \"quoted\" 'single' `code` ``` **bold** _it_ [a](javascript:b) | c\n"
    "::error title=x::y\n# head\n1. one\n- two\n\x1b[31mred\x1b[0m \x00\x07\ufffe\u202egnp.exe {{x}} {% y %} %0A https://x.example"
)
"""Text that a log could hold, with something in it for each format."""


@cache
def every_report() -> dict[str, Report]:
    """By a name that says what it is of."""
    reports: dict[str, Report] = {}
    for name, make in TRACES.items():
        found = make()
        reports[f"trace {name}"] = replace(trace_report(found), exit_status=STATUSES[found.verdict])
    reports["check"] = check_report()
    passed = tuple(result for result in check_report().results if result.status in ("passed", "skipped", "warned"))
    reports["check passed"] = replace(check_report(*passed), exit_status=0, left_behind=())
    reports["check strict"] = replace(check_report(*passed), exit_status=1, strict=True)
    reports |= {f"probe {name}": make() for name, make in test_probe.REPORTS.items()}
    reports |= {f"clean {name}": make() for name, make in test_clean.REPORTS.items()}
    reports |= {f"test-call {name}": make() for name, make in test_placed_call.REPORTS.items()}
    reports |= {f"triage {name}": make() for name, make in test_triage.REPORTS.items()}
    reports |= {f"lint {name}": make() for name, make in test_lint.REPORTS.items()}
    call = RecentCall(call_id="call-5b1f", at=datetime(2031, 2, 3, tzinfo=UTC), source="agent", state=f"to {CALLEE}")
    reports["recent"] = RecentReport((call,), Mask([CALLEE]))
    others = [replace(call, call_id=f"call-{name}") for name in ("5b20", "5b21", "5b22")]
    judged = (
        Traced(call.call_id, Verdict.BROKEN, "LKD402", Step.JOB_ASSIGNED, (f"no row after {CALLEE}",)),
        Traced("call-5b20", Verdict.HEALTHY, None, None, ()),
        Traced("call-5b21", Verdict.NO_FAULT_SEEN, None, None, ()),
    )
    reports["recent judged"] = RecentReport(
        (call, *others), Mask([CALLEE]), verdicts=judged, options=" --call-logs 'my calls.csv'"
    )
    reports["recent empty"] = RecentReport((), Mask())
    rooms = (
        LiveRoom(ROOM, datetime(2031, 2, 3, tzinfo=UTC), ("SIP",)),
        LiveRoom("support", datetime(2031, 2, 2, tzinfo=UTC), ("STANDARD", "AGENT", "STANDARD")),
        LiveRoom("empty", datetime(2031, 2, 1, tzinfo=UTC), ()),
    )
    live = LiveRooms("wss://lk.example.com", rooms, total=41)
    reports["recent live"] = RecentReport((), Mask([CALLEE]), live=live)
    reports["recent no room"] = RecentReport((), Mask(), live=replace(live, rooms=(), total=0, pattern="outbound-*"))
    begun = init_report()
    reports["init"] = replace(
        begun, check=check_report(), next=NextStep("livekit-doctor check", before="do what the fixes above say")
    )
    reports["init passed"] = replace(
        begun,
        taken=(),
        check=reports["check passed"],
        next=NextStep("livekit-doctor check --probe", after=f"commit {begun.file}"),
    )
    reports["init unchecked"] = replace(begun, next=NextStep("livekit-doctor check"))
    reports["explain one"] = ExplainReport((look_up("404"),))
    reports["explain several"] = ExplainReport(tuple(map(look_up, ("401", "LKD402", "LKD603", "sip-486"))))
    reports["explain list"] = ExplainReport(listed=tuple(map(catalogue.get, catalogue.codes())))
    reports["error"] = ErrorReport("check", "LKD002", "LIVEKIT_URL is not set", "set LIVEKIT_URL\nin .env", 2)
    reports["interrupted"] = ErrorReport("trace", None, "interrupted", "", 130)
    return reports


def init_report() -> InitReport:
    """As it is before the check has run."""
    return InitReport(
        file="checks.yaml",
        server="wss://lk.example.com",
        found=(
            Found("LiveKit", "ok", "wss://lk.example.com, 2 live rooms"),
            Found("agent", "ok", f'"{AGENT}"  (it is in live room "{ROOM}")'),
            Found("outbound trunks", "unknown", "none listed"),
            Found("call logs", "warned", "calls.events  (it may not be read)"),
        ),
        taken=(f'agent.name is "{AGENT}" (it is in a live room), and not "Night Desk": SIP dispatch rule SDR_1',),
    )


@cache
def hostile_reports() -> dict[str, Report]:
    """Reports with hostile text wherever what was read is printed."""
    told = ("trace broken", "check", "init")
    return {name: _hostile(report) for name, report in every_report().items() if name in told}


def _hostile(report: Report) -> Report:
    """The same with hostile text in each piece of evidence and each message."""
    import livekit_doctor.diagnosis.findings as findings
    import livekit_doctor.render.report as kinds

    def evil(because: findings.Because) -> findings.Because:
        return msgspec.structs.replace(because, text=HOSTILE, source=because.source)

    match report:
        case kinds.TraceReport(diagnosis=diagnosis):
            broken = tuple(
                msgspec.structs.replace(item, because=tuple(map(evil, item.because))) for item in diagnosis.broken
            )
            steps = tuple(
                msgspec.structs.replace(step, evidence=tuple(map(evil, step.evidence))) for step in diagnosis.steps
            )
            timeline = tuple(
                msgspec.structs.replace(entry, event=HOSTILE, detail=HOSTILE, source=HOSTILE)
                for entry in diagnosis.timeline
            )
            found = msgspec.structs.replace(
                diagnosis, broken=broken, steps=steps, timeline=timeline, call_id=HOSTILE, would_settle=(HOSTILE,)
            )
            return replace(report, diagnosis=found)
        case kinds.CheckReport(results=results):
            evil_results = tuple(
                msgspec.structs.replace(
                    result,
                    message=HOSTILE,
                    findings=tuple(
                        msgspec.structs.replace(one, because=tuple(map(evil, one.because))) for one in result.findings
                    ),
                )
                for result in results
            )
            return replace(report, results=evil_results, left_behind=(HOSTILE,))
        case kinds.InitReport(check=kinds.CheckReport() as check, found=found):
            evil_found = tuple(replace(item, text=HOSTILE) for item in found)
            evil_check = _hostile(check)
            assert isinstance(evil_check, kinds.CheckReport)
            then = kinds.NextStep(HOSTILE, before=HOSTILE, after=HOSTILE)
            return replace(
                report, file=HOSTILE, server=HOSTILE, found=evil_found, taken=(HOSTILE,), check=evil_check, next=then
            )
        case _:
            raise AssertionError(report)
