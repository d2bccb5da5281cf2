"""Node's error without what a program or a container puts before each of its lines: a time, a name, a level.

09:41:17 |   status: 429,
09:41:17 |   code: 'resource_exhausted',
"""

from collections.abc import Sequence

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.prefixed import alike

_PROPERTY = lazy_re.compile(r"(?P<prefix>\s*\S.{0,100}?)\s{1,8}\[?code\]?: ['\"]\w{2,40}['\"],?\s*$")


def unprefixed(lines: Sequence[str]) -> list[str]:
    """The lines, those around an error's code without what all of them begin with but for the digits of times."""
    found = list(lines)
    for number, line in enumerate(lines):
        if "code" not in line or (code := _PROPERTY.match(line[:200])) is None:
            continue
        prefix = code["prefix"]
        around = [*alike(lines, number, -1, prefix), number, *alike(lines, number, 1, prefix)]
        indent = min(_indent(rest) for place in around if (rest := lines[place][len(prefix) :]).strip())
        for place in around if len(around) > 1 else ():
            found[place] = lines[place][len(prefix) + indent :]
    return found


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
