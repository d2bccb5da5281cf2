"""Phone numbers are masked in what is printed, never in what is typed, a room name or an id."""

import re
from collections.abc import Collection, Iterable

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.evidence.phone_numbers import WRITTEN, in_numbers, is_bare, known_numbers

# After an underscore too: sip_+15555550123 is a participant.
_NUMBER = lazy_re.compile(rf"(?<![^\W_])(?<!\+)\+\d{{7,15}}(?!\w)|{WRITTEN}")


class Mask:
    """Masks E.164 numbers, numbers as people group them, and the digits of the numbers that the evidence
    knows of; not inside of `names`, which stand in commands to paste and are printed as they are elsewhere.

    Equal numbers look the same, however they are written, and different ones different: where first and last digits are
    the same, a letter tells them apart.
    """

    def __init__(self, numbers: Iterable[str] = (), *, show: bool = False, names: Collection[str] = ()) -> None:
        self.show = show
        self._known = {re.sub(r"\D", "", number) for number in numbers}
        self._alike: dict[tuple[str, str, int], dict[str, str]] = {}
        self._names = re.compile(rf"({'|'.join(map(re.escape, names))})") if names else None

    def __call__(self, text: str) -> str:
        if self.show:
            return text
        if self._names is None:
            return self._masked(text)
        parts = self._names.split(text)
        return "".join(part if number % 2 else self._masked(part) for number, part in enumerate(parts))

    def _masked(self, text: str) -> str:
        return in_numbers(_NUMBER, self._hidden, text)

    def _hidden(self, number: re.Match[str]) -> str:
        """Of its digits the first and the last two, in the form in which it is written."""
        written = number[0]
        if is_bare(written) and written not in self._known:
            return written
        digits = re.sub(r"\D", "", written)
        alike = self._alike.setdefault((digits[0], digits[-2:], len(digits)), {})
        mark = alike.setdefault(digits, _letters(len(alike)))
        middle = iter(mark.rjust(len(digits) - 3, "*"))
        places = [place.start() for place in re.finditer(r"\d", written)]
        hidden = set(places[1:-2])
        return "".join(next(middle) if place in hidden else char for place, char in enumerate(written))


def _letters(number: int) -> str:
    """None for the first of numbers that would look alike, then b, c and so on."""
    letters = ""
    while number:
        number, letter = divmod(number, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def mask_of(evidence: Evidence, *, show: bool, names: Collection[str] = (), numbers: Iterable[str] = ()) -> Mask:
    """A mask for these numbers, and those that occur in this evidence."""
    return Mask({*known_numbers(evidence), *numbers}, show=show, names=names)


def names_in(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The room's name, where it has more than a number in it."""
    name = diagnosis.room.name if diagnosis.room else ""
    return (name,) if re.search(r"[^\W\d]", name) else ()
