"""For a person at a terminal, or in a log."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import Detail
from livekit_doctor.render.report import ErrorReport

if TYPE_CHECKING:
    from livekit_doctor.render.report import Report


class ConsoleFormat:
    """Text as this console would show it: its width, its colours or none. Each kind of report has a module here, which
    is imported once it is needed."""

    def __init__(self, console: Console, detail: Detail = Detail.NORMAL) -> None:
        self._console, self._detail = console, detail

    def __call__(self, report: Report) -> str:
        if isinstance(report, ErrorReport):
            return _error(report)
        with self._console.capture() as captured:
            import_module(f"{__name__}.{report.kind}").render(report, self._console, self._detail)
        return captured.get()


def _error(report: ErrorReport) -> str:
    """As standard error has it."""
    said = f"{f'{report.code} ' if report.code else ''}{report.message}".splitlines()
    fix = (f"  {'    ' if number else 'fix:'} {line}" for number, line in enumerate(report.fix.splitlines()))
    return "".join(f"{printable(line)}\n" for line in (*said, *fix))
