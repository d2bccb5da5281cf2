"""Phone numbers: those that the evidence knows of, and others put in their place.

E.164 numbers, and numbers written as people group them, are known by their form. Others only where a
field, or the identity that LiveKit gives to a phone, says that they are numbers.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from livekit_doctor.evidence.observations import (
    DispatchList,
    Evidence,
    InboundTrunkList,
    LogRow,
    OutboundTrunkList,
    ParticipantList,
    RoomList,
    Sighting,
    SipCallResult,
    SipDispatchRuleList,
)

FEWEST_DIGITS = 7
"""Shorter numbers are extensions, and anything else."""

_ATTRIBUTES = ("sip.phoneNumber", "sip.trunkPhoneNumber")
_WRITTEN = r"\+?[0-9][0-9 ().-]{5,22}[0-9]"
_IN_METADATA = re.compile(
    rf"(?:phone|number|caller|callee|mobile|msisdn|e164)[\w.-]{{0,40}}\\*\"\s?:\s?\\*\"?({_WRITTEN})(?![\w.])",
    re.IGNORECASE,
)
_IDENTITY = re.compile(rf"sip_(\+?[0-9]{{{FEWEST_DIGITS},15}})")
_E164 = rf"(?<![0-9+])\+[0-9]{{{FEWEST_DIGITS},15}}(?![0-9])"
# +1 (555) 555-0123, (555) 555-0123, 555-555-0123, 0044 20 5555 0123; no dates, addresses or ids.
_GROUPED = (
    r"(?<![\w+])\+[1-9][0-9 ().-]{5,22}[0-9](?![\w:-])"
    r"|(?<![\w)])\([0-9]{2,5}\)[ .-]?[0-9]{3,4}[ .-]?[0-9]{3,4}(?![\w:-])"
    r"|(?<![\w.:+/-])[0-9]{3}(?P<between>[ .-])[0-9]{3}(?P=between)[0-9]{4}(?![\w:/-])"
    r"|(?<![\w.:+/-])00[1-9][0-9]{0,3} [0-9]{2,6}(?: ?[0-9]{3,8}){1,3}(?![\w:-])"
)
GROUPED = re.compile(_GROUPED)
"""A number with spaces, dots, dashes or brackets in it, as people write it in a text."""


def digits_of(number: str) -> str:
    return re.sub(r"[^0-9]", "", number)


def numbers_in(text: str) -> list[str]:
    """What has the form of an E.164 number."""
    return re.findall(_E164, text)


def known_numbers(evidence: Evidence) -> set[str]:
    """What stands where a phone number belongs, as it is written there."""
    return {number for number in _candidates(evidence) if len(digits_of(number)) >= FEWEST_DIGITS}


def _candidates(evidence: Evidence) -> Iterator[str]:
    for item in evidence.observations:
        match item:
            case ParticipantList() | Sighting():
                for participant in item.participants:
                    yield from (participant.attributes.get(key, "") for key in _ATTRIBUTES)
                    yield from _IDENTITY.findall(participant.identity)
                    yield from _IN_METADATA.findall(participant.metadata)
            case OutboundTrunkList():
                yield from (number for trunk in item.trunks for number in trunk.numbers)
            case InboundTrunkList():
                yield from (number for trunk in item.trunks for number in (*trunk.numbers, *trunk.allowed_numbers))
            case SipDispatchRuleList():
                yield from (number for rule in item.rules for number in (*rule.numbers, *rule.inbound_numbers))
            case RoomList():
                yield from (number for room in item.rooms for number in _IN_METADATA.findall(room.metadata))
            case DispatchList():
                yield from (number for one in item.dispatches for number in _IN_METADATA.findall(one.metadata))
            case SipCallResult():
                yield item.number
            case LogRow():
                yield from _IN_METADATA.findall(item.metadata)


class Pseudonyms:
    """Puts another number in the place of each: equal ones stay equal, different ones different.

    A pseudonym has the form, the length, the first digit and the last two of the number, which is
    what a masked number shows. So rules that compare numbers or look at their form conclude the
    same, and what is printed masked is the same.
    """

    def __init__(self, known: Iterable[str]) -> None:
        written = {form for number in known for form in (number, digits_of(number))}
        longest_first = sorted((form for form in written if len(digits_of(form)) >= FEWEST_DIGITS), key=len)[::-1]
        forms = "|".join(map(re.escape, longest_first))
        of_any = rf"{_E164}|{_GROUPED}"
        self._pattern = re.compile(rf"(?<![0-9])\+?(?:{forms})(?![0-9])|{of_any}" if forms else of_any)
        self._of: dict[str, str] = {}
        self._alike: Counter[tuple[str, str, int]] = Counter()

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._in_form_of(match[0]), text)

    def _in_form_of(self, written: str) -> str:
        digits = iter(self._pseudonym(digits_of(written)))
        return re.sub("[0-9]", lambda _: next(digits), written)

    def _pseudonym(self, digits: str) -> str:
        if digits not in self._of:
            first, last, hidden = digits[:1], digits[-2:], len(digits) - 3
            self._of[digits] = f"{first}{self._alike[first, last, hidden]:0{hidden}}{last}"
            self._alike[first, last, hidden] += 1
        return self._of[digits]
