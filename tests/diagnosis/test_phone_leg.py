"""The phone's leg: dialing, ringing, answered, and the calls that nobody picked up."""

import pytest

from livekit_doctor.evidence.observations import Coverage, Observation, OutboundTrunk, OutboundTrunkList, Problem
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import Agent, Flow, Settings, Sip
from livekit_doctor.settings import OutboundTrunk as ExpectedTrunk
from tests.diagnosis.factories import (
    AGENT,
    READ,
    agent,
    audio,
    broken,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    look,
    phone,
    read,
    row,
    status,
)

SERVED = (dispatch(0, job()), agent(1, audio()))


def at_status(t: float, *states: str) -> tuple[Observation, ...]:
    """A look at a call whose agent is there, and whose phone is or is not."""
    return look(t, *SERVED, *(phone(state, joined=0) for state in states))


# LKD205


def test_dialing_for_longer_than_its_allowance() -> None:
    assert judge(35, at_status(35, "dialing")).verdict is Verdict.IN_PROGRESS
    diagnosis = judge(36, at_status(36, "dialing"))
    assert found(diagnosis) == [("sip_ringing", "LKD205", "likely")]
    assert set(diagnosis.broken[0].candidates) == {"LKD204", "LKD208", "LKD209"}


def test_dialing_then_gone() -> None:
    diagnosis = judge(11, at_status(10, "dialing"), at_status(11))
    assert found(diagnosis) == [("sip_ringing", "LKD205", "likely")]
    assert found(judge(11, at_status(10, "dialing"), closed(11))) == [("sip_ringing", "LKD205", "likely")]
    assert found(judge(12, at_status(10, "dialing"), at_status(11, "hangup"), at_status(12)))[0][1] == "LKD205"


@pytest.mark.parametrize("gap", [4, 60, 4000])
def test_dialing_then_nobody_looked_for_a_while(gap: float) -> None:
    """It may have been answered, and have hung up, in between."""
    for later in (at_status(10 + gap), closed(10 + gap), at_status(10 + gap, "hangup")):
        assert judge(10 + gap, at_status(10, "dialing"), later).verdict is not Verdict.BROKEN


def test_a_phone_that_was_never_seen_is_unknown() -> None:
    """A refused call's participant is gone within 0.4 s (design fact 22)."""
    diagnosis = judge(30, at_status(30))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert diagnosis.would_settle


def test_hangup_alone_proves_nothing() -> None:
    diagnosis = judge(30, at_status(30, "hangup"))
    assert diagnosis.verdict is not Verdict.BROKEN
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.UNKNOWN


def test_a_row_that_says_it_rang_counts() -> None:
    assert "LKD205" not in codes(judge(40, at_status(40, "dialing"), row(9, "sip_ringing")))
    assert "LKD205" not in codes(judge(40, at_status(40, "dialing"), row(9, "answered")))


# LKD206


def test_ringing_for_longer_than_its_allowance() -> None:
    assert judge(185, at_status(185, "ringing")).verdict is Verdict.IN_PROGRESS
    assert found(judge(186, at_status(186, "ringing"))) == [("sip_answered", "LKD206", "likely")]


def test_ringing_then_gone_may_be_a_refusal_too() -> None:
    diagnosis = judge(31, at_status(30, "ringing"), at_status(31))
    assert found(diagnosis) == [("sip_answered", "LKD206", "possible")]
    assert {"LKD204", "LKD210"} <= set(diagnosis.broken[0].candidates)
    assert status(diagnosis, Step.SIP_RINGING) is Status.OK


@pytest.mark.parametrize("gap", [4, 300])
def test_ringing_then_nobody_looked_for_a_while(gap: float) -> None:
    for later in (at_status(30 + gap), closed(30 + gap)):
        assert judge(30 + gap, at_status(30, "ringing"), later).verdict is not Verdict.BROKEN


@pytest.mark.parametrize("answered", ["active", "automation"])
def test_an_answered_call_may_end(answered: str) -> None:
    looks = [
        at_status(10, "ringing"),
        *(at_status(t, answered) for t in (11, 50)),
        at_status(51, "hangup"),
        at_status(52),
    ]
    for count, now in enumerate((10, 11, 50, 51, 52), 1):
        diagnosis = judge(now, *looks[:count])
        assert diagnosis.verdict in (Verdict.HEALTHY, Verdict.IN_PROGRESS)
    assert judge(80, *looks, closed(80)).verdict is Verdict.HEALTHY


def test_the_steps_of_an_answered_call() -> None:
    diagnosis = judge(12, at_status(10, "dialing"), at_status(11, "ringing"), at_status(12, "active"))
    times = {result.step: result.at for result in diagnosis.steps}
    assert diagnosis.verdict is Verdict.HEALTHY
    assert times[Step.SIP_RINGING] is not None
    assert times[Step.SIP_ANSWERED] is not None
    glance = {result.step: result.at for result in judge(12, at_status(12, "active")).steps}
    assert glance[Step.SIP_ANSWERED] is None, "it says that it is answered, not since when"


def test_a_second_try_in_the_same_room_counts() -> None:
    """The first phone was refused, the second is answered."""
    second = phone("active", joined=12, sid="PA_2", identity="sip_2")
    looks = [at_status(10, "dialing"), at_status(11), look(13, *SERVED, second)]
    assert judge(13, *looks).verdict is Verdict.HEALTHY
    ringing = phone("ringing", joined=12, sid="PA_2", identity="sip_2")
    assert judge(13, *looks[:2], look(13, *SERVED, ringing)).verdict is Verdict.IN_PROGRESS


def test_a_transfer_that_nobody_picks_up_is_not_the_calls_phone() -> None:
    other = phone("ringing", joined=20, sid="PA_2", identity="sip_2")
    looks = [at_status(10, "active"), look(20, *SERVED, phone("active", 0), other), at_status(21, "active")]
    assert judge(21, *looks).verdict is Verdict.HEALTHY


def test_a_phone_without_a_call_status() -> None:
    assert judge(10, at_status(10, "")).verdict is Verdict.IN_PROGRESS
    diagnosis = judge(40, at_status(40, ""))
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert Step.SIP_ANSWERED in diagnosis.not_covered
    silent = look(40, dispatch(0, job()), agent(1), phone("", 0))
    assert judge(40, silent).verdict is Verdict.NO_FAULT_SEEN


def test_none_of_it_applies_to_inbound_calls() -> None:
    rule = {"rule": "SDR_1", "joined": 0.0}
    for looks in (
        [look(500, *SERVED, phone("ringing", **rule))],  # type: ignore[arg-type]
        [look(10, *SERVED, phone("ringing", **rule)), at_status(11)],  # type: ignore[arg-type]
        [look(10, *SERVED, phone("dialing", **rule)), closed(11)],  # type: ignore[arg-type]
    ):
        diagnosis = judge(500, *looks)
        assert diagnosis.inbound
        assert not codes(diagnosis)


def test_both_legs_are_told_the_agents_first() -> None:
    diagnosis = judge(40, look(40, dispatch(), phone("dialing", 0)))
    assert found(diagnosis) == [("job_assigned", "LKD402", "likely"), ("sip_ringing", "LKD205", "likely")]


# LKD203, LKD201


NO_SIP = (
    *READ,
    Coverage(
        source="sip_api",
        status="unread",
        problem=Problem(code="LKD203", message="sip not connected (redis required)"),
    ),
)
TRUNK = Settings(agent=Agent(name=AGENT), sip=Sip(outbound_trunks=(ExpectedTrunk(id="ST_ours"),)))


def trunks(*ids: str) -> OutboundTrunkList:
    return OutboundTrunkList(read=read(16, "sip_api"), trunks=tuple(OutboundTrunk(id=id) for id in ids))


def test_no_sip_service() -> None:
    assert found(judge(16, at_status(16), coverage=NO_SIP)) == [("sip_participant_created", "LKD203", "proven")]
    assert not codes(judge(15, at_status(15), coverage=NO_SIP)), "its time is not over"
    assert not codes(judge(16, at_status(16, "active"), coverage=NO_SIP)), "the phone is there"
    assert not codes(judge(16, at_status(16), row(3, "sip_participant_created"), coverage=NO_SIP))


def test_the_configured_trunk_does_not_exist() -> None:
    assert found(judge(16, at_status(16), trunks("ST_other"), settings=TRUNK))[0][1:] == ("LKD201", "likely")
    assert not codes(judge(16, at_status(16), trunks("ST_other", "ST_ours"), settings=TRUNK))
    assert not codes(judge(16, at_status(16, "ringing"), trunks(), settings=TRUNK)), "dialed with an inline trunk"
    assert not codes(judge(16, at_status(16), trunks())), "no trunk is expected"


def test_where_the_agent_dials_its_time_begins_with_the_agent() -> None:
    settings = Settings(agent=TRUNK.agent, sip=TRUNK.sip, flow=Flow(placed_by="agent"))
    late = look(26, dispatch(0, job()), agent(12, audio()))
    assert not codes(judge(26, late, trunks(), settings=settings))
    assert codes(judge(28, look(28, dispatch(0, job()), agent(12, audio())), trunks(), settings=settings)) == ["LKD201"]
    assert broken(judge(28, at_status(28), trunks(), settings=settings), "LKD201").values["trunk_id"] == "ST_ours"
