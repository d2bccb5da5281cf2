"""What was read of one record, before it is an observation."""

from datetime import datetime

from msgspec import Struct, field


class Record(Struct):
    """A record. `fields` are as the program wrote them; `time_of_day` is set where there is no date.
    `format` is the shape's name; `by` says what kind of program writes so, as far as that can be told:
    "go" is livekit-server or livekit-sip, "agents" a worker; "raised" is what was raised, without a log's line."""

    format: str
    message: str
    at: datetime | None = None
    zoned: bool = True
    level: str = ""
    logger: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    traceback: str = ""
    time_of_day: str = ""
    by: str = ""


LEVELS = {
    "trace": "debug",
    "verbose": "debug",
    "debug": "debug",
    "info": "info",
    "information": "info",
    "lnfo": "info",  # as a picture of text is read
    "1nfo": "info",
    "notice": "info",
    "success": "info",
    "log": "info",
    "default": "",
    "dev": "info",
    "warn": "warn",
    "warning": "warn",
    "error": "error",
    "err": "error",
    "severe": "error",
    "exception": "error",
    "dpanic": "error",
    "panic": "fatal",
    "fatal": "fatal",
    "critical": "fatal",
    "alert": "fatal",
    "emergency": "fatal",
}

_BY_NUMBER = {
    0: "fatal",
    1: "fatal",
    2: "fatal",
    3: "error",
    4: "warn",
    5: "info",
    6: "info",
    7: "debug",
    10: "debug",
    20: "debug",
    30: "info",
    40: "warn",
    50: "error",
    60: "fatal",
}
"""syslog's, and pino's."""


def level(name: object) -> str:
    """The level under one name for all formats; an unknown one as it is."""
    if isinstance(name, int | float):
        return _BY_NUMBER.get(int(name) if name == name and abs(name) < 100 else 0, str(name))
    text = str(name).strip().lower()
    return LEVELS.get(text, text)
