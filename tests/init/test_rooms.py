"""How the rooms of calls are named."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.init.rooms import pattern_of, rooms_with_id, template_of
from tests.init.world import row


def test_the_call_id_and_values_of_the_metadata_become_placeholders() -> None:
    named = [
        (row(f"id-{at}", "hangup", metadata={"user": f"u{at}{at}9", "n": at}), f"out-u{at}{at}9-id-{at}")
        for at in range(10, 13)
    ]
    found = template_of(named)
    assert found is not None
    assert (found.text, found.fits, found.of) == ("out-{user}-{call_id}", 3, 3)


@pytest.mark.parametrize(
    ("call_id", "room"), [("call-1", "other"), ("42", "room-42"), ("call-1", "a{b}-call-1"), ("call-1", "${x}call-1")]
)
def test_names_that_give_no_template(call_id: str, room: str) -> None:
    assert template_of([(row(call_id, "hangup"), room)]) is None


def test_a_template_that_few_calls_fit_is_none() -> None:
    fits = (row("call-1", "hangup"), "room-call-1")
    other = [(row(f"call-{at}", "hangup"), f"x{at}") for at in range(2, 5)]
    assert template_of([fits, *other]) is None


def test_live_rooms_with_the_call_id_in_them() -> None:
    rows = [row("call-11", "hangup"), row("call-11", "ringing"), row("1", "hangup")]
    assert [name for _, name in rooms_with_id(rows, ["out-call-11", "call-1"])] == ["out-call-11"]


def test_a_pattern_ends_where_the_names_part() -> None:
    found = pattern_of(["out-call-17", "out-call-18", "out-call-99"], ["out-call-17", "meeting"])
    assert found is not None
    assert (found.text, found.fits, found.of) == ("out-call-*", 1, 2)


@pytest.mark.parametrize("rooms", [["out-1", "out-2"], ["a-1", "b-2", "c-3"], ["call1", "call2", "call3"]])
def test_too_few_or_too_different_names_give_no_pattern(rooms: list[str]) -> None:
    assert pattern_of(rooms, []) is None


@given(st.text(st.sampled_from("ab*?[]!-:"), min_size=1, max_size=9))
def test_a_pattern_fits_the_names_that_it_comes_from(prefix: str) -> None:
    rooms = [f"{prefix}-{at}" for at in (17, 28, 39)]
    found = pattern_of(rooms, [])
    assert found is None or all(fnmatchcase(room, found.text) for room in rooms)
    assert found is None or not fnmatchcase("zzz", found.text)
