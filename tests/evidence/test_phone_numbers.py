"""Pseudonyms look like the numbers they stand for, and hide what a masked number hides."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from livekit_doctor.diagnosis.inbound import is_e164, normalised
from livekit_doctor.evidence.phone_numbers import Pseudonyms, known_numbers
from livekit_doctor.render.masking import Mask
from tests.diagnosis import factories as f

NUMBERS = st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True)


@given(st.lists(NUMBERS, max_size=12))
def test_equal_ones_stay_equal_and_different_ones_different(numbers: list[str]) -> None:
    replaced = Pseudonyms(numbers)
    pseudonyms = [replaced(number) for number in numbers]
    for number, pseudonym in zip(numbers, pseudonyms, strict=True):
        assert is_e164(pseudonym) == is_e164(number)
        assert Mask(pseudonyms)(pseudonym) == Mask(numbers)(number)
    for key in (str, normalised):
        assert [[key(a) == key(b) for a in numbers] for b in numbers] == [
            [key(a) == key(b) for a in pseudonyms] for b in pseudonyms
        ]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("call-_+15555550123_a8Kd", True),
        ("sip:+15555550123@carrier", True),
        ("sip_15555550123", True),
        ("dialled +1 (555) 555-0123", True),
        ("asked for (555) 555-0199", True),
        ("asked for 555-555-0199", True),
        ("id 915555550123", False),
        ("at 2031-02-03 04:05:06.123456+00:00", False),
        ("outbound-77873635-1761685549000", False),
    ],
)
def test_wherever_they_stand(text: str, hidden: bool) -> None:
    replaced = Pseudonyms(["15555550123", "+1 (555) 555-0123"])(text)
    assert (replaced != text) is hidden
    assert re.sub("[0-9]", "0", replaced) == re.sub("[0-9]", "0", text)


@pytest.mark.parametrize(
    ("metadata", "numbers"),
    [
        ('{"phone_number": "15555550101", "user": "15555550102"}', {"15555550101"}),
        ('{"toPhone":"(555) 555-0101"}', set()),
        ('{"callee": 15555550101}', {"15555550101"}),
        ('{"job": "{\\"caller\\": \\"+1 555-555-0101\\"}"}', {"+1 555-555-0101"}),
        ('{"room_number": "12"}', set()),
        ("phone", set()),
    ],
)
def test_numbers_in_metadata(metadata: str, numbers: set[str]) -> None:
    room = f.the_room()
    for item in (f.row(1, "x", metadata=metadata), f.dispatches(1, f.dispatch(metadata=metadata)), f.rooms(1, room)):
        found = known_numbers(f.evidence(2, item))
        assert found == (set() if item == f.rooms(1, room) else numbers)


def test_the_identity_that_livekit_gives_to_a_phone() -> None:
    guests = [f.phone(identity=identity) for identity in ("sip_+15555550101", "sip_front", "agent-15555550103")]
    found = known_numbers(f.evidence(2, f.participants(1, *(replace(guest, attributes={}) for guest in guests))))
    assert found == {"+15555550101"}
