"""livekit-agents for Python, `dev` and `console`: text, the fields as JSON at the end.

`2026-11-23 21:08:51,595 - INFO livekit.agents - registered worker {"agent_name": ...}` in local
time, or with the time of day only: `21:08:51 INFO livekit.agents registered worker {...}`.
"""

import json
import re

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-agents Python text"

_START = re.compile(
    r"(?:(?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<time>\d\d:\d\d:\d\d(?:[,.]\d+)?)) (?:- )?"
    r"(?P<level>TRACE|DEBUG|DEV|INFO|WARN|WARNING|ERROR|CRITICAL) {1,4}"
    r"(?P<logger>[\w.:/@-]+) (?:- )?(?P<rest>.*)"
)
_TRACEBACK = "Traceback (most recent call last):"


def starts(line: str) -> bool:
    return line[:2].isdigit() and _START.match(line) is not None


def parse(lines: list[str]) -> Parsed | None:
    found = _START.match(lines[0])
    if found is None:
        return None
    texts = [found["rest"], *lines[1:]]
    fields: dict[str, object] = {}
    for number, text in enumerate(texts):
        texts[number], more = _without_fields(text)
        fields.update(more)
    text = "\n".join(texts).rstrip()
    message, mark, rest = text.partition(_TRACEBACK)
    at, zoned = moment(found["at"]) if found["at"] else (None, False)
    return Parsed(
        format=NAME,
        message=message.strip(),
        at=at,
        zoned=zoned,
        level=level(found["level"]),
        logger=found["logger"],
        fields=fields,
        traceback=mark + rest,
        time_of_day=found["time"] or "",
    )


def _without_fields(text: str) -> tuple[str, dict[str, object]]:
    """The text, and the JSON object that it ends with."""
    if not text.rstrip().endswith("}"):
        return text, {}
    start = text.find('{"')
    while start >= 0:
        try:
            fields = json.loads(text[start:])
        except (ValueError, RecursionError):
            start = text.find(' {"', start + 1)
            start += start >= 0
            continue
        return (text[:start].rstrip(), fields) if isinstance(fields, dict) else (text, {})
    return text, {}
