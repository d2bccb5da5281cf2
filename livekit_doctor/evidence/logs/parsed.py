"""What a format makes of a record, before it is an observation."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct, field


class Parsed(Struct):
    """A record. `fields` are as the component wrote them; `time_of_day` is set where there is no date."""

    format: str
    message: str
    at: datetime | None = None
    zoned: bool = True
    level: str = ""
    logger: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    traceback: str = ""
    time_of_day: str = ""


class TextFormat(Protocol):
    """A format whose records may go over several lines: one module each."""

    NAME: str

    def starts(self, line: str) -> bool:
        """Whether a record begins with this line."""
        ...

    def parse(self, lines: list[str]) -> Parsed | None:
        """The record in these lines, of which the first begins it."""
        ...


class JsonFormat(Protocol):
    """A format whose records are a JSON object each: one module each."""

    NAME: str

    def parse(self, values: dict[str, object]) -> Parsed | None:
        """None where the object is none of this format's."""
        ...


LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "default": "",
    "dev": "info",
    "warn": "warn",
    "warning": "warn",
    "error": "error",
    "dpanic": "error",
    "panic": "fatal",
    "fatal": "fatal",
    "critical": "fatal",
    "alert": "fatal",
    "emergency": "fatal",
}


def level(name: object) -> str:
    """The level under one name for all formats; an unknown one as it is."""
    text = str(name).strip().lower()
    return LEVELS.get(text, text)
