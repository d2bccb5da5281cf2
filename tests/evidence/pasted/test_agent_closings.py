"""livekit-server's lines of who left the room, as a person picked them: the agent, and the phone some time later."""

import json

import pytest

from tests.diagnosis.factories import found
from tests.evidence.pasted.samples import pasted

AGENT = "agent-AJ_aaaaaaaaaaaa"


def of(identity: str, seconds: int, message: str, **fields: str) -> str:
    at = f"2027-11-28T12:{seconds // 60:02}:{seconds % 60:02}.100Z"
    own = {"room": "call-17", "roomID": "RM_aaaaaaaaaaaa", "participant": identity}
    return f"{at}\tINFO\tlivekit\trtc/room.go:480\t{message}\t{json.dumps(own | fields)}"


def came(identity: str, seconds: int) -> str:
    return of(identity, seconds, "participant active")


def closing(identity: str, seconds: int, reason: str = "CLIENT_REQUEST_LEAVE", **fields: str) -> str:
    return of(identity, seconds, "participant closing", reason=reason, **fields)


@pytest.mark.parametrize("reason", ["PEER_CONNECTION_DISCONNECTED", "CLIENT_REQUEST_LEAVE", "STALE"])
def test_an_agent_that_left_the_phone_alone_by_lines_that_begin_later(reason: str) -> None:
    """Nobody picked those of their coming: the agent's media may never have been there."""
    gone = closing(AGENT, 30, reason)
    diagnosis = pasted(f"{gone}\n{closing('sip_1', 90)}")
    assert found(diagnosis) == [("agent_connected", "LKD407", "possible")]
    assert {"LKD206", "LKD405", "LKD416"} == set(diagnosis.broken[0].candidates)
    assert not pasted(f"{gone}\n{closing('sip_1', 38)}").broken, "it may be how the call ends"
    assert not pasted(f"{gone}\n{closing('EG_aaaaaaaaaaaa', 90)}").broken, "a recorder"
    others = came("sip_1", 3)
    assert not pasted(f"{others}\n{gone}\n{closing('sip_1', 90)}").broken, "the agent's would have been picked, too"


def test_an_agent_that_another_of_its_identity_replaced() -> None:
    gone = closing(AGENT, 30, "DUPLICATE_IDENTITY")
    assert not pasted(f"{gone}\n{closing('sip_1', 90)}").broken


def test_an_agent_that_left_somebody_alone_who_may_be_the_phone() -> None:
    both = f"{came(AGENT, 1)}\n{came('callee', 3)}\n{closing(AGENT, 30)}"
    assert found(pasted(f"{both}\n{closing('callee', 60)}")) == [("agent_connected", "LKD407", "possible")]
    assert not pasted(f"{both}\n{closing('callee', 34)}").broken
    assert not pasted(f"{both}\n{closing('callee', 60, kind='STANDARD')}").broken
    assert not pasted(f"{both}\n{came('colleague', 20)}\n{closing('callee', 60)}").broken


def test_a_container_that_was_killed_as_its_agent_left() -> None:
    gone = f"{closing(AGENT, 30, 'PEER_CONNECTION_DISCONNECTED')}\n{closing('sip_1', 90)}"
    for at, cited in (("12:00:15", True), ("09:00:15", False)):
        killed = f"Last State: Terminated\nReason: OOMKilled\nExit Code: 137\nFinished: Sun, 28 Nov 2027 {at} +0000"
        diagnosis = pasted(f"{killed}\n{gone}")
        assert any("OOMKilled" in each.text for each in diagnosis.broken[0].because) is cited
