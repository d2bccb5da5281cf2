"""Phone numbers are masked in what is printed, never in a fix, a room name or an id."""

import re
from collections.abc import Iterable

from livekit_doctor.evidence.observations import (
    Evidence,
    InboundTrunkList,
    OutboundTrunkList,
    ParticipantList,
    SipCallResult,
    SipDispatchRuleList,
)

_E164 = re.compile(r"(?<![\w+])\+\d{7,15}(?!\w)")


class Mask:
    """Masks E.164 numbers, and the digits of the numbers that the evidence knows of."""

    def __init__(self, numbers: Iterable[str] = (), *, show: bool = False) -> None:
        self.show = show
        digits = {re.sub(r"\D", "", number) for number in numbers}
        known = sorted((d for d in digits if len(d) >= 7), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\d)\+?({'|'.join(known)})(?!\d)") if known else None

    def __call__(self, text: str) -> str:
        if self.show:
            return text
        text = _E164.sub(lambda match: _masked(match[0]), text)
        return self._known.sub(lambda match: _masked(match[0]), text) if self._known else text


def _masked(number: str) -> str:
    keep = 2 if number.startswith("+") else 1
    return number[:keep] + "*" * (len(number) - keep - 2) + number[-2:]


def mask_of(evidence: Evidence, *, show: bool, numbers: Iterable[str] = ()) -> Mask:
    """A mask for these numbers, and those that occur in this evidence."""
    numbers = set(numbers)
    for item in evidence.observations:
        if isinstance(item, ParticipantList):
            for participant in item.participants:
                for key in ("sip.phoneNumber", "sip.trunkPhoneNumber"):
                    numbers.add(participant.attributes.get(key, ""))
        elif isinstance(item, OutboundTrunkList | InboundTrunkList):
            numbers.update(number for trunk in item.trunks for number in trunk.numbers)
        elif isinstance(item, SipCallResult):
            numbers.add(item.number)
        elif isinstance(item, SipDispatchRuleList):
            numbers.update(number for rule in item.rules for number in (*rule.numbers, *rule.inbound_numbers))
    return Mask(numbers, show=show)
