"""What `init` found and wrote, for a person, and the check's report."""

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console import check as check_console
from livekit_doctor.render.console.page import MARKS, Detail, Page
from livekit_doctor.render.report import Found, InitReport

_WIDTH = 18


def render(report: InitReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report: a line a source, and of several candidates which was taken and why. What is not known
    yet comes last, so that the beginning can be printed before."""
    page = Page(console)
    for line in (*report.found, *(Found("of several", "warned", reason) for reason in report.taken)):
        if line.status != "ok" or detail is not Detail.QUIET:
            mark, style = MARKS[line.status]
            page.hanging([(f"  {mark}  ", style), f"{line.label:<{_WIDTH}}"], line.text)
    page.line(printable(f"wrote {report.file}"))
    page.line()
    if report.check:
        check_console.render(report.check, console, detail)
        page.line()
    if report.next:
        page.line(printable(f"next: {report.next}"))
