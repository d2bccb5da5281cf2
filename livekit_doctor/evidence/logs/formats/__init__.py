"""The formats of the components' logs: one module each, and the registry."""

import json
import re
from collections.abc import Sequence

from livekit_doctor.evidence.logs.formats import (
    cloud_json,
    pino_json,
    pino_pretty,
    python_json,
    python_text,
    zap_console,
    zap_json,
)
from livekit_doctor.evidence.logs.parsed import JsonFormat, Parsed, TextFormat
from livekit_doctor.evidence.logs.prefixes import Line, strip
from livekit_doctor.evidence.logs.times import moment

JSON_FORMATS: tuple[JsonFormat, ...] = (zap_json, python_json, pino_json)
TEXT_FORMATS: tuple[TextFormat, ...] = (python_text, pino_pretty, zap_console)

OTHER_JSON = "JSON"
_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")
_TRACEBACK = "Traceback (most recent call last):"


_OPENED = re.compile(r"( {0,4})\{")
"""An object that goes over several lines: an entry of an indented export."""


def starts_record(line: str) -> bool:
    """Whether a record begins with this line, prefixes taken off. False also for a plain line."""
    if line.startswith(("{", "[{")) or _OPENED.fullmatch(line):
        return True
    return any(text_format.starts(line) for text_format in TEXT_FORMATS) or _WARNING.match(line) is not None


def belongs(line: str, record: Sequence[str]) -> bool:
    """Whether a line that begins no record goes on with this one."""
    if opened := _OPENED.fullmatch(record[0]):
        return record[-1].rstrip(",") != f"{opened[1]}}}"
    if record[0].startswith(("{", "[{")):
        return False
    if not line or line[0] in " \t}":
        return True
    if zap_console.starts(record[0]):
        return True
    return line.startswith(_TRACEBACK) or any(_TRACEBACK in before for before in record)


def parse(lines: Sequence[Line]) -> Parsed | None:
    """The record in these lines; None where it is in no known format."""
    text = lines[0].text
    parsed = None
    texts = [line.text for line in lines]
    if text.startswith(("{", "[{")) or _OPENED.fullmatch(text):
        parsed = _json("\n".join(texts).strip().removeprefix("[").rstrip(",]"))
    else:
        for text_format in TEXT_FORMATS:
            if text_format.starts(text):
                parsed = text_format.parse(texts)
                break
    if parsed is not None and lines[0].at is not None and (parsed.at is None or not parsed.zoned):
        parsed.at, parsed.zoned, parsed.time_of_day = lines[0].at, True, ""
    return parsed


def _json(text: str) -> Parsed | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _object(values) if isinstance(values, dict) else None


def _object(values: dict[str, object], depth: int = 0) -> Parsed | None:
    for json_format in JSON_FORMATS:
        parsed = json_format.parse(values)
        if parsed is not None:
            return parsed
    wrapped = cloud_json.unwrapped(values)
    if wrapped is not None and depth < 2:
        inner, at, severity = wrapped
        parsed = _inside(inner, depth + 1)
        if parsed.at is None or not parsed.zoned:
            parsed.at, parsed.zoned = at, True
        parsed.level = parsed.level or severity
        return parsed
    message = values.get("message", values.get("msg"))
    if not isinstance(message, str):
        return None
    at, zoned = next(
        (found for key in ("timestamp", "time", "ts", "@timestamp") if (found := moment(values.get(key)))[0]),
        (None, True),
    )
    fields = {key: value for key, value in values.items() if value is not message}
    return Parsed(OTHER_JSON, message, at, zoned, str(values.get("level", "")).lower(), fields=fields)


def _inside(inner: str | dict[str, object], depth: int) -> Parsed:
    if isinstance(inner, dict):
        parsed = _object(inner, depth)
        if parsed is None:
            parsed = Parsed(OTHER_JSON, str(inner.get("message", inner.get("msg", ""))), fields=inner)
        return parsed
    lines = [strip(text.encode("utf-8", "replace")) for text in inner.splitlines()] or [Line("")]
    found = None if lines[0].text.startswith("{") and depth > 1 else parse(lines)
    return found or Parsed("", inner, lines[0].at)
