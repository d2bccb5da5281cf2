"""What the source says, for a person: each finding under its line, then what could not be followed."""

from rich.console import Console

from livekit_doctor import catalogue
from livekit_doctor.lint.result import Located
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, WARNING, Detail, Page
from livekit_doctor.render.report import LintReport

SHOWN_NOTES = 10


def render(report: LintReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one run. A fix is printed under the last finding of its code: each of a dozen would be
    read by nobody."""
    page = Page(console)
    linted = report.linted
    last = {one.finding.code: number for number, one in enumerate(linted.findings)}
    for number, one in enumerate(linted.findings):
        _finding(page, one, report, detail, with_fix=last[one.finding.code] == number)
    if detail is not Detail.QUIET:
        for text in linted.explained:
            page.gap()
            page.hanging([(f"{MARKS['ok'][0]}  ", MARKS["ok"][1])], text)
        _notes(page, report, detail)
    page.gap()
    failed = report.exit_status != 0
    word, _, rest = report.headline.partition(":")
    page.line((word, "bold red" if failed else "bold green"), printable(f":{rest}" if rest else ""))
    if detail is not Detail.QUIET:
        page.hanging([], f"{', '.join(linted.paths)}: {report.read}", style="dim")


def _finding(page: Page, one: Located, report: LintReport, detail: Detail, *, with_fix: bool) -> None:
    finding, entry = one.finding, catalogue.get(one.finding.code)
    mark, style = MARKS["failed" if report.fails(one) else "warned"]
    page.gap()
    page.heading(
        (f"{mark}  {printable(str(one.place))}", style),
        (f"   {finding.code} {entry.name}", "bold"),
        f"   {finding.confidence.value}",
    )
    first, *further = finding.because
    page.field("", first.text)
    for because in further:
        page.field("", f"{because.source}: {because.text}")
    page.candidates(finding.candidates, detail)
    if with_fix and detail is not Detail.QUIET:
        page.fix(report.fix_of(finding))


def _notes(page: Page, report: LintReport, detail: Detail) -> None:
    notes = report.notes
    shown = len(notes) if detail is Detail.VERBOSE else SHOWN_NOTES
    if notes:
        page.gap()
    for note in notes[:shown]:
        page.hanging([("??  ", WARNING)], note)
    if len(notes) > shown:
        page.hanging([("??  ", WARNING)], f"and {len(notes) - shown} more; --verbose shows them")
