"""GitHub Actions: what the console shows, and an annotation for each thing that failed or warns.

The console's text is put where no workflow command in it is obeyed. The job summary is Markdown's.
"""

import secrets
from collections.abc import Iterator
from io import StringIO

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console import ConsoleFormat
from livekit_doctor.render.console.page import Detail
from livekit_doctor.render.outline import Outline, Point
from livekit_doctor.render.outlined import outline_of
from livekit_doctor.render.report import Report

_LEVELS = {"failed": "error", "errored": "error", "warned": "warning"}


def render(report: Report, *, quiet: bool = False) -> str:
    console = Console(file=StringIO(), highlight=False, markup=False, emoji=False, no_color=True)
    page = ConsoleFormat(console, Detail.QUIET if quiet else Detail.NORMAL)
    return _log("" if report.kind == "error" else page(report), outline_of(report))


def _log(page: str, report: Outline) -> str:
    word = secrets.token_hex(16)
    stopped = f"::stop-commands::{word}\n{page.rstrip()}\n::{word}::\n" if page else ""
    return stopped + "".join(f"{line}\n" for line in _annotations(report))


def _annotations(report: Outline) -> Iterator[str]:
    for point in report.points:
        level = _LEVELS.get(point.status)
        if level is None:
            continue
        if not point.problems:
            yield _annotation(level, f"livekit-doctor {report.command}: {point.title}", [point.message], point)
        for problem in point.problems:
            title = f"{problem.code} {problem.name} ({problem.confidence}): {point.title}"
            yield _annotation(level, title, [problem.title, *problem.because, *_fix(problem.fix)], point)


def _fix(text: str) -> list[str]:
    return [f"fix: {line}" if number == 0 else line for number, line in enumerate(text.splitlines())]


def _annotation(level: str, title: str, lines: list[str], point: Point) -> str:
    """At the line that it is about, where it is about one."""
    message = "\n".join(map(printable, lines))
    at = point.place
    where = f"file={_property(printable(at.path))},line={at.line},col={at.column}," if at else ""
    return f"::{level} {where}title={_property(printable(title))}::{_data(message)}"


def _data(text: str) -> str:
    """As the Actions runner reads the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
