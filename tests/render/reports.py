"""Small factories: results as they come from the diagnosis and the checks, made by hand."""

from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from livekit_doctor.checks.check import CheckResult, Status
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.result import (
    AttemptResult,
    Broken,
    Diagnosis,
    RoomResult,
    StepResult,
    TimelineEntry,
    WarningResult,
)
from livekit_doctor.evidence.observations import Coverage, Problem
from livekit_doctor.flow import SPEC, Confidence, Leg, Step, Verdict
from livekit_doctor.flow import Status as StepStatus
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import CheckReport, TraceReport

START = datetime(2031, 2, 3, 4, 5, 6, 700_000, tzinfo=UTC)
READ_AT = datetime(2031, 2, 3, 4, 6, 7, 800_000, tzinfo=UTC)
ROOM = "outbound-5b1f-15555550123"
AGENT = "Front Desk 7"
CALLEE, CALLER = "+15555550123", "+15555550100"
VALUES = {"agent_name": AGENT, "url": "wss://lk.example.com", "config_file": "/srv/team/checks.yaml"}
PHONE_LEG = (Step.SIP_PARTICIPANT_CREATED, Step.SIP_DIALING, Step.SIP_RINGING, Step.SIP_ANSWERED)
AGENT_LEG = (
    Step.AGENT_DISPATCHED,
    Step.JOB_ASSIGNED,
    Step.ENTRYPOINT_CALLED,
    Step.AGENT_CONNECTED,
    Step.AGENT_AUDIO,
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def because(text: str, source: str = "ListDispatch", seconds: float | None = 31) -> Because:
    return Because(source=source, text=text, at=None if seconds is None else at(seconds))


def steps(**told: tuple[StepStatus, float | None, str]) -> tuple[StepResult, ...]:
    """All steps in order: what is told of each by its id; of others no source could tell."""
    return tuple(
        StepResult(
            step=step,
            leg=SPEC[step].leg,
            status=status,
            at=None if seconds is None else at(seconds),
            evidence=(because(text, "ListParticipants", seconds),) if text else (),
        )
        for step in Step
        for status, seconds, text in [told.get(step.value, (StepStatus.UNKNOWN, None, ""))]
    )


def done(seconds: float | None = None, text: str = "") -> tuple[StepStatus, float | None, str]:
    return StepStatus.OK, seconds, text


BROKEN, PENDING, SKIPPED = (
    (status, None, "") for status in (StepStatus.BROKEN, StepStatus.PENDING, StepStatus.SKIPPED)
)
BEGUN = {
    "call_requested": done(None, "implied by room created"),
    "room_created": done(0, "room RM_hQ3kzVb7Wx2p exists"),
}
ANSWERED = {
    "sip_participant_created": done(0.4, f"SIP participant callee (PA_a), dialled {CALLEE}"),
    "sip_dialing": done(0.4, "sip.callStatus is set"),
    "sip_ringing": done(2.1, "sip.callStatus ringing"),
    "sip_answered": done(7.5, "sip.callStatus active"),
}
JOINED = {
    "agent_dispatched": done(0, f'dispatch AD_t8Xk2mQ9pLwz, for "{AGENT}"'),
    "job_assigned": done(0.2, "job AJ_w JS_RUNNING, worker AW_m5"),
    "entrypoint_called": done(None, "implied by agent connected"),
    "agent_connected": done(0.9, f'agent agent-AJ_w ("{AGENT}") ACTIVE'),
    "agent_audio": done(None, "agent agent-AJ_w publishes audio track TR_x"),
}
TIMELINE = (
    TimelineEntry(at=at(0), source="ListRooms", event="room created", detail="room RM_hQ3kzVb7Wx2p exists"),
    TimelineEntry(at=at(0.3), source="edge_function", event="edge_function_called", detail="no step is mapped to it"),
    TimelineEntry(at=at(0.4), source="ListParticipants", event="SIP participant created", detail=f"dialled {CALLEE}"),
    TimelineEntry(at=at(7.5), source="ListParticipants", event="answered"),
)
READ = (
    Coverage(source="livekit_api", status="read"),
    Coverage(source="sip_api", status="read"),
    Coverage(source="call_logs", status="empty"),
    Coverage(source="worker_endpoint", status="not_configured"),
)


def diagnosis(verdict: Verdict, results: tuple[StepResult, ...], **changed: object) -> Diagnosis:
    fields: dict[str, object] = {
        "call_id": "call-5b1f",
        "room": RoomResult(name=ROOM, sid="RM_hQ3kzVb7Wx2p", how="--room", open=True, created_at=at(0), age=31),
        "verdict": verdict,
        "broken": (),
        "steps": results,
        "ruled_out": (),
        "would_settle": (),
        "timeline": TIMELINE,
        "warnings": (),
        "attempts": (attempt(1, verdict),),
        "coverage": READ,
    }
    return Diagnosis(**{**fields, **changed})  # type: ignore[arg-type]


def attempt(number: int, verdict: Verdict, code: str | None = None, step: Step | None = None) -> AttemptResult:
    started_at = at(-3600 * (3 - number))
    return AttemptResult(number=number, room=ROOM, started_at=started_at, verdict=verdict, code=code, step=step)


NOT_DISPATCHED = Broken(
    step=Step.AGENT_DISPATCHED,
    leg=Leg.AGENT,
    code="LKD401",
    confidence=Confidence.POSSIBLE,
    candidates=("LKD412", "LKD413", "LKD409", "LKD402", "LKD406", "LKD101", "LKD103"),
    because=(
        because("one dispatch, the automatic one (no agent name)"),
        because(f"2 rows, the last: edge_function logged dialled {CALLEE}", "call_logs"),
        because(
            f'the agent is configured as "{AGENT}"; a named worker never gets the automatic dispatch',
            "configuration",
            None,
        ),
    ),
    values={"agent_name": AGENT, "room": ROOM},
)
NO_ANSWER = Broken(
    step=Step.SIP_RINGING,
    leg=Leg.PHONE,
    code="LKD205",
    confidence=Confidence.LIKELY,
    candidates=("LKD204", "LKD208", "LKD209"),
    because=(because(f"dialing from 04:05:07, gone at 04:05:39; {CALLER} called {CALLEE}", "ListParticipants"),),
    values={"room": ROOM},
    consequences=("LKD414",),
)


def broken() -> Diagnosis:
    return diagnosis(
        Verdict.BROKEN,
        steps(
            **BEGUN,
            **ANSWERED,
            agent_dispatched=(StepStatus.BROKEN, None, "one dispatch, the automatic one (no agent name)"),
            **{step.value: SKIPPED for step in AGENT_LEG[1:]},
        ),
        broken=(NOT_DISPATCHED,),
        ruled_out=(RuledOut(code="LKD409", because="no dispatch in 3 other live rooms"),),
        would_settle=("Trace the call while its room is open: livekit-doctor trace call-5b1f --wait 30",),
        warnings=(WarningResult(code="LKD603", message='state "edge_function_called" is not mapped to a step'),),
    )


def healthy() -> Diagnosis:
    return diagnosis(
        Verdict.HEALTHY, steps(**BEGUN, **JOINED, **ANSWERED), not_covered=(Step.CALL_ENDED,), call_id=None
    )


def in_progress() -> Diagnosis:
    pending = {step.value: PENDING for step in (*AGENT_LEG[1:], Step.SIP_ANSWERED)}
    begun = {**BEGUN, **ANSWERED, "agent_dispatched": JOINED["agent_dispatched"], **pending}
    slow = WarningResult(code="LKD604", message="job assigned: not there after 6 s (slow after 3 s)")
    return diagnosis(Verdict.IN_PROGRESS, steps(**begun), warnings=(slow,))


def unknown() -> Diagnosis:
    """Nothing could be read: both sources say why."""
    livekit = Problem(
        code="LKD003",
        message="cannot reach wss://lk.example.com: no answer within 5 s",
        values={"kind": "timeout", "detail": "no answer within 5 s"},
    )
    logs = Problem(
        code="LKD602",
        message='role "doctor" may not read calls.events; as its owner: GRANT SELECT ON "calls"."events" TO "doctor";',
        values={"kind": "no_permission", "schema": "calls", "table": "events", "role": "doctor"},
    )
    return diagnosis(
        Verdict.UNKNOWN,
        steps(),
        room=None,
        timeline=(),
        attempts=(),
        warnings=(
            WarningResult(code=livekit.code, message=livekit.message),
            WarningResult(code=logs.code, message=logs.message),
        ),
        would_settle=("name the room with --room ROOM",),
        coverage=(
            Coverage(source="livekit_api", status="unread", problem=livekit),
            Coverage(source="sip_api", status="unread", problem=livekit),
            Coverage(source="call_logs", status="unread", problem=logs),
        ),
    )


def attempts() -> Diagnosis:
    room = RoomResult(name=ROOM, open=False)
    tried = (
        attempt(1, Verdict.BROKEN, "LKD401", Step.AGENT_DISPATCHED),
        attempt(2, Verdict.UNKNOWN),
        attempt(3, Verdict.NO_FAULT_SEEN),
    )
    settle = ("whether the phone was answered: livekit-sip's log of the call, with --sip-log FILE",)
    return diagnosis(
        Verdict.NO_FAULT_SEEN,
        steps(**BEGUN, **JOINED),
        attempts=tried,
        room=room,
        not_covered=PHONE_LEG,
        would_settle=settle,
    )


def both_legs() -> Diagnosis:
    unheard = {step.value: SKIPPED for step in (*AGENT_LEG[1:], Step.SIP_ANSWERED)}
    seen = {**BEGUN, **ANSWERED, **unheard, "agent_dispatched": BROKEN, "sip_ringing": BROKEN}
    return diagnosis(Verdict.BROKEN, steps(**seen), broken=(NOT_DISPATCHED, NO_ANSWER))


TRACES = {
    "broken": broken,
    "healthy": healthy,
    "in progress": in_progress,
    "unknown": unknown,
    "attempts": attempts,
    "both legs": both_legs,
}


def trace_report(result: Diagnosis, *, show: bool = False) -> TraceReport:
    return TraceReport(
        diagnosis=result,
        mask=Mask([CALLEE, CALLER], show=show),
        values=VALUES,
        server="wss://lk.example.com",
        exit_status=1 if result.broken else 0,
        at=READ_AT,
    )


def checked(id: str, status: Status, message: str, *findings: Finding, took: float = 0.0123) -> CheckResult:
    return CheckResult(
        id=id,
        category=id.partition(".")[0],
        title=f"title of {id}",
        status=status,
        message=message,
        code=findings[0].code if findings else None,
        findings=findings,
        evidence=tuple(item for finding in findings for item in finding.because),
        duration=took,
    )


def finding(code: str, confidence: Confidence, *why: Because, **changed: object) -> Finding:
    return Finding(code=code, confidence=confidence, because=why, **changed)  # type: ignore[arg-type]


def check_report(*results: CheckResult, show: bool = False) -> CheckReport:
    """A report with a check of each status, unless others are given."""
    return CheckReport(
        results=results or every_status(),
        mask=Mask([CALLEE, CALLER], show=show),
        values=VALUES,
        server="wss://lk.example.com",
        configuration="configuration: ./checks.yaml, LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET from .env",
        exit_status=1,
        left_behind=("scratch room livekit-doctor-0a1b: DeleteRoom was not answered within 3 s",),
        at=READ_AT,
    )


def every_status() -> tuple[CheckResult, ...]:
    trunk = finding(
        "LKD202",
        Confidence.PROVEN,
        because(f"the configuration expects caller id {CALLER} of trunk ST_a; there: none", "ListSIPOutboundTrunk"),
        values={"trunk_id": "ST_a", "number": CALLER, "kind": "number"},
    )
    probe = finding(
        "LKD402",
        Confidence.LIKELY,
        because(f'dispatch AD_x for "{AGENT}": no worker took a job, and no agent joined in 20 s', "probe"),
        candidates=("LKD101", "LKD102"),
        ruled_out=(RuledOut(code="LKD107", because="a canary got its job in 0.2 s"),),
        would_settle=("Look into the worker's and the server's log: grep -F livekit-doctor-0a1b FILE",),
        values={"agent_name": AGENT, "kind": "probe"},
    )
    indexed = finding(
        "LKD605",
        Confidence.PROVEN,
        because("public.call_state_logs has no index that begins with call_id", "public.call_state_logs"),
        values={"schema": "public", "table": "call_state_logs", "column": "call_id"},
    )
    return (
        checked("configuration.file", "passed", f'agent "{AGENT}"; edge function dials'),
        checked("connection.reachable", "passed", "wss://lk.example.com answers; no live rooms"),
        checked("worker.endpoint", "skipped", "none configured (workers: in checks.yaml)"),
        checked("sip_trunks.outbound", "failed", trunk.because[0].text, trunk),
        checked("agent_dispatch.probe", "failed", probe.because[0].text, probe, took=20.1),
        checked("room_presence.live", "errored", "not done within --timeout 60 s"),
        checked("call_logs.readable", "warned", indexed.because[0].text, indexed),
    )


def terminal(width: int, *, colour: bool = False) -> Console:
    """A terminal of this width whose output is kept: `printed` gives it."""
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
