"""Mistakes in a configuration: where, which key, what is wrong, what to write instead."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.errors import ConfigError

_MOST_ISSUES = 20
_LONGEST_SHOWN = 60

UNPRINTABLE = lazy_re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Characters that no name has: they break terminals, databases or UTF-8."""


class Issue(Struct, frozen=True):
    """One mistake. `where` is a file and line, a variable or "command line"."""

    where: str
    key: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.problem) if part)


def raise_for(issues: Sequence[Issue]) -> None:
    """Raise all issues as one ConfigError; return when there are none."""
    if not issues:
        return
    lines = list(dict.fromkeys(str(issue) for issue in issues))
    if len(lines) > _MOST_ISSUES:
        lines[_MOST_ISSUES:] = [f"and {len(lines) - _MOST_ISSUES} more"]
    fixes = dict.fromkeys(issue.fix for issue in issues if issue.fix)
    raise ConfigError("\n".join(lines), "\n".join(fixes) or "correct what is named above, then run it again")


def plain(text: str) -> str:
    """A piece of somebody's file, safe and short enough to print."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shown(text: str) -> str:
    """The same, marked as a quotation."""
    return f"`{plain(text)}`"


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that was probably meant."""
    words = {item.casefold(): item for item in valid}
    found = get_close_matches(word.casefold()[:100], words, n=1)
    return words[found[0]] if found else None


def expected(word: str, valid: Iterable[str]) -> str:
    """The end of a message about a wrong word: the nearest valid one, or all of them."""
    valid = tuple(valid)
    near = nearest(word, valid)
    if near is not None:
        return f"did you mean {shown(near)}?"
    return "expected one of " + ", ".join(valid) if valid else "none is valid here"
