"""Phone numbers are masked in what is printed, never in a fix, a room name or an id."""

import re
from collections.abc import Collection, Iterable

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.evidence.phone_numbers import FEWEST_DIGITS, known_numbers

_E164 = re.compile(r"(?<![\w+])\+\d{7,15}(?!\w)")


class Mask:
    """Masks E.164 numbers, and the digits of the numbers that the evidence knows of; not inside of `names`,
    which stand in commands to paste and are printed as they are elsewhere."""

    def __init__(self, numbers: Iterable[str] = (), *, show: bool = False, names: Collection[str] = ()) -> None:
        self.show = show
        digits = {re.sub(r"\D", "", number) for number in numbers}
        known = sorted((d for d in digits if len(d) >= FEWEST_DIGITS), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\d)\+?({'|'.join(known)})(?!\d)") if known else None
        self._names = re.compile(rf"({'|'.join(map(re.escape, names))})") if names else None

    def __call__(self, text: str) -> str:
        if self.show:
            return text
        if self._names is None:
            return self._masked(text)
        parts = self._names.split(text)
        return "".join(part if number % 2 else self._masked(part) for number, part in enumerate(parts))

    def _masked(self, text: str) -> str:
        text = _E164.sub(lambda match: _masked(match[0]), text)
        return self._known.sub(lambda match: _masked(match[0]), text) if self._known else text


def _masked(number: str) -> str:
    keep = 2 if number.startswith("+") else 1
    return number[:keep] + "*" * (len(number) - keep - 2) + number[-2:]


def mask_of(evidence: Evidence, *, show: bool, names: Collection[str] = (), numbers: Iterable[str] = ()) -> Mask:
    """A mask for these numbers, and those that occur in this evidence."""
    return Mask({*known_numbers(evidence), *numbers}, show=show, names=names)


def names_in(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The room's name, where it has more than a number in it."""
    name = diagnosis.room.name if diagnosis.room else ""
    return (name,) if re.search(r"[^\W\d]", name) else ()
