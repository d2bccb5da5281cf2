"""A pasted text without what chats, mails and tickets put around it, and the JSON that is in it."""

import html
import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct, field

_ENTITY = re.compile(r"&(?:quot|amp|lt|gt|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\0"), None)
_SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2007\u3000"), " ")
_QUOTES = {ord(char): '"' for char in "“”„‟″«»"} | {ord(char): "'" for char in "‘’‚‛′"}
_QUOTED = re.compile(r"[ \t]{0,8}(?:[>|│][ \t]?){1,9}")
_BULLET = re.compile(r"[ \t]{0,8}(?:[*•·▪◦‣–—]|-(?!-))[ \t]+")
_FENCE = re.compile(
    r"\s*(?:`{3,}|~{3,}(?![~^])|\{(?:code|noformat|quote)(?::[^}\n]{0,40})?\}|</?(?:pre|code|blockquote)>)\s*"
)
"""Not the ~~~~^^^^ under a line of a Python traceback."""
_NAMED_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})\w{0,20}\s*$")

_MOST_WRAPPED = 60
"""Lines over which one line may have been wrapped."""
_SHORTEST_WRAPPED = 30
"""Characters of a line that may have been wrapped."""
_LINES = (50, 1_000, 20_000)
"""Lines of one JSON document: so many are looked at, then more if it does not end within."""
_WIDEST_MAIL = 78
"""Characters of a line of a mail (RFC 5322, section 2.1.1)."""
_BUDGET = 60_000_000
"""Characters that are looked at in vain for JSON, before it is given up."""

_DECODER = json.JSONDecoder(strict=False)


def cleaned(raw: str) -> str:
    """One line without quote marks, bullets, entities, smart quotes and fences around it."""
    text = raw.rstrip("\t").translate(_INVISIBLE).translate(_SPACES)
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text).translate(_SPACES)
    if '"' not in text:
        text = text.translate(_QUOTES)
    quoted = _QUOTED.match(text)
    if quoted and not text.startswith("│ "):
        text = text[quoted.end() :]
    bullet = _BULLET.match(text)
    if bullet:
        text = text[bullet.end() :]
    if _NAMED_FENCE.match(text):
        return ""
    text = _FENCE.sub("", text, count=1) if _FENCE.match(text) else text
    text = re.sub(r"\s*(?:`{3,}|\{(?:code|noformat)\}|</(?:pre|code)>)$", "", text)
    if len(text) > 2 and text[0] == "`" and text[-1] == "`":
        text = text[1:-1]
    return text


class Document(Struct, frozen=True):
    """A JSON object or array, in the lines `first` to `last`. `label` is what stands before it in its line."""

    first: int
    last: int
    value: object
    label: str = ""


class Excerpt(Struct, dict=True):
    """The lines, cleaned, and which of them were recognised. `name` is the file's, - for standard input."""

    name: str
    lines: tuple[str, ...]
    taken: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, text: str, name: str = "-") -> "Excerpt":
        return cls(name, tuple(map(cleaned, re.split(r"\r\n|\r|\n", text))))

    def take(self, first: int, last: int) -> None:
        self.taken.update(range(first, last + 1))

    @property
    def not_recognised(self) -> int:
        """Lines with words that are nothing that is known."""
        return sum(
            1
            for number, line in enumerate(self.lines)
            if number not in self.taken and any(char.isalnum() for char in line)
        )

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The JSON in the text, outermost first, also such as goes over several lines or was wrapped."""
        return tuple(self._documents())

    def _documents(self) -> Iterator[Document]:
        number, spent = 0, 0
        while number < len(self.lines):
            found, cost = None, 0
            for place in _openings(self.lines[number]):
                found, used = self._document(number, place)
                cost += used
                if found is not None:
                    break
            spent += cost
            if spent > _BUDGET:
                return
            if found is None:
                number += 1
                continue
            yield found
            number = found.last + 1

    def _document(self, number: int, place: int) -> tuple[Document | None, int]:
        """The document that begins here, and how many characters were looked at."""
        line = self.lines[number]
        label = line[:place].strip()
        value, cost = _decoded(line[place:])
        if value is not None:
            return Document(number, number, value[0], label), cost
        if cost < len(line) - place - 1:
            # It breaks within the line, and can't be mended by the next ones.
            return None, cost
        lines: list[str] = []
        for count in _LINES:
            lines = [line[place:], *self.lines[number + 1 : number + count]]
            text = "\n".join(lines)
            value, used = _decoded(text)
            cost += len(text)
            if value is not None:
                last = number + text[: value[1]].count("\n")
                return Document(number, last, _rejoined(value[0]), label), cost
            if len(lines) < count or used < len(text) - 1:
                break
        for count in range(2, min(_MOST_WRAPPED, len(lines)) + 1 if len(line) > _SHORTEST_WRAPPED else 0):
            if not lines[count - 1]:
                break
            for glue in glues(lines[:count]):
                value, used = _decoded(glue.join(lines[:count]))
                cost += used + count
                if value is not None:
                    return Document(number, number + count - 1, value[0], label), cost
        return None, cost


def _openings(line: str) -> list[int]:
    """Where in a line JSON may begin: at its first brace or bracket, and at its first object."""
    places = [place for place in (line.find("{"), line.find("["), line.find('{"')) if place >= 0]
    return sorted(dict.fromkeys(places))


def _decoded(text: str) -> tuple[tuple[object, int] | None, int]:
    """The JSON at the beginning of the text and where it ends, and how far was looked."""
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return None, min(max(error.pos, 1), len(text))
    except (ValueError, RecursionError):
        return None, min(len(text), 2_000)
    return ((value, end) if isinstance(value, dict | list) and value else None), max(end, 1)


def glues(lines: Sequence[str]) -> tuple[str, str]:
    """What stood between the lines of one that was wrapped, the likelier first: nothing where it was cut
    at the width of a terminal, a blank where a mail program put its words into several lines."""
    widths = {len(line) for line in lines[1:-1]}
    cut = len(widths) == 1 or (not widths and len(lines[0]) > _WIDEST_MAIL)
    return ("", " ") if cut else (" ", "")


def _rejoined(value: object) -> object:
    """Strings that were wrapped, without the line ends in them."""
    if isinstance(value, dict):
        return {key.replace("\n", ""): _rejoined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rejoined(item) for item in value]
    return value.replace("\n", "") if isinstance(value, str) else value
