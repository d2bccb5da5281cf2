"""LKD413 in mid-call: the dispatch was deleted, the agent went, and the phone stayed."""

from msgspec.structs import replace

from livekit_doctor.evidence.observations import Observation
from tests.diagnosis.factories import at, codes, found, row, server_line
from tests.diagnosis.test_component_logs import (
    ACTIVE,
    ASKED,
    ASSIGNED,
    CALLEE_ACTIVE,
    CONNECTED,
    OPENED,
    afterwards,
    created,
)
from tests.each import each

DELETED = server_line(30, "API AgentDispatchService.DeleteDispatch", status="200", room_id="")
ANSWERED = row(3, "sip_answered")
BESIDE = server_line(2, "participant active", participant="agent-AJ_2", agent_name="")


def gone(seconds: float, who: str = "agent-AJ_uN4vB8sK1rTy", kind: str = "AGENT") -> Observation:
    return server_line(seconds, "participant closing", participant=who, kind=kind, agent_name="")


def phone_gone(seconds: float) -> Observation:
    return gone(seconds, "sip_1", "SIP")


@each(
    "lines, confidence",
    [
        ((ANSWERED, DELETED, gone(32), phone_gone(60)), "likely"),
        ((ANSWERED, DELETED, gone(32), phone_gone(42.5)), "likely"),
        ((ANSWERED, DELETED, gone(32), phone_gone(42)), "possible"),
        ((ANSWERED, DELETED, gone(32), phone_gone(33.5)), "possible"),
        ((ANSWERED, DELETED, gone(32), phone_gone(33)), ""),
        ((DELETED, gone(32), phone_gone(60)), "possible"),
        ((DELETED, gone(32), phone_gone(42)), ""),
        ((ANSWERED, DELETED, gone(45), phone_gone(60)), "likely"),
        ((ANSWERED, DELETED, gone(45.5), phone_gone(60)), ""),
        ((ANSWERED, DELETED, gone(29), phone_gone(60)), ""),
        ((ANSWERED, BESIDE, DELETED, gone(32), phone_gone(60)), ""),
        ((ANSWERED, BESIDE, DELETED, gone(32), gone(58, "agent-AJ_2"), phone_gone(60)), ""),
    ],
)
def test_as_sure_as_it_may_be(lines: tuple[Observation, ...], confidence: str) -> None:
    """Another agent that was there and stayed goes on with the call."""
    diagnosis = afterwards(OPENED, ASKED, ASSIGNED, ACTIVE, CALLEE_ACTIVE, *lines)
    assert [sure for step, code, sure in found(diagnosis) if code == "LKD413" and step == CONNECTED] == [
        confidence
    ] * bool(confidence)


def test_another_agent_that_had_left_before_does_not() -> None:
    came = server_line(2, "participant active", participant="front-desk", agent_name="")
    lines = (ANSWERED, came, gone(20, "front-desk"), DELETED, gone(32), phone_gone(60))
    assert codes(afterwards(OPENED, ASKED, ASSIGNED, ACTIVE, CALLEE_ACTIVE, *lines)) == ["LKD413"]


def test_of_two_dispatches_nobody_knows_which_was_deleted() -> None:
    """The agent that left of itself may have said goodbye, unless the phone was alone for long."""
    lines = ASSIGNED, ACTIVE, CALLEE_ACTIVE, ANSWERED, DELETED, gone(32)
    for stayed, again in ((1.5, []), (28, ["LKD413"])):
        left = phone_gone(32 + stayed)
        assert codes(afterwards(OPENED, created(0), *lines, left)) == ["LKD413"]
        assert codes(afterwards(OPENED, created(-5), created(0), *lines, left)) == again


def test_a_dispatch_that_was_tidied_up_after_its_request_had_timed_out() -> None:
    """By the agent's name and the time only; as much as of the other reasons why no worker had its job."""
    deleted = replace(DELETED, at=at(6.2))
    timed_out = server_line(3.5, "failed to send job request", error="request timed out", room="", room_id="")
    assert "LKD413" in codes(afterwards(OPENED, created(0.2), deleted))
    assert "LKD413" not in codes(afterwards(OPENED, created(0.2), timed_out, deleted))
