"""How findings, steps and evidence become one diagnosis."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Coverage, Evidence, Read
from livekit_doctor.flow import FLOW, Leg, Status, Step, Verdict
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    AHEAD,
    CALL,
    READ,
    ROOM,
    agent,
    at,
    audio,
    automatic,
    closed,
    codes,
    dispatch,
    dispatches,
    evidence,
    found,
    human,
    job,
    judge,
    look,
    participants,
    phone,
    rooms,
    row,
    rows_only,
    status,
    the_room,
    unread,
    warned,
)

SERVED = (dispatch(0, job()), agent(1, audio()))


def test_nothing_known() -> None:
    diagnosis = judge(0, coverage=(), subject=Subject())
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert not diagnosis.evidence_found
    assert len(diagnosis.attempts) == 1
    assert diagnosis.room is None
    assert [result.step for result in diagnosis.steps] == [spec.step for spec in FLOW]


def test_a_healthy_call() -> None:
    diagnosis = judge(20, look(20, *SERVED, phone()))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert diagnosis.not_covered == ()
    assert not diagnosis.broken
    assert not diagnosis.would_settle
    assert diagnosis.room is not None
    assert (diagnosis.room.name, diagnosis.room.open, diagnosis.room.age) == (ROOM, True, 20)
    done = {result.step for result in diagnosis.steps if result.status is Status.OK}
    assert done == set(Step) - {Step.CALL_ENDED}


def test_a_healthy_call_that_is_over() -> None:
    diagnosis = judge(60, look(20, *SERVED, phone()), look(57, *SERVED, phone()), closed(60))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert diagnosis.room is not None
    assert diagnosis.room.open is False
    assert status(diagnosis, Step.CALL_ENDED) is Status.OK


def test_an_agent_that_waits_alone_is_not_healthy() -> None:
    assert judge(10, look(10, *SERVED)).verdict is Verdict.IN_PROGRESS
    diagnosis = judge(40, look(40, *SERVED))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert status(diagnosis, Step.SIP_PARTICIPANT_CREATED) is Status.UNKNOWN


def test_steps_after_a_pending_one_are_pending_and_after_a_broken_one_skipped() -> None:
    pending = judge(3, look(3, automatic(), dispatch(), phone("dialing")))
    for step in (Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.SIP_RINGING, Step.SIP_ANSWERED):
        assert status(pending, step) is Status.PENDING
    broken = judge(16, look(16, automatic(), dispatch(), phone("ringing")))
    for step in (Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO):
        assert status(broken, step) is Status.SKIPPED
    assert status(broken, Step.SIP_ANSWERED) is Status.PENDING


def test_a_missing_dispatch_leaves_nothing_pending_after_it() -> None:
    glance = judge(20, look(20, automatic(), phone()))
    assert status(glance, Step.AGENT_DISPATCHED) is Status.UNKNOWN
    assert status(glance, Step.JOB_ASSIGNED) is Status.UNKNOWN
    assert glance.verdict is Verdict.UNKNOWN


def test_where_the_agent_dials_a_broken_agent_leaves_the_phone_without_a_beginning() -> None:
    settings = Settings(agent=Agent(name=AGENT), flow=Flow(placed_by="agent"))
    diagnosis = judge(16, look(16, dispatch()), settings=settings)
    assert codes(diagnosis) == ["LKD402"]
    assert status(diagnosis, Step.SIP_PARTICIPANT_CREATED) is Status.SKIPPED
    waiting = judge(10, look(10, dispatch()), settings=settings)
    assert status(waiting, Step.SIP_PARTICIPANT_CREATED) is Status.UNKNOWN
    assert waiting.verdict is Verdict.IN_PROGRESS


def test_a_room_that_closed_early_is_the_one_cause() -> None:
    watched = [look(t, automatic()) for t in range(1, 9)]
    diagnosis = judge(9, *watched, closed(9), row(0.1, "room_created"))
    assert [item.leg for item in diagnosis.broken] == [Leg.CALL]
    later = {result.status for result in diagnosis.steps if result.leg is not Leg.CALL}
    assert later == {Status.SKIPPED}


def test_steps_that_a_team_does_not_have() -> None:
    settings = Settings(agent=Agent(name=AGENT), flow=Flow(not_used=(Step.AGENT_AUDIO, Step.CALL_REQUESTED)))
    diagnosis = judge(20, look(20, dispatch(0, job()), agent(1), phone()), settings=settings)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert status(diagnosis, Step.AGENT_AUDIO) is Status.SKIPPED


@pytest.mark.parametrize("source", ["livekit_api", "call_logs", "sip_api", "canary", "worker_endpoint http://x"])
@pytest.mark.parametrize("code", ["LKD003", "LKD004", "LKD106", "LKD602"])
def test_an_unread_source_is_a_warning_and_nothing_else(source: str, code: str) -> None:
    for items in ((), look(20, *SERVED, phone()), look(5, automatic(), phone("ringing"))):
        coverage = (unread(source, code),)
        diagnosis = judge(20, items, coverage=coverage)
        assert not diagnosis.broken
        assert warned(diagnosis)[0] == code
        assert diagnosis.verdict is judge(20, items).verdict


def test_a_later_look_that_failed_ages_nothing() -> None:
    """ListRooms still answers; what is inside was last read when all was in its allowance."""
    early = look(5, automatic(), dispatch(), phone("dialing", 0))
    for more in (
        [rooms(60, the_room())],
        [rooms(60, the_room()), participants(60, phone("dialing", 0))],
        [rooms(60, the_room()), dispatches(60, automatic(), dispatch())],
    ):
        diagnosis = judge(60, early, *more, coverage=(*READ, unread("livekit_api", "LKD003")))
        assert diagnosis.verdict is Verdict.IN_PROGRESS, found(diagnosis)


def test_a_room_that_was_never_looked_into() -> None:
    diagnosis = judge(60, rooms(60, the_room()))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert status(diagnosis, Step.ROOM_CREATED) is Status.OK


def test_without_the_date_of_the_answers_the_local_clock_counts() -> None:
    items = look(16, automatic(), dispatch(), phone("ringing"))
    local = [replace(item, read=Read(source="livekit_api", at=at(16))) for item in items]
    assert codes(judge(16, local)) == ["LKD402"]


def test_only_what_is_of_this_room_counts() -> None:
    other = the_room("other", "RM_other")
    diagnosis = judge(16, look(16, automatic(), dispatch(), phone()), look(16, *SERVED, phone(), room=other))
    assert codes(diagnosis) == ["LKD402"]


def test_the_order_of_the_readings_does_not_matter() -> None:
    looks = [look(t, dispatch(0, job()), *([agent(1, audio())] if t < 30 else []), phone()) for t in (20, 30, 40)]
    flat = [item for looked in looks for item in looked]
    assert found(judge(40, flat)) == found(judge(40, list(reversed(flat)))) == [("agent_connected", "LKD407", "proven")]


def test_the_call_id_comes_from_the_rows_where_only_the_room_is_known() -> None:
    assert judge(20, row(0, "call_requested", room=ROOM), subject=Subject(room=ROOM)).call_id == CALL


def test_what_goes_with_it() -> None:
    coverage = (Coverage(source="livekit_api", status="read"),)
    diagnosis = judge(16, look(16, automatic(), dispatch(), phone()), coverage=coverage)
    assert diagnosis.coverage == coverage
    assert diagnosis.broken[0].values["agent_name"] == AGENT
    assert diagnosis.broken[0].values["room"] == ROOM
    assert [entry.at for entry in diagnosis.timeline] == sorted(entry.at for entry in diagnosis.timeline)
    assert diagnosis.would_settle


def test_now_does_not_matter_to_what_was_observed() -> None:
    """A bundle is diagnosed days later."""
    items = evidence(10, look(10, automatic(), dispatch(), phone("ringing")))
    later = Evidence(now=at(1e6) + AHEAD, observations=items.observations, coverage=items.coverage)
    assert judge(10, items.observations).verdict is judge(1e6, later.observations).verdict is Verdict.IN_PROGRESS


def test_a_web_session_with_the_agent_is_no_phone_call() -> None:
    diagnosis = judge(60, look(60, *SERVED, human(1, audio())))
    assert diagnosis.verdict is not Verdict.BROKEN


def test_rows_alone_are_in_progress_then_broken() -> None:
    rows = [row(0, "agent_dispatched")]
    assert [rows_only(t, *rows).verdict for t in (1, 14, 16)] == [
        Verdict.IN_PROGRESS,
        Verdict.IN_PROGRESS,
        Verdict.BROKEN,
    ]
