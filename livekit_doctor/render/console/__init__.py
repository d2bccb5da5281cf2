"""For a person at a terminal, or in a log."""

from collections.abc import Callable

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console import check, explain, init, probe, recent, test_call, trace
from livekit_doctor.render.console.page import Detail
from livekit_doctor.render.report import (
    CheckReport,
    ErrorReport,
    ExplainReport,
    InitReport,
    PlacedCallReport,
    ProbeReport,
    RecentReport,
    TraceReport,
)


class ConsoleFormat:
    """Text as this console would show it: its width, its colours or none."""

    def __init__(self, console: Console, detail: Detail = Detail.NORMAL) -> None:
        self._console, self._detail = console, detail

    def check(self, report: CheckReport, /) -> str:
        return self._text(lambda: check.render(report, self._console, self._detail))

    def trace(self, report: TraceReport, /) -> str:
        return self._text(lambda: trace.render(report, self._console, self._detail))

    def probe(self, report: ProbeReport, /) -> str:
        return self._text(lambda: probe.render(report, self._console, self._detail))

    def test_call(self, report: PlacedCallReport, /) -> str:
        return self._text(lambda: test_call.render(report, self._console, self._detail))

    def recent(self, report: RecentReport, /) -> str:
        return self._text(lambda: recent.render(report, self._console))

    def init(self, report: InitReport, /) -> str:
        return self._text(lambda: init.render(report, self._console, self._detail))

    def explain(self, report: ExplainReport, /) -> str:
        return self._text(lambda: explain.render(report, self._console))

    def error(self, report: ErrorReport, /) -> str:
        """As standard error has it."""
        said = f"{f'{report.code} ' if report.code else ''}{report.message}".splitlines()
        fix = (f"  {'    ' if number else 'fix:'} {line}" for number, line in enumerate(report.fix.splitlines()))
        return "".join(f"{printable(line)}\n" for line in (*said, *fix))

    def _text(self, render: Callable[[], None]) -> str:
        with self._console.capture() as captured:
            render()
        return captured.get()
