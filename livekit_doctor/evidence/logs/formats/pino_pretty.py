"""livekit-agents for Node, `dev`: pino-pretty, the fields indented below.

[21:08:51.595] INFO (1234): registered worker
    version: "1.9.0"
    job: {
      "id": "AJ_..."
    }
"""

import json
import re
import textwrap

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-agents Node text"

_START = re.compile(
    r"\[(?:(?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+(?: ?(?:Z|[+-]\d\d:?\d\d))?)|(?P<time>\d\d:\d\d:\d\d\.\d+))\] "
    r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)(?: \((?P<name>[^)]*)\))?: ?(?P<rest>.*)"
)
_FIELD = re.compile(r" {4}(?P<key>[\w.-]+|\"[^\"]+\"): ?(?P<value>.*)")

_MESSAGE = re.compile(r'"message": "((?:[^"\\]|\\.)*)"')


def starts(line: str) -> bool:
    return line.startswith("[") and _START.match(line) is not None


def parse(lines: list[str]) -> Parsed | None:
    found = _START.match(lines[0])
    if found is None:
        return None
    fields: dict[str, object] = {}
    key, text = "", ""
    for line in lines[1:]:
        field = _FIELD.match(line)
        if field:
            _keep(fields, key, text)
            key, text = field["key"].strip('"'), field["value"]
        elif key:
            text += "\n" + line
    _keep(fields, key, text)
    traceback = ""
    for name in ("err", "error"):
        error = str(fields.get(name, ""))
        if '"stack":' in error:
            fields[name], traceback = _error(error)
    at, zoned = moment(found["at"].replace(" +", "+")) if found["at"] else (None, False)
    return Parsed(
        format=NAME,
        message=found["rest"],
        at=at,
        zoned=zoned,
        level=level(found["level"]),
        logger="",
        fields=fields,
        traceback=traceback,
        time_of_day=found["time"] or "",
    )


def _error(text: str) -> tuple[str, str]:
    """The message and the stack of an error, which pino-pretty prints as no valid JSON."""
    head, _, stack = text.partition('"stack":')
    message = _MESSAGE.search(head)
    lines = stack.splitlines()
    end = next((number for number, line in enumerate(lines) if line.strip() in ("}", "},")), len(lines))
    return message[1] if message else "", textwrap.dedent("\n".join(lines[:end])).strip()


def _keep(fields: dict[str, object], key: str, text: str) -> None:
    if not key:
        return
    try:
        fields[key] = json.loads(text)
    except (ValueError, RecursionError):
        fields[key] = text.strip()
