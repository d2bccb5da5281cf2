"""The formats by name. A new one is a module here, and a line in each of the two tables."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livekit_doctor.render.report import Report

Format = Callable[["Report"], str]
"""Makes the whole text of a report. What that has is masked already, except what is to be typed."""


class FormatName(StrEnum):
    CONSOLE = "console"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    MARKDOWN = "markdown"
    HTML = "html"
    PROMETHEUS = "prometheus"
    SARIF = "sarif"


ENDINGS = {
    ".txt": FormatName.CONSOLE,
    ".log": FormatName.CONSOLE,
    ".json": FormatName.JSON,
    ".xml": FormatName.JUNIT,
    ".md": FormatName.MARKDOWN,
    ".markdown": FormatName.MARKDOWN,
    ".html": FormatName.HTML,
    ".htm": FormatName.HTML,
    ".prom": FormatName.PROMETHEUS,
    ".sarif": FormatName.SARIF,
}
"""What the ending of a file's name says of its format."""


def of_file(name: str) -> FormatName | None:
    """The format that the ending of this name stands for."""
    return ENDINGS.get(PurePath(name).suffix.lower())


def load(name: FormatName, *, quiet: bool = False) -> Format:
    """The format, for a file: without colours, and as wide as its lines are. `quiet`: what a person reads has only
    what is wrong and the answer; a document and a page to keep, JSON, JUnit, HTML and Prometheus, are always whole."""
    match name:
        case FormatName.CONSOLE:
            from livekit_doctor.render.console import ConsoleFormat
            from livekit_doctor.render.console.page import Detail, Output

            return ConsoleFormat(Output(StringIO()), Detail.QUIET if quiet else Detail.NORMAL)
        case FormatName.JSON:
            from livekit_doctor.render.json import JsonFormat

            return JsonFormat()
        case FormatName.JUNIT:
            from livekit_doctor.render import junit

            return junit.render
        case FormatName.GITHUB:
            from livekit_doctor.render import github

            return partial(github.render, quiet=quiet)
        case FormatName.MARKDOWN:
            from livekit_doctor.render import markdown

            return partial(markdown.render, quiet=quiet)
        case FormatName.HTML:
            from livekit_doctor.render import html

            return html.render
        case FormatName.PROMETHEUS:
            from livekit_doctor.render import prometheus

            return prometheus.render
        case FormatName.SARIF:
            from livekit_doctor.render import sarif

            return sarif.render
