"""What once made the tool say something wrong: half a look, hand-overs, clocks that are behind."""

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Participant, SipDispatchRule
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import Agent, Settings
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    agent,
    audio,
    automatic,
    closed,
    codes,
    declined_job,
    dispatch,
    dispatches,
    found,
    human,
    job,
    judge,
    look,
    participants,
    phone,
    rooms,
    row,
    rules,
    status,
    the_room,
)

OPEN = Subject(room=ROOM)
PLACED = (row(0, "room_created"), row(0.5, "sip_participant_created"))
DISPATCHED = (*PLACED, row(0.3, "agent_dispatched"))
WITH_OTHERS = Settings(agent=Agent(name=AGENT, others=("billing",)))
BILLING = {"name": "billing", "identity": "agent-2"}


# Half a look: one of the room's two lists could not be read


def half(seconds: float, *inside: Participant) -> Diagnosis:
    return judge(seconds, rooms(seconds, the_room()), participants(seconds, *inside), subject=OPEN)


def test_participants_alone_show_the_phones_steps() -> None:
    diagnosis = half(5, agent(1), phone("ringing"))
    assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.PENDING


def test_nothing_is_healthy_without_the_dispatches() -> None:
    for inside in ([agent(1), phone()], [agent(1)], [agent(1, audio()), phone()]):
        assert half(100, *inside).verdict is not Verdict.HEALTHY


def test_no_job_means_nothing_where_the_participants_were_not_read() -> None:
    diagnosis = judge(60, rooms(60, the_room()), dispatches(60, dispatch(0)), subject=OPEN)
    assert diagnosis.verdict is Verdict.UNKNOWN


def test_a_room_that_was_seen_and_not_looked_into_may_have_been_full() -> None:
    seen = [rooms(t, the_room()) for t in range(1, 61)]
    assert "LKD502" not in codes(judge(61, look(0.5), *seen, closed(61), subject=OPEN))
    watched = [look(t) for t in range(1, 61)]
    assert codes(judge(61, look(0.5), *watched, closed(61), subject=OPEN)) == ["LKD502"]


# Hand-overs


def test_an_agent_that_hands_over_to_another() -> None:
    second = dispatch(62, job(62.3, id="AJ_second99", identity="agent-2"), id="AD_second99", name="billing")
    looks = [look(t, dispatch(0, job()), second, agent(63, audio(), **BILLING), phone()) for t in (96, 100)]
    assert judge(100, *looks, settings=WITH_OTHERS, subject=OPEN).verdict is not Verdict.BROKEN


@pytest.mark.parametrize(
    ("name", "breaks"),
    [(AGENT, ("entrypoint_called", "LKD406", "likely")), ("billing", ("agent_connected", "LKD407", "proven"))],
)
def test_an_agent_that_is_replaced(name: str, breaks: tuple[str, str, str]) -> None:
    """By one of its own name, which does not come, or by another agent: the latest dispatch of its name decides."""
    second = dispatch(62, job(62.3, id="AJ_second99", identity="agent-2"), id="AD_second99", name=name)
    before = [look(50, dispatch(0, job()), agent(1, audio()), phone()), look(61, dispatch(0, job()), phone())]
    between = look(64.5, dispatch(0, job()), second, phone())
    assert judge(64.5, *before, between, settings=WITH_OTHERS, subject=OPEN).verdict is not Verdict.BROKEN
    late = [look(t, dispatch(0, job()), second, phone()) for t in (78, 82)]
    diagnosis = judge(82, *before, between, *late, settings=WITH_OTHERS, subject=OPEN)
    assert found(diagnosis) == [breaks]


def test_a_dispatch_that_was_declined_and_made_again() -> None:
    again = look(21, dispatch(0, declined_job()), dispatch(20.5, id="AD_second99"), phone())
    assert judge(21, again, subject=OPEN).verdict is Verdict.IN_PROGRESS
    late = look(36, dispatch(0, declined_job()), dispatch(20.5, id="AD_second99"), phone())
    assert codes(judge(36, late, subject=OPEN)) == ["LKD402"]


@pytest.mark.parametrize("who", [human(60, audio()), agent(60, audio(), **BILLING)])
def test_whoever_speaks_with_the_phone_is_no_break(who: Participant) -> None:
    """The agent's dispatch was deleted to take it out (fact 9), or the caller was always served by a human."""
    rule = rules(90, SipDispatchRule(id="SDR_1", kind="individual", room="call-"))
    for diagnosis in (
        judge(90, *DISPATCHED, look(90, phone(), who), settings=WITH_OTHERS),
        judge(90, look(90, phone("active", rule="SDR_1"), who), settings=WITH_OTHERS, subject=OPEN),
        judge(90, look(90, automatic(), phone("active", rule="SDR_1"), who), rule, settings=WITH_OTHERS, subject=OPEN),
        judge(90, *PLACED, *(look(t, automatic(), phone(), who) for t in (80, 90)), settings=WITH_OTHERS),
    ):
        assert diagnosis.verdict is not Verdict.BROKEN, found(diagnosis)


def test_whoever_only_listens_hides_nothing() -> None:
    diagnosis = judge(90, *PLACED, *(look(t, automatic(), phone(), human(1)) for t in (80, 90)))
    assert codes(diagnosis) == ["LKD401"]


def test_an_agent_that_falls_silent_for_a_human() -> None:
    inside = (dispatch(0, job()), agent(1, audio(muted=True)), phone())
    looks = [look(t, *inside, human(60, audio())) for t in (85, 110)]
    assert judge(110, *looks, subject=OPEN).verdict is not Verdict.BROKEN


def test_another_agent_of_the_team_is_not_this_one() -> None:
    recorder = (dispatch(0, job(identity="agent-2"), name="billing"), phone())
    silent = [look(t, *recorder, agent(1, **BILLING)) for t in (50, 80)]
    assert [code for _, code, _ in found(judge(80, *silent, settings=WITH_OTHERS, subject=OPEN))] == ["LKD401"]
    speaks = look(60, *recorder, agent(1, audio(), **BILLING))
    assert judge(60, speaks, settings=WITH_OTHERS, subject=OPEN).verdict is Verdict.UNKNOWN


def test_a_call_that_its_placer_gave_up() -> None:
    for state in ("dialing", "ringing"):
        there = look(4, dispatch(0, job()), agent(1, audio()), phone(state))
        assert codes(judge(8, *DISPATCHED, row(5, "call_ended"), there, closed(6))) == []
        assert len(codes(judge(8, *DISPATCHED, there, closed(6)))) == 1


# Clocks


def test_a_component_whose_clock_is_behind_is_not_past_its_dispatch() -> None:
    """The phone was answered 0.1 s ago, and the row says 30 s."""
    rows = [row(-30, "room_created"), row(-10, "sip_participant_created")]
    assert judge(20.1, *rows, look(20.1, automatic(), phone())).verdict is not Verdict.BROKEN
    looks = [look(t, automatic(), phone()) for t in (20.1, 24)]
    assert codes(judge(24, *rows, *looks)) == ["LKD401"]


def test_a_row_by_a_clock_that_is_ahead_says_little_of_when_the_room_was_made() -> None:
    named = row(60, "room_created", metadata=f'{{"agent": "{AGENT}"}}')
    looks = [look(t, automatic(), phone()) for t in (30, 40)]
    diagnosis = judge(40, named, row(60.5, "sip_participant_created"), *looks)
    assert all(confidence == "possible" for _, _, confidence in found(diagnosis))
