"""Node's error without what a program or a container puts before each of its lines: a time, a name, a level.

09:41:17 |   status: 429,
09:41:17 |   code: 'resource_exhausted',
"""

from collections.abc import Sequence

from livekit_doctor import lazy_re

_PROPERTY = lazy_re.compile(r"(?P<prefix>\s*\S.{0,100}?)\s{1,8}\[?code\]?: ['\"]\w{2,40}['\"],?\s*$")
_DIGITS = lazy_re.compile(r"\d")
_MOST = 60
"""Lines above and below the error's code that may be its own."""


def unprefixed(lines: Sequence[str]) -> list[str]:
    """The lines, those around an error's code without what all of them begin with but for the digits of times."""
    found = list(lines)
    for number, line in enumerate(lines):
        if "code" not in line or (code := _PROPERTY.match(line[:200])) is None:
            continue
        shape = _shape(code["prefix"])
        around = [*_alike(lines, number, -1, shape), number, *_alike(lines, number, 1, shape)]
        indent = min(_indent(rest) for place in around if (rest := lines[place][len(shape) :]).strip())
        for place in around if len(around) > 1 else ():
            found[place] = lines[place][len(shape) + indent :]
    return found


def _alike(lines: Sequence[str], number: int, step: int, shape: str) -> list[int]:
    """The next lines in this direction that begin so."""
    places = []
    for place in range(number + step, number + step * _MOST, step):
        if not 0 <= place < len(lines) or _shape(lines[place][: len(shape)]) != shape:
            break
        places.append(place)
    return places


def _shape(text: str) -> str:
    return _DIGITS.sub("0", text)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
