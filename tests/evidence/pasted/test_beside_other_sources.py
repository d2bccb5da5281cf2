"""Pasted text beside what is read now: it adds what it shows, and takes nothing back."""

import json

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence, Observation
from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import (
    AGENT,
    AHEAD,
    ROOM,
    SETTINGS,
    SID,
    agent,
    at,
    audio,
    automatic,
    dispatch,
    found,
    job,
    log_file,
    look,
    phone,
    server_line,
    status,
)
from tests.evidence.pasted.samples import reading

LIVE = look(60, dispatch(0, job()), agent(1, audio()), phone())
REFUSED = "TwirpError(code=permission_denied, message=sip status: 403: Forbidden, status=403)"


def beside(observations: object, *texts: str) -> Diagnosis:
    items: tuple[Observation, ...] = tuple(observations)  # type: ignore[arg-type]
    now = at(60) + AHEAD
    evidence = Evidence(now=now, observations=items).plus(reading(*texts), now=now)
    return diagnose(evidence, SETTINGS, Subject(room=ROOM))


def listed(*agent_names: str, room: str = ROOM) -> str:
    """ListDispatch as lk prints it."""
    items = [{"id": f"AD_old{n}", "agentName": name, "room": room} for n, name in enumerate(agent_names)]
    return json.dumps({"agentDispatches": items})


def test_an_old_list_says_nothing_against_the_live_room() -> None:
    assert beside(LIVE, listed("")).verdict is Verdict.HEALTHY
    assert beside(LIVE, listed(AGENT)).verdict is Verdict.HEALTHY


def test_an_error_of_an_earlier_attempt_is_over_where_the_phone_has_answered() -> None:
    assert beside(LIVE, REFUSED).verdict is Verdict.HEALTHY
    alone = beside(look(60, dispatch(0, job()), agent(1, audio())), REFUSED)
    assert [item.code for item in alone.broken] == ["LKD204"]


def test_the_live_room_is_told_in_its_own_words() -> None:
    looks = (*look(50, automatic(), phone()), *look(60, automatic(), phone()))
    diagnosis = beside(looks, listed("", room="another"))
    assert [item.code for item in diagnosis.broken] == ["LKD401"]
    assert "ListDispatch" in {because.source for because in diagnosis.broken[0].because}


def test_a_webhook_of_an_earlier_room_of_that_name_is_of_another_call() -> None:
    joined = {
        "event": "participant_joined",
        "room": {"sid": "RM_earlier00", "name": ROOM},
        "participant": {"sid": "PA_9", "identity": "agent-AJ_9", "kind": "AGENT", "state": "ACTIVE"},
        "createdAt": "1795470801",
    }
    room = look(60, dispatch(0), phone())
    assert found(beside(room, json.dumps(joined))) == found(beside(room))
    joined["room"] = {"sid": SID, "name": ROOM}
    assert status(beside(room, json.dumps(joined)), Step.AGENT_CONNECTED) is Status.OK


def test_a_whole_log_allows_what_picked_lines_do_not() -> None:
    """A room that was opened and closed with nobody in it: only a log that spans it shows that nobody came."""
    lines = [server_line(0, "selected node for room"), server_line(300, "closing idle room", reason="empty timeout")]
    text = "\n".join(
        json.dumps(
            {"level": "info", "ts": at(s).timestamp(), "logger": "livekit", "msg": m, "room": ROOM, "roomID": SID}
        )
        for s, m in ((0, "selected node for room"), (300, "closing idle room"))
    )
    assert [item.code for item in beside([*lines, log_file("server")]).broken] == ["LKD502"]
    assert beside([], text).broken == ()
