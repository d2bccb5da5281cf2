"""LiveKit's webhooks, as handlers write them into the log: the event's name is the row's state."""

import json
from typing import Any

import pytest

from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import ROOM, found, row, rows_only, status, warned
from tests.diagnosis.test_against import ENDED, WELL

AGENT, PHONE = ("agent-AJ_uN4vB8sK1rTy", "AGENT"), ("sip_1", "SIP")


def hook(seconds: float, event: str, who: tuple[str, str] = AGENT, state: str = "", **more: Any) -> LogRow:
    """With the body but for the event's name, unless another state is given."""
    participant = {
        "sid": f"PA_{who[0]}",
        "identity": who[0],
        "kind": who[1],
        "attributes": {"sip.callStatus": "active"},
    }
    body = {"id": "EV_1", "room": {"sid": "RM_1", "name": ROOM}, "participant": participant, **more}
    body = {"payload": {"event": event, **body}} if state else body
    return row(seconds, state or event, "webhook", room=ROOM, metadata=json.dumps(body))


@pytest.mark.parametrize("state", ["", "livekit_event"])
def test_an_agent_that_left_the_phone(state: str) -> None:
    left = hook(12, "participant_left", state=state), hook(73, "participant_left", PHONE, state)
    diagnosis = rows_only(900, *WELL, *left, ENDED)
    assert found(diagnosis) == [("agent_connected", "LKD407", "possible")]
    assert "LKD603" not in warned(diagnosis)


def test_an_agent_that_left_after_the_phone() -> None:
    left = hook(73, "participant_left", PHONE), hook(73.4, "LiveKit.ParticipantLeft")
    recorded = hook(20, "egress_ended")
    diagnosis = rows_only(900, *WELL, recorded, *left, ENDED)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert "LKD603" not in warned(diagnosis)


def test_they_show_the_steps() -> None:
    """Of a team that logs nothing else of the agent."""
    placed, came = WELL[:3], hook(1, "participant_joined")
    assert found(rows_only(900, *placed)) == [("job_assigned", "LKD402", "possible")]
    diagnosis = rows_only(900, *placed, came)
    assert status(diagnosis, Step.AGENT_CONNECTED) is Status.OK
    assert not diagnosis.broken


@pytest.mark.parametrize("metadata", ["", "{", "[]", '{"room": "x"}', '{"participant": {"joinedAt": "x"}}'])
def test_what_is_no_webhook(metadata: str) -> None:
    diagnosis = rows_only(900, *WELL, row(73, "participant_left", "webhook", metadata=metadata), ENDED)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert "LKD603" in warned(diagnosis)
