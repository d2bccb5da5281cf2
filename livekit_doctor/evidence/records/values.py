"""Values as programs print them: JSON, also cut off or escaped, objects as JavaScript's console and Python print them,
and key=value."""

import json
import re
from contextlib import suppress

from msgspec import Struct

_PAIR = re.compile(r'"([A-Za-z_@][\w.@-]{0,60})":\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false)')
_EQUALS = re.compile(
    r"(?<![^\s,({])(?P<key>[A-Za-z_][\w.-]{0,40})(?:=|: ?(?=[\"']))"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,\"')}]*)"
)

_SPACE = re.compile(r"[\s,]*")
_KEY = re.compile(r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([A-Za-z_$][\w$.-]*)|\[([\w$.()]+)\])\s*:\s*")
_STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?n?(?![\w.])")
_NAMED = re.compile(r"(?:<ref \*\d+> )?[A-Za-z_$][\w$.]*(?:\(\d+\))?(?: \[[\w ]+\])?\s*(?=[{\[])")
_ELIDED = re.compile(r"\[[A-Z]\w*\]|\.\.\. \d+ more items?")
"""What Node prints in place of what lies too deep, such as [Object]."""
_WORD = re.compile(r"[^,}\]\n]+")
_WORDS: dict[str, object] = {"true": True, "True": True, "false": False, "False": False}
_DEEPEST = 12
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
        return None, min(max(error.pos, 1), len(text))
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
        value = found["value"]
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        values.setdefault(found["key"], value)
    return values


def object_at(text: str, start: int) -> tuple[dict[str, object], int] | None:
    """The object that begins at a brace, as JavaScript's console or Python prints it, and where it ends."""
    found = _Objects(text[: start + _LONGEST], start)
    try:
        value = found.value(0)
    except (_Broken, RecursionError):
        return None
    return (value, found.place) if isinstance(value, dict) and value else None


class _Broken(Exception):
    """No such object begins there."""


class _Objects(Struct):
    """Reads forward from a place in a text. What can be no value is kept as the word that stands there."""

    text: str
    place: int

    def value(self, depth: int) -> object:
        if depth > _DEEPEST:
            raise _Broken
        if named := _NAMED.match(self.text, self.place):
            self.place = named.end()
        char = self.text[self.place : self.place + 1]
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        return self._scalar()

    def _object(self, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        self._past(1)
        while self._char != "}":
            key = _KEY.match(self.text, self.place)
            if key is not None:
                self.place = key.end()
                values[next(part for part in key.groups() if part is not None)] = self.value(depth + 1)
            elif self.text.startswith(("...", "…"), self.place):
                self._word()
            else:
                raise _Broken
            self._past(0)
        self.place += 1
        return values

    def _array(self, depth: int) -> list[object]:
        values: list[object] = []
        self._past(1)
        while self._char != "]":
            if elided := _ELIDED.match(self.text, self.place):
                self.place = elided.end()
                self._past(0)
                continue
            values.append(self.value(depth + 1))
            self._past(0)
        self.place += 1
        return values

    def _scalar(self) -> object:
        if found := _STRING.match(self.text, self.place):
            self.place = found.end()
            return next(part for part in found.groups() if part is not None)
        if found := _NUMBER.match(self.text, self.place):
            self.place = found.end()
            number = found[0].rstrip("n")
            return int(number) if number.lstrip("-").isdigit() and len(number) < 20 else number
        word = self._word()
        return _WORDS.get(word, None if word in ("null", "None", "undefined") else word)

    @property
    def _char(self) -> str:
        char = self.text[self.place : self.place + 1]
        if not char:
            raise _Broken
        return char

    def _past(self, count: int) -> None:
        found = _SPACE.match(self.text, self.place + count)
        self.place = found.end() if found else self.place + count

    def _word(self) -> str:
        found = _WORD.match(self.text, self.place)
        if found is None:
            raise _Broken
        self.place = found.end()
        return found[0].strip()
