"""Jobs that no worker has, webhooks of jobs, why a room ended, and what is newer than this tool: pasted."""

import json
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Sighting
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import because, codes, found, status, warned
from tests.evidence.pasted.samples import logged, pasted, reading, recognised

ROOM = {"sid": "RM_aaaaaaaaaaaa", "name": "call-17"}
MADE = 1767700000


def job(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = {"id": "AJ_aaaaaaaaaaaa", "dispatch_id": "AD_aaaaaaaaaaaa", "type": "JT_ROOM", "agent_name": "caller"}
    return {**own, "state": state, **more}


def listed(*states: dict[str, Any], **more: Any) -> str:
    jobs = [job(state, id=f"AJ_{number:012}") for number, state in enumerate(states)]
    own = {"id": "AD_aaaaaaaaaaaa", "agent_name": "caller", "room": "call-17"}
    state = {"jobs": jobs, "created_at": str(MADE * 10**9)}
    return json.dumps({"agent_dispatches": [{**own, "state": state, **more}]})


def event(name: str, at: float = 1, **more: Any) -> str:
    return json.dumps({"event": name, "id": f"EV_{name}", "createdAt": str(MADE + int(at)), **more})


def told(name: str, state: dict[str, Any], at: float = 1) -> str:
    return event(name, at, job={**job(state), "room": ROOM})


def joined(kind: str, identity: str, name: str = "participant_joined", at: float = 2, **more: Any) -> str:
    who = {"sid": "PA_aaaaaaaaaaaa", "identity": identity, "kind": kind, "state": "ACTIVE", **more}
    return event(name, at, room=ROOM, participant=who)


def judged(*texts: str) -> Diagnosis:
    return pasted("\n".join(texts))


PENDING, CANCELLED = "JS_PENDING", "JS_CANCELLED"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"status": PENDING, "reason": "JSR_NO_CAPACITY"}, ("job_assigned", "LKD103", "possible")),
        ({"status": CANCELLED, "reason": "JSR_NO_CAPACITY"}, ("job_assigned", "LKD103", "likely")),
        ({"reason": "JSR_NO_CAPACITY"}, ("job_assigned", "LKD103", "possible")),
        ({"status": CANCELLED, "reason": "JSR_DISPATCH_DELETED"}, ("agent_dispatched", "LKD413", "likely")),
        ({"status": CANCELLED, "reason": "JSR_ROOM_CLOSED"}, ("job_assigned", "LKD402", "possible")),
        ({"status": PENDING}, ("job_assigned", "LKD402", "possible")),
        ({"status": "JS_SUSPENDED", "reason": "JSR_LATER"}, ("job_assigned", "LKD402", "possible")),
        ({"status": PENDING, "reason": "JSR_RETRYING"}, ("entrypoint_called", "LKD406", "possible")),
        ({"status": "JS_FAILED", "error": "out of memory"}, ("job_assigned", "LKD411", "likely")),
    ],
)
def test_a_job_in_a_list(state: dict[str, Any], expected: tuple[str, str, str]) -> None:
    diagnosis = judged(listed(state))
    assert found(diagnosis) == [expected]
    shown = str(diagnosis.broken[0].because)
    assert all(value in shown for value in state.values()), "what the server says is shown as it is"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"status": CANCELLED}, "LKD413"),
        ({"status": CANCELLED, "reason": "JSR_ROOM_CLOSED"}, "LKD402"),
        ({"status": PENDING}, "LKD402"),
    ],
)
def test_a_job_of_a_dispatch_that_was_deleted(state: dict[str, Any], code: str) -> None:
    """Which need not be why, where the server does not say so."""
    deleted = {"created_at": str(MADE * 10**9), "deleted_at": str((MADE + 1) * 10**9)}
    dispatch = json.loads(listed(state))
    dispatch["agent_dispatches"][0]["state"] |= deleted
    (broken,) = judged(json.dumps(dispatch)).broken
    assert (broken.code, broken.confidence) == (code, "possible")
    assert {"LKD402", "LKD101"} <= {broken.code, *broken.candidates}


@pytest.mark.parametrize(
    "state",
    [
        {"status": "JS_RUNNING", "worker_id": "AW_aaaaaaaaaaaa"},
        {"status": "JS_SUSPENDED", "worker_id": "AW_aaaaaaaaaaaa"},
        {"status": PENDING, "worker_id": "AW_aaaaaaaaaaaa"},
    ],
)
def test_a_job_that_a_worker_has(state: dict[str, Any]) -> None:
    diagnosis = judged(listed(state))
    assert not diagnosis.broken
    assert status(diagnosis, Step.JOB_ASSIGNED) is Status.OK


@pytest.mark.parametrize("code", [PENDING, CANCELLED, "JS_SUSPENDED"])
def test_a_job_that_no_worker_has_is_not_assigned(code: str) -> None:
    assert status(judged(listed({"status": code})), Step.JOB_ASSIGNED) is not Status.OK


LK = """\
┌─────────────────┬─────────┬───────────┬──────────┐
│ DispatchID      │ Room    │ AgentName │ Metadata │
├─────────────────┼─────────┼───────────┼──────────┤
│ AD_vT5nKqWz8RmX │ call-17 │ caller    │          │
└─────────────────┴─────────┴───────────┴──────────┘
"""
OF_WORKER = """\
2026-11-27 14:02:12,873 - INFO livekit.agents - registered worker {"agent_name": "caller", "id": "AW_q8RzKtVw5MpN"}
2026-11-27 14:02:20,000 - INFO acme - calling {"room": "call-17"}
"""


@pytest.mark.parametrize("room", ["call-17", "call-18"])
def test_an_answer_of_the_api_between_the_lines_of_a_log(room: str, tmp_path: Path) -> None:
    deleted = json.dumps(json.loads(listed({"status": CANCELLED, "reason": "JSR_DISPATCH_DELETED"})), indent=2)
    own = room == "call-17"
    diagnosis = logged(tmp_path, room, worker=f"{OF_WORKER}\n{deleted}")
    assert found(diagnosis) == ([("agent_dispatched", "LKD413", "likely")] if own else [])
    diagnosis = logged(tmp_path, room, worker=f"{OF_WORKER}\n{LK}")
    assert (status(diagnosis, Step.AGENT_DISPATCHED) is Status.OK) == own


def test_a_job_that_was_tried_again_and_taken() -> None:
    tried = {"status": CANCELLED, "reason": "JSR_NO_CAPACITY"}
    assert not judged(listed(tried, {"status": "JS_RUNNING", "worker_id": "AW_aaaaaaaaaaaa"})).broken


NO_CAPACITY = {"status": PENDING, "reason": "JSR_NO_CAPACITY"}
GIVEN_UP = {"status": CANCELLED, "reason": "JSR_NO_CAPACITY"}
TAKEN = {"status": "JS_RUNNING", "workerId": "AW_aaaaaaaaaaaa", "participantIdentity": "agent-AJ_aaaaaaaaaaaa"}


def test_webhooks_of_a_job_that_nobody_took() -> None:
    end = event("room_finished", 32, room=ROOM, roomEndReason="ROOM_END_IDLE_TIMEOUT")
    texts = (told("agent_job_pending", NO_CAPACITY), told("agent_job_ended", GIVEN_UP, 31), end)
    diagnosis = judged(*texts)
    assert found(diagnosis) == [("job_assigned", "LKD103", "likely")]
    assert recognised("\n".join(texts)) == {"lines": 0, "webhook": 3}
    assert "ROOM_END_IDLE_TIMEOUT" in str(diagnosis.steps)
    assert "AJ_aaaaaaaaaaaa JS_PENDING JSR_NO_CAPACITY" in [entry.detail for entry in diagnosis.timeline]


@pytest.mark.parametrize(
    "texts",
    [
        (told("agent_job_pending", {"status": PENDING}),),
        (told("agent_job_pending", NO_CAPACITY), told("agent_job_started", TAKEN, 9)),
        (told("agent_job_started", TAKEN, 9), told("agent_job_pending", NO_CAPACITY)),
        (told("agent_job_pending", NO_CAPACITY), joined("AGENT", "agent-AJ_aaaaaaaaaaaa")),
        (told("agent_job_ended", {**TAKEN, "status": "JS_SUCCESS", "endedAt": "1767700009000000000"}),),
        (event("room_finished", 32, room=ROOM, roomEndReason="ROOM_END_API_DELETE"),),
    ],
)
def test_webhooks_that_show_no_fault(texts: tuple[str, ...]) -> None:
    assert not judged(*texts).broken


def test_a_job_that_failed_by_its_webhook() -> None:
    failed = {**TAKEN, "status": "JS_FAILED", "error": "out of memory"}
    assert found(judged(told("agent_job_ended", failed))) == [("job_assigned", "LKD411", "likely")]
    left = {**failed, "error": "agent worker left the room"}
    assert not judged(told("agent_job_ended", left)).broken, "which every agent does"


def test_an_agent_that_left_with_an_error() -> None:
    agent = "agent-AJ_aaaaaaaaaaaa"
    gone = joined("AGENT", agent, "participant_left", 5, disconnectReason="AGENT_ERROR")
    assert found(judged(joined("AGENT", agent), gone)) == [("agent_connected", "LKD407", "possible")]
    phone = joined("SIP", "phone", "participant_left", 5, disconnectReason="CLIENT_INITIATED")
    assert not judged(joined("AGENT", agent), phone, gone).broken
    as_ever = joined("AGENT", agent, "participant_left", 5, disconnectReason="CLIENT_INITIATED")
    assert not judged(joined("AGENT", agent), as_ever).broken


@pytest.mark.parametrize(
    ("phone_left", "more", "sure"),
    [(40, "", "likely"), (12, "", "possible"), (40, joined("STANDARD", "boss", at=8, sid="PA_c"), "possible")],
)
def test_an_agent_that_left_with_an_error_and_the_phone_alone(phone_left: float, more: str, sure: str) -> None:
    came = joined("AGENT", "agent-AJ_aaaaaaaaaaaa"), joined("SIP", "callee", at=3, sid="PA_b")
    gone = joined("AGENT", "agent-AJ_aaaaaaaaaaaa", "participant_left", 9, disconnectReason="AGENT_ERROR")
    diagnosis = judged(*came, more, gone, left("SIP", "callee", phone_left))
    assert found(diagnosis) == [("agent_connected", "LKD407", sure)]
    assert ("stayed for 31 s more" in because(diagnosis, "LKD407")) == (sure == "likely")


def test_a_job_that_ended_was_assigned_when_it_started() -> None:
    state = {**TAKEN, "startedAt": str((MADE + 1) * 10**9)}
    texts = told("agent_job_started", state), told("agent_job_ended", {**state, "status": "JS_FAILED"}, 20)
    dated = [(entry.at.timestamp() - MADE, entry.event, entry.detail) for entry in judged(*texts).timeline]
    assert [entry for entry in dated if entry[1] == "job assigned"] == [
        (1, "job assigned", "job AJ_aaaaaaaaaaaa, worker AW_aaaaaaaaaaaa")
    ]
    assert [at for at, _, detail in dated if "JS_FAILED" in detail] == [20]


@pytest.mark.parametrize("reason", ["USER_REJECTED"])
def test_a_rejected_phone_may_be_a_login_or_a_codec(reason: str) -> None:
    diagnosis = judged(joined("SIP", "phone", "participant_left", 5, disconnectReason=reason))
    assert codes(diagnosis) == ["LKD204"]
    assert {"LKD208", "LKD210"} <= set(diagnosis.broken[0].candidates)


def test_what_is_newer_than_the_tool_is_shown_as_it_is() -> None:
    newer = joined("HOLOGRAM", "guest", "participant_left", 5, disconnectReason="BEAMED_AWAY", newField=1)
    assert "BEAMED_AWAY" in str(judged(newer).timeline)
    (seen,) = reading(newer).observations
    assert isinstance(seen, Sighting)
    assert (seen.participants[0].kind, seen.participants[0].state) == ("HOLOGRAM", "ACTIVE")
    unknown = event("room_beamed", 3, room=ROOM, roomEndReason="ROOM_END_BEAMED")
    assert recognised(unknown) == {"lines": 0, "webhook": 1}
    assert "agent_job_beamed" in str(judged(told("agent_job_beamed", {"status": "JS_NEW"})).timeline)
    assert recognised('{"event": "user_clicked", "id": "77"}') == {"lines": 1}


def test_a_restart_policy_and_a_connector() -> None:
    (seen,) = reading(listed({"status": PENDING}, restart_policy="JRP_NEVER")).observations
    assert isinstance(seen, Sighting)
    assert seen.dispatches[0].restart_policy == "JRP_NEVER"
    (seen,) = reading(joined("CONNECTOR", "whatsapp")).observations
    assert isinstance(seen, Sighting)
    assert seen.participants[0].kind == "CONNECTOR"


@pytest.mark.parametrize("newest_first", [False, True])
def test_webhooks_of_one_second_are_in_the_order_in_which_they_can_be(newest_first: bool) -> None:
    """Their times have whole seconds: what ended in the second in which it began has ended."""
    ended = told("agent_job_ended", {"status": CANCELLED, "reason": "JSR_DISPATCH_DELETED"})
    texts = [event("room_started", room=ROOM), told("agent_job_pending", {}), ended]
    assert found(judged(*(texts[::-1] if newest_first else texts))) == [("agent_dispatched", "LKD413", "likely")]


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ("JSR_NO_CAPACITY", "JSR_ROOM_CLOSED", "LKD103"),
        ("JSR_NO_CAPACITY", "JSR_DISPATCH_DELETED", "LKD103"),
        ("JSR_NO_CAPACITY", "JSR_NO_CAPACITY", "LKD103"),
        ("JSR_RETRYING", "JSR_ROOM_CLOSED", "LKD406"),
        ("", "JSR_ROOM_CLOSED", "LKD402"),
    ],
)
def test_how_the_waiting_ended_takes_nothing_from_why_it_waited(first: str, then: str, code: str) -> None:
    """The server's reason for the waiting is the cause, and that the room closed its consequence."""
    pending = told("agent_job_pending", {"status": PENDING, "reason": first})
    ended = told("agent_job_ended", {"status": CANCELLED, "reason": then}, at=58)
    diagnosis = judged(pending, ended, event("room_finished", 58, room=ROOM))
    assert codes(diagnosis) == [code]
    assert first in because(diagnosis, code)
    assert then in because(diagnosis, code)
    if code == "LKD103":
        alone = judged(pending)
        assert {*diagnosis.broken[0].candidates} <= {*alone.broken[0].candidates}, "more evidence is no vaguer"


def test_what_is_asked_for_of_a_job_that_the_server_cancelled() -> None:
    diagnosis = judged(told("agent_job_ended", {"status": CANCELLED, "reason": "JSR_ROOM_CLOSED"}))
    assert not any("broken_after" in line for line in diagnosis.would_settle), "no allowance is too short for it"
    fixes = catalogue.render_fix(catalogue.get("LKD402"), diagnosis.broken[0].values)
    assert "probe it again" not in fixes


def test_who_came_without_a_time_of_its_own_came_with_the_event() -> None:
    phone = joined("SIP", "lead-0193")
    assert [entry.event for entry in judged(phone).timeline] == ["SIP participant created"]


def test_a_job_that_is_tried_again_had_been_taken_before() -> None:
    state = {"status": "JS_RUNNING", "worker_id": "AW_aaaaaaaaaaaa", "started_at": str(MADE * 10**9)}
    started = told("agent_job_started", state)
    again = event(
        "agent_job_pending", 4, job={**job({"status": PENDING, "reason": "JSR_RETRYING"}, id="AJ_b"), "room": ROOM}
    )
    assert codes(judged(started, again)) == ["LKD406"]


def left(kind: str, identity: str, at: float) -> str:
    return joined(kind, identity, "participant_left", at, disconnectReason="CLIENT_INITIATED")


ACTIVE = {"attributes": {"sip.callStatus": "active"}}


@pytest.mark.parametrize(
    ("phone_left", "more", "wanted"),
    [
        (40, "", [("agent_connected", "LKD407", "possible")]),
        (12, "", []),
        (40, joined("STANDARD", "supervisor", at=8, sid="PA_cccccccccccc"), []),
    ],
)
def test_an_agent_that_left_the_phone_alone(phone_left: float, more: str, wanted: list[tuple[str, str, str]]) -> None:
    came = joined("AGENT", "agent-AJ_aaaaaaaaaaaa"), joined("SIP", "callee", at=3, sid="PA_bbbbbbbbbbbb", **ACTIVE)
    gone = left("AGENT", "agent-AJ_aaaaaaaaaaaa", 9), left("SIP", "callee", phone_left)
    assert found(judged(*came, more, *gone)) == wanted


@pytest.mark.parametrize(("after", "sure"), [(16, "likely"), (2, "possible")])
def test_an_agent_whose_connection_was_aborted(after: float, sure: str) -> None:
    state = {"status": "JS_RUNNING", "worker_id": "AW_aaaaaaaaaaaa", "started_at": str(MADE * 10**9)}
    aborted = joined("AGENT", "agent-AJ_aaaaaaaaaaaa", "participant_connection_aborted", after, state="JOINED")
    assert found(judged(told("agent_job_started", state), aborted)) == [("agent_connected", "LKD416", sure)]


def test_a_webhook_as_python_prints_it() -> None:
    text = """received: event: "participant_left"
room {
  sid: "RM_aaaaaaaaaaaa"
  name: "call-17"
}
participant {
  sid: "PA_aaaaaaaaaaaa"
  identity: "callee"
  state: DISCONNECTED
  kind: SIP
  attributes {
    key: "sip.callStatus"
    value: "ringing"
  }
  disconnect_reason: USER_UNAVAILABLE
}
id: "EV_1"
created_at: 1795976436
"""
    diagnosis = judged(text)
    assert found(diagnosis) == [("sip_answered", "LKD206", "likely")]
    assert all(entry.at.year > 2000 for entry in diagnosis.timeline), "a room without a time is not of 1970"


IN_ROOM = json.dumps(
    {"participants": [{"sid": "PA_aaaaaaaaaaaa", "identity": "callee", "kind": "SIP", "state": "ACTIVE", "tracks": []}]}
)
RUNS = {"status": "JS_RUNNING", "started_at": str((MADE + 1) * 10**9), "worker_id": "AW_theirs000000"}


def of_worker(at: str, message: str, **fields: str) -> str:
    own = {"level": "INFO", "name": "livekit.agents", "message": message, "agent_name": "caller"}
    return json.dumps({**own, "timestamp": f"2026-01-06T{at}+00:00", **fields})  # the job began at 11:46:41


OURS = of_worker("09:00:00.1", "registered worker", id="AW_ours00000000")
LATER = of_worker("13:00:00.1", "received job request", room="call-18", job_id="AJ_bbbbbbbbbbbb")
OWN = of_worker("11:46:41.1", "received job request", room="call-17", job_id="AJ_000000000000")


@pytest.mark.parametrize(
    ("lines", "code", "stray"),
    [
        ((OURS,), "LKD406", True),
        ((OURS, LATER), "LKD111", True),
        ((OURS, LATER, OWN), "LKD406", False),
        ((OURS, LATER, of_worker("11:46:42.1", "hello", job_id="AJ_000000000000")), "LKD406", False),
        ((OURS.replace("ours00000000", "theirs000000"), LATER), "LKD406", False),
        ((LATER,), "LKD406", False),
    ],
)
def test_a_job_of_a_worker_that_is_none_of_those_whose_log_was_pasted(
    lines: tuple[str, ...], code: str, stray: bool
) -> None:
    """Whose log ends before the job may have registered again, under another id."""
    diagnosis = pasted("\n".join((listed(RUNS), IN_ROOM, *lines)), subject=Subject(room="call-17"))
    (broken,) = diagnosis.broken
    assert (broken.code, broken.confidence.value) == (code, "possible")
    assert ("LKD111" in (broken.code, *broken.candidates)) is stray
    assert "LKD406" in (broken.code, *broken.candidates)


def test_a_job_of_another_worker_and_nothing_of_the_room() -> None:
    """The agent may be there."""
    diagnosis = pasted("\n".join((listed(RUNS), OURS, LATER)), subject=Subject(room="call-17"))
    assert (codes(diagnosis), warned(diagnosis)) == ([], ["LKD111"])


@pytest.mark.parametrize(
    ("reason", "after", "expected"),
    [
        ("", 1.2, ("agent_dispatched", "LKD413", "possible")),
        ("JSR_DISPATCH_DELETED", 1.2, ("agent_dispatched", "LKD413", "likely")),
        ("", 40, ("job_assigned", "LKD402", "possible")),
        ("JSR_NO_CAPACITY", 1.2, ("job_assigned", "LKD103", "likely")),
        ("JSR_ROOM_CLOSED", 1.2, ("job_assigned", "LKD402", "possible")),
    ],
)
def test_a_job_whose_dispatch_was_deleted(reason: str, after: float, expected: tuple[str, str, str]) -> None:
    made = MADE * 10**9
    state = {"jobs": [job({"status": CANCELLED, "reason": reason})], "created_at": str(made)}
    deleted = listed(state=state | {"deleted_at": str(made + int(after * 10**9))})
    assert found(judged(deleted)) == [expected]
    assert found(judged(listed(state=state | {"deleted_at": "0"})))[0][1] != "LKD413" or reason
