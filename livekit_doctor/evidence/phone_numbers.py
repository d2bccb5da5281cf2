"""Phone numbers: those that the evidence knows of, and others put in their place.

E.164 numbers, and numbers written as people group them, are known by their form. Others only where a
field, or the identity that LiveKit gives to a phone, says that they are numbers.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from livekit_doctor import lazy_re
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
from livekit_doctor.redact import matches

FEWEST_DIGITS = 7
"""Shorter numbers are extensions, and anything else."""

_ATTRIBUTES = ("sip.phoneNumber", "sip.trunkPhoneNumber")
_WRITTEN = r"\+?[0-9][0-9 ().-]{5,22}[0-9]"
_IN_METADATA = lazy_re.compile(
    rf"(?:phone|number|caller|callee|mobile|msisdn|e164)[\w.-]{{0,40}}\\*\"\s?:\s?\\*\"?({_WRITTEN})(?![\w.])",
    re.IGNORECASE,
)
_FIELDS_BEGIN = ("phone", "number", "caller", "callee", "mobile", "msisdn", "e164")
_IDENTITY = lazy_re.compile(rf"sip_(\+?[0-9]{{{FEWEST_DIGITS},15}})")
_E164 = rf"(?<![0-9+])\+[0-9]{{{FEWEST_DIGITS},15}}(?![0-9])"
# +1 (555) 555-0123, (555) 555-0123, 555-555-0123, 0044 20 5555 0123; no dates, addresses or ids.
_GROUPED = (
    r"(?<![\w+])\+[1-9][0-9 ().-]{5,22}[0-9](?![\w:-])"
    r"|(?<![\w)])\([0-9]{2,5}\)[ .-]?[0-9]{3,4}[ .-]?[0-9]{3,4}(?![\w:-])"
    r"|(?<![\w.:+/-])[0-9]{3}(?P<between>[ .-])[0-9]{3}(?P=between)[0-9]{4}(?![\w:/-])"
    r"|(?<![\w.:+/-])00[1-9][0-9]{0,3} [0-9]{2,6}(?: ?[0-9]{3,8}){1,3}(?![\w:-])"
)
WRITTEN = rf"{_GROUPED}|\d{{{FEWEST_DIGITS},}}"
"""A number with spaces, dots, dashes or brackets in it, as people write it in a text, or any digits."""
_ANY = rf"{_E164}|{WRITTEN}"
_RUN = lazy_re.compile(r"[+(\d][\d ().+-]{6,}")
"""What such a number can stand in. It is found many times faster."""


def in_numbers(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str) -> str:
    """`pattern.sub(replace, text)`, for patterns of numbers: what stands beside one has a part in it."""

    def in_run(run: re.Match[str]) -> str:
        start, end = run.span()
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        told = pattern.sub(replace, f"{before}{run[0]}{after}")
        return told[len(before) : len(told) - len(after)]

    return _RUN.sub(in_run, text)


def is_bare(number: str) -> bool:
    """Whether these are digits and nothing else, which any id has: only where they are known they are a number."""
    return number.isdecimal()


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
                    yield from _in_metadata(participant.metadata)
            case OutboundTrunkList():
                yield from (number for trunk in item.trunks for number in trunk.numbers)
            case InboundTrunkList():
                yield from (number for trunk in item.trunks for number in (*trunk.numbers, *trunk.allowed_numbers))
            case SipDispatchRuleList():
                yield from (number for rule in item.rules for number in (*rule.numbers, *rule.inbound_numbers))
            case RoomList():
                yield from (number for room in item.rooms for number in _in_metadata(room.metadata))
            case DispatchList():
                yield from (number for one in item.dispatches for number in _in_metadata(one.metadata))
            case SipCallResult():
                yield item.number
            case LogRow():
                yield from _in_metadata(item.metadata)


def _in_metadata(text: str) -> Iterator[str]:
    return (found[1] for found in matches(_IN_METADATA, _FIELDS_BEGIN, text))


class Pseudonyms:
    """Puts another number in the place of each: equal ones stay equal, different ones different.

    A pseudonym has the form, the length, the first digit and the last two of the number, which is
    what a masked number shows. So rules that compare numbers or look at their form conclude the
    same, and what is printed masked is the same.
    """

    def __init__(self, known: Iterable[str]) -> None:
        numbers = {number for number in known if len(digits_of(number)) >= FEWEST_DIGITS}
        self._known = {digits_of(number) for number in numbers}
        spelled = sorted((number for number in numbers if not is_bare(number.lstrip("+"))), key=len, reverse=True)
        forms = rf"(?<![0-9])\+?(?:{'|'.join(map(re.escape, spelled))})(?![0-9])|" if spelled else ""
        self._pattern = re.compile(forms + _ANY)
        self._is_in_runs = all(_RUN.fullmatch(number) for number in spelled)
        self._of: dict[str, str] = {}
        self._alike: Counter[tuple[str, str, int]] = Counter()

    def __call__(self, text: str) -> str:
        if self._is_in_runs:
            return in_numbers(self._pattern, self._replaced, text)
        return self._pattern.sub(self._replaced, text)  # 555/555-0123, or with a word in it

    def _replaced(self, match: re.Match[str]) -> str:
        written = match[0]
        return written if is_bare(written) and written not in self._known else self._in_form_of(written)

    def _in_form_of(self, written: str) -> str:
        digits = iter(self._pseudonym(digits_of(written)))
        return re.sub("[0-9]", lambda _: next(digits), written)

    def _pseudonym(self, digits: str) -> str:
        if digits not in self._of:
            first, last, hidden = digits[:1], digits[-2:], len(digits) - 3
            self._of[digits] = f"{first}{self._alike[first, last, hidden]:0{hidden}}{last}"
            self._alike[first, last, hidden] += 1
        return self._of[digits]
