"""Objects as JavaScript's console, Python and Ruby print them, as the values that JSON has for them.

ParticipantInfo {
  sid: 'PA_gTqw6Lyd3FKp',
  joinedAt: 1795468077n,
  attributes: { 'sip.callStatus': 'active' },
  tracks: [ [Object] ],
  region: undefined
}

What Node does not print, since it lies too deep or is no data, is not there, and a list that lacks something is `Cut`.
Messages of protobuf-es become what protobuf's JSON has for them: a oneof's `{ case: 'name', value: ... }` the field of
that name, a Timestamp or a Duration text. So do Ruby's, <LiveKit::Proto::Room: name: "a", kind: :SIP>.
"""

import re
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from livekit_doctor import lazy_re

_SPACE = lazy_re.compile(r"[\s,]*")
_KEY = lazy_re.compile(
    r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|(Symbol\([^)\n]*\)|[A-Za-z_$][\w$.-]*)|\[([\w$.()]+)\])\s*(?::|=>)\s*"
)
_TO = lazy_re.compile(r"\s*=>\s*")
_STRING = lazy_re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
_GOES_ON = lazy_re.compile(r"\s*\+\s*(?=[\"'`])")
_MORE = lazy_re.compile(r"\.\.\. \d+ more characters?")
_ESCAPE = lazy_re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_DATE = lazy_re.compile(r"[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NUMBER = lazy_re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?n?(?![\w.])")
_NAMED = lazy_re.compile(
    r"(?:<ref \*\d+> )?(?P<name>\[[\w$.]+: null prototype\]|[A-Za-z_$][\w$.]*)?(?:\(\d+\))?(?: \[[^\]\n]{1,60}\])?"
    r"(?: <[\w ]{1,60}>)?\s*(?=[{\[])"
)
_RUBY = lazy_re.compile(r"<LiveKit::Proto::\w+:? ?")
_SYMBOL = lazy_re.compile(r":([A-Za-z_]\w*)")
_BYTES = lazy_re.compile(r"(?:\w+Array|ArrayBuffer|Buffer)$")
_ELIDED = lazy_re.compile(
    r"\[(?!(?:True|False|None|NaN)\])(?:[A-Z]\w*|(?:Circular|Function|AsyncFunction|GeneratorFunction|Getter|class)\b"
    r"[^\]\n]{0,80})\]|\.\.\. \d+ more items?|<\d+ empty items?>|<Buffer[^>\n]*>|undefined\b|Symbol\([^)\n]*\)|…"
)
"""What Node prints in place of what lies too deep, such as [Object], and of what JSON leaves out."""
_STACK = lazy_re.compile(r"(?P<error>[^\n]{0,500}+)(?:\n[ \t]{1,40}at [^\n]*+)++")
_WORD = lazy_re.compile(r"[^,}\]\n]+")
_WORDS: dict[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    **dict.fromkeys(("null", "None", "NaN")),
}
_KNOWN = lazy_re.compile(rf"(?:{'|'.join(_WORDS)}|nil)(?=[\s,}}\]>]|$)")
_ONEOF = {"case", "value"}
_MOMENT = {"seconds", "nanos"}
_TYPE = "$typeName"
_LAST_DURATION = 10**9
"""Seconds: as many since 1970 are a time, and fewer are long."""
_DEEPEST = 12
_LONGEST = 60_000
"""Characters of an object that are read."""
_NOTHING: Final = object()


class Cut(list[object]):
    """A list of which not all items were printed."""


def object_at(text: str, start: int) -> tuple[dict[str, object], int] | None:
    """The object that begins there, and where it ends."""
    found = printed_at(text, start)
    return (found[0], found[1]) if found is not None and isinstance(found[0], dict) else None


def printed_at(text: str, start: int) -> tuple[dict[str, object] | list[object], int] | None:
    """The object that begins there, or the list of some, and where it ends."""
    found = _Objects(text[: start + _LONGEST], start)
    try:
        value = found.value(0)
    except (_Broken, RecursionError):
        return None
    if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
        return None
    return (value, found.place) if isinstance(value, dict | list) and value else None


def is_whole(value: object) -> bool:
    """Whether no list in it lacks something."""
    if isinstance(value, dict):
        return all(map(is_whole, value.values()))
    return not isinstance(value, Cut) and (not isinstance(value, list) or all(map(is_whole, value)))


class _Broken(Exception):
    """No such object begins there."""


class _Objects(Struct):
    """Reads forward from a place in a text. What can be no value is kept as the word that stands there."""

    text: str
    place: int

    def value(self, depth: int) -> object:
        if depth > _DEEPEST:
            raise _Broken
        if elided := _ELIDED.match(self.text, self.place):
            self.place = elided.end()
            return _NOTHING
        if ruby := _RUBY.match(self.text, self.place):
            self.place = ruby.end()
            return self._object(depth, ">")
        name = ""
        if named := _NAMED.match(self.text, self.place):
            self.place, name = named.end(), named["name"] or ""
        char = self.text[self.place : self.place + 1]
        if char == "{":
            return (
                self._map(depth) if name == "Map" else self._list(depth, "}") if name == "Set" else self._object(depth)
            )
        if char == "[":
            items = self._list(depth, "]")
            return _NOTHING if _BYTES.match(name) else items
        return self._scalar(depth)

    def _object(self, depth: int, end: str = "}") -> object:
        values: dict[str, object] = {}
        self._past(1 if end == "}" else 0)
        while self._char != end:
            key = _KEY.match(self.text, self.place)
            if key is not None:
                self.place = key.end()
                self._keep(values, _text_of(key), depth)
            elif self.text.startswith(("...", "…"), self.place):
                self._word()
            else:
                raise _Broken
            self._past(0)
        self.place += 1
        return _moment(values) if values.keys() - {_TYPE} == _MOMENT else values

    def _map(self, depth: int) -> object:
        values: dict[str, object] = {}
        self._past(1)
        while self._char != "}":
            key = self.value(depth + 1)
            to = _TO.match(self.text, self.place)
            if to is None and key is not _NOTHING:
                raise _Broken
            if to is not None:
                self.place = to.end()
                self._keep(values, str(key), depth)
            self._past(0)
        self.place += 1
        return values

    def _keep(self, values: dict[str, object], key: str, depth: int) -> None:
        value = self.value(depth + 1)
        if isinstance(value, dict) and value.keys() <= _ONEOF and isinstance(value.get("case"), str):
            key, value = str(value["case"]), value.get("value")
        if value is not _NOTHING:
            values[key] = value

    def _list(self, depth: int, end: str) -> list[object]:
        values: list[object] = []
        self._past(1)
        while self._char != end:
            values.append(self.value(depth + 1))
            self._past(0)
        self.place += 1
        there = [value for value in values if value is not _NOTHING]
        return there if len(there) == len(values) else Cut(there)

    def _scalar(self, depth: int) -> object:
        if found := _STRING.match(self.text, self.place):
            return self._string(found)
        if found := _KNOWN.match(self.text, self.place):
            self.place = found.end()
            return _WORDS.get(found[0])
        if found := _SYMBOL.match(self.text, self.place):
            self.place = found.end()
            return found[1]
        if found := _DATE.match(self.text, self.place):
            self.place = found.end()
            return found[0]
        if found := _NUMBER.match(self.text, self.place):
            self.place = found.end()
            number = found[0].rstrip("n")
            return int(number) if number.lstrip("-").isdigit() and len(number) < 20 else number
        if found := _STACK.match(self.text, self.place):
            if found[0].endswith("{"):  # of an error JSON has what was set on it
                self.place = found.end() - 1
                return self._object(depth)
            self.place += len(found[0].rstrip(" }],"))
            return found["error"].strip()
        return self._word()

    def _string(self, found: re.Match[str]) -> str:
        """A string, which Node breaks at its line ends and cuts where it is very long."""
        text = _text_of(found)
        self.place = found.end()
        if more := _MORE.match(self.text, self.place):
            self.place = more.end()
        while (plus := _GOES_ON.match(self.text, self.place)) and (found := _STRING.match(self.text, plus.end())):  # type: ignore[assignment]
            text += _text_of(found)
            self.place = found.end()
        return text

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


def _text_of(found: re.Match[str]) -> str:
    text = next(part for part in found.groups() if part is not None)
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    if found[3] is not None:
        return _ESCAPED.get(found[3], found[3])
    char = chr(int(found[1] or found[2], 16))
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char


def _moment(values: dict[str, object]) -> object:
    """protobuf's JSON for a Timestamp or a Duration."""
    seconds, nanos = values["seconds"], values["nanos"]
    if not (isinstance(seconds, int) and isinstance(nanos, int)):
        return values
    if abs(seconds) < _LAST_DURATION:
        return f"{seconds}.{nanos:09}s" if nanos else f"{seconds}s"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return values
