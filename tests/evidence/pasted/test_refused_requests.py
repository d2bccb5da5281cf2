"""Whose request it was that livekit-server refused: a worker's, a participant's, or one of the program that calls."""

import json
from pathlib import Path

import pytest

from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import found
from tests.evidence.pasted.samples import logged, pasted

JOB = "job_assigned"
KEY = "invalid API key: APIold"
SECRET = "invalid authorization token: go-jose/go-jose: error in cryptographic primitive"
NO_WORKER = (
    "2026-11-26T17:02:51.8Z\tINFO\tlivekit\tagent/client.go:150\tnot dispatching agent job since no worker is available"
    '\t{"agentName": "support-callback", "jobType": "JT_ROOM", "room": "cb-3318", "roomID": "RM_hN5cXw9YtKzv"}'
)


def refused(path: str, error: str = KEY, status: int = 401) -> str:
    fields = {"status": status, "method": "GET", "path": path, "error": error}
    return "2026-11-26T17:02:43.244Z\tWARN\tlivekit\tservice/auth.go:92\terror handling request\t" + json.dumps(fields)


@pytest.mark.parametrize("error", [KEY, SECRET, "invalid API key", "permissions denied"])
@pytest.mark.parametrize("more", ["", NO_WORKER])
def test_a_workers_registration(error: str, more: str) -> None:
    diagnosis = pasted(f"{refused('/agent', error)}\n{more}")
    assert found(diagnosis) == [(JOB, "LKD105", "likely")]
    assert "LKD004" in diagnosis.broken[0].candidates
    assert "LKD104" not in diagnosis.broken[0].candidates, "it was this server that refused it"
    assert any("/agent" in item.text for item in diagnosis.broken[0].because)
    assert any("path /agent" in entry.detail for entry in diagnosis.timeline)


NOT_YET = "invalid token: ey..., error: go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)"


@pytest.mark.parametrize(("error", "others"), [(NOT_YET, ("LKD004", "LKD005")), (SECRET, ("LKD004",))])
def test_a_workers_token_that_is_not_of_this_time(error: str, others: tuple[str, ...]) -> None:
    assert pasted(refused("/agent", error)).broken[0].candidates == others


def test_a_worker_that_says_nothing_of_why() -> None:
    diagnosis = pasted(
        f"WARNING:livekit.agents:failed to connect to livekit, retrying in 2s\n{refused('/agent', SECRET)}"
    )
    assert diagnosis.broken[0].values["kind"] == "credentials secret"


def test_a_worker_that_got_in_after_it() -> None:
    came = '{"agentName": "support-callback", "jobType": "JT_ROOM", "workerID": "AW_n7JbTq5RwXcY"}'
    registered = f"2026-11-26T17:02:45.1Z\tINFO\tlivekit.agents\tservice/agenthandler.go:308\tworker registered\t{came}"
    assert "LKD105" not in [code for _, code, _ in found(pasted(f"{refused('/agent')}\n{registered}\n{NO_WORKER}"))]


@pytest.mark.parametrize("path", ["/rtc", "/rtc/validate", "/rtc/v1", "/whip/v1"])
def test_a_participants_joining_says_nothing_of_the_calls_steps(path: str) -> None:
    assert pasted(refused(path)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("/twirp/livekit.RoomService/CreateRoom", "room_created"),
        ("/twirp/livekit.AgentDispatchService/CreateDispatch", "agent_dispatched"),
        ("/twirp/livekit.SIP/CreateSIPParticipant", "sip_participant_created"),
    ],
)
def test_a_call_of_the_api(path: str, step: str) -> None:
    assert found(pasted(refused(path))) == [(step, "LKD004", "likely")]


@pytest.mark.parametrize(("lines", "wanted"), [([NO_WORKER], [(JOB, "LKD105", "likely")]), ([], [])])
def test_a_whole_log_of_the_server(lines: list[str], wanted: list[tuple[str, str, str]], tmp_path: Path) -> None:
    """It names no call: what the server says of the call's own job puts the two together."""
    diagnosis = logged(tmp_path, "cb-3318", server="\n".join((refused("/agent"), refused("/rtc"), *lines)))
    assert found(diagnosis) == wanted
    assert any("/agent" in entry.detail for entry in diagnosis.timeline) is bool(wanted)


def test_the_servers_line_of_the_method_itself() -> None:
    fields = {"service": "AgentDispatchService", "method": "CreateDispatch", "room": "cb-3318", "status": "401"}
    line = {**fields, "error": "permissions denied", "code": "unauthenticated"}
    text = "2026-11-26T17:02:43.2Z\tINFO\tlivekit.api\ta.go:1\tAPI AgentDispatchService.CreateDispatch\t"
    diagnosis = pasted(text + json.dumps(line))
    assert found(diagnosis) == [("agent_dispatched", "LKD004", "likely")]
    assert diagnosis.broken[0].values["kind"] == "grant"


def test_what_the_servers_line_tells_is_told_once() -> None:
    fields = {"service": "SIP", "method": "CreateSIPParticipant", "room": "cb-3318", "status": "401"}
    line = {**fields, "error": "permissions denied", "code": "unauthenticated"}
    text = "2026-11-26T17:02:43.2Z\tINFO\tlivekit.api\ta.go:1\tAPI SIP.CreateSIPParticipant\t"
    diagnosis = pasted(text + json.dumps(line))
    assert found(diagnosis) == [("sip_participant_created", "LKD004", "likely")]
    assert not any("earlier dial" in item.text for item in diagnosis.broken[0].because)


@pytest.mark.parametrize(
    ("words", "kind", "beside"),
    [
        ("invalid API key", "key", ()),
        ("invalid authorization token: token is expired", "time", ("LKD005",)),
        ("invalid token: x, error: go-jose/go-jose: error in cryptographic primitive", "secret", ()),
    ],
)
def test_the_body_of_an_answer(words: str, kind: str, beside: tuple[str, ...]) -> None:
    answer = f"POST https://lk.example.com/twirp/livekit.AgentDispatchService/CreateDispatch\nHTTP/2 401\n\n{words}\n"
    (broken,) = pasted(answer).broken
    assert (broken.code, broken.values["kind"], broken.candidates) == ("LKD004", kind, beside)


def test_the_command_of_lk_names_the_method() -> None:
    typed = (
        "$ lk dispatch create --room call-771 --agent-name closer\ntwirp error unauthenticated: invalid API key: APIz"
    )
    assert found(pasted(typed))[0][:2] == ("agent_dispatched", "LKD004")


def test_the_agents_own_joining() -> None:
    own = {"room": "cb-3318", "roomID": "unresolved", "participant": "agent-AJ_dF9sVm4KxTzB", "pID": "unresolved"}
    line = refused("/rtc", "no permissions to access the room").replace(
        '{"status"', json.dumps(own)[:-1] + ', "status"'
    )
    job = '{"jobID": "AJ_dF9sVm4KxTzB", "agentName": "closer", "room": "cb-3318", "roomID": "RM_hN5cXw9YtKzv"}'
    assigned = f"2026-11-26T17:02:42.1Z\tINFO\tlivekit.agents\ta.go:1\tassigned job to worker\t{job}"
    assert found(pasted(f"{assigned}\n{line}")) == [("agent_connected", "LKD415", "likely")]
    assert found(pasted(f"{assigned}\n{line.replace('agent-AJ_dF9sVm4KxTzB', 'guest')}")) == []
