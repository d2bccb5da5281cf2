"""The recent calls with their last state, a line each."""

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import Page
from livekit_doctor.render.report import RecentReport


def render(report: RecentReport, console: Console) -> None:
    """Prints the list. A call id is to be typed, and not masked."""
    page = Page(console)
    if not report.calls:
        page.line("the call logs are empty")
        return
    ids = [printable(call.call_id) for call in report.calls]
    width = max(map(len, ids))
    page.line((f"{'call id':<{width}}  last row (UTC)       state", "bold"))
    for shown, call in zip(ids, report.calls, strict=True):
        state = printable(f"{call.source}: {call.state}")
        page.line(f"{shown:<{width}}  {call.at:%Y-%m-%d %H:%M:%S}  {state}")
    page.line()
    page.line("livekit-doctor trace CALL_ID tells where a call broke")
