"""Phone numbers are masked in what is printed, never in what is typed, a room name or an id."""

import re
from collections.abc import Collection, Iterable

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.evidence.phone_numbers import FEWEST_DIGITS, GROUPED, known_numbers

# After an underscore too: sip_+15555550123 is a participant.
_E164 = re.compile(r"(?<![^\W_])(?<!\+)\+\d{7,15}(?!\w)")


class Mask:
    """Masks E.164 numbers, numbers as people group them, and the digits of the numbers that the evidence
    knows of; not inside of `names`, which stand in commands to paste and are printed as they are elsewhere."""

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
        for pattern in (_E164, self._known, GROUPED):
            text = pattern.sub(_masked, text) if pattern else text
        return text


def _masked(number: re.Match[str]) -> str:
    """Of its digits the first and the last two, in the form in which it is written."""
    places = [place.start() for place in re.finditer(r"\d", number[0])]
    hidden = set(places[1:-2])
    return "".join("*" if place in hidden else char for place, char in enumerate(number[0]))


def mask_of(evidence: Evidence, *, show: bool, names: Collection[str] = (), numbers: Iterable[str] = ()) -> Mask:
    """A mask for these numbers, and those that occur in this evidence."""
    return Mask({*known_numbers(evidence), *numbers}, show=show, names=names)


def names_in(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The room's name, where it has more than a number in it."""
    name = diagnosis.room.name if diagnosis.room else ""
    return (name,) if re.search(r"[^\W\d]", name) else ()
