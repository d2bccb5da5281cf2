"""Which inbound calls a rule and a trunk match, case by case as the server's source has it."""

import pytest

from livekit_doctor.diagnosis import inbound
from livekit_doctor.evidence.observations import InboundTrunk, SipDispatchRule

A, B = "+15555550101", "+15555550102"


def rule(**fields: object) -> SipDispatchRule:
    return SipDispatchRule(**{"id": "SDR_a", "kind": "individual", **fields})  # type: ignore[arg-type]


def trunk(**fields: object) -> InboundTrunk:
    return InboundTrunk(**{"id": "ST_a", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "normal"),
    [
        ("15555550101", A),
        ("+1 (555) 555-0101", A),
        (A, A),
        ("", ""),
        ("sales", "sales"),
        ("*", "*"),
        ("15555550101\n", "15555550101\n"),
        ("١٢٣", "١٢٣"),
    ],
)
def test_numbers_are_normalised_as_the_server_does(number: str, normal: str) -> None:
    assert inbound.normalised(number) == normal


@pytest.mark.parametrize(
    ("addresses", "is_open"),
    [
        ((), True),
        (("203.0.113.7",), False),
        (("203.0.113.0/24",), False),
        (("203.0.113.7, 203.0.113.8",), True),
        (("sip://203.0.113.7",), True),
        (("*",), True),
        (("203.0.113.7;203.0.113.8", "203.0.113.9"), False),
        (("0.0.0.0/0",), True),
        (("::/0",), True),
        (("203.0.113.7/99",), False),
        (("sip.example.com",), False),
        (("",), False),
    ],
)
def test_open(addresses: tuple[str, ...], is_open: bool) -> None:
    assert inbound.is_open(trunk(allowed_addresses=addresses)) is is_open
    assert not inbound.is_open(trunk(allowed_addresses=addresses, has_auth=True))


def test_numbers_do_not_close_a_trunk() -> None:
    assert inbound.is_open(trunk(numbers=(A,), allowed_numbers=(B,)))


@pytest.mark.parametrize(
    ("of_rule", "of_trunk", "matches"),
    [
        ({}, {}, True),
        ({"trunk_ids": ("ST_a",)}, {}, True),
        ({"trunk_ids": ("ST_b",)}, {}, False),
        ({"numbers": (A,)}, {"numbers": (A, B)}, True),
        ({"numbers": (A,)}, {"numbers": ("1 555 555 0101",)}, True),
        ({"numbers": (A,)}, {"numbers": (B,)}, False),
        ({"numbers": (A,)}, {}, True),
        ({"inbound_numbers": (A,)}, {"allowed_numbers": (B,)}, False),
        ({"inbound_numbers": (A,)}, {"numbers": (B,)}, True),
    ],
)
def test_can_match(of_rule: dict[str, object], of_trunk: dict[str, object], matches: bool) -> None:
    assert inbound.can_match(rule(**of_rule), trunk(**of_trunk)) is matches


def test_unanswered_numbers() -> None:
    both = trunk(numbers=(A, B))
    assert inbound.unanswered_numbers(both, [rule(numbers=(A,))]) == (B,)
    assert inbound.unanswered_numbers(both, [rule(numbers=(A,)), rule()]) == ()
    assert inbound.unanswered_numbers(both, []) == (A, B)


@pytest.mark.parametrize(
    ("of_trunk", "of_rule", "unusual"),
    [
        (A, A[1:], {A: A[1:]}),
        (A, A, {}),
        (A[1:], A[1:], {}),
        (A[1:], A, {}),
        (A, B, {}),
    ],
)
def test_unusual_spellings(of_trunk: str, of_rule: str, unusual: dict[str, str]) -> None:
    """A rule's number matches as it is written, a trunk's in any spelling."""
    assert inbound.unusual_spellings(trunk(numbers=(of_trunk,)), [rule(numbers=(of_rule,))]) == unusual


def test_priority_is_that_of_the_server() -> None:
    """The order of the comment in DispatchRulePriority, and 1000 for each number not given."""
    pin = {"has_pin": True, "pin_digest": "p"}
    numbers = {"numbers": (A,), "inbound_numbers": (B,)}
    ordered = [
        rule(kind="direct", **pin, **numbers),
        rule(kind="individual", **pin, **numbers),
        rule(kind="callee", **pin, **numbers),
        rule(kind="direct", **numbers),
        rule(kind="individual", **numbers),
        rule(kind="callee", **numbers),
        rule(kind="direct", **pin, numbers=(A,)),
        rule(kind="direct", numbers=(A,)),
        rule(kind="direct", **pin),
        rule(kind="direct", room="a"),
        rule(kind="direct", room="b"),
    ]
    for place, one in enumerate(ordered):
        assert all(inbound.goes_before(one, other) for other in ordered[place + 1 :])
        assert not any(inbound.goes_before(one, other) for other in ordered[: place + 1])


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ({}, {}, True),
        ({"trunk_ids": ("ST_a", "ST_b")}, {"trunk_ids": ("ST_b",)}, True),
        ({"trunk_ids": ("ST_a",)}, {"trunk_ids": ("ST_b",)}, False),
        ({"trunk_ids": ("ST_a",)}, {}, False),
        ({"numbers": (A,)}, {}, False),
        ({"numbers": (A,)}, {"numbers": ("1-555-555-0101",)}, True),
        ({"inbound_numbers": (A,)}, {"inbound_numbers": (B,)}, False),
        ({"has_pin": True, "pin_digest": "p"}, {}, False),
        ({"has_pin": True, "pin_digest": "p"}, {"has_pin": True, "pin_digest": "q"}, False),
        ({"has_pin": True, "pin_digest": "p"}, {"has_pin": True, "pin_digest": "p"}, True),
        ({"has_pin": True}, {"has_pin": True}, False),
    ],
)
def test_clash(one: dict[str, object], other: dict[str, object], clash: bool) -> None:
    assert inbound.clash(rule(**one), rule(**other)) is clash
    assert inbound.clash(rule(**other), rule(**one)) is clash


def test_covers() -> None:
    wide, narrow = rule(trunk_ids=("ST_a", "ST_b")), rule(trunk_ids=("ST_b",))
    assert inbound.covers(wide, narrow)
    assert not inbound.covers(narrow, wide)


def test_taker() -> None:
    whole = rule(trunk_ids=("ST_a",))
    assert inbound.taker(trunk(), [rule(), whole]) == whole
    assert inbound.taker(trunk(), [rule()]) is None
    assert inbound.taker(trunk(), [rule(trunk_ids=("ST_a",), numbers=(A,))]) is None
    pin = rule(trunk_ids=("ST_a",), has_pin=True, pin_digest="p")
    assert inbound.taker(trunk(), [whole, pin]) is None
