"""A piece of text without what chats, mails and tickets put around it, and the JSON that is in it."""

import json
import quopri
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from itertools import accumulate

from msgspec import Struct, field
from msgspec.structs import replace

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import columns, exports, shapes, tracebacks
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.lines import GONE, Line, strip, without_colours
from livekit_doctor.evidence.records.prefixed import alike_below
from livekit_doctor.evidence.records.printed import is_whole, printed_at
from livekit_doctor.evidence.records.values import decoded, json_at, json_in
from livekit_doctor.evidence.records.wraps import glues, joined, unwrapped
from livekit_doctor.redact import redact_text

_MOST_WRAPPED = 60
"""Lines over which one line may have been wrapped."""
_SHORTEST_WRAPPED = 30
"""Characters of a line that may have been wrapped."""
_LINES = (50, 1_000, 20_000)
"""Lines of one JSON document: so many are looked at, then more if it does not end within."""
_BUDGET = 20_000_000
"""Characters that are looked at in vain for JSON, before it is given up."""

_SHOWN, _SHOWN_OF_EACH = 3, 120
"""Lines that nothing recognised which are shown, and characters of each."""

_LIKE_A_LOG = lazy_re.compile(
    r"\d{1,2}:\d\d:\d\d|\b(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b|^\s*[\[{]|\"\w+\": ?|[\w.]=[\"'\w{]"
    r"|Traceback \(most|^\s+(?:at \S|File \")|\w(?:Error|Exception)\b|\|\s*[\[{]"
)
_PRINTED = lazy_re.compile(
    r"\[?<LiveKit::Proto::\w+:"
    r"|(?:(?<=[\s:(])|^)(?:<ref \*\d+> )?(?:(?:[A-Za-z_$][\w$.]*|\[\w+: null prototype\])?(?:\(\d+\))?(?: \[\w+\])? )?"
    r"(?:\{(?=\s*$| ?(?:['\"]?[\w$.-]+['\"]?|\[\w+\]): | ?['\"][^'\"]{1,100}['\"] => )"
    r"|\[(?=\s*$| ?(?:<ref \*\d+> )?(?:[A-Za-z_$][\w$.]* )?\{))"
)
"""What opens an object, or a list of some, alone or behind the name of its class."""
_MOST_PRINTED = 200
"""Lines of one such object."""

_DEEPEST = 3
"""Objects inside of each other in whose strings JSON is looked for."""


class Unrecognised(Struct):
    """Lines of a text that are nothing that is known: how many, and the first of them, those that look like a log's
    before what people say around it."""

    count: int = 0
    _of_logs: list[str] = field(default_factory=list)
    _others: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if any(map(str.isalnum, line)):
            self.count += 1
            kept = self._of_logs if _LIKE_A_LOG.search(line[:400]) else self._others
            if len(kept) < _SHOWN:
                kept.append(shortened(redact_text(line[:2_000].strip()), _SHOWN_OF_EACH))

    @property
    def first(self) -> tuple[str, ...]:
        return (*self._of_logs, *self._others)[:_SHOWN]

    def plus(self, other: "Unrecognised") -> "Unrecognised":
        """Both, the other's behind its own."""
        return Unrecognised(self.count + other.count, self._of_logs + other._of_logs, self._others + other._others)


class Document(Struct, frozen=True):
    """A JSON object or array, in the lines `first` to `last`. `label` is what stands before it in its line, `rest`
    what stands behind it in its last one."""

    first: int
    last: int
    value: object
    label: str = ""
    rest: str = ""


class Excerpt(Struct, dict=True):
    """The lines, cleaned, and which of them were recognised. `name` is the file's, - for standard input."""

    name: str
    lines: tuple[str, ...]
    gone: frozenset[int] = frozenset()
    """Lines that were put onto the one before them."""
    taken: set[int] = field(default_factory=set)
    numbers: Sequence[int] = ()
    """In which line of the text each line stands, from 1, where that is not its place: see `of`."""

    @classmethod
    def of(cls, text: str, name: str = "-") -> "Excerpt":
        """The text, each entry of a JSON export in a line of its own."""
        return cls.of_lines(re.split(r"\r\n|\r|\n", _unescaped(text)), name).unfolded()

    @classmethod
    def of_lines(cls, raw: Sequence[str], name: str = "-") -> "Excerpt":
        """The lines as they are."""
        lines = unwrapped(raw)
        gone = frozenset(number for number, line in enumerate(lines) if line == GONE)
        return cls(name, tuple("" if line == GONE else line for line in lines), gone)

    def below(self, line: int) -> str:
        """What the next line says, if there is one."""
        return self.stripped[line + 1].text if line + 1 < len(self.lines) else ""

    def number_of(self, line: int) -> int:
        """In which line of the text this line stands, from 1."""
        return self.numbers[line] if self.numbers else line + 1

    def unfolded(self, *, every: bool = False) -> "Excerpt":
        """The same with each entry of a JSON export in a line of its own, and on request every other JSON in one."""
        documents = {document.first: document for document in (*self._outermost, *self._printed)}
        lines: list[str] = []
        gone: set[int] = set()
        numbers: list[int] = []
        number, moved = 0, False
        while number < len(self.lines):
            document, last = documents.get(number), number
            put: list[str] = []
            with suppress(RecursionError):  # Python reads deeper than it writes; such a line stays as it is
                put = self._put(number, document, every=every)
            if put and document is not None:
                last = document.last
            elif number in self.gone:
                gone.add(len(lines))
            moved = moved or bool(put)
            lines += put or [self.lines[number]]
            numbers += [number + 1] * (len(put) or 1)
            number = last + 1
        if not moved:
            return self
        return Excerpt(self.name, tuple(lines), frozenset(gone), numbers=numbers)

    def _put(self, number: int, document: Document | None, *, every: bool) -> list[str]:
        """The lines in which the entries stand alone that begin in this line; none where it stays as it is."""
        if document is None:
            return exports.apart(self.lines[number]) if "[{" in self.lines[number] else []
        named = any(map(str.isalnum, document.label))
        if named and shapes.has_whole_head(self.stripped[number].text):
            return []
        entries = exports.entries(document.value) or exports.in_one_string(document.value)
        rest = exports.one_behind_the_other(document.rest) if "{" in document.rest and not named else []
        if not (
            entries or rest or (every and document.last > number and not document.label and is_whole(document.value))
        ):
            return []
        values: Sequence[object] = entries or [document.value]
        found = [line for entry in values for line in exports.line_of(entry)]
        behind = rest or ([document.rest] if document.rest.strip() else [])
        return [*([document.label] if named else []), *found, *behind]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The lines, rows of CSV as the JSON objects that they are, and GONE for what is part of the one before."""
        put = columns.in_json(GONE if number in self.gone else line for number, line in enumerate(self.lines))
        return tuple(put)

    @cached_property
    def bodies(self) -> tuple[str, ...]:
        """The same, blank for what is part of the one before."""
        return tuple("" if text == GONE else text for text in self.texts)

    @cached_property
    def stripped(self) -> tuple[Line, ...]:
        """The lines without what containers put before them, and what a container cut in one."""
        lines = [strip(line) for line in self.texts]
        for number in range(len(lines) - 1, 0, -1):
            before = lines[number - 1]
            if before.goes_on and lines[number].text != GONE:
                lines[number - 1] = replace(before, text=without_colours(before.text + lines[number].text))
                lines[number] = Line(GONE)
        for number, line in enumerate(lines):
            if (place := line.text.find(tracebacks.PYTHON)) > 0 and line.text[:place].strip():
                _put_at_the_margin(lines, number, line.text[:place])
        return tuple(lines)

    def head(self, count: int) -> "Excerpt":
        """Its first lines alone."""
        return Excerpt(self.name, self.lines[:count], frozenset(number for number in self.gone if number < count))

    def end_of(self, number: int) -> int:
        """The last of the lines that were put onto this one, or itself."""
        while number + 1 < len(self.lines) and self.stripped[number + 1].text == GONE:
            number += 1
        return number

    def take(self, first: int, last: int) -> None:
        self.taken.update(range(first, last + 1))

    @property
    def not_recognised(self) -> Unrecognised:
        """Lines with words that are nothing that is known."""
        unknown = Unrecognised()
        for line in self._left():
            unknown.add(line)
        return unknown

    @property
    def sentences(self) -> Iterator[str]:
        """What people say around what was recognised."""
        return (line for line in self._left() if not _LIKE_A_LOG.search(line[:400]))

    def _left(self) -> Iterator[str]:
        for number, line in enumerate(self.lines):
            if number not in self.taken and (self.texts[number] or not columns.is_header(line)):
                yield line

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The JSON in the text, outermost first, also such as goes over several lines or was wrapped, what JavaScript's
        console or Python printed in its place, and what is JSON in the strings of another."""
        return tuple(each for document in (*self._outermost, *self._printed) for each in (document, *_inside(document)))

    @cached_property
    def _outermost(self) -> tuple[Document, ...]:
        return tuple(self._documents())

    @cached_property
    def _printed(self) -> tuple[Document, ...]:
        """The objects that are no JSON, each at the end of a line."""
        begun = {number for document in self._outermost for number in range(document.first, document.last + 1)}
        found: list[Document] = []
        number, spent = 0, 0
        while number < len(self.bodies) and spent < _BUDGET:
            line = self.bodies[number]
            opened = _PRINTED.search(line) if number not in begun and any(map(line.__contains__, "{[<")) else None
            if opened is not None:
                text = "\n".join((line, *self.bodies[number + 1 : number + _MOST_PRINTED]))
                read = printed_at(text, opened.start())
                spent += read[1] if read is not None else len(text)
                if read is not None:
                    last = number + text.count("\n", 0, read[1])
                    found.append(Document(number, last, read[0], line[: opened.start()].strip()))
                    number = last
            number += 1
        return tuple(found)

    @cached_property
    def _by_first(self) -> dict[int, Document]:
        return {document.first: document for document in self._outermost}

    def time_of(self, document: Document) -> datetime | None:
        """When the log's line was written that the document is, or is in; None where that says no time and zone."""
        line, whole = self.stripped[document.first], self.document_at(document.first)
        record = shapes.read_value(whole.value) if whole is not None and not whole.label else None
        record = record or shapes.read_text([line])
        return record.at if record is not None and record.at is not None and record.zoned else line.at

    def document_at(self, number: int) -> Document | None:
        """The document that begins in this line."""
        return self._by_first.get(number)

    def _documents(self) -> Iterator[Document]:
        number, spent = 0, 0
        while number < len(self.bodies):
            found, cost = None, 0
            for place in _openings(self.bodies[number]):
                document, used = self._document(number, place)
                cost += used
                found = document or found
                if document is not None and not _are_numbers(document.value):
                    break  # not that of a process: app[812]: {"event": ...
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
        line = self.bodies[number]
        label = line[:place].strip()
        if line.startswith('{\\"', place) and isinstance(escaped := json_at(line, place), dict):
            return Document(number, number, escaped, label), len(line)
        value, cost = decoded(line[place:])
        if value is not None:
            return Document(number, number, value[0], label, line[place + value[1] :]), cost
        if cost < len(line) - place - 1:
            # It breaks within the line, and can't be mended by the next ones.
            return None, cost
        lines: list[str] = []
        within_string = len(_QUOTE.findall(line, place)) % 2  # one that was wrapped
        for count in (_MOST_WRAPPED,) if within_string else _LINES:
            lines = [line[place:], *self.bodies[number + 1 : number + count]]
            text = "\n".join(lines)
            value, used = decoded(text)
            cost += len(text)
            if value is not None:
                found = _over_lines(number, text, value, label)
                return replace(found, value=_whole(found.value, text[: value[1]], place)), cost
            if len(lines) < count or used < len(text) - 1:
                break
        if within_string:
            return None, cost
        if below := alike_below(self.bodies, number, line[:place]) if label else []:
            text = "\n".join((line[place:], *below))
            value, used = decoded(text)
            cost += used
            if value is not None:
                return _over_lines(number, text, value, label), cost
        for count in range(2, min(_MOST_WRAPPED, len(lines)) + 1 if len(line) > _SHORTEST_WRAPPED else 0):
            if not lines[count - 1]:
                break
            for glue in glues(lines[:count]):
                text = joined(lines[:count], glue)
                value, used = decoded(text)
                cost += used + count
                if value is not None:
                    return Document(number, number + count - 1, value[0], label, text[value[1] :]), cost
        return None, cost


def _over_lines(first: int, text: str, value: tuple[object, int], label: str) -> Document:
    """What was decoded of the text, which begins in the line `first`: the value, and where it ends in the text."""
    last, rest = first + text[: value[1]].count("\n"), text[value[1] :].partition("\n")[0]
    return Document(first, last, value[0], label, rest)


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, int) for item in value)


def _unescaped(text: str) -> str:
    """A text that was written for a mail (quoted-printable, RFC 2045: no line has more than 76 characters, and = at its
    end says that it goes on), as a string of JSON, or with a blank line below each other, as it was; any other as it
    is."""
    if _SOFT_END.search(text) and not _LONG_LINE.search(text):
        return quopri.decodestring(text.encode()).decode(errors="replace")
    if "\\n" in text and "\n" not in (stripped := text.strip()):
        if stripped[0] == stripped[-1] == "'":  # as Python shows it
            stripped = stripped[1:-1].replace('"', '\\"').replace("\\'", "'")
        written = json_in(stripped if stripped.startswith('"') else f'"{stripped}"')
        return written if isinstance(written, str) else text
    lines = text.split("\n")
    if len(lines) > _FEWEST_APART and not any(map(str.strip, lines[1::2])) and all(map(str.strip, lines[:-1:2])):
        return "\n".join(lines[::2])  # as some pages are copied
    return text


_FEWEST_APART = 6
"""Lines, with the blank ones between them."""


_SOFT_END = lazy_re.compile(r"^[^\r\n]{68,75}=$", re.MULTILINE)
_LONG_LINE = lazy_re.compile(r"[^\r\n]{79}")


def _put_at_the_margin(lines: list[Line], number: int, prefix: str) -> None:
    """The lines of a traceback without what stands before each of them, as stern and others put it."""
    texts = [line.text for line in lines[number : number + shapes.MOST_LINES]]
    below = alike_below(texts, 0, prefix)
    if below and below[0].startswith("  File "):
        for place, text in enumerate((texts[0][len(prefix) :], *below), number):
            if shapes.has_whole_head(text):
                break
            lines[place] = replace(lines[place], text=text)


def _inside(document: Document) -> Iterator[Document]:
    """The JSON in the strings of a document, such as the body in a log's message."""
    for text in strings_in(document.value):
        place = text.find('{"')
        value = json_at(text, place) if place >= 0 else None
        if isinstance(value, dict):
            yield Document(document.first, document.last, value, text[:place].strip() or document.label)


def strings_in(value: object, depth: int = 0) -> Iterator[str]:
    """The texts in an object, also inside of another."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and depth < _DEEPEST:
        for inner in value.values():
            yield from strings_in(inner, depth + 1)


def _openings(line: str) -> list[int]:
    """Where in a line JSON may begin: at its first brace or bracket, and at its first object."""
    places = [place for place in (line.find("{"), line.find("["), line.find('{"')) if place >= 0]
    return sorted(dict.fromkeys(places))


def _whole(value: object, text: str, place: int) -> object:
    """The value, its strings as they were where they go over several lines, which only those do that were wrapped. The
    text begins at this place of its first line."""
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        lines = [" " * place + line if number == 0 else line for number, line in enumerate(text.split("\n"))]
        quotes = accumulate(len(_QUOTE.findall(line)) for line in lines)
        cut = [number for number, count in enumerate(quotes) if count % 2]
        parts = [lines[number] for number in (*cut, cut[-1] + 1)]
        found, _ = decoded(joined(lines, glues(parts if len(cut) == 1 else ["", *parts])[0]).lstrip())
        return found[0] if found else value
    return value


_QUOTE = lazy_re.compile(r'(?<!\\)(?:\\\\)*"')
