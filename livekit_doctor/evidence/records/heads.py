"""What a program's log writes before a message: time, level, logger, process, place in the source, in any order.

Python's formatters put `%(asctime)s`, `%(levelname)s` and `%(name)s` in whatever order the team likes, with dashes,
colons, bars or brackets between them; zap has columns, pino brackets, loguru bars. So the head is read word by word:
each is a time, a level, a logger and so on, once, and the message begins with the first that is none.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from livekit_doctor import lazy_re

_TIME = lazy_re.compile(
    r"(?P<at>\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?)"
    r"|(?P<email>\d\d/[A-Z][a-z]{2}/\d{4}[ :]\d\d:\d\d:\d\d(?: [+-]\d{4})?)"
    r"|(?P<epoch>1[5-9]\d{8}\.\d{1,9}|1[5-9]\d{11})(?=[\s\]|,])"
    r"|(?:(?:[A-Z][a-z]{2},? )?[A-Z][a-z]{2} [ \d]?\d(?:,? \d{4})?,? |\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d\d),? )?"
    r"(?P<day>\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M\b)?|\d{1,2}:\d\d:\d\d ?[AP]M\b)(?: (?:UTC|GMT)\b)?(?![\w:])"
)
_LEVEL = lazy_re.compile(
    r"(?P<upper>TRACE|VERBOSE|DEBUG|DEV|LOG|[Il1]NFO(?:RMATION)?|NOTICE|SUCCESS|WARN(?:ING)?|ERR(?:OR)?|SEVERE|D?PANIC"
    r"|FATAL|CRITICAL|ALERT|EMERGENCY|EXCEPTION)(?![\w.=(])"
    r"|(?P<lower>trace|verbose|debug|info|notice|success|warn(?:ing)?|error|fatal|critical|panic)(?![\w.=(-])"
)
_CALLER = lazy_re.compile(r"(?:[\w./@<>-]+\.(?:go|py|[cm]?[jt]sx?|rs):\d+(?::\d+)?)(?=[\s\])|:,-]|$)")
_LOGURU = lazy_re.compile(r"(?P<logger>[A-Za-z_<][\w.<>-]*):[\w.<>]+:\d+(?= - |\s*\|)")
_PROCESS = lazy_re.compile(
    r"pid[=: ]{1,2}\d{1,8}\b|#?\d{1,8}(?=[\])]|\s*\||\s+-{1,3}\s)|(?:[\w.@-]{1,60}/)?\d{1,8}(?: on [\w.-]{1,80})?(?=\))"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|(?:Main|Fork|Spawn|Dummy|Pool|Thread|Worker|Process|asyncio)[\w.-]*(?:Thread|Process|Worker|_?-?\d+)\b"
)
_LOGGER = lazy_re.compile(r"[A-Za-z_][\w./@-]{0,100}(?:::\w+)*")
_BETWEEN = lazy_re.compile(r"\s*[\])>]{0,2}[\s|:,/]*(?:[-–—]{1,2}(?=\s)[\s|]*)?")
_LEVEL_AFTER = lazy_re.compile(r"\s+(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b")
_GO_CALLER = lazy_re.compile(r"\s+[\w./@-]+\.go:\d+")
_OPEN = lazy_re.compile(r"[\[(<{]{1,2}\s*")
_UUID = 36
"""Characters of a request's id, with which AWS Lambda begins its lines."""
_MOST_WORDS = 9
_MOST_STARTS = 6
_RAISED = ("Error", "Exception", "Warning", "Timeout")
"""How the name of what was raised ends, which stands where a logger might."""
_LIVEKITS = ("livekit", "lk-rtc", "lk.")
_KNOWN = frozenset({"root", "__main__", "main", "app", "agent", "agents", "worker", "server", "sip"})

_ANY_TIME = lazy_re.compile(
    r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d|\[\d\d:\d\d:\d\d\.\d{3}\] |(?<![\d:.])\d\d:\d\d:\d\d(?:[,.]\d+)? "
)
_AFTER_A_NAME = lazy_re.compile(
    r"(?<=\w )(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b(?= {1,8}livekit[\w.]*[ :])"
    r"|(?<=[:|>\]] )\[?(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b[\]:]?(?=[ :]{1,8}[A-Za-z_][\w.-]*[ :])"
)


_CONSOLE = lazy_re.compile(r"(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?P<name>[\w.…-]+ +)(?=\S)")
_NAMES = (17, 19)
"""Characters of the column of the logger in livekit-agents' own console, by its release."""


class Head(Struct):
    """What stands before a message. `rest` is the place where the message begins."""

    rest: int = 0
    at: str = ""
    time_of_day: str = ""
    level: str = ""
    logger: str = ""
    caller: str = ""

    @property
    def is_dated(self) -> bool:
        return bool(self.at or self.time_of_day)

    @property
    def is_whole(self) -> bool:
        """Whether this can be nothing but the head of a log's line, wherever it stands."""
        return bool(self.level and (self.is_dated or self.logger)) or (self.is_dated and _is_livekits(self.logger))

    @property
    def begins(self) -> bool:
        """Whether it is one where a line begins with it."""
        return self.is_whole or self.is_dated or bool(self.level) or self.logger.startswith("livekit.")


def is_of_console(text: str) -> bool:
    """Whether it is a line of livekit-agents' own console, of which the time before it is blank: a level and a logger,
    each in its column."""
    found = _CONSOLE.match(text)
    return found is not None and len(found["name"]) in _NAMES


def _is_livekits(logger: str) -> bool:
    return logger.startswith(_LIVEKITS)


def starts(text: str) -> Iterator[int]:
    """Where in a line a record of text may begin: at its first word, and behind what a chat has put before it."""
    first = len(text) - len(text.lstrip())
    yield first
    found = 0
    for pattern in (_ANY_TIME, _AFTER_A_NAME):
        for match in pattern.finditer(text, first + 1, first + 400):
            yield match.start()
            found += 1
            if found == _MOST_STARTS:
                return


def head_at(text: str, start: int) -> Head | None:
    """The head that begins there; None where there is none."""
    first = text[start : start + 1]
    if not (first.isalnum() or first in ("[", "(", "<", "_")):
        return None
    head = Head()
    place = start
    for number in range(_MOST_WORDS):
        opened = _OPEN.match(text, place)
        word = opened.end() if opened else place
        end = _take(head, text, word, number)
        if end < 0:
            break
        closed = _BETWEEN.match(text, end)
        place = closed.end() if closed else end
        head.rest = place
    return head if head.begins else None


def _take(head: Head, text: str, place: int, number: int) -> int:
    """Takes the word that begins there into the head; where it ends, or -1."""
    char = text[place : place + 1]
    if not head.is_dated and (char.isdigit() or char.isupper()):
        found = _TIME.match(text, place)
        if found:
            head.at = found["at"] or found["epoch"] or _of_email(found["email"])
            head.time_of_day = found["day"] or ""
            return found.end()
    if not head.level and char.isalpha():
        found = _LEVEL.match(text, place)
        if found and (found["upper"] or _is_level(head, text, place, found.end())):
            head.level = found[0]
            return found.end()
    if (found := _PROCESS.match(text, place)) and (number or len(found[0]) == _UUID):
        return found.end()
    if not head.caller and (found := _CALLER.match(text, place)) and (number or head.begins):
        head.caller = found[0]
        return found.end()
    if not head.logger or (number and _is_thread(head.logger)):
        if found := _LOGURU.match(text, place):
            head.logger = found["logger"].removesuffix("logging")  # Python's own, which hands on what others log
            return found.end()
        if (found := _LOGGER.match(text, place)) and _is_logger(head, text, found):
            head.logger = found[0].rstrip(".")
            return found.end()
    return -1


def _is_thread(word: str) -> bool:
    """Whether what stands in a logger's place may be a thread's name, such as main, with the logger to come."""
    return word.isalnum() and not _is_livekits(word)


def _of_email(text: str | None) -> str:
    """A time as web servers write it, as mails do."""
    return text.replace("/", " ").replace(":", " ", 1) if text else ""


def _is_level(head: Head, text: str, start: int, end: int) -> bool:
    """Whether a word in small letters is a level, and not the first one of a message."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if before in ("[", "(", "<") or after[:1] in ("]", ")", "|", "\t") or after in ("  ", " |"):
        return True
    if after[:1] == ":":
        return after[1:] in (" ", "\t", "") and not head.logger
    return head.is_dated and not head.logger and after[:1] in (" ", "")


def _is_logger(head: Head, text: str, found: re.Match[str]) -> bool:
    word, before, after = found[0], text[found.start() - 1 : found.start()], text[found.end() : found.end() + 3]
    known = word in _KNOWN or _is_livekits(word)
    if word.endswith(_RAISED):
        return False
    if not (head.is_dated or head.level or known):
        return False
    if after.startswith((" - ", "\t", " | ", "|")) or (before in ("[", "(") and after[:1] in ("]", ")")):
        return True
    named = known or any(char in word.strip(".-_") for char in "._-")
    if after.startswith(":") and not after.startswith("://"):
        return named or (before == ":" and bool(head.level))
    if not head.level and _LEVEL_AFTER.match(text, found.end()):
        return True  # also who it is of, which people put between: 15:02:12 worker WARNING livekit.agents ...
    if not (head.level or head.is_dated):
        return False
    if not after.startswith((" ", "]")):
        return False
    if after.startswith("  ") and head.level.isupper() and _is_in_column(text, found):
        return True
    dotted = "." in word.strip(".") and "/" not in word
    return _is_livekits(word) or (dotted and bool(head.level)) or _GO_CALLER.match(text, found.end()) is not None


def _is_in_column(text: str, found: re.Match[str]) -> bool:
    """Whether the word is as wide, with the blanks after it, as the column of the logger in livekit-agents' own
    console."""
    after = text[found.end() :]
    return len(found[0]) + len(after) - len(after.lstrip(" ")) in _NAMES
