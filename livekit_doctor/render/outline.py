"""A report as a list of points with a status each: what formats are made of that know no command.

JUnit, GitHub's annotations and Markdown print an outline, so a new command needs one function here,
and a new format of this kind none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.catalogue.sip_statuses import sip_status
from livekit_doctor.diagnosis.probing import Criterion, Ending, Outcome
from livekit_doctor.diagnosis.result import StepResult
from livekit_doctor.evidence.observations import RecentCall
from livekit_doctor.flow import SPEC, Leg, Status, Verdict
from livekit_doctor.lint.facts import Place
from livekit_doctor.render.explained import explained, lines_of
from livekit_doctor.render.json.check import summary
from livekit_doctor.render.next_step import triage_of_recent
from livekit_doctor.render.problems import Problem, problem_of, problem_of_break
from livekit_doctor.render.report import (
    CheckReport,
    CleanReport,
    ErrorReport,
    ExplainReport,
    InitReport,
    PlacedCallReport,
    ProbeReport,
    RecentReport,
    TraceReport,
)
from livekit_doctor.render.words import (
    ENDINGS,
    LEGS,
    NO_CALL_LOGS,
    REMARKS,
    TRACE_ROOM,
    about_room,
    by_its_rows,
    covered,
    percent,
    verdict_of,
)
from livekit_doctor.triage.result import Traced

Standing = Literal["passed", "warned", "failed", "errored", "skipped"]
"""`errored`: it could not be decided."""

_OF_STEP: Mapping[Status, Standing] = {
    Status.OK: "passed",
    Status.BROKEN: "failed",
    Status.UNKNOWN: "skipped",
    Status.PENDING: "skipped",
    Status.SKIPPED: "skipped",
}


class Point(Struct, frozen=True):
    """One thing that was looked at: a check, a step of the flow, a criterion. `duration` is seconds; `text`
    are the lines of what is to be read under it."""

    id: str
    group: str
    title: str
    status: Standing
    message: str
    at: datetime | None = None
    duration: float | None = None
    problems: tuple[Problem, ...] = ()
    text: tuple[str, ...] = ()
    place: Place | None = None
    """Where in the source it is."""
    related: tuple[Place, ...] = ()
    """Further places that it is about."""


class Outline(Struct, frozen=True):
    """A report of any command. That a point failed or errored, and that `exit_status` is not 0, go together.

    `command` is as typed; `subject` what was looked at, and `at` when (UTC); `headline` the answer in one line;
    `notes` what else is to be known; `explains` the codes whose pages it has.
    """

    command: str
    subject: str
    headline: str
    exit_status: int
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()
    at: datetime | None = None
    explains: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.exit_status == 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All there are, in the order of the points."""
        return tuple(problem for point in self.points for problem in point.problems)


def of_check(report: CheckReport) -> Outline:
    """The checks in their order. With --strict a warning has failed."""
    points = tuple(
        Point(
            id=result.id,
            group=result.category,
            title=result.title,
            status="failed" if report.strict and result.status == "warned" else result.status,
            message=result.message,
            duration=result.duration,
            problems=tuple(problem_of(finding, report.fix_of) for finding in result.findings),
        )
        for result in report.results
    )
    counts = summary(report.results)
    counted = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    not_tested = (f"not tested: {item}" for item in report.untested)
    return agreed(
        Outline(
            command="check",
            subject=" ".join(filter(None, (report.server, report.configuration))),
            headline=f"{'ok' if report.exit_status == 0 else 'not ok'}: {counted or 'no check was run'}",
            exit_status=report.exit_status,
            points=points,
            notes=(*(f"left behind: {item}" for item in report.left_behind), *not_tested),
            at=report.at,
        )
    )


def of_trace(report: TraceReport) -> Outline:
    """The steps of the flow in their order, each broken one with its fault."""
    diagnosis = report.diagnosis
    broken = {item.step: item for item in diagnosis.broken}
    ruled_out = diagnosis.ruled_out

    def problems(step: StepResult) -> tuple[Problem, ...]:
        item = broken.get(step.step)
        if item is None:
            return ()
        primary = item is diagnosis.broken[0]
        settle_by = diagnosis.would_settle if primary else ()
        return (problem_of_break(item, report, ruled_out if primary else (), settle_by),)

    points = tuple(
        Point(
            id=step.step.value,
            group=LEGS[step.leg],
            title=SPEC[step.step].title,
            status=_OF_STEP[step.status],
            message=step.evidence[0].text if step.evidence else REMARKS.get(step.status, ""),
            at=step.at,
            problems=problems(step),
        )
        for step in sorted(diagnosis.steps, key=lambda step: _LEGS.index(step.leg))
    )
    unread = tuple(
        f"not read: {entry.source}: {entry.problem.code} {entry.problem.message}"
        for entry in diagnosis.coverage
        if entry.problem
    )
    warnings = tuple(f"{w.code} {catalogue.get(w.code).name}: {w.message}" for w in diagnosis.warnings)
    settle = () if diagnosis.broken else tuple(f"settle by: {text}" for text in diagnosis.would_settle)
    return agreed(
        Outline(
            command="trace",
            subject=subject_of(report),
            headline=verdict_of(diagnosis),
            exit_status=report.exit_status,
            points=points,
            notes=(*dict.fromkeys((*unread, *warnings, *settle)), f"read: {covered(diagnosis)}"),
            at=report.at,
        ),
        *unread,
    )


_LEGS = (Leg.CALL, Leg.AGENT, Leg.PHONE)


def subject_of(report: TraceReport) -> str:
    """The call, its room and the server asked, as far as they are known."""
    diagnosis = report.diagnosis
    call = f"call {diagnosis.call_id}" if diagnosis.call_id else ""
    room = f"room {diagnosis.room.name}" if diagnosis.room else "room unknown"
    return "  ".join(filter(None, (call, room, report.server)))


def of_test_call(report: PlacedCallReport) -> Outline:
    """That of its diagnosis, and what the carrier answered."""
    outline = of_trace(report.trace)
    answer = report.answer.sip_status_code if report.answer else None
    told = (f"the carrier answered {answer} {sip_status(answer).name}",) if answer and 300 <= answer <= 699 else ()
    left = tuple(f"left behind: {item}" for item in report.left_behind)
    return replace(
        outline,
        command="test-call",
        subject=f"test call to {report.number}  {outline.subject}",
        notes=(*told, *left, *outline.notes),
    )


def of_probe(report: ProbeReport) -> Outline:
    """The criteria, and how the dispatches ended that got no agent."""
    judged = report.judged
    who = (
        "a canary each" if report.canary else f'agent "{report.agent_name}"' if report.agent_name else "unnamed worker"
    )
    endings = tuple(_ending(ending, report) for ending in judged.endings)
    latency = judged.latency
    values = (("min", latency.min), ("p50", latency.p50), ("p95", latency.p95), ("max", latency.max)) if latency else ()
    spread = "   ".join(f"{name} {value:.2f} s" for name, value in values)
    left = tuple(f"left behind: {item}" for item in report.left_behind)
    return agreed(
        Outline(
            command="probe",
            subject=" ".join(filter(None, (f"{judged.count} dispatches, {who}", report.server))),
            headline=f"{judged.number_of(Outcome.JOINED)} of {judged.count} dispatches got "
            f"{'their job' if report.canary else 'their agent'}",
            exit_status=report.exit_status,
            points=(*map(_criterion, judged.criteria), *endings),
            notes=(f"latency: {spread}", *left) if spread else left,
            at=report.at,
        )
    )


def _criterion(criterion: Criterion) -> Point:
    standing: Mapping[str, Standing] = {"passed": "passed", "failed": "failed", "undecided": "errored"}
    if criterion.name == "min_join_rate":
        shown = percent
        title = "share of dispatches that got their agent"
    else:
        shown = "{:.2f} s".format
        title = "p95 of the time to join"
    value = "not known" if criterion.value is None else shown(criterion.value)
    word = "at least" if criterion.name == "min_join_rate" else "at most"
    message = f"{value}; {word} {shown(criterion.limit)} must"
    return Point(criterion.name, "criteria", title, standing[criterion.status], message)


def _ending(ending: Ending, report: ProbeReport) -> Point:
    """A loss that the criteria allow is a warning: they alone decide."""
    problem = problem_of(ending.finding, report.fix_of)
    name = ENDINGS.get(ending.outcome, ending.outcome.value)
    status: Standing = "warned" if report.exit_status == 0 else "failed"
    if ending.outcome is Outcome.UNDECIDED:
        status = "warned" if report.exit_status == 0 else "errored"
    return Point(
        ending.outcome.value, "endings", name, status, f"{ending.count} of them: {problem.title}", problems=(problem,)
    )


def of_recent(report: RecentReport) -> Outline:
    """A point a call, with what its rows say, or a live room. A call that broke is a warning: the list has done what
    it should. Ids and names are to be typed, and not masked."""
    if live := report.live:
        points = tuple(
            Point(room.name, "live", room.name, "skipped", f"participants: {room.who}", at=room.created_at)
            for room in live.rooms
        )
        notes = (f"to diagnose one: {TRACE_ROOM}", NO_CALL_LOGS) if live.rooms else (NO_CALL_LOGS,)
        return Outline("trace", live.server or "", report.headline, report.exit_status, points, notes)
    points = tuple(_of_call(call, report.verdict_of(call)) for call in report.calls)
    further = triage_of_recent(report)
    more = (f"{further.before}: {further.command}",) if further else ()
    return Outline("trace", "", report.headline, report.exit_status, points, more)


def _of_call(call: RecentCall, judged: Traced | None) -> Point:
    standing: Mapping[Verdict, Standing] = {Verdict.BROKEN: "warned", Verdict.HEALTHY: "passed"}
    last = f"{call.source}: {call.state}"
    message = f"{by_its_rows(judged)}; {last}" if judged else last
    status = standing.get(judged.verdict, "skipped") if judged else "skipped"
    return Point(call.call_id, "recent", call.call_id, status, message, at=call.at)


def of_init(report: InitReport) -> Outline:
    """That of the check, or one point for the file where none has run; in the notes what was found."""
    wrote = f"wrote {report.file}"
    if report.check:
        checked = of_check(report.check)
        outline = replace(checked, command="init", headline=f"{wrote}; check {checked.headline}")
    else:
        point = Point("init", "init", "the file", "passed", wrote)
        outline = Outline("init", report.server, wrote, report.exit_status, (point,))
    found = (f"{item.label}: {item.text}" for item in report.found)
    taken = (f"of several: {reason}" for reason in report.taken)
    return replace(outline, notes=(*found, *taken, *outline.notes, f"next: {report.next}"))


def of_clean(report: CleanReport) -> Outline:
    """A point for each scratch room."""
    standing: Mapping[str, Standing] = {"removed": "passed", "found": "failed", "not_removed": "failed"}
    points = tuple(
        Point(
            found.room,
            "scratch rooms",
            found.room,
            standing.get(found.outcome, "skipped"),
            about_room(found, report.at),
            at=found.created_at,
        )
        for found in report.rooms
    )
    return Outline("clean", report.server or "", report.headline, report.exit_status, points, at=report.at)


def of_explain(report: ExplainReport) -> Outline:
    """A point a page, with the page's text, or a point a listed code. Nothing is judged."""
    points = tuple(
        Point(f"{page.label} {page.name}", "page", page.name, "passed", page.title, text=tuple(lines_of(page)))
        for page in map(explained, report.topics)
    ) or tuple(
        Point(f"{entry.code} {entry.name}", "code", entry.name, "passed", entry.title) for entry in report.listed
    )
    headline = points[0].id if len(points) == 1 else f"{len(points)} {'pages' if report.topics else 'diagnosis codes'}"
    codes = tuple(entry.code for entry in report.entries)
    return Outline("explain", "", headline, report.exit_status, points, explains=codes)


def of_error(report: ErrorReport) -> Outline:
    """One point that errored."""
    point = Point("command", "livekit-doctor", "the command", "errored", report.message)
    if report.code:
        entry = catalogue.get(report.code)
        problem = Problem(report.code, entry.name, entry.title, "proven", (report.message,), (), (), (), report.fix)
        point = replace(point, problems=(problem,))
    return Outline(report.command, "", report.message, report.exit_status, (point,))


def agreed(outline: Outline, *why: str) -> Outline:
    """With a point for the exit status, where no other one says that something is wrong."""
    wrong = any(point.status in ("failed", "errored") for point in outline.points)
    if outline.ok or wrong:
        return outline
    verdict = Point("verdict", outline.command, "verdict", "errored", "; ".join((outline.headline, *why)))
    return replace(outline, points=(*outline.points, verdict))
