"""Check results for a person: a line a check, then what failed with evidence and fix."""

from rich.console import Console

from livekit_doctor import catalogue
from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.checks.check import CheckResult
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, WARNING, Detail, Page
from livekit_doctor.render.json.check import STATUSES, summary
from livekit_doctor.render.report import CheckReport
from livekit_doctor.render.words import because_line

ID_WIDTH = max(map(len, CHECK_IDS)) + 2


def render(report: CheckReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one run."""
    page = Page(console)
    if detail is not Detail.QUIET:
        page.hanging([], report.configuration, style="dim")
        page.line()
    for result in report.results:
        if detail is not Detail.QUIET or result.status not in ("passed", "skipped"):
            _check(page, result, report, detail)
    for result in report.results:
        if result.findings:
            page.line()
            _findings(page, result, report, detail)
    for item in report.left_behind:
        page.line()
        page.line(("Left behind: ", "bold red"), printable(item))
    page.gap()
    _summary(page, report)


def _check(page: Page, result: CheckResult, report: CheckReport, detail: Detail) -> None:
    mark, style = MARKS[result.status]
    code = f"{result.code}  " if result.code else ""
    page.hanging(
        [(f"  {mark}  ", style), f"{result.id:<{ID_WIDTH}}"],
        f"{code}{result.message}",
        style="dim" if result.status in ("passed", "skipped") else "",
    )
    if detail is Detail.VERBOSE and result.status != "skipped":
        page.line(" " * (ID_WIDTH + 6), (f"{printable(result.title)}; took {result.duration:.2f} s", "dim"))


def _findings(page: Page, result: CheckResult, report: CheckReport, detail: Detail) -> None:
    told = set[str]()
    for finding in result.findings:
        entry = catalogue.get(finding.code)
        of_another_room = bool(finding.room) and finding.code in told
        told.add(finding.code)
        mark, style = MARKS[result.status]
        page.heading(
            (f"{mark}  {result.id}", style),
            (f"   {finding.code} {entry.name}", "bold"),
            f"   {finding.confidence.value}",
        )
        page.field("", entry.title)
        page.fields("because", (because_line(because) for because in finding.because))
        if of_another_room:
            page.fix(f"{report.trace_of(finding)}The rest is as for the first call with {finding.code}, above.")
            continue
        page.candidates(finding.candidates, detail)
        page.fields(
            "ruled out",
            (f"{r.code} {catalogue.get(r.code).name}: {r.because}" for r in finding.ruled_out),
        )
        page.commands("settle by", finding.would_settle)
        page.fix(report.fix_of(finding))


def _summary(page: Page, report: CheckReport) -> None:
    counts = summary(report.results)
    parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
    word, style = ("ok", "bold green") if report.exit_status == 0 else ("not ok", "bold red")
    page.line((word, style), f": {', '.join(parts)}")
    for item in report.untested:
        page.hanging([("not tested: ", WARNING)], str(item))
