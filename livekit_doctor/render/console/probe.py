"""Probes for a person: how many rooms got their agent, how soon, how the others ended."""

from rich.console import Console

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.probing import FEWEST_FOR_P95, Bar, Criterion, Ending, Outcome
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, WARNING, Detail, Page
from livekit_doctor.render.report import ProbeReport
from livekit_doctor.render.words import ENDINGS, because_line, criterion_sentence, got_their, took

WIDEST_BAR = 40

_COLUMN = 22


def render(report: ProbeReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one run."""
    page = Page(console)
    if detail is not Detail.QUIET:
        _header(page, report)
        _counts(page, report)
        _latency(page, report)
    for ending in report.judged.endings:
        page.gap()
        _ending(page, ending, report, detail)
    if detail is Detail.VERBOSE:
        _dispatches(page, report)
    for item in report.left_behind:
        page.line()
        page.line(("Left behind: ", "bold red"), printable(item))
    page.gap()
    for criterion in report.judged.criteria:
        _criterion(page, criterion, report)


def _header(page: Page, report: ProbeReport) -> None:
    count = report.judged.count
    dispatches = "one dispatch" if count == 1 else f"{count} dispatches"
    if report.canary:
        what = "a canary each"
    else:
        what = f'agent "{report.agent_name}"' if report.agent_name else "the unnamed worker"
    page.heading((printable(f"{dispatches}, {what}  {report.server or ''}").rstrip(), "bold"))
    page.line()


def _counts(page: Page, report: ProbeReport) -> None:
    judged = report.judged
    joined = judged.number_of(Outcome.JOINED)
    if joined == judged.count:
        status = "ok"
    elif joined:
        status = "warned"
    else:
        status = "unknown" if judged.number_of(Outcome.UNDECIDED) == judged.count else "failed"
    mark, style = MARKS[status]
    page.line((f"  {mark}  ", style), f"{got_their(report):<{_COLUMN}}{joined} of {judged.count}")
    for outcome, name in ENDINGS.items():
        if number := judged.number_of(outcome):
            mark, style = MARKS["unknown" if outcome is Outcome.UNDECIDED else "failed"]
            page.line((f"  {mark}  ", style), f"{name:<{_COLUMN}}{number}")


def _latency(page: Page, report: ProbeReport) -> None:
    latency = report.judged.latency
    if latency is None:
        return
    until = "the job request" if report.canary else "the agent being ACTIVE"
    page.line()
    values = (("min", latency.min), ("p50", latency.p50), ("p95", latency.p95), ("max", latency.max))
    page.field("latency", "   ".join(f"{name} {value:.2f} s" for name, value in values))
    page.field("", f"from the dispatch to {until}; percentiles by nearest rank", style="dim")
    if latency.count < FEWEST_FOR_P95:
        text = f"of {latency.count} the p95 is the slowest one: it means something from --count {FEWEST_FOR_P95} on"
        page.field("", text, style=WARNING)
    widest = max(bar.count for bar in report.judged.histogram)
    for number, bar in enumerate(report.judged.histogram):
        page.field("" if number else "seconds", _bar(bar, widest))


def _bar(bar: Bar, widest: int) -> str:
    length = -(-bar.count * min(widest, WIDEST_BAR) // widest)
    return f"{bar.start:>5g} - {bar.end:<5g} {'#' * length:<{min(widest, WIDEST_BAR)}} {bar.count}"


def _dispatches(page: Page, report: ProbeReport) -> None:
    page.gap()
    for trial in report.judged.trials:
        page.field(
            f"dispatch {trial.number}", f"{trial.room} {trial.dispatch_id}: {trial.outcome.value}, {took(trial)}"
        )


def _ending(page: Page, ending: Ending, report: ProbeReport, detail: Detail) -> None:
    finding = ending.finding
    entry = catalogue.get(finding.code)
    mark, style = MARKS["unknown" if ending.outcome is Outcome.UNDECIDED else "failed"]
    page.heading(
        (f"{mark}  {ending.count} {ENDINGS.get(ending.outcome, ending.outcome.value)}", style),
        (f"   {finding.code} {entry.name}", "bold"),
        f"   {finding.confidence.value}",
    )
    page.field("", entry.title)
    page.fields("because", map(because_line, finding.because))
    page.candidates(finding.candidates, detail)
    page.fields("ruled out", (f"{r.code} {catalogue.get(r.code).name}: {r.because}" for r in finding.ruled_out))
    page.commands("settle by", finding.would_settle)
    page.fix(report.fix_of(finding))


def _criterion(page: Page, criterion: Criterion, report: ProbeReport) -> None:
    words = {
        "passed": ("ok", "bold green"),
        "failed": ("not ok", "bold red"),
        "undecided": ("unknown", f"bold {WARNING}"),
    }
    page.heading(words[criterion.status], f": {criterion_sentence(criterion, report)}")
