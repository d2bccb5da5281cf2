"""Values as programs print them: JSON, also cut off or escaped, and key=value."""

import json
import re
from contextlib import suppress

from livekit_doctor import lazy_re

_PAIR = lazy_re.compile(r'"([A-Za-z_@][\w.@-]{0,60})":\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false)')
_EQUALS = lazy_re.compile(
    r"(?<![^\s,({])(?P<key>[A-Za-z_][\w.-]{0,40})(?:=|: ?(?=[\"']))"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,\"')}]*)"
)

_EXPRESSION = lazy_re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$")
_OF_OBJECT = lazy_re.compile(r"(?:self|this|ctx|context|job|args)\.|[\w$.]+\.(?:room_?)?(?:name|room)$", re.IGNORECASE)
_NAMED = lazy_re.compile(r"room|agent|identity", re.IGNORECASE)
_IN_CALL = lazy_re.compile(r"\w\([^()]*$")

_LONGEST = 60_000
"""Characters of an object that are read."""

_DECODER = json.JSONDecoder(strict=False)


def json_in(text: str) -> object | None:
    """What JSON says; None for none, for null, and for what is no JSON."""
    try:
        return _DECODER.decode(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return None


def decoded(text: str, start: int = 0) -> tuple[tuple[object, int] | None, int]:
    """The JSON that begins there in the text and where it ends, and how far was looked."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        ends_within = error.msg.startswith("Unterminated string")  # its place is where that begins
        return None, len(text) if ends_within else min(max(error.pos, 1), len(text))
    except (ValueError, RecursionError):
        return None, min(len(text), 2_000)
    return ((value, end) if isinstance(value, dict | list) and value else None), max(end, 1)


def json_at(line: str, place: int) -> object:
    """The JSON there, also where it was escaped to be put into a string or a column of CSV."""
    found = line[place:].rstrip(",]) ") if line.startswith("[{") or not line.endswith("}") else line[place:]
    if found.startswith('{\\"'):
        end = found.rfind("}") + 1
        inner = json_in(f'"{found[:end]}"')
        return json_in(inner) if isinstance(inner, str) else None
    if found.startswith('{""'):
        return json_in(found[: found.rfind("}") + 1].replace('""', '"'))
    value = json_in(found)
    if value is None and not found.endswith("}"):
        value = json_in(found[: found.rfind("}") + 1])
    return value


def pairs_in(text: str) -> dict[str, object]:
    """The keys and values in JSON that is not whole."""
    values: dict[str, object] = {}
    for key, value in _PAIR.findall(text[:_LONGEST]):
        with suppress(ValueError):
            values.setdefault(key, json.loads(value, strict=False))
    return values


def equals_in(text: str) -> dict[str, object]:
    """key=value, as structlog, logfmt and people write it; of two with one key the first."""
    values: dict[str, object] = {}
    for found in _EQUALS.finditer(text[:_LONGEST]):
        value: object = found["value"]
        if found["value"][:1] in ('"', "'"):
            value = _unquoted(found["value"])
        elif _NAMED.search(found["key"]) and is_expression(found["value"], text, found.start()):
            continue
        values.setdefault(found["key"], value)
    return values


def _unquoted(value: str) -> object:
    """What stands within the quotes; the object that it is where that was written as a string."""
    inner = json_in(value) if "\\" in value and value[0] == '"' else None
    if not isinstance(inner, str):
        return value[1:-1]
    found = json_in(inner) if inner.startswith("{") else None
    return found if isinstance(found, dict) else inner


def is_expression(value: str, text: str, place: int) -> bool:
    """Whether a value without quotes, whose key stands there in the text, is code and no name: room=ctx.room, or an
    argument of a call."""
    if not _EXPRESSION.match(value):
        return False
    return _OF_OBJECT.match(value) is not None or _IN_CALL.search(text[max(place - 300, 0) : place]) is not None


def objects_in(value: object) -> list[dict[str, object]]:
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
