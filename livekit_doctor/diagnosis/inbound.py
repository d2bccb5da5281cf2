"""Which inbound calls a SIP trunk and a SIP dispatch rule match.

Source: github.com/livekit/protocol v1.50.5-0.20260728075222-28e604c046c6, `sip/sip.go`
(MatchTrunkDetailed, MatchDispatchRuleIter, DispatchRulePriority, DispatchRuleValidator,
matchAddrMasks, isValidMask) and `livekit/sip.go` (NormalizeNumber), as called by livekit-server
v1.13.5, `pkg/service/ioservice_sip.go` and `pkg/service/sip.go`:

- a call is matched to at most one trunk; rules that name that trunk are tried before rules that
  name none, whatever their PINs;
- a rule's numbers are compared as written, a trunk's after normalising both;
- a call that matches no trunk is still offered to the rules that name no trunk;
- of the rules that are left, one with a PIN, and one with numbers, goes before one without;
- two rules for the same trunk, numbers and PIN are refused when created; where they exist all
  the same, every call that has both in its list fails.

normalised, is_open, can_match, goes_before, clash and taker gave the same answers as that code
for 9,000 random sets of trunks, rules and calls.
"""

import ipaddress
import re
from collections.abc import Iterable

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import InboundTrunk, SipDispatchRule

_NUMBER = lazy_re.compile(r"\+?[\d\- ()]+", re.ASCII)
_E164 = lazy_re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def normalised(number: str) -> str:
    """A phone number as the server normalises it; anything else as it is (NormalizeNumber)."""
    if not _NUMBER.fullmatch(number):
        return number
    return "+" + re.sub(r"[+\- ()]", "", number)


def is_e164(number: str) -> bool:
    return _E164.fullmatch(number) is not None


def ignored_addresses(trunk: InboundTrunk) -> tuple[str, ...]:
    """The allowed addresses that the server drops since it can't read them (isValidMask)."""
    return tuple(mask for mask in trunk.allowed_addresses if _is_ignored(mask))


def is_open(trunk: InboundTrunk) -> bool:
    """Whether any host may place calls over the trunk: no auth, and no address that excludes
    anyone. Its numbers are what a caller dials and says to be, and keep nobody out."""
    kept = [mask for mask in trunk.allowed_addresses if not _is_ignored(mask)]
    return not trunk.has_auth and (not kept or any(map(_is_everyone, kept)))


def _is_ignored(mask: str) -> bool:
    return any(char in mask for char in "()+*;, \t\n\r") or "://" in mask


def _is_everyone(mask: str) -> bool:
    try:
        return "/" in mask and ipaddress.ip_network(mask, strict=False).prefixlen == 0
    except ValueError:
        return False


def can_match(rule: SipDispatchRule, trunk: InboundTrunk) -> bool:
    """Whether any call over the trunk can match the rule, leaving other rules aside."""
    return (
        (not rule.trunk_ids or trunk.id in rule.trunk_ids)
        and _share(rule.numbers, trunk.numbers)
        and _share(rule.inbound_numbers, trunk.allowed_numbers)
    )


def unanswered_numbers(trunk: InboundTrunk, rules: Iterable[SipDispatchRule]) -> tuple[str, ...]:
    """The numbers of the trunk that no rule can match."""
    matching = [rule for rule in rules if can_match(rule, trunk)]
    return tuple(number for number in trunk.numbers if not any(_share(rule.numbers, (number,)) for rule in matching))


def unusual_spellings(trunk: InboundTrunk, rules: Iterable[SipDispatchRule]) -> dict[str, str]:
    """Numbers of the trunk that rules have in another spelling only, with that spelling.

    Such a rule matches only where the carrier spells the number like the rule. The E.164
    spelling is the usual one, and not listed.
    """
    matching = [rule for rule in rules if can_match(rule, trunk)]
    result: dict[str, str] = {}
    for number in trunk.numbers:
        spelled = [
            other for rule in matching for other in rule.numbers or (number,) if normalised(other) == normalised(number)
        ]
        if spelled and not any(other == number or is_e164(other) for other in spelled):
            result[number] = spelled[0]
    return result


def goes_before(one: SipDispatchRule, other: SipDispatchRule) -> bool:
    """Whether `one` is chosen of two rules for the same trunk that match the same call."""
    return _priority(one) < _priority(other)


def _priority(rule: SipDispatchRule) -> tuple[int, str]:
    """DispatchRulePriority, and the room where that is equal; the lowest is chosen."""
    kinds = {"direct": 0, "individual": 1, "callee": 2, "unknown": 1 << 31}
    return (
        kinds[rule.kind]
        + (0 if rule.has_pin else 100)
        + (0 if rule.inbound_numbers else 1000)
        + (0 if rule.numbers else 1000),
        rule.room,
    )


def clash(one: SipDispatchRule, other: SipDispatchRule) -> bool:
    """Whether two rules are for the same trunk, numbers and PIN, in whole or in part."""
    return _same_pin(one, other) and all(mine & theirs for mine, theirs in zip(_key(one), _key(other), strict=True))


def _same_pin(one: SipDispatchRule, other: SipDispatchRule) -> bool:
    if one.has_pin and other.has_pin:
        return one.pin_digest == other.pin_digest != ""
    return one.has_pin == other.has_pin


def covers(one: SipDispatchRule, other: SipDispatchRule) -> bool:
    """Whether `one` is for every trunk and number that a clashing `other` is for."""
    return all(theirs <= mine for mine, theirs in zip(_key(one), _key(other), strict=True))


def taker(trunk: InboundTrunk, rules: Iterable[SipDispatchRule]) -> SipDispatchRule | None:
    """The rule that leaves no call over the trunk to rules for all trunks: it names the trunk and
    takes every number without a PIN, and no rule with a PIN asks the caller for one first."""
    own = [rule for rule in rules if trunk.id in rule.trunk_ids]
    if any(rule.has_pin or rule.kind == "unknown" for rule in own):
        return None
    return next((rule for rule in own if not rule.numbers and not rule.inbound_numbers), None)


def _share(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two restrictions, each none at all where empty, let a number through."""
    return not one or not other or bool({*map(normalised, one)} & {*map(normalised, other)})


def _key(rule: SipDispatchRule) -> tuple[frozenset[str], ...]:
    """What the server's validator compares; "" stands for no restriction, and equals only itself."""
    return (
        frozenset(rule.trunk_ids or ("",)),
        frozenset(map(normalised, rule.inbound_numbers or ("",))),
        frozenset(map(normalised, rule.numbers or ("",))),
    )
