"""An export in one line that is too long to be read at once: its entries one after the other, each in a line.

Hosts answer with compact JSON: `[{...},{...}]`, `{"events":[...]}`, `{"hits":{"hits":[...]}}`. The number of a line
is then the entry's place in the export.
"""

import codecs
import json
from collections.abc import Iterable, Iterator

from livekit_doctor.evidence.records import exports, shapes

_LONGEST = 4 << 20
"""Characters of one entry. One that is longer, such as a stream of Loki's, ends the reading."""
_NEAR = 12
"""Characters at the end of what was read that may be a part of a word, a number or an escape."""
_DECODER = json.JSONDecoder()
_PART = 1 << 20
"""Bytes of lines that are handed on at once."""


def in_parts(parts: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The parts of a log, those of an export whose first line is longer than this as the lines of its entries. What
    was read before an error of the log's comes before the error does."""
    yield from filter(None, _in_parts(iter(parts), longest))


def _in_parts(source: Iterator[bytes], longest: int) -> Iterator[bytes]:
    start = b""
    try:
        for part in source:
            start += part
            if len(start) > longest or b"\n" in part:
                break
    except Exception:
        yield start
        raise
    if len(start) <= longest or b"\n" in start[:longest] or start[:longest].lstrip()[:1] not in (b"[", b"{"):
        yield start
    else:
        yield from _in_lines(_Text(start, source))
    yield from source


def _in_lines(text: "_Text") -> Iterator[bytes]:
    lines: list[str] = []
    size = 0
    try:
        for line in _lines(text):
            lines.append(line)
            size += len(line)
            if size > _PART:
                yield _encoded(lines)
                lines, size = [], 0
    except _Broken:
        pass  # what follows is handed on as it is
    except Exception:
        yield _encoded(lines) + text.rest()
        raise
    yield _encoded(lines) + text.rest()


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _lines(text: "_Text", depth: int = 0) -> Iterator[str]:
    """The lines of the entries of the list or the object that begins here."""
    if text.next() == "[":
        text.past(1)
        while text.next() != "]":
            item, raw = text.value()
            found = exports.of_item(item)
            alone = len(found) == 1 and found[0] is item and "\n" not in raw and not isinstance(item, str)
            yield from (raw,) if alone else (line for entry in found for line in exports.line_of(entry))
        text.past(1)
        return
    beside: dict[str, object] = {}
    descended = False
    text.past(1)
    while text.next() != "}":
        key = str(text.value()[0])
        if text.next() != ":":
            raise _Broken
        text.past(1)
        if exports.may_hold(key, depth) and text.next() in ("[", "{") and shapes.read_value(beside) is None:
            descended = True
            yield from _lines(text, depth + 1)
        else:
            beside[key] = text.value()[0]
    text.past(1)
    if not descended or exports.may_say(beside):
        yield from exports.line_of(beside)


class _Broken(Exception):
    """What follows is no JSON, or too long."""


class _Text:
    """JSON that comes in parts, read forward."""

    def __init__(self, start: bytes, source: Iterator[bytes]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._source, self._text, self._place, self._ended = source, self._decode(start), 0, False

    def next(self) -> str:
        """The next character that says something, without going past it."""
        while True:
            while self._text[self._place : self._place + 1] in (" ", "\t", "\r", "\n", ","):
                self._place += 1
            if char := self._text[self._place : self._place + 1]:
                return char
            self._read()

    def past(self, count: int) -> None:
        self._place += count

    def value(self) -> tuple[object, str]:
        """The value that begins here, and its text."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except RecursionError:
                raise _Broken from None
            except ValueError as error:
                at, what = getattr(error, "pos", 0), str(error)
                if at < len(self._text) - _NEAR and not what.startswith("Unterminated"):
                    raise _Broken from None
            else:
                if end < len(self._text) or self._ended:
                    raw = self._text[self._place : end]
                    self._place = end
                    return value, raw
            self._read()

    def rest(self) -> bytes:
        """What was read of the log and not of the export."""
        return self._text[self._place :].encode("utf-8", "replace")

    def _read(self) -> None:
        if self._ended or len(self._text) - self._place > _LONGEST:
            raise _Broken
        part = next(self._source, b"")
        self._ended = not part
        self._text = self._text[self._place :] + self._decode(part, final=self._ended)
        self._place = 0
