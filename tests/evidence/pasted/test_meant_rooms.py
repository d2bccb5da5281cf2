"""Tables of lk of two rooms: which one is meant, and what the other tells of it."""

import pytest

from livekit_doctor.diagnosis.names import near_room
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Verdict
from tests.evidence.pasted.samples import pasted

OWN = "followup-8821-1739871002"
OTHER = "followup-8821-1739871003"
LATER = "followup-8821-1739871950"
PHONE = "sip_15555550137"
AGENT = "agent-AJ_t6XwLn3KvQ9m"
SAID = f"customer picked up, nobody talking. room is {OWN}, still open:"


def listed(room: str, *agents: str, there: str = "") -> str:
    """What `lk dispatch list` and `lk room participants list` print."""
    rows = [f"│ AD_q8LxTv4WnZ7{number} │ {room} │ {agent} │" for number, agent in enumerate(agents)]
    who = [f"$ lk room participants list {room}", f"{there} (ACTIVE)\t tracks: 1"] if there else []
    return "\n".join((f"$ lk dispatch list {room}", "│ DispatchID │ Room │ AgentName │", *rows, *who))


def judged(*texts: str) -> tuple[str | None, list[tuple[str, str]]]:
    diagnosis = pasted("\n".join(texts))
    return diagnosis.room and diagnosis.room.name, [(item.code, item.confidence) for item in diagnosis.broken]


PHONES_ROOM = listed(OWN, "", there=PHONE)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(listed(OTHER, "", "followup", there=AGENT), ("LKD409", "likely"), id="the agent is alone there"),
        pytest.param(listed(OTHER, "", "followup"), ("LKD409", "possible"), id="who is there was not pasted"),
        pytest.param(listed(OTHER, "", "followup", there=PHONE), ("LKD401", "possible"), id="it has a phone"),
        pytest.param(listed(OTHER, "", there=AGENT), ("LKD401", "possible"), id="nothing was dispatched there either"),
        pytest.param(
            listed(LATER, "", "followup", there=AGENT), ("LKD401", "possible"), id="of quarter of an hour later"
        ),
    ],
)
def test_the_dispatch_went_to_a_room_of_almost_the_name(other: str, expected: tuple[str, str]) -> None:
    assert judged(SAID, PHONES_ROOM, "weird, the other one has it", other) == (OWN, [expected])


def test_the_room_with_the_phone_is_meant_where_no_sentence_says_it() -> None:
    assert judged(PHONES_ROOM, listed(OTHER, "", "followup", there=AGENT)) == (OWN, [("LKD409", "likely")])
    assert judged(PHONES_ROOM, listed(LATER, "", "followup", there=AGENT)) == (None, []), "that is another call"


def test_the_agent_is_with_the_phone() -> None:
    served = f"{listed(OWN, '', 'followup', there=PHONE)}\n{AGENT} (ACTIVE)\t tracks: 1"
    diagnosis = pasted("\n".join((SAID, served, listed(OTHER, "", "followup"))))
    assert diagnosis.verdict in (Verdict.HEALTHY, Verdict.NO_FAULT_SEEN)


def test_sentences_that_name_both_mean_neither() -> None:
    assert judged(SAID, f"{LATER} was fine", PHONES_ROOM, listed(LATER, "followup", there=PHONE))[0] is None


def test_what_is_left_out_is_named() -> None:
    diagnosis: Diagnosis = pasted("\n".join((SAID, PHONES_ROOM, listed(LATER, "followup"))))
    assert [entry.set_aside_of for entry in diagnosis.coverage if entry.set_aside] == [(LATER,)]


@pytest.mark.parametrize(
    ("a", "b", "near"),
    [
        (OWN, OTHER, "its time stamp, by 1 s"),
        ("call-78-1761672393001", "call-78-1761672393000", "its time stamp, by 0.001 s"),
        (OWN, LATER, None),
        (OWN, "followup-8822-1739871002", None),
        (OWN, "Followup-8821-1739871002", "upper and lower case"),
        pytest.param("call-1739871002", "call-1739871003", None, id="without an id it may be the next call"),
    ],
)
def test_room_names_that_are_near(a: str, b: str, near: str | None) -> None:
    assert near_room(a, b) == near_room(b, a) == near


def test_a_list_without_any_dispatch() -> None:
    """Of a room with somebody in it; of one that nobody is known to be in it may be over."""
    assert judged(listed(OWN, there=PHONE)) == (OWN, [("LKD401", "possible")])
    assert judged(listed(OWN)) == (OWN, [])
    assert judged(listed(OWN, there=AGENT)) == (OWN, [])


def lines_of_lk(*there: tuple[str, int]) -> str:
    lines = [f"{identity} (ACTIVE)\t tracks: {tracks}" for identity, tracks in there]
    return "\n".join((f"$ lk room participants list {OWN}", *lines))


def test_an_agent_without_a_track() -> None:
    """Beside a phone with one, so that the list shows tracks; another agent may publish for it, as avatars do."""
    assert judged(lines_of_lk((AGENT, 0), (PHONE, 1)))[1] == [("LKD408", "possible")]
    for there in (((AGENT, 1), (PHONE, 1)), ((AGENT, 0), (PHONE, 0)), ((AGENT, 0), ("agent-AJ_2", 1), (PHONE, 1))):
        assert judged(lines_of_lk(*there))[1] == []
