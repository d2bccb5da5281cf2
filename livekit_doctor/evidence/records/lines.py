"""One line without what stands around it: quote marks and bullets of chats and mails, colours, and what
containers and hosts put before each line."""

import html
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import heads
from livekit_doctor.evidence.records.times import moment

GONE = "\0"
"""In place of a line that was put onto the one before it."""

_ANSI = lazy_re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|\(B)")
_ESC = r"(?:\^\[|\u241b|#033|\\(?:u001b|x1b|033|e))"
_CODES = r"\d{1,3}(?:;\d{1,3}){0,4}"
_HALF_ANSI = lazy_re.compile(rf"{_ESC}\[(?:{_CODES})?m|\[{_CODES}m(?!s\b)")
"""A colour whose ESC was lost in copying, or is spelt out. Only where a line has an end of one, too."""
_HALF_ENDS = ("[39m", "[0m", "^[[m", "\u241b[m", "#033[m", "\\u001b[m", "\\x1b[m", "\\033[m", "\\e[m")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"
_LOCAL = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?"
_RECORD = (
    r"(?=\d{4}-\d\d-\d\d[T ]\d\d:|\{\"|Traceback \(most| {2,8}(?:File \"|at \S)|\w[\w.]{0,80}(?:Error|Exception): )"
)
"""What begins a record, or goes on with a traceback."""

_ENTITY = lazy_re.compile(r"&(?:quot|amp|lt|gt|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\0"), None)
_SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2007\u3000"), " ")
_QUOTES = {ord(char): '"' for char in "“”„‟″«»"} | {ord(char): "'" for char in "‘’‚‛′"}
_QUOTED = lazy_re.compile(r"[ \t]{0,8}(?:[>|│][ \t]?){1,9}")
_BULLET = lazy_re.compile(r"[ \t]{0,8}(?:[*•·▪◦‣–—]|-(?!-)|\d{1,3}[.)](?= +(?:[\[{\d]|[A-Z]{4,8}[: ])))(?:[ \t]|$)")
_MARKS = (">", "|", "│")
_FENCE = lazy_re.compile(
    r"\s*(?:`{3,}|~{3,}(?![~^])|\{(?:code|noformat|quote)(?::[^}\n]{0,40})?\}"
    r"|</?(?:pre|code|blockquote|div|p|li)>|<br ?/?>)\s*"
)
"""Not the ~~~~^^^^ under a line of a Python traceback."""
_NAMED_FENCE = lazy_re.compile(r"\s*(?:`{3,}|~{3,})\w{0,20}\s*$")
_FENCE_END = lazy_re.compile(r"\s*(?:`{3,}|\{(?:code|noformat)\}|</(?:pre|code|div|p|li)>|<br ?/?>)$")

_HOSTS = ("MESSAGE", "line", "textPayload", "message", "_raw")
_TIMES = ("__REALTIME_TIMESTAMP", "timestamp", "_time", "time", "@timestamp", "date")
_AROUND = ("attributes", "result", "content", "_source")
_OF_TEXT = lazy_re.compile(
    r'"(?:MESSAGE|line|textPayload)":|"(?:message|_raw)":\s?"(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d'
    r"|Traceback \(most|(?:\\t| {2,8})\S|(?:\w{1,40}\.){0,6}[A-Z]\w{0,60}(?:Error|Exception)\b)"
)
"""What is not the message of a program's own JSON."""
_PART = lazy_re.compile(r"\s+\S|Traceback \(most|(?:\w+\.)*[A-Z]\w*(?:: |$)|(?:During|The above|The direct)\b")
"""A line of a traceback."""

_PREFIXES = tuple(
    lazy_re.compile(pattern)
    for pattern in (
        # Kubernetes CRI: TIME stdout F text
        rf"(?P<at>{_ISO}) (?:stdout|stderr) (?P<tag>[FP]) ?",
        # Azure Container Apps keep the runtime's mark only: F text
        r"F (?=\d{4}-\d\d-\d\d|\{\")",
        # journald with ISO times: TIME host unit[123]: text; Heroku: TIME app[worker.1]: text
        rf"(?P<at>{_ISO}) (?:[\w.-]+ )?[\w.@/-]+\[[\w.]+\]: ",
        # aws logs tail: TIME stream/name/0123456789abcdef text
        rf"(?P<at>{_ISO}) [\w.-]+/[\w./$\[\]-]*[0-9a-f]{{16,}} ",
        # aws logs --output text: EVENTS, id, time, text, stream, time
        r"EVENTS\t\d+\t(?P<ms>1\d{12})\t(?P<message>[^\n]*)\t[^\t\n]+\t1\d{12}\s*$",
        # logcli: TIME {label="value", ...} text
        rf"(?P<at>{_ISO}) \{{\w+=\"[^\"]*\"(?:, ?\w+=\"[^\"]*\"){{0,40}}\}}\s+",
        # In brackets, and as ts of moreutils prints it
        rf"\[(?P<at>{_ISO}|{_LOCAL})\] {_RECORD}",
        rf"[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d {_RECORD}",
        # The numbers of cat -n and of grep -n
        rf"(?:[\w./-]{{1,100}}:)?\d{{1,6}}[:-]{_RECORD}",
        rf"\d{{1,6}}\t{_RECORD}",
        # kubectl logs --timestamps, docker logs --timestamps, render logs
        rf"(?P<at>{_ISO}) (?= {{2,8}}(?:File \"|at \S))",
        rf"(?P<at>{_ISO})(?: {{1,4}}|\t)(?!- |(?:DEBUG|INFO|WARN|ERROR|DPANIC|PANIC|FATAL"
        r"|debug|info|warn(?:ing)?|error|fatal)\s)",
        # Docker Desktop, and others that print local time: TIME text, where the text has a time of its own or goes on
        # with a traceback. The time has no zone, so that of the text, where there is one, is the better.
        rf"{_LOCAL} (?=\d{{4}}-\d\d-\d\d[T ]\d\d:|Traceback \(most|[\w.]{{1,80}}(?:Error|Exception): |  File \""
        r"| {4,}(?![A-Z]{4,8}\b))",
        # A chat's copy, when before each line: [10:41] TIME text
        r"\[\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?\] (?=\d{4}-\d\d-\d\d[T ]|\{\")",
        # and who: [10:41] sam: text
        r"\[\d{1,2}:\d\d(?: ?[AP]M)?\] [\w.-]{1,30}(?: [\w.-]{1,30})?: ?",
        # foreman: 05:11:54 web.1   | text
        r"(?P<day>\d\d:\d\d:\d\d) [A-Za-z][\w-]{0,40}\.\d{1,3} +\| ?",
        # docker compose: name-1  | text; pm2: 0|name  | text
        r"(?:\d{1,3}\|)?[A-Za-z0-9][\w.-]{0,80} +\| ?",
        # CSV, the text in its last column: TIME,host,"text ""with quotes"" in it"
        rf"(?:\"?(?P<at>{_ISO})\"?|(?P<epoch>\d{{13}})|\"[^\"]{{0,80}}\"|[^\",]{{0,80}})"
        r"(?:,(?:\"[^\"]{0,80}\"|[^\",]{0,80})){0,6},\"(?=[^\"]|\"\")(?P<cell>.*)\",?$",
        # kubectl logs --prefix: [pod/name/container] text
        r"\[pod/[^\]\s]{1,300}\] ",
        # A log stream of Render and others, RFC 5424: <14>1 TIME host app pid id - text
        rf"<\d{{1,3}}>1 (?P<at>{_ISO}) \S+ \S+ \S+ \S+ (?:-|\[.*?\]) ",
        # journald: Nov 23 21:08:03 host unit[123]: text
        r"[A-Z][a-z]{2} [ \d]\d (?P<day>\d\d:\d\d:\d\d(?:\.\d+)?) (?![A-Z]{4,8} )[\w.-]+ [\w.@/-]+(?:\[\d+\])?: ",
    )
)
_MOST = 4
_USUAL = 4_000
"""Characters of a line."""


class Line(Struct):
    """A line without its prefixes. `at` is the time that a prefix had, or `time_of_day`; `goes_on` says that the
    container runtime cut the line, and the next one is its rest."""

    text: str
    at: datetime | None = None
    goes_on: bool = False
    time_of_day: str = ""


T = TypeVar("T")


def _remembered(read: Callable[[str], T]) -> Callable[[str], T]:
    """To find where a record begins and ends, its lines are looked at several times: those of usual length are
    remembered for a while."""
    last = lru_cache(maxsize=256)(read)
    return lambda raw: last(raw) if len(raw) < _USUAL else read(raw)


@_remembered
def cleaned(raw: str) -> str:
    """One line without quote marks, bullets, entities, smart quotes and fences around it."""
    if raw == GONE:
        return raw
    text = raw.rstrip("\t")
    if "â€" in text:  # UTF-8 that was read as Windows' code page
        with suppress(UnicodeError):
            text = text.encode("cp1252").decode()
    if "#011" in text:  # a tab, as rsyslog writes it
        text = text.replace("#011", "\t")
    if "^I" in text and text.endswith("$"):  # as cat -A shows it
        text = text.removesuffix("$").removesuffix("^M").replace("^I", "\t")
    text = _out_of_quotes(text)
    if not text.isascii() or "\0" in text:
        text = text.translate(_INVISIBLE).translate(_SPACES)
        if '"' not in text:
            text = text.translate(_QUOTES)
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text).translate(_SPACES)
    first = text.lstrip(" \t")[:1]
    if first in _MARKS:
        quoted = _QUOTED.match(text)
        if quoted and not f"{text.lstrip(' ')} ".startswith("│ "):  # that is a table's edge
            text = text[quoted.end() :]
            first = text.lstrip(" \t")[:1]
    if not first.isalpha():
        bullet = _BULLET.match(text)
        if bullet:
            text = text[bullet.end() :]
    return _without_fence(text)


def _out_of_quotes(text: str) -> str:
    """A line that was written as one string of JSON, or as one cell of CSV, as it was; an item of an indented list is
    no line."""
    quoted = text.rstrip().removesuffix(",")
    if len(quoted) < 3 or not quoted[0] == quoted[-1] == '"' or not ("\\" in quoted or '""' in quoted):
        return text
    with suppress(ValueError):
        if isinstance(value := json.loads(quoted), str):
            return text if "\n" in value.rstrip("\n") else value.rstrip("\n")
    inner = quoted[1:-1].replace('""', "\0")
    return text if '"' in inner or "\0" not in inner else inner.replace("\0", '"')


def quote_depth(raw: str) -> int:
    """How many quote marks stand before the line."""
    quoted = _QUOTED.match(raw) if raw.lstrip(" \t")[:1] == ">" else None
    return quoted[0].count(">") if quoted else 0


def _without_fence(text: str) -> str:
    if not ("`" in text or "~~~" in text or "{code" in text or "{noformat" in text or "{quote" in text or "<" in text):
        return text
    if _NAMED_FENCE.match(text):
        return ""
    text = _FENCE.sub("", text, count=1) if _FENCE.match(text) else text
    text = _FENCE_END.sub("", text)
    return text[1:-1] if len(text) > 2 and text[0] == "`" and text[-1] == "`" else text


@_remembered
def strip(raw: str) -> Line:
    """The line without line end, colours, prefixes, and the JSON that docker wraps around it."""
    if raw == GONE:
        return Line(GONE)
    text = raw.rstrip("\r\n").replace("\0", "").lstrip("\r")
    line = Line(without_colours(text))
    for _ in range(_MOST):
        before = line.text
        begins = before.lstrip(" \t")
        if begins.startswith('{"') and _unwrap(line, begins):
            continue
        if begins[:1] in ("", "{") or not _take_prefix(line, begins):
            break
    return line


def _take_prefix(line: Line, text: str) -> bool:
    for prefix in _PREFIXES:
        found = prefix.match(text)
        if found:
            groups = found.groupdict()
            if groups.get("at"):
                line.at = moment(groups["at"])[0]
            line.time_of_day = groups.get("day") or line.time_of_day
            line.goes_on = groups.get("tag") == "P"
            line.text = text[found.end() :]
            if groups.get("message") is not None:
                line.text = groups["message"]
                line.at = moment(groups["ms"])[0]
            if groups.get("cell"):
                line.text = groups["cell"].replace('""', '"')
                line.at = moment(groups.get("epoch"))[0] or line.at
            return True
    return False


def without_colours(text: str) -> str:
    text = _ANSI.sub("", text) if "\x1b" in text else text
    return _HALF_ANSI.sub("", text) if "m" in text and any(end in text for end in _HALF_ENDS) else text


def _unwrap(line: Line, text: str) -> bool:
    return _unwrap_docker(line, text) or _unwrap_host(line, text)


def _unwrap_host(line: Line, text: str) -> bool:
    """An entry of a host's that is one line of a program's text: one with a head of its own, or one of a traceback,
    which hosts cut into its lines. What the host says beside it is no more than when it came."""
    if not _OF_TEXT.search(text):
        return False
    values = _object(text)
    around = next((item for key in _AROUND if isinstance(item := values.get(key), dict)), values)
    inner = next((item for key in _HOSTS if isinstance(item := around.get(key), str) and item), None)
    at = next((item for key in _TIMES if (item := around.get(key, values.get(key))) is not None), None)
    if inner is None or at is None or inner.lstrip().startswith("{") or "\n" in inner.rstrip("\n"):
        return False
    head = heads.head_at(inner, 0)
    if not (head is not None and head.is_whole) and not _PART.match(inner):
        return False
    line.at = moment(at)[0]
    line.text = without_colours(inner.rstrip("\r\n"))
    return True


def _object(text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


_OF_DOCKER = frozenset({"stream", "time", "date"})


def _unwrap_docker(line: Line, text: str) -> bool:
    """docker's json-file: {"log": "text\\n", "stream": "stdout", "time": "..."}; and Fluent Bit's likes, which have the
    time as `date`, no line end, and `_p` for a part of a line."""
    if '"log":' not in text or not any(f'"{key}":' in text for key in _OF_DOCKER):
        return False
    values = _object(text)
    inner = values.get("log")
    if not isinstance(inner, str) or not inner or _OF_DOCKER.isdisjoint(values):
        return False
    line.at = moment(values.get("time", values.get("date")))[0]
    whole = inner.endswith("\n") or "stream" not in values or "date" in values
    line.goes_on = values["_p"] == "P" if "_p" in values else not whole
    line.text = without_colours(inner.rstrip("\r\n"))
    return True
