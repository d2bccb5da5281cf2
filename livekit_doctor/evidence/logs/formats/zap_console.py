"""livekit-server and livekit-sip without `logging.json`: zap's columns, with tabs between them."""

import json
import re

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-server console"

_START = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:?\d\d)?)\t(?P<level>[A-Z]{4,6})\t"
    r"(?:(?P<logger>[\w.-]+)\t)?(?:(?P<caller>[\w./@-]+\.go:\d+)\t)?(?P<rest>.*)"
)


def starts(line: str) -> bool:
    return line[:2].isdigit() and "\t" in line and _START.match(line) is not None


def parse(lines: list[str]) -> Parsed | None:
    found = _START.match(lines[0])
    if found is None:
        return None
    message, fields = found["rest"], {}
    head, tab, tail = message.rpartition("\t")
    if tab and tail.startswith("{"):
        try:
            fields = json.loads(tail)
            message = head
        except (ValueError, RecursionError):
            pass
    at, zoned = moment(found["at"])
    return Parsed(
        format=NAME,
        message=message,
        at=at,
        zoned=zoned,
        level=level(found["level"]),
        logger=found["logger"] or "",
        fields=fields,
    )
