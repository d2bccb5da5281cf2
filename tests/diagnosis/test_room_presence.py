"""Every live room of a call, judged by the rules of a trace."""

from livekit_doctor.diagnosis.room_presence import broken_rooms, judged_rooms, matching_rooms
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Evidence, Observation
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Rooms, Settings
from tests.diagnosis.factories import (
    SETTINGS,
    agent,
    at,
    audio,
    automatic,
    dispatch,
    evidence,
    job,
    look,
    phone,
    rooms,
    row,
    the_room,
)

GOOD = the_room("call-good", "RM_good")
BAD = the_room("call-bad", "RM_bad")
OURS = Settings(agent=SETTINGS.agent, rooms=Rooms(pattern="call-*"))


def live(*extra: Observation) -> Evidence:
    return evidence(
        20,
        look(20, dispatch(0, job(), room="call-good"), agent(1, audio()), phone(), room=GOOD, beside=[BAD]),
        look(20, automatic(room="call-bad"), dispatch(room="call-bad"), phone(), room=BAD, beside=[GOOD]),
        extra,
    )


def test_each_room_has_its_own_verdict() -> None:
    judged = judged_rooms(Setup(live(), OURS))
    assert {d.room.name: d.verdict for d in judged if d.room} == {
        "call-good": Verdict.HEALTHY,
        "call-bad": Verdict.BROKEN,
    }
    (finding,) = broken_rooms(Setup(live(), OURS))
    assert (finding.code, finding.values["room"]) == ("LKD402", "call-bad")
    assert "call-bad" in finding.because[0].text


def test_only_rooms_that_match_and_are_nobodys_experiment() -> None:
    others = rooms(20, the_room("web-1", "RM_web"), the_room("livekit-doctor-x", "RM_doc"), GOOD)
    everything = Setup(Evidence(now=at(20), observations=(others,)), SETTINGS)
    assert {room.name for room in matching_rooms(everything)} == {"web-1", "call-good"}
    ours = Setup(Evidence(now=at(20), observations=(others,)), OURS)
    assert {room.name for room in matching_rooms(ours)} == {"call-good"}


def test_rooms_that_were_not_looked_into_are_not_judged() -> None:
    assert judged_rooms(Setup(Evidence(now=at(20), observations=(rooms(20, GOOD, BAD),)), OURS)) == ()


def test_another_calls_rows_do_not_make_a_room_healthy() -> None:
    rows = [row(1, "agent_connected", "agent", room="call-good", call_id="c1")]
    (finding,) = broken_rooms(Setup(live(*rows), OURS))
    assert finding.values["room"] == "call-bad"
