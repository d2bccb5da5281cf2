"""What the rows of the log table tell."""

from typing import Any

import pytest

from livekit_doctor.flow import DEFAULT_STATES, Step
from livekit_doctor.init.logs import RoomInRows, always_logged, room_in_rows, rooms_of_rows, states_in_use, who_dials
from livekit_doctor.init.proposal import steps_of
from tests.init.world import logged, row

DEFAULTS = ("agent_entrypoint_called", "agent_connected")


@pytest.mark.parametrize(
    ("name", "step", "guess"),
    [
        ("agent_connected", Step.AGENT_CONNECTED, None),
        ("Agent-Connected", Step.AGENT_CONNECTED, None),
        ("agentConnected", Step.AGENT_CONNECTED, None),
        ("room.created", Step.ROOM_CREATED, None),
        ("call_answered_by_human", None, Step.SIP_ANSWERED),
        ("agent_disconnected", None, None),
        ("agent_not_connected", None, None),
        ("agent_connected_failed", None, None),
        ("queued", None, None),
        ("bell\x07room_created", None, None),
        ("room_created" * 20, None, None),
    ],
)
def test_the_step_of_a_state(name: str, step: Step | None, guess: Step | None) -> None:
    (state,) = states_in_use([row("1", name)])
    assert (state.step, state.guess) == (step, guess)


def test_states_by_how_often_they_are_used() -> None:
    states = states_in_use([row("1", "queued"), row("1", "hangup"), row("2", "hangup"), row("2", "")])
    assert [(state.name, state.rows) for state in states] == [("hangup", 2), ("queued", 1)]


def calls(number: int, *states: str, source: str = "agent") -> list[Any]:
    return [row(f"call-{at}", state, source=source) for at in range(number) for state in states]


def test_always_logged_are_the_states_of_every_call_with_the_agent_in_it() -> None:
    rows = [*calls(4, "agent_started", "agent_joined"), row("other", "room_created")]
    found = always_logged(rows, DEFAULT_STATES)
    assert found.known
    assert found.states == ("agent_started", "agent_joined")
    assert "all 4 calls" in found.why


def test_a_state_that_the_agent_does_not_write_is_not_said_to_be_always_logged() -> None:
    found = always_logged([*calls(3, "agent_joined"), row("call-0", "agent_started", source="agent")], DEFAULT_STATES)
    assert found.known
    assert found.states == ("agent_joined",)
    assert "2 of 3 calls" in found.why


@pytest.mark.parametrize("rows", [[], calls(2, "agent_joined"), calls(9, "room_created", source="edge")])
def test_few_calls_or_none_with_the_agent_tell_nothing(rows: list[Any]) -> None:
    found = always_logged(rows, DEFAULT_STATES)
    assert not found.known
    assert found.states == DEFAULTS


def test_who_dials() -> None:
    edge, own = row("1", "sip_dialing", source="edge_function"), row("1", "sip_dialing", source="voice-agent")
    assert (who_dials([edge], DEFAULT_STATES) or [""])[0] == "edge_function"
    assert (who_dials([own], DEFAULT_STATES) or [""])[0] == "agent"
    assert who_dials([edge, own], DEFAULT_STATES) is None
    assert who_dials([row("1", "room_created", source="agent")], DEFAULT_STATES) is None


def test_a_path_into_the_metadata_names_the_room() -> None:
    rows = [row("1", "hangup", metadata={"lk": {"room": f"r{at}"}, "to": "x"}) for at in range(3)]
    found = room_in_rows(logged(rows), ())
    assert found == RoomInRows("metadata.lk.room", 3, 3)
    assert [name for _, name in rooms_of_rows(logged(rows), found)] == ["r0", "r1", "r2"]


def test_what_is_the_name_of_a_live_room_is_one_whatever_its_key() -> None:
    seen = logged([row("1", "hangup", metadata={"where": "live", "room": "other"}), row("1", "hangup")])
    assert room_in_rows(seen, ["live"]) == RoomInRows("metadata.where", 1, 2)
    assert room_in_rows(seen, []) == RoomInRows("metadata.room", 1, 2)


@pytest.mark.parametrize("metadata", [{}, {"room": "RM_abc"}, {"a.room": "x"}, {"room": 7}, {"${room}": {"room": "x"}}])
def test_what_names_no_room_or_can_not_be_said(metadata: dict[str, Any]) -> None:
    assert room_in_rows(logged([row("1", "hangup", metadata=metadata)]), ()) is None


def test_a_column_of_rooms() -> None:
    seen = logged([row("1", "hangup", room="a"), row("1", "hangup")], room="room_name")
    assert room_in_rows(seen, ()) == RoomInRows("room_name", 1, 2)
    assert room_in_rows(logged([row("1", "hangup", room="RM_a")], room="room_name"), ()) is None


def test_a_guess_counts_only_where_it_is_confirmed() -> None:
    states = states_in_use([row("1", "call_answered_by_human"), row("1", "hangup")])
    assert steps_of(states, guesses=False) == {"hangup": Step.CALL_ENDED}
    assert steps_of(states, guesses=True)["call_answered_by_human"] is Step.SIP_ANSWERED
