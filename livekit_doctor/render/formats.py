"""The formats by name. A new one is a module here, and a line in each of the two tables."""

from enum import StrEnum
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livekit_doctor.render.interface import Format


class FormatName(StrEnum):
    CONSOLE = "console"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    MARKDOWN = "markdown"
    HTML = "html"
    PROMETHEUS = "prometheus"


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
}
"""What the ending of a file's name says of its format."""


def of_file(name: str) -> FormatName | None:
    """The format that the ending of this name stands for."""
    return ENDINGS.get(PurePath(name).suffix.lower())


def load(name: FormatName) -> "Format":
    """The format, for a file: without colours, and as wide as its lines are."""
    match name:
        case FormatName.CONSOLE:
            from livekit_doctor.render.console import ConsoleFormat
            from livekit_doctor.render.console.page import Output

            return ConsoleFormat(Output(StringIO()))
        case FormatName.JSON:
            from livekit_doctor.render.json import JsonFormat

            return JsonFormat()
        case FormatName.JUNIT:
            from livekit_doctor.render import junit

            return junit
        case FormatName.GITHUB:
            from livekit_doctor.render import github

            return github
        case FormatName.MARKDOWN:
            from livekit_doctor.render import markdown

            return markdown
        case FormatName.HTML:
            from livekit_doctor.render import html

            return html
        case FormatName.PROMETHEUS:
            from livekit_doctor.render import prometheus

            return prometheus
