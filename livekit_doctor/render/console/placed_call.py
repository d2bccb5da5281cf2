"""A test call for a person: what was dialled and answered, then its diagnosis as `trace` prints it."""

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console import trace as trace_console
from livekit_doctor.render.console.page import WARNING, Detail, Page
from livekit_doctor.render.report import PlacedCallReport


def render(report: PlacedCallReport, console: Console, detail: Detail = Detail.NORMAL) -> None:
    """Prints the report of one test call."""
    page = Page(console)
    trunk = report.trunk
    through = f'{trunk.id} "{trunk.name}" {trunk.address}' if trunk else report.trunk_id
    page.line((printable(f"test call to {report.number}  trunk {through}"), "bold"))
    for text in report.left_behind:
        page.field("left behind", text, style=f"bold {WARNING}")
    trace_console.render(report.trace, console, detail)
