"""From what a person has at hand to one call and its room."""

import pytest

from livekit_doctor.diagnosis.correlation import (
    Subject,
    call_id_in,
    find_room,
    live_rooms,
    mentions,
    parse_subject,
    step_of_state,
)
from livekit_doctor.evidence.observations import LogRow, Observation, Room
from livekit_doctor.flow import DEFAULT_STATES, Step
from livekit_doctor.settings import Flow, Rooms, Settings
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    SETTINGS,
    agent,
    at,
    codes,
    dispatch,
    evidence,
    job,
    judge,
    look,
    phone,
    rooms,
    row,
    the_room,
)
from tests.each import each

TEMPLATE = Settings(agent=SETTINGS.agent, rooms=Rooms(name_template="call-outbound-{user_id}-{ts}"))


def room_of(
    subject: Subject, *items: Observation, rows: tuple[LogRow, ...] = (), settings: Settings = SETTINGS
) -> tuple[str, str] | None:
    ref = find_room(subject, rows, evidence(20, *items), settings)
    return (ref.name, ref.how) if ref else None


@pytest.mark.parametrize(
    "id", ["RM_hQ3kzVb7Wx2p", "AD_t8Xk2mQ9", "AJ_uN4vB8sK1", "SCL_9xKd3Fh6", "PA_phone1x", "AW_c5Dg7Hj2"]
)
def test_livekit_ids_are_recognised(id: str) -> None:
    assert parse_subject(id, None) == Subject(livekit_id=id)
    assert parse_subject(id, "r") == Subject(livekit_id=id, room="r")


@pytest.mark.parametrize("id", ["call-1", "RM_1", "RM-hQ3kzVb7", "xRM_hQ3kzVb7Wx2p", "rm_hQ3kzVb7Wx2p", "PA_phone 1"])
def test_other_ids_are_call_ids(id: str) -> None:
    assert parse_subject(id, None) == Subject(call_id=id)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("call-1", True),
        ("outbound-call-1-1761", True),
        ('{"call_id": "call-1"}', True),
        ("call_1", False),
        ("call-12", False),
        ("recall-1", False),
        ("", False),
    ],
)
def test_a_call_id_is_found_as_a_whole_word(text: str, there: bool) -> None:
    assert mentions(text, "call-1") is there


def test_ids_are_no_patterns() -> None:
    assert not mentions("axb", "a.b")
    assert mentions("(a.b*)", "a.b*")


@each("state", sorted(DEFAULT_STATES))
def test_the_usual_spellings(state: str) -> None:
    words = state.split("_")
    camel, dotted = "".join(map(str.title, words)), ".".join(words)
    for spelling in (state, state.upper(), state.replace("_", "-"), f"  {state.title()} ", camel, dotted):
        assert step_of_state(spelling, Flow()) is DEFAULT_STATES[state]


def test_the_teams_mapping_comes_first_and_is_exact() -> None:
    flow = Flow(states={"answered": Step.AGENT_AUDIO, "Weg": Step.CALL_ENDED})
    assert step_of_state("answered", flow) is Step.AGENT_AUDIO
    assert step_of_state(" Weg ", flow) is Step.CALL_ENDED
    assert step_of_state("weg", flow) is None
    assert step_of_state("", flow) is None


# Rooms


def test_the_room_that_is_named_comes_first() -> None:
    logged = (row(0, "room_created", room="other"),)
    assert room_of(Subject(call_id=CALL, room="mine"), rows=logged) == ("mine", "the name that was given")


def test_the_room_in_the_rows() -> None:
    logged = (row(0, "room_created", room="first"), row(1, "x"), row(2, "y", room="last"))
    assert room_of(Subject(call_id=CALL), *look(5), rows=logged) == ("last", "the call's log rows")


def test_the_template_is_filled_in_from_the_rows() -> None:
    logged = (row(0, "call_requested", metadata='{"user_id": 77, "ts": "1761"}'),)
    assert room_of(Subject(call_id=CALL), rows=logged, settings=TEMPLATE)[0] == "call-outbound-77-1761"  # type: ignore[index]
    missing = (row(0, "call_requested", metadata='{"user_id": 77}'), row(1, "x", metadata="not json"))
    assert room_of(Subject(call_id=CALL), rows=missing, settings=TEMPLATE) is None


def test_a_live_room_that_mentions_the_call() -> None:
    by_name = the_room(f"out-{CALL}-17", "RM_a")
    assert room_of(Subject(call_id=CALL), rooms(5, by_name)) == (by_name.name, "its name has the call id")
    by_metadata = Room(sid="RM_b", name="x", created_at=at(0), metadata=f'{{"call_id":"{CALL}"}}')
    assert room_of(Subject(call_id=CALL), rooms(5, by_metadata)) == ("x", "its metadata has the call id")
    inside = look(5, dispatch(metadata=f'{{"call_id":"{CALL}"}}'), room=the_room("y", "RM_c"))
    assert room_of(Subject(call_id=CALL), *inside)[0] == "y"  # type: ignore[index]
    assert room_of(Subject(call_id=CALL), rooms(5, the_room(f"out-{CALL}8", "RM_d"))) is None


def test_two_rooms_that_mention_the_call_are_one_too_many() -> None:
    two = rooms(5, the_room(f"a-{CALL}", "RM_a"), the_room(f"b-{CALL}", "RM_b"))
    assert room_of(Subject(call_id=CALL), two) is None
    again = rooms(5, the_room(f"a-{CALL}", "RM_a"), the_room(f"a-{CALL}", "RM_b", created=3))
    assert room_of(Subject(call_id=CALL), again)[0] == f"a-{CALL}"  # type: ignore[index]


def test_a_room_by_any_id() -> None:
    inside = look(5, dispatch(0, job()), agent(), phone())
    for id in (the_room().sid, "AD_t8Xk2mQ9pLwz", "AJ_uN4vB8sK1rTy", "AW_c5Dg7Hj2Lq9w", "PA_phone1", "SCL_9xKd3Fh6"):
        assert room_of(Subject(livekit_id=id), *inside)[0] == ROOM, id  # type: ignore[index]
    assert room_of(Subject(livekit_id="AD_unknown1"), *inside) is None


def test_a_sid_is_one_room_of_several_with_its_name() -> None:
    before, after = the_room(sid="RM_before0"), the_room(sid="RM_after00", created=50)
    observations = (*look(20, dispatch(), phone(), room=before), *look(60, phone(joined=51), room=after))
    ref = find_room(Subject(livekit_id="RM_before0"), (), evidence(60, *observations), SETTINGS)
    assert ref is not None
    assert (ref.name, ref.sid) == (ROOM, "RM_before0")


def test_nothing_at_hand_finds_nothing() -> None:
    assert room_of(Subject(), *look(5)) is None


def test_live_rooms_are_the_newest_first_and_as_last_seen() -> None:
    old, new = the_room("a", "RM_a"), the_room("b", "RM_b", created=9)
    newer = Room(sid="RM_a", name="a", created_at=at(0), num_participants=2)
    listed = live_rooms(evidence(20, rooms(15, newer), rooms(10, old, new)))
    assert [(room.sid, room.num_participants) for room in listed] == [("RM_b", 0), ("RM_a", 2)]


@pytest.mark.parametrize(
    ("metadata", "id"),
    [
        ('{"call_id": "c1"}', "c1"),
        ('{"callId": 7}', "7"),
        ('{"call-id": "c1", "x": 1}', "c1"),
        ('{"call_id": ""}', None),
        ('{"call_id": {"a": 1}}', None),
        ('["c1"]', None),
        ("c1", None),
        ("", None),
    ],
)
def test_the_call_id_in_metadata(metadata: str, id: str | None) -> None:
    assert call_id_in(metadata) == id


def test_a_lists_of_some_rooms_only_tells_of_those() -> None:
    """ListRooms of other names does not show that this one is gone."""
    inside = look(16, dispatch(), phone())
    assert codes(judge(20, inside, rooms(20, names=("another",)))) == ["LKD402"]
    assert judge(20, inside, rooms(20, names=("another",))).room.open  # type: ignore[union-attr]
    assert judge(20, inside, rooms(20, names=(ROOM,))).room.open is False  # type: ignore[union-attr]
