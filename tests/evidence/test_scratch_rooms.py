"""Which rooms `clean` removes without being told their names: nobody else's, and none that a run may be using."""

from datetime import timedelta

from livekit_doctor.evidence.observations import Room
from livekit_doctor.evidence.scratch_rooms import (
    DEPARTURE_TIMEOUT,
    DEPARTURE_TIMEOUT_OF_CALLS,
    MOST_NAMED,
    is_left_over,
    left_over,
    told,
)
from tests.diagnosis.factories import CREATED, at, the_room
from tests.each import each

LATER = CREATED + timedelta(hours=1)


def scratch(number: int = 0, *, made: float = 0, departure_timeout: int = DEPARTURE_TIMEOUT) -> Room:
    return the_room(f"livekit-doctor-{number:012x}", created=made, departure_timeout=departure_timeout)


@each(
    "room, seconds, is_left",
    [
        (scratch(), 1, False),
        (scratch(), 300, False),
        (scratch(), 301, True),
        (scratch(departure_timeout=DEPARTURE_TIMEOUT_OF_CALLS), 300, False),
        (scratch(departure_timeout=DEPARTURE_TIMEOUT_OF_CALLS), 301, True),
        (scratch(departure_timeout=20), 1, True),  # the server's own time-out: an agent has made it again
        (the_room("livekit-doctor-of-ours"), 9999, False),
        (the_room("livekit-doctor-0123456789abc"), 9999, False),
        (the_room("x-livekit-doctor-0123456789ab"), 9999, False),
        (the_room("livekit-doctor-0123456789AB"), 9999, False),
    ],
)
def test_no_run_can_be_using_it_any_more(room: Room, seconds: float, is_left: bool) -> None:
    assert is_left_over(room, at(seconds)) is is_left


def test_the_oldest_first() -> None:
    new, old = scratch(1, made=60), scratch(2, made=30)
    assert left_over([new, old, the_room("call-1")], LATER) == (old, new)


def test_what_is_said_of_them() -> None:
    assert told([the_room("call-1")], LATER) == ()
    (one,) = told([scratch(1)], LATER)
    assert one == "scratch room of an earlier run, still there: livekit-doctor-000000000001; type: livekit-doctor clean"
    (exactly,) = told([scratch(number) for number in range(MOST_NAMED)], LATER)
    assert " more" not in exactly
    (many,) = told([scratch(number) for number in range(MOST_NAMED + 2)], LATER)
    assert many.startswith("scratch rooms of earlier runs, still there: ")
    assert "livekit-doctor-000000000002 and 2 more; type: " in many
