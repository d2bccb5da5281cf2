"""What `clean` did, a line a room."""

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, Detail, Page
from livekit_doctor.render.report import CleanReport
from livekit_doctor.render.words import about_room

_MARKS = {"removed": "ok", "gone": "skipped", "in_use": "skipped", "found": "warned", "not_removed": "failed"}


def render(report: CleanReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one run."""
    page = Page(console)
    if detail is not Detail.QUIET and report.server:
        page.line((printable(report.server), "dim"))
    for found in report.rooms:
        if detail is not Detail.QUIET or found.outcome in ("found", "not_removed"):
            mark, style = MARKS[_MARKS[found.outcome]]
            page.hanging([(f"  {mark}  ", style), f"{found.room}  "], about_room(found, report.at))
    page.gap()
    ok = report.exit_status == 0
    page.heading(("ok" if ok else "not ok", f"bold {'green' if ok else 'red'}"), f": {report.headline}")
    if report.number_of("found"):
        page.line("livekit-doctor clean, without --dry-run, removes them")
