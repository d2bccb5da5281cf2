"""Lines that all begin alike but for the digits of times and numbers: what a program, a container or grep puts before
each line of a text that has several."""

from collections.abc import Iterator, Sequence

from livekit_doctor import lazy_re

_DIGITS = lazy_re.compile(r"\d")
_MOST = 60
"""Lines above and below one that may be of one text."""


def alike(lines: Sequence[str], number: int, step: int, prefix: str) -> Iterator[int]:
    """The next lines in this direction that begin so."""
    shape = _shape(prefix)
    for place in range(number + step, number + step * _MOST, step):
        if not 0 <= place < len(lines) or _shape(lines[place][: len(prefix)]) != shape:
            return
        yield place


def alike_below(lines: Sequence[str], number: int, prefix: str) -> list[str]:
    """What stands behind the same prefix in the lines below this one."""
    return [lines[place][len(prefix) :] for place in alike(lines, number, 1, prefix)]


def _shape(text: str) -> str:
    return _DIGITS.sub("0", text)
