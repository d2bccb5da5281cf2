"""Who says it: a program, or a person who quotes one, or code that looks for it."""

import re

from livekit_doctor import lazy_re

_MAKES = lazy_re.compile(r"\b(?:raise|throw|return|new|side_effect\s?=)\s{1,4}(?:new )?(?:\w+\.){0,3}$")

COMPARES = lazy_re.compile(
    r"(?:[=!]=|\bin|\b(?:includes|contains|startsWith|startswith|match|search|indexOf)\(|"
    r"\b(?:raise|throw|return|new)\b[^\n]{0,80}\([^\n()]{0,40})\s?[rbf]?[\"'`/]$"
)

_WORD = r"(?<![^\s(])[A-Za-z][a-z]*(?:'[a-z]+)?,?"
SENTENCE_BEFORE = lazy_re.compile(rf"(?:{_WORD} ){{3}}$|{_WORD} [`\"'“‘(]+$")
_SENTENCE_AFTER = lazy_re.compile(rf"[`\"'”’)]*[,;.]?(?: {_WORD}){{3}}")
_SENTENCE_AND_COLON = lazy_re.compile(rf"(?:{_WORD}[ ]?){{4,}}:\s*[`\"'“‘«]*$")
_OF_ANOTHER = lazy_re.compile(
    r"\b(?:another|other|different|unsure|not sure|which|whose)\b[^\n]{0,60}:\s*$", re.IGNORECASE
)
"""A sentence in the line above, that leads to what is said to be of another call, or of nobody knows which."""
OF_PROGRAM = lazy_re.compile(r"error|exception|fail|dial|rais|log|trace|return|respon|output|crash", re.IGNORECASE)
"""A log puts a colon before an error, and nothing behind it. Where a sentence leads to the colon, one of these words
says that a program spoke; "last week another customer had this:" has none."""
LOGGED = lazy_re.compile(
    r"\W*(?:[\dT:.,+Z/ -]{8,40}\W*)?(?:ERROR|WARN|WARNING|INFO|FATAL|CRITICAL)\b"
    r"|\W*(?i:error|exception|uncaught|unhandled|fatal|panic)\b"
)
"""How a log's line begins, and no sentence."""


def is_code(text: str, match: re.Match[str]) -> bool:
    """Whether a program makes the error there, in place of printing one that it got."""
    return _MAKES.search(before(text, match)) is not None


def before(text: str, match: re.Match[str]) -> str:
    """What stands before a match in its line, as far as it may say what the match is."""
    return text[max(0, match.start() - 160) : match.start()].rpartition("\n")[2]


def is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether it stands in somebody's sentence: "last week they saw `SIP call failed: 486 ...`, but not here"."""
    above, after = before(text, match), text[match.end() : match.end() + 160].partition("\n")[0]
    if LOGGED.match(above):
        return False
    told = _SENTENCE_AND_COLON.search(above)
    if told and not OF_PROGRAM.search(told[0]):
        return True
    led_to = not above.strip() and _OF_ANOTHER.search(text[max(0, match.start() - 300) : match.start()])
    return bool(SENTENCE_BEFORE.search(above) or _SENTENCE_AFTER.match(after) or led_to)


def is_compared(text: str, match: re.Match[str]) -> bool:
    """Whether a program looks for these words, or makes an error of them."""
    return COMPARES.search(before(text, match)) is not None or text[match.end() : match.end() + 5] in (
        '" in ',
        "' in ",
    )
