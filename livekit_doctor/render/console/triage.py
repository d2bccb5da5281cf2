"""Many calls for a person: how far they came, where they broke, what is new, what stands out, what to type next."""

from collections.abc import Sequence

from rich.console import Console

from livekit_doctor.flow import SPEC, Leg, Verdict
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import WARNING, Detail, Page
from livekit_doctor.render.report import TriageReport
from livekit_doctor.render.triage_words import (
    TITLES,
    bars,
    begun,
    change_of,
    criterion_sentence,
    explained,
    headline,
    next_commands,
    rose,
    share,
    span,
    title_of,
    told_once,
    traced_line,
    value_sentence,
    window_of,
)
from livekit_doctor.render.words import LEGS
from livekit_doctor.triage.result import By, Group, Rung

SIDE_BY_SIDE = 100
"""Columns from which on the two legs stand beside each other, and a group has its picture."""
_LEG = 52
_SAMPLES = 3


def render(report: TriageReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    page = Page(console)
    wide = not console.is_terminal or console.width >= SIDE_BY_SIDE
    triage = report.triage
    if detail is not Detail.QUIET:
        _header(page, report)
    if triage.calls:
        if detail is not Detail.QUIET:
            _legs(page, triage.ladder, triage.calls, wide)
        _groups(page, report, wide)
        for by in triage.by:
            _by(page, by, report)
        _traced(page, report)
    if detail is not Detail.QUIET:
        page.gap()
        for text in told_once(triage):
            page.hanging([("  - ", "dim")], text, style="dim")
        page.gap()
        page.commands("next", next_commands(triage, report.command, report.trace_options))
    page.gap()
    _answer(page, report)


def _header(page: Page, report: TriageReport) -> None:
    triage = report.triage
    before = f"   before that: {triage.calls_before:,}" if triage.before else ""
    took = f", {triage.took:.1f} s" if triage.took is not None else ""
    page.heading(
        (printable(f"{window_of(triage)}: {triage.calls:,} calls{before}"), "bold"),
        f"   {printable(triage.source)}{took}",
    )
    page.line()


def _legs(page: Page, ladder: Sequence[Rung], calls: int, wide: bool) -> None:
    agent = _leg([rung for rung in ladder if rung.leg is not Leg.PHONE], Leg.AGENT, calls)
    phone = _leg([rung for rung in ladder if rung.leg is Leg.PHONE], Leg.PHONE, calls)
    if not wide:
        for line in (*agent, *phone):
            page.line(f"  {line}")
    else:
        for place in range(max(len(agent), len(phone))):
            left, right = (lines[place] if place < len(lines) else "" for lines in (agent, phone))
            page.line(f"  {left:<{_LEG}}  {right}")
    page.line()


def _leg(rungs: Sequence[Rung], leg: Leg, calls: int) -> list[str]:
    lines = [f"{LEGS[leg]:<24}{'calls':>9}{'':>9}{'~p50':>7}{'~p95':>7}"]
    for rung in rungs:
        times = "".join(f"{_seconds(value):>7}" for value in (rung.p50, rung.p95))
        lines.append(f"{SPEC[rung.step].title:<24}{rung.calls:>9,}{share(rung.calls, calls):>9}{times}".rstrip())
    return lines


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}s"


def _groups(page: Page, report: TriageReport, wide: bool) -> None:
    triage = report.triage
    part = f"share of each {_part(triage.bucket)}'s calls" if wide else ""
    page.line((f"  {'what became of them':<40}{'calls':>8}{'share':>8}{'before':>9}  {part}", "dim"))
    shown = [
        group
        for group in triage.groups
        if (group.calls or group.change) and (not triage.where or group.id in triage.where)
    ]
    broken = [group for group in shown if group.verdict is Verdict.BROKEN]
    for number, group in enumerate(broken[: report.shown]):
        _group(page, group, report, wide, samples=number < 4)
    if rest := broken[report.shown :]:
        calls = sum(group.calls for group in rest)
        page.line(
            f"  {f'{len(rest)} further ways (--limit {len(broken)})':<40}{calls:>8,}{share(calls, triage.calls):>8}"
        )
    for group in shown:
        if group.verdict is not Verdict.BROKEN:
            _group(page, group, report, wide, samples=False)


def _part(seconds: float) -> str:
    names = {60: "minute", 300: "5 minutes", 900: "quarter of an hour", 3600: "hour", 14_400: "4 hours", 86_400: "day"}
    return names.get(round(seconds), "week")


def _group(page: Page, group: Group, report: TriageReport, wide: bool, *, samples: bool) -> None:
    triage = report.triage
    style = {"worse": "bold red", "better": "green"}.get(group.change, "")
    possible = "  possible" if group.confidence == "possible" else ""
    title = title_of(group)
    picture = bars(group.hours, triage.hours) if wide else ""
    change = change_of(group, triage) + (" !" if group.change == "worse" else "  ")
    head = "bold" if group.verdict is Verdict.BROKEN else WARNING if group.verdict is Verdict.UNKNOWN else ""
    page.line(
        (f"  {title}", head),
        (f"{possible:<{max(0, 40 - len(title))}}", "dim"),
        f"{group.calls:>8,}{share(group.calls, triage.calls):>8}",
        (f"{change:>10}", style),
        f" {picture}",
        (f"  {span(group, triage)}" if wide and group.verdict is Verdict.BROKEN else "", "dim"),
    )
    if risen := rose(group, triage):
        page.hanging(["      "], risen, style=WARNING)
    if said := explained(group):
        page.hanging(["      "], said, style="dim")
    if samples and group.call_ids:
        page.line(("      e.g. " + "  ".join(printable(one) for one in group.call_ids[:_SAMPLES]), "dim"))


def _by(page: Page, by: By, report: TriageReport) -> None:
    triage = report.triage
    page.gap()
    known = triage.calls - by.without
    page.line((f"  {printable(f'by {by.key}'):<36}{'calls':>8}{'broken':>8}{'share':>9}", "dim"))
    for value in by.values[: report.shown]:
        style = "bold red" if value.stands_out else ""
        page.line(
            (f"  {printable(value.value)[:34]:<36}", style),
            f"{value.calls:>8,}{value.broken:>8,}{share(value.broken, value.calls):>9}",
            ("   stands out: " + value.group if value.stands_out else "", style),
        )
    if len(by.values) > report.shown:
        more = f"{len(by.values) - report.shown:,} further values" + (", and more" if by.cut else "")
        page.line((f"  {more}", "dim"))
    if by.without:
        page.line((f"  {by.without:,} of {triage.calls:,} calls have no {printable(by.key)} in any row", "dim"))
    for value in (value for value in by.values if value.stands_out and known):
        page.hanging([("  !! ", "bold red")], value_sentence(by, value, triage))


def _traced(page: Page, report: TriageReport) -> None:
    if not report.triage.traced:
        return
    page.gap()
    page.line(("  traced, by their rows alone", "dim"))
    for one in report.triage.traced:
        page.hanging([(f"  {printable(one.call_id)}  ", "bold")], traced_line(one))


def _answer(page: Page, report: TriageReport) -> None:
    triage = report.triage
    page.heading((headline(triage), "bold red" if triage.of(Verdict.BROKEN) else "bold"))
    for line in begun(triage):
        page.heading(line)
    if triage.criterion:
        words = {
            "passed": ("ok", "bold green"),
            "failed": ("not ok", "bold red"),
            "undecided": ("unknown", f"bold {WARNING}"),
        }
        page.heading(words[triage.criterion.status], f": {criterion_sentence(triage.criterion)}")


assert set(TITLES) | {Verdict.BROKEN} == set(Verdict)
