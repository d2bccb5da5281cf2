"""livekit-agents for Node, `dev`: pino-pretty, the fields indented below. Its head is as the team has set it; the
fields below any head are read so.

[21:08:51.595] INFO (1234): registered worker
    version: "1.9.0"
    job: {
      "id": "AJ_..."
    }
"""

import textwrap

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.printed import object_at
from livekit_doctor.evidence.records.values import json_in

NAME = "livekit-agents Node text"

_HEAD = lazy_re.compile(r"\[[\d :T.Z+-]{12,32}\] (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)(?: \([^)]*\))?:")
_FIELD = lazy_re.compile(r"(?P<indent> {2,8})(?P<key>[\w.-]+|\"[^\"]+\"): ?(?P<value>.*)")
_MESSAGE = lazy_re.compile(r'"message": "((?:[^"\\]|\\.)*)"')


def is_head(text: str, start: int) -> bool:
    return _HEAD.match(text, start) is not None


def has_fields(lines: list[str]) -> bool:
    """Whether the lines below a head are its fields."""
    return bool(lines) and _FIELD.match(lines[0]) is not None


def fields_of(lines: list[str], fields: dict[str, object]) -> str:
    """Puts what the lines below a head say into `fields`, and returns the stack of an error among them."""
    key, text, indent = "", "", ""
    for line in lines:
        field = _FIELD.match(line)
        if field and (field["indent"] == indent or not indent):
            _keep(fields, key, text)
            key, text, indent = field["key"].strip('"'), field["value"], field["indent"]
        elif key:
            text += "\n" + line
    _keep(fields, key, text)
    traceback = ""
    for name in ("err", "error"):
        error = str(fields.get(name, ""))
        if '"stack":' in error:
            fields[name], traceback = _error(error)
    return traceback


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
    value = json_in(text) if '"stack":' not in text else None
    if value is None and text.startswith("{") and '"stack":' not in text and (found := object_at(text, 0)):
        value = found[0]
    fields[key] = text.strip() if value is None else value
