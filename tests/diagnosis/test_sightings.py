"""What a webhook or an earlier answer of the API, pasted, shows of a call whose room can't be asked."""

from typing import Any

from livekit_doctor.evidence.observations import Dispatch, Participant, Sighting
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import (
    ROOM,
    SID,
    agent,
    at,
    audio,
    because,
    codes,
    dispatch,
    found,
    human,
    job,
    judge,
    look,
    phone,
    read,
    row,
    status,
)
from tests.each import each

STARTED = row(0, "call_started", room=ROOM)
TAKEN = dispatch(0, job(0.3))


def seen(seconds: float, *inside: Participant | Dispatch, **values: Any) -> Sighting:
    return Sighting(
        read=read(3600, "evidence"),
        room=ROOM,
        room_sid=SID,
        at=at(seconds),
        participants=tuple(item for item in inside if isinstance(item, Participant)),
        dispatches=tuple(item for item in inside if isinstance(item, Dispatch)),
        **values,
    )


def listed(seconds: float, *inside: Participant) -> Sighting:
    return seen(seconds, *inside, lists="participants")


@each(
    "lists, is_broken",
    [
        ([listed(20, phone())], True),
        ([listed(10, human()), listed(20, phone())], True),
        ([listed(10, phone()), listed(20, human())], False),
        ([listed(20, human())], False),
        ([listed(20, phone(), agent())], False),
        ([], False),
    ],
)
def test_a_job_and_a_list_without_an_agent(lists: list[Sighting], is_broken: bool) -> None:
    """The last list tells."""
    diagnosis = judge(3600, STARTED, seen(1, TAKEN, lists="dispatches"), *lists)
    said = because(diagnosis, "LKD406") if "LKD406" in codes(diagnosis) else ""
    assert ("the list of participants that was pasted has no agent" in said) is is_broken


@each(
    "shown, is_connected",
    [
        (listed(20, phone(), agent(state="ACTIVE")), True),
        (listed(20, phone(), agent(state="JOINED")), False),
        (listed(20, phone(), agent(state="JOINING")), False),
        (seen(20, agent(1, audio(), state="JOINED"), event="participant_joined"), True),
        (seen(20, agent(state="ACTIVE"), event="participant_connection_aborted"), False),
    ],
)
def test_an_agent_that_was_in_the_room(shown: Sighting, is_connected: bool) -> None:
    """Of one that has not connected its media a webhook says participant_connection_aborted, whatever its state."""
    diagnosis = judge(3600, STARTED, seen(1, TAKEN, lists="dispatches"), shown)
    assert (status(diagnosis, Step.AGENT_CONNECTED) is Status.OK) is is_connected
    assert status(diagnosis, Step.ENTRYPOINT_CALLED) is Status.OK


LEFT = seen(20, phone("ringing"), event="participant_left", left_because="USER_UNAVAILABLE")


@each(
    "more, is_broken",
    [
        ((LEFT,), True),
        ((seen(20, phone("dialing"), event="participant_left", left_because="USER_UNAVAILABLE"),), True),
        ((seen(20, phone("active"), event="participant_left", left_because="USER_UNAVAILABLE"),), False),
        ((seen(20, phone("ringing", rule="SDR_1"), event="participant_left", left_because="USER_UNAVAILABLE"),), False),
        ((seen(20, phone("ringing"), event="participant_left", left_because="CLIENT_INITIATED"),), False),
        ((LEFT, *look(3600, TAKEN, phone("ringing", sid="PA_phone2", joined=30))), False),
    ],
)
def test_a_phone_that_left_without_an_answer(more: tuple[Any, ...], is_broken: bool) -> None:
    diagnosis = judge(3600, STARTED, seen(1, TAKEN, lists="dispatches"), *more)
    said = because(diagnosis, "LKD206") if "LKD206" in codes(diagnosis) else ""
    assert ("left: USER_UNAVAILABLE" in said) is is_broken


def test_one_that_is_not_known_to_have_rung_is_possible() -> None:
    left = {"event": "participant_left", "left_because": "USER_UNAVAILABLE"}
    for shown, sure in ("dialing", "possible"), ("ringing", "likely"), ("", "likely"):
        diagnosis = judge(3600, STARTED, seen(20, phone(shown), **left))
        assert [confidence for _, code, confidence in found(diagnosis) if code == "LKD206"] == [sure], shown
