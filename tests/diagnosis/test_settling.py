"""Of what would settle a code, what was done already is left out."""

import pytest
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.core import calls_of
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.settling import DONE, is_done
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Coverage, Evidence
from livekit_doctor.flow import Leg, Step
from livekit_doctor.settings import Allowance, Allowances, Flow, Settings
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    SETTINGS,
    agent,
    at,
    audio,
    automatic,
    broken,
    canary,
    closed,
    codes,
    dispatch,
    job,
    judge,
    look,
    phone,
    row,
)

UNNAMED = Settings()
"""Nothing says how the agent is called, so that a missing dispatch is possible and no more."""
STUCK = (*look(55, dispatch(), phone()), *look(60, dispatch(), phone()))
UNDISPATCHED = (*look(30, automatic(), phone()), *look(60, automatic(), phone()))


def test_each_of_the_words_is_in_a_page() -> None:
    """A line that is reworded is to be found again."""
    lines = [line for code in catalogue.codes() for line in catalogue.get(code).settled_by]
    assert [words for words in DONE if not any(words in line for line in lines)] == []


def test_what_nobody_can_have_done_is_asked_for() -> None:
    (call,) = calls_of(Setup(Evidence(now=at(60)), SETTINGS), Subject(room=ROOM))
    assert not is_done(call, "Search your code for delete_dispatch and DeleteDispatch")


@pytest.mark.parametrize(("read", "done"), [(("worker_log a",), False), (("worker_log a", "server_log b"), True)])
def test_both_logs_are_asked_for_until_both_are_given(read: tuple[str, ...], done: bool) -> None:
    ask = "Give both logs: livekit-doctor trace X --worker-log FILE --server-log FILE"
    known = Evidence(now=at(1), coverage=tuple(Coverage(source=name, status="read") for name in read))
    (call,) = calls_of(Setup(known, SETTINGS), Subject(room=ROOM))
    assert is_done(call, ask) is done


def test_a_room_that_is_open_and_was_looked_into_needs_no_second_trace() -> None:
    while_open = judge(60, UNDISPATCHED, settings=UNNAMED)
    assert broken(while_open, "LKD401").confidence.value == "possible"
    assert while_open.would_settle
    assert "while its room is open" not in " ".join(while_open.would_settle)


def test_the_canary_that_has_run_is_not_asked_for() -> None:
    without = judge(60, STUCK)
    assert codes(without) == ["LKD402"]
    assert any("by the canary" in line for line in without.would_settle)
    assert not any("by the canary" in line for line in judge(60, (*STUCK, canary(59))).would_settle)


def test_who_has_named_the_room_is_not_asked_for_it() -> None:
    for subject, asked in ((Subject(call_id=CALL, room=ROOM), False), (Subject(call_id=CALL), True)):
        gone = judge(900, closed(900), row(1, "call_requested"), subject=subject)
        assert codes(gone) == ["LKD501"]
        assert any("Name the room" in line for line in gone.would_settle) is asked


def test_an_allowance_that_counts_from_the_answer_is_not_asked_for() -> None:
    allowance = Allowance(after=(Step.SIP_ANSWERED,), slow_after=5, broken_after=15)
    counted = replace(UNNAMED, flow=Flow(allowances=Allowances(agent_dispatched=allowance)))
    for settings, asked in ((UNNAMED, True), (counted, False)):
        found = judge(60, UNDISPATCHED, settings=settings)
        assert codes(found) == ["LKD401"]
        assert any("[sip_answered]" in line for line in found.would_settle) is asked


def test_the_agents_name_is_asked_for_where_its_leg_is_in_doubt() -> None:
    dialing = look(60, dispatch(0, job()), agent(1, audio()), phone("dialing", joined=0))
    for seen, leg in ((UNDISPATCHED, Leg.AGENT), (dialing, Leg.PHONE)):
        found = judge(60, seen, settings=UNNAMED)
        assert [item.leg for item in found.broken] == [leg]
        assert found.would_settle
        assert any("set agent.name" in line for line in found.would_settle) is (leg is Leg.AGENT)
