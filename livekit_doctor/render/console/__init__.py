"""For a person at a terminal, or in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import Detail

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit_doctor.render.report import (
        CheckReport,
        CleanReport,
        ErrorReport,
        ExplainReport,
        InitReport,
        LintReport,
        PlacedCallReport,
        ProbeReport,
        RecentReport,
        TraceReport,
        TriageReport,
    )


class ConsoleFormat:
    """Text as this console would show it: its width, its colours or none."""

    def __init__(self, console: Console, detail: Detail = Detail.NORMAL) -> None:
        self._console, self._detail = console, detail

    def check(self, report: CheckReport, /) -> str:
        from livekit_doctor.render.console import check

        return self._text(lambda: check.render(report, self._console, self._detail))

    def trace(self, report: TraceReport, /) -> str:
        from livekit_doctor.render.console import trace

        return self._text(lambda: trace.render(report, self._console, self._detail))

    def probe(self, report: ProbeReport, /) -> str:
        from livekit_doctor.render.console import probe

        return self._text(lambda: probe.render(report, self._console, self._detail))

    def test_call(self, report: PlacedCallReport, /) -> str:
        from livekit_doctor.render.console import placed_call

        return self._text(lambda: placed_call.render(report, self._console, self._detail))

    def clean(self, report: CleanReport, /) -> str:
        from livekit_doctor.render.console import clean

        return self._text(lambda: clean.render(report, self._console, self._detail))

    def recent(self, report: RecentReport, /) -> str:
        from livekit_doctor.render.console import recent

        return self._text(lambda: recent.render(report, self._console))

    def init(self, report: InitReport, /) -> str:
        from livekit_doctor.render.console import init

        return self._text(lambda: init.render(report, self._console, self._detail))

    def explain(self, report: ExplainReport, /) -> str:
        from livekit_doctor.render.console import explain

        return self._text(lambda: explain.render(report, self._console))

    def triage(self, report: TriageReport, /) -> str:
        from livekit_doctor.render.console import triage

        return self._text(lambda: triage.render(report, self._console, self._detail))

    def lint(self, report: LintReport, /) -> str:
        from livekit_doctor.render.console import lint

        return self._text(lambda: lint.render(report, self._console, self._detail))

    def error(self, report: ErrorReport, /) -> str:
        """As standard error has it."""
        said = f"{f'{report.code} ' if report.code else ''}{report.message}".splitlines()
        fix = (f"  {'    ' if number else 'fix:'} {line}" for number, line in enumerate(report.fix.splitlines()))
        return "".join(f"{printable(line)}\n" for line in (*said, *fix))

    def _text(self, render: Callable[[], None]) -> str:
        with self._console.capture() as captured:
            render()
        return captured.get()
