import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_doctor.evidence.call_logs.rooms import RoomPlace, guessed_room, room_at, room_place

PATIENT = settings(deadline=None)


def test_a_path_begins_with_a_column() -> None:
    columns = ("metadata", "a.b", "room")
    assert room_place("room", columns) == RoomPlace("room")
    assert room_place("metadata.livekit.room", columns) == RoomPlace("metadata", ("livekit", "room"))
    assert room_place("a.b", columns) == RoomPlace("a.b")
    assert room_place("a.b.c", columns) == RoomPlace("a.b", ("c",))
    assert room_place("nothing.room", columns) is None
    assert room_place("roo", columns) is None


def test_the_value_at_a_path() -> None:
    value = {"livekit": {"rooms": ["one", {"name": "two"}]}}
    for given_value in (value, json.dumps(value), json.dumps(json.dumps(value))):
        assert room_at(given_value, ("livekit", "rooms", "0")) == "one"
        assert room_at(given_value, ("livekit", "rooms", "1", "name")) == "two"
        for missing in (("livekit",), ("livekit", "rooms", "2"), ("livekit", "rooms", "-1"), ("x",), ("x", "y")):
            assert room_at(given_value, missing) == ""
    assert room_at("plain", ()) == "plain"
    assert room_at(None, ()) == ""


GUESSES = [
    ({"room": "a"}, "a"),
    ({"room_name": "a"}, "a"),
    ({"roomName": "a"}, "a"),
    ({"livekit_room": "a"}, "a"),
    ({"room": {"name": "a"}}, "a"),
    ({"room": "a", "room_name": "a"}, "a"),
    ({"room": "a", "room_name": "b"}, ""),
    ({"room": "RM_x", "room_name": "b"}, "b"),
    ({"room": "RM_x"}, ""),
    ({"room": 7}, ""),
    ({"other": "a"}, ""),
    ([], ""),
    (None, ""),
]


@pytest.mark.parametrize(("metadata", "room"), GUESSES)
def test_guesses(metadata: object, room: str) -> None:
    assert guessed_room(metadata) == room
    assert guessed_room(json.dumps(metadata)) == room


def test_text_that_is_not_json() -> None:
    for text in ("", "room", "{", "room: a", "[" * 100_000):
        assert guessed_room(text) == ""


@PATIENT
@given(st.text() | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.just("room"), x)))
def test_anything_has_a_room_or_none(value: object) -> None:
    assert isinstance(guessed_room(value), str)
