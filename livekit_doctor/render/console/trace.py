"""A diagnosis for a person: the two legs as a ladder, where it broke, why, and what to type."""

from datetime import datetime
from itertools import groupby

from rich.console import Console

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.result import Broken, Diagnosis, StepResult
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.flow import NOTHING_BROKEN, SPEC, Leg, Status, Verdict
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, WARNING, Detail, Page
from livekit_doctor.render.report import TraceReport
from livekit_doctor.render.words import (
    LEGS,
    REMARKS,
    UNDECIDED,
    VERDICTS,
    because_line,
    bundle_note,
    covered,
    left_out,
    not_covered,
    room_state,
    verdict_sentence,
)

COLUMN = 26
EVIDENCE = 19
"""How far the evidence of a step is indented."""
TIMELINE_ROWS = 40
"""The console shows this many entries unless it is verbose; JSON has them all."""

STYLES = {
    Verdict.HEALTHY: "bold green",
    Verdict.IN_PROGRESS: "bold cyan",
    Verdict.NO_FAULT_SEEN: f"bold {WARNING}",
    Verdict.UNKNOWN: f"bold {WARNING}",
}


def render(report: TraceReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one call."""
    page, diagnosis = Page(console), report.diagnosis
    _header(page, report)
    if detail is not Detail.QUIET:
        for leg in (Leg.CALL, Leg.AGENT, Leg.PHONE):
            _leg(page, leg, diagnosis, detail)
        page.line()
    for number, item in enumerate(diagnosis.broken):
        _broken(page, item, report, detail, primary=number == 0)
    if not diagnosis.broken:
        _verdict(page, diagnosis)
    unread = _unread(page, report)
    page.commands("settle by", diagnosis.would_settle)
    _warnings(page, diagnosis, shown=unread)
    if detail is not Detail.QUIET:
        _attempts(page, diagnosis)
        _timeline(page, diagnosis, len(diagnosis.timeline) if detail is Detail.VERBOSE else TIMELINE_ROWS)
        _coverage(page, diagnosis)


def _header(page: Page, report: TraceReport) -> None:
    diagnosis = report.diagnosis
    if report.bundle:
        page.hanging([("bundle ", "bold")], bundle_note(report.bundle))
    head = [f"call {diagnosis.call_id}"] if diagnosis.call_id else []
    room = diagnosis.room
    head.append(f"room {room.name} ({room_state(room, diagnosis)})" if room else "room unknown")
    if report.server:
        head.append(report.server)
    page.hanging([], "  ".join(head), style="bold")
    for entry in diagnosis.coverage:
        if entry.not_recognised is not None:
            page.hanging([(f"{printable(entry.source)}  ", "bold")], recognised(entry), style="dim")
            for line in entry.unknown_lines:
                page.hanging([("  not recognised: ", "dim")], line, style="dim")
    page.line()


def recognised(entry: Coverage) -> str:
    """What was recognised in a text, and how many of its lines were not."""
    counts = ", ".join(_counted(count, kind) for kind, count in entry.recognised.items())
    text = f"recognised: {counts or 'nothing'}; not recognised: {_counted(entry.not_recognised or 0, 'line')}"
    text += "".join(f"; {note}" for note in left_out(entry))
    return f"{text}; looked at closely, of {entry.lines} lines in all" if entry.lines else text


def _counted(count: int, word: str) -> str:
    if count == 1:
        return f"1 {word}"
    if word.endswith("y"):
        return f"{count} {word[:-1]}ies"
    return f"{count} {word}{'es' if word.endswith(('ch', 's')) else 's'}"


def _leg(page: Page, leg: Leg, diagnosis: Diagnosis, detail: Detail) -> None:
    results = [result for result in diagnosis.steps if result.leg is leg]
    if leg is Leg.CALL:
        results = [result for result in results if result.status is not Status.UNKNOWN]
    label = LEGS[leg]
    for status, group in groupby(results, key=lambda result: result.status):
        together = list(group)
        if status in (Status.UNKNOWN, Status.SKIPPED, Status.PENDING):
            titles = ", ".join(SPEC[result.step].title for result in together)
            _rung(page, label, status, titles, REMARKS[status])
            label = ""
            continue
        for result in together:
            _rung(page, label, status, SPEC[result.step].title, _remark(result))
            label = ""
            for because in result.evidence if detail is Detail.VERBOSE else ():
                page.hanging([" " * EVIDENCE], because_line(because), style="dim")


def _rung(page: Page, label: str, status: Status, title: str, remark: str) -> None:
    mark, style = MARKS[status.value]
    rung: list[tuple[str, str] | str] = [(f"  {label:<11}", "dim"), (f"{mark}  ", style)]
    if status in (Status.OK, Status.BROKEN):
        page.hanging([*rung, f"{title:<{COLUMN}}"], remark, style="" if status is Status.BROKEN else "dim")
    else:
        page.hanging(rung, f"{title}  ({remark})", style="dim")


def _remark(result: StepResult) -> str:
    because = result.evidence[0] if result.evidence else None
    if result.status is Status.BROKEN:
        return because.text if because else ""
    when = f"{clock(result.at):<12}" if result.at else ""
    return f"{when}{because.text if because else ''}".strip()


def clock(at: datetime) -> str:
    """The time of day in UTC, to a tenth of a second."""
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"


def _broken(page: Page, item: Broken, report: TraceReport, detail: Detail, *, primary: bool) -> None:
    entry = catalogue.get(item.code)
    head = "Broke at" if primary else "Also broke at"
    page.heading(
        (f"{head}: {SPEC[item.step].title}", "bold red"),
        (f"   {item.code} {entry.name}", "bold"),
        f"   {item.confidence.value}",
    )
    page.field("", entry.title)
    for number, because in enumerate(item.because):
        page.quoted("because" if number == 0 else "", because_line(because))
    page.candidates(item.candidates, detail)
    if primary:
        ruled_out = report.diagnosis.ruled_out
        page.fields("ruled out", (f"{r.code} {catalogue.get(r.code).name}: {r.because}" for r in ruled_out))
    page.fields("followed by", (f"{code} {catalogue.get(code).name}" for code in item.consequences))
    page.fix(report.fix(item))
    page.line()


def _verdict(page: Page, diagnosis: Diagnosis) -> None:
    head = (f"{VERDICTS[diagnosis.verdict]}: ", STYLES[diagnosis.verdict])
    page.hanging([head], verdict_sentence(diagnosis))
    if diagnosis.verdict in NOTHING_BROKEN:
        page.field("not covered", not_covered(diagnosis))


def _unread(page: Page, report: TraceReport) -> set[tuple[str, str]]:
    """What could not be read, and what to type so that it can; codes and messages of these."""
    if report.diagnosis.verdict not in UNDECIDED:
        return set()
    unread: dict[tuple[str, str], Coverage] = {}
    for entry in report.diagnosis.coverage:
        if entry.problem:
            unread.setdefault((entry.problem.code, entry.problem.message), entry)
    for (code, message), entry in unread.items():
        text = f"{entry.source}: {code} {catalogue.get(code).name}: {message}"
        page.field("not read", text, style=WARNING)
        page.fix(report.fix_of_unread(entry))
    return set(unread)


def _warnings(page: Page, diagnosis: Diagnosis, *, shown: set[tuple[str, str]]) -> None:
    page.fields(
        "warnings",
        (
            f"{w.code} {catalogue.get(w.code).name}: {w.message}"
            for w in diagnosis.warnings
            if (w.code, w.message) not in shown
        ),
        style=WARNING,
    )


def _attempts(page: Page, diagnosis: Diagnosis) -> None:
    if len(diagnosis.attempts) < 2:
        return
    page.gap()
    page.line((f"{len(diagnosis.attempts)} attempts under this call id; the latest is the answer", "bold"))
    for attempt in diagnosis.attempts:
        when = f"{attempt.started_at:%Y-%m-%d %H:%M:%S}" if attempt.started_at else ""
        what = f"{attempt.verdict.value}" + (f" at {attempt.step.value}, {attempt.code}" if attempt.step else "")
        page.field(str(attempt.number), f"{when}  {attempt.room or 'room unknown'}  {what}")


def _timeline(page: Page, diagnosis: Diagnosis, rows: int) -> None:
    _dated(page, diagnosis, rows)
    if not diagnosis.undated:
        return
    page.gap()
    page.line(
        ("Without a date", "bold"),
        ("   what has a time of day only, or none: when it was among the others nobody knows", "dim"),
    )
    for entry in diagnosis.undated[:rows]:
        page.field(entry.time_of_day, f"{entry.source}: {entry.event}" + (f" ({entry.detail})" if entry.detail else ""))
    if len(diagnosis.undated) > rows:
        page.field("", f"{len(diagnosis.undated) - rows} more: --verbose shows all")


def _dated(page: Page, diagnosis: Diagnosis, rows: int) -> None:
    if not diagnosis.timeline:
        return
    page.gap()
    day = diagnosis.timeline[0].at.date()
    page.line(("Timeline", "bold"), (f"   {day}, UTC", "dim"))
    shown = diagnosis.timeline[-rows:]
    if len(shown) < len(diagnosis.timeline):
        page.field("", f"{len(diagnosis.timeline) - len(shown)} earlier entries: --verbose shows all")
    for entry in shown:
        if entry.at.date() != day:
            day = entry.at.date()
            page.field("", f"{day}")
        text = f"{entry.source}: {entry.event}" + (f" ({entry.detail})" if entry.detail else "")
        page.field(clock(entry.at), text)


def _coverage(page: Page, diagnosis: Diagnosis) -> None:
    page.gap()
    page.hanging([("Read   ", "bold")], covered(diagnosis), style="dim")
