"""What single lines of the components' logs show of a call: who published, that it ended, which room is meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import codes, status
from tests.evidence.pasted.samples import logged, pasted

ROOM, AGENT, PHONE = "coll-48120", "agent-AJ_dF9sVm4KxTzB", "sip_15555550123"


def server(second: float, message: str, **fields: Any) -> str:
    return f"2026-11-27T11:52:{second:06.3f}Z\tINFO\tlivekit\ta.go:1\t{message}\t{json.dumps(fields)}"


def sip(second: float, message: str, call: str = "SCL_Ks6pZv3JtMxe", **fields: Any) -> str:
    own = {"callID": call, "room": ROOM, "participant": PHONE, "direction": "outbound", "sipCallID": "9f3c", **fields}
    return f"2026-11-27T11:52:{second:06.3f}Z\tINFO\tsip\tsip/outbound.go:1\t{message}\t{json.dumps(own)}"


def worker(second: float, message: str, **fields: Any) -> str:
    at = f"2026-11-27T11:52:{second:09.6f}+00:00"
    return json.dumps({"message": message, "level": "INFO", "name": "livekit.agents", "timestamp": at, **fields})


def of(identity: str, second: float, message: str, **fields: Any) -> str:
    return server(second, message, room=ROOM, roomID="RM_bX3hPk7TvNqZ", participant=identity, **fields)


LISTED = server(11, "API RoomService.ListRooms", service="RoomService", method="ListRooms", room=[ROOM], status="200")
CREATED = server(10, "API RoomService.CreateRoom", service="RoomService", method="CreateRoom", room=ROOM, status="200")


LIST = """
┌─────────────────┬────────────┬──────────────┬────────────┐
│ RoomID          │ Name       │ Participants │ Publishers │
├─────────────────┼────────────┼──────────────┼────────────┤
│ RM_W8pJfsLZzBA7 │ inbound-31 │ 2            │ 2          │
└─────────────────┴────────────┴──────────────┴────────────┘
"""
AS_JSON = '{"rooms": [{"sid": "RM_W8pJfsLZzBA7", "name": "inbound-31"}]}'


@pytest.mark.parametrize("listed", [LIST, AS_JSON])
@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("Dispatch created: AD_c4VxQk9TzLpW for room promo-7781", "promo-7781"),
        (sip(21, "Outbound SIP call established"), ROOM),
        (worker(2, "received job request", job_id="AJ_dF9sVm4KxTzB", agent_name="collections"), None),
        ("AD_c4VxQk9TzLpW was created for room and board", None),
        ("", "inbound-31"),
        ("it was in this one, I think", "inbound-31"),
    ],
)
def test_a_list_of_the_servers_rooms_beside_a_line_of_a_call(line: str, room: str | None, listed: str) -> None:
    """It names no call's room, unless it is all that there is."""
    found = pasted(f"{line}\n{listed}").room
    assert (found.name if found else None) == room


def test_the_filter_of_a_list_is_no_room() -> None:
    diagnosis = pasted(f"{CREATED}\n{LISTED}")
    assert diagnosis.room is not None
    assert diagnosis.room.name == ROOM
    assert pasted(LISTED).room is None


@pytest.mark.parametrize(("answered", "created"), [("200", Status.OK), ("401", Status.BROKEN)])
def test_create_room_that_succeeded_shows_the_room(answered: str, created: Status) -> None:
    line = CREATED.replace('"200"', f'"{answered}"')
    assert status(pasted(line, subject=Subject(room=ROOM)), Step.ROOM_CREATED) is created


def published(identity: str, kind: str = "audio") -> str:
    return of(identity, 14, "mediaTrack published", kind=kind, trackID="TR_AMz8vQk3HtPwLd")


@pytest.mark.parametrize(
    ("line", "step", "shown"),
    [
        (published(AGENT), Step.AGENT_AUDIO, Status.OK),
        (published(AGENT, "video"), Step.AGENT_AUDIO, Status.UNKNOWN),
        (published(PHONE), Step.AGENT_AUDIO, Status.UNKNOWN),
        (published(PHONE), Step.SIP_PARTICIPANT_CREATED, Status.OK),
        (of(PHONE, 12, "participant active"), Step.SIP_PARTICIPANT_CREATED, Status.OK),
        (published("guest"), Step.SIP_PARTICIPANT_CREATED, Status.UNKNOWN),
    ],
)
def test_whose_track_it_is(line: str, step: Step, shown: Status) -> None:
    assert status(pasted(line), step) is shown


def test_the_same_lines_lead_to_the_same_pasted_or_as_a_log(tmp_path: Path) -> None:
    lines = (of(PHONE, 12, "participant active"), of(AGENT, 13, "participant active"), published(AGENT))
    text = "\n".join(lines)
    assert pasted(text).verdict is logged(tmp_path, ROOM, server=text).verdict is Verdict.NO_FAULT_SEEN


JOB = {"jobID": "AJ_dF9sVm4KxTzB", "agentName": "collections", "jobType": "JT_ROOM"}
SOUND = (
    server(11, "assigned job to worker", room=ROOM, workerID="AW_n7JbTq5RwXcY", **JOB),
    sip(11.2, "Creating SIP participant"),
    sip(11.7, "auth requested", status=407),
    of(AGENT, 13, "participant active"),
    published(AGENT),
    sip(21, "Outbound SIP call established"),
    sip(48, "Closing outbound call", status="hangup", reason="bye"),
    of(PHONE, 48.1, "participant closing", reason="CLIENT_REQUEST_LEAVE"),
    server(49.5, "job ended", status="JS_SUCCESS", **JOB),
)


def without(words: str) -> Diagnosis:
    return pasted("\n".join(line for line in SOUND if words not in line))


def test_a_call_that_went_well_to_its_end() -> None:
    diagnosis = pasted("\n".join(SOUND))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert status(diagnosis, Step.CALL_ENDED) is Status.OK


def test_the_agent_is_not_known_to_have_stayed_without_the_end_of_its_job() -> None:
    assert without("job ended").verdict is Verdict.NO_FAULT_SEEN


def test_the_whole_of_a_log_is_asked_for_of_which_lines_were_pasted() -> None:
    asked = " ".join(without("job ended").would_settle)
    assert "all, and not lines alone, of livekit-server's log" in asked


def test_a_login_that_the_carrier_asked_for_and_took_is_no_fault() -> None:
    asked = [entry.detail for entry in pasted("\n".join(SOUND)).timeline if entry.event == "auth requested"]
    assert ["took it" in detail for detail in asked] == [True]
    refused = [entry.detail for entry in without("established").timeline if entry.event == "auth requested"]
    assert ["took it" in detail for detail in refused] == [False]


def test_the_lines_of_one_dial_are_of_no_earlier_one() -> None:
    over = sip(53, "SIP call ended", reason="media-timeout"), sip(53.1, "media timeout loop stopped")
    error = sip(52.9, "Closing outbound call with error", status="dropped", error="media-timeout")
    diagnosis = pasted("\n".join((sip(21, "Outbound SIP call established"), error, *over)))
    assert codes(diagnosis) == ["LKD210"]
    assert not any("earlier dial" in item.text for item in diagnosis.broken[0].because)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (sip(52, "Closing outbound call with error", reason="media-timeout"), ["LKD210"]),
        (sip(52, "triggering media timeout", packets=0, timeout="30s", isInitial=True), ["LKD210"]),
        (sip(52, "triggering media timeout", packets=812, timeout="15s", isInitial=False), []),
        (sip(52, "Closing outbound call with error", reason="shutdown"), []),
    ],
)
def test_the_media_timeout_in_other_words(line: str, found: list[str]) -> None:
    """Older releases have it as the reason only; of one that is no longer the first sound that is waited for it is
    not known whether the call broke."""
    assert codes(pasted(line)) == found
    assert codes(pasted("\n".join((sip(21, "Outbound SIP call established"), line)))) == found


@pytest.mark.parametrize(
    ("registered", "wanted", "code"),
    [
        ("outbound-caller-prod", "outbound-caller", "LKD102"),
        ("outbound-caller", "outbound-caller-dev", "LKD102"),
        ("Outbound-Caller_v2", "outbound-caller", "LKD102"),
        ("greeter", "outbound-caller", "LKD101"),
        ("outbound-callers", "outbound-call", "LKD101"),
    ],
)
def test_a_worker_whose_name_goes_on(registered: str, wanted: str, code: str) -> None:
    """They may be one agent's names or two agents', and what is registered is shown."""
    lines = (
        server(1, "worker registered", agentName=registered, workerID="AW_yJ8wNc5Tb"),
        server(10, "not dispatching agent job since no worker is available", agentName=wanted, room=ROOM),
    )
    diagnosis = pasted("\n".join(lines))
    (finding,) = diagnosis.broken
    assert (finding.code, finding.confidence) == (code, "possible")
    assert {"LKD101", "LKD102"} <= {code, *finding.candidates}
    assert f'"{registered}"' in finding.because[0].text


def test_the_last_worker_of_the_name_had_left_beside_one_whose_name_goes_on() -> None:
    own, other = (
        server(at, "worker registered", agentName=name, workerID=worker_id)
        for at, name, worker_id in ((1, "outbound", "AW_yJ8wNc5Tb"), (2, "outbound-prod", "AW_kJ8wNc5Tc"))
    )
    lines = (
        *(own, other, server(5, "last worker deregistered", agentName="outbound", workerID="AW_yJ8wNc5Tb")),
        server(10, "not dispatching agent job since no worker is available", agentName="outbound", room=ROOM),
    )
    assert codes(pasted("\n".join(lines))) == ["LKD101"]


def test_a_worker_of_another_deployment_is_registered() -> None:
    registered = server(1, "worker registered", agentName="collections", deployment="staging", workerID="AW_yJ8wNc5Tb")
    request = {"agentName": "collections", "room": ROOM}
    dispatched = server(
        10, "API AgentDispatchService.CreateDispatch", room=ROOM, request=request, status="200", method="CreateDispatch"
    )
    lost = server(
        13, "failed to send job request", error="no response from servers", jobType="JT_ROOM", agentName="collections"
    )
    diagnosis = pasted("\n".join((registered, dispatched, lost)))
    assert codes(diagnosis) == ["LKD110"]
    assert "LKD101" not in diagnosis.broken[0].candidates
    assert diagnosis.broken[0].values["kind"] == "deployment"


OF_DEPLOYMENTS = """
┌─────────────────┬──────────────┬─────────────┬────────────┐
│ DispatchID      │ Room         │ AgentName   │ Deployment │
├─────────────────┼──────────────┼─────────────┼────────────┤
│ AD_vT5nKqWz8RmX │ {room:12} │ collections │ {deployment:10} │
└─────────────────┴──────────────┴─────────────┴────────────┘
"""
NOBODY = server(13, "failed to send job request", error="no response from servers", agentName="collections")


@pytest.mark.parametrize(
    ("dispatch", "worker_is", "said", "expected"),
    [
        ("", "staging", NOBODY, ("LKD110", "likely")),
        ("", "staging", "", ("LKD110", "possible")),
        ("staging", "", NOBODY, ("LKD110", "possible")),  # it may be of a release that does not say it
        ("staging", "staging", NOBODY, ("LKD402", "possible")),
        ("", "", NOBODY, ("LKD402", "possible")),
        (None, "staging", NOBODY, ("LKD110", "possible")),
    ],
)
def test_the_deployment_that_lk_lists(
    dispatch: str | None, worker_is: str, said: str, expected: tuple[str, str]
) -> None:
    """An older lk does not list it."""
    table = OF_DEPLOYMENTS.format(room=ROOM, deployment=dispatch or "")
    if dispatch is None:
        table = "\n".join(
            line.rpartition("│")[0].rpartition("│")[0] + "│" for line in table.splitlines() if "│" in line
        )
    named = {"deployment": worker_is} if worker_is else {}
    registered = worker(1, "registered worker", agent_name="collections", id="AW_yJ8wNc5Tb", **named)
    (broken,) = pasted("\n".join((table, registered, said))).broken
    assert (broken.code, broken.confidence) == expected


@pytest.mark.parametrize(("more", "sure"), [({"deployment": ""}, "likely"), ({}, "possible")])
def test_the_deployment_in_an_answer_of_the_api(more: dict[str, str], sure: str) -> None:
    answer = {"agent_dispatches": [{"id": "AD_vT5nKqWz8RmX", "agent_name": "collections", "room": ROOM, **more}]}
    registered = worker(1, "registered worker", agent_name="collections", id="AW_yJ8wNc5Tb", deployment="staging")
    (broken,) = pasted("\n".join((json.dumps(answer), registered, NOBODY))).broken
    assert (broken.code, broken.confidence) == ("LKD110", sure)


@pytest.mark.parametrize(("after", "sure"), [(0.05, "likely"), (0.9, "possible")])
def test_an_entrypoint_that_raised_before_its_agent_could_be_there(after: float, sure: str) -> None:
    job = {"job_id": "AJ_dF9sVm4KxTzB", "room": ROOM, "agent_name": "collections"}
    asked = worker(10, "received job request", **job)
    raised = worker(10 + after, "unhandled exception while running the job task", **job)
    (broken,) = pasted(f"{asked}\n{raised}").broken
    assert (broken.code, broken.confidence) == ("LKD405", sure)
    assert "LKD417" not in broken.candidates, "a process ran it"


def test_an_agent_whose_process_died_while_the_phone_stayed() -> None:
    died = worker(30, "process exited with non-zero exit code -11", job_id="AJ_dF9sVm4KxTzB")
    assert codes(pasted("\n".join((*SOUND[:-1], died)))) == ["LKD407"], (
        "whatever kind the line of the phone's leaving has"
    )


def test_a_request_func_that_raised_in_lines_without_a_date() -> None:
    asked = 'INFO livekit.agents - received job request {"job_id": "AJ_dF9sVm4KxTzB", "room": "call-9"}'
    raised = "ERROR livekit.agents - job_request_fnc failed\nTraceback (most recent call last):\nKeyError: 'tenant'"
    assert codes(pasted(f"{asked}\n{raised}")) == ["LKD404"]
    assert codes(pasted(f"{asked}\n{asked.replace('AJ_d', 'AJ_e').replace('call-9', 'call-8')}\n{raised}",
                        subject=Subject(room="call-9"))) == []  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind"), [("room join failed: invalid API key", "join"), ("cpu exhausted", "full"), ("x", None)]
)
def test_why_livekit_sip_placed_no_call(error: str, kind: str | None) -> None:
    (broken,) = pasted(sip(12, "SIP call failed", error=error)).broken
    assert (broken.code == "LKD203", broken.values.get("kind")) == (kind is not None, kind)


def test_a_process_that_needed_too_much_memory_is_in_the_evidence() -> None:
    job = {"job_id": "AJ_dF9sVm4KxTzB", "room": ROOM, "agent_name": "collections"}
    lines = (
        worker(10, "received job request", **job),
        worker(12, "job process exceeded memory limit, killing it", job_id=job["job_id"], memory_usage_mb=1031),
        worker(12.4, "process exited with non-zero exit code -9", job_id=job["job_id"]),
    )
    for told in (lines, lines[:2]):
        (broken,) = pasted("\n".join(told)).broken
        assert (broken.code, broken.values["kind"]) == ("LKD405", "killed"), "of a kill the worker logs no exit code"
        assert any("memory limit" in item.text for item in broken.because)
    high = worker(12, "job process memory usage is above the warning threshold", **job)
    assert not pasted(f"{lines[0]}\n{high}").broken, "it goes on"


def test_what_the_worker_says_of_a_process_is_not_of_its_entrypoint() -> None:
    bare = {"level": "info", "time": "2026-11-27T11:52:12Z", "job_id": "AJ_dF9sVm4KxTzB"}
    own, killing = (
        pasted(json.dumps({**bare, "message": text})) for text in ("looking up the lead", "killing process")
    )
    assert status(own, Step.ENTRYPOINT_CALLED) is Status.OK
    assert status(killing, Step.ENTRYPOINT_CALLED) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Worker is draining and no longer available, rejecting job", "LKD108"),
        ("jobRequestFunc failed", "LKD404"),
    ],
)
def test_what_a_node_worker_says_of_a_request_is_not_of_its_entrypoint(message: str, code: str) -> None:
    """As livekit-agents 1.9 for Node writes it, without the name of a logger."""
    bare = {"level": "info", "time": "2026-11-27T11:52:12Z", "jobId": "AJ_dF9sVm4KxTzB", "agentName": "intake"}
    lines = (json.dumps({**bare, "msg": text}) for text in ("received job request", message))
    told = pasted("\n".join(lines))
    assert codes(told) == [code]
    assert status(told, Step.ENTRYPOINT_CALLED) is not Status.OK


def test_a_phone_that_only_livekit_sip_names() -> None:
    """By its identity the line of the server's that it left is known to be of the phone."""
    agent = of(AGENT, 12, "participant active"), of(AGENT, 30, "participant closing", reason="SIGNAL_SOURCE_CLOSE")
    answered = sip(15, "Outbound SIP call established", participant="lead-7")
    phone = of("lead-7", 50, "participant closing", reason="CLIENT_REQUEST_LEAVE")
    assert codes(pasted("\n".join((*agent, answered, phone)))) == ["LKD407"]


def test_an_attempt_to_dial_that_was_refused_ended_no_call() -> None:
    closed = sip(12, "Closing outbound call", status="486", result="client_error")
    failed = sip(12, "SIP call failed", error="INVITE failed: sip status: 486: Busy Here")
    assert status(pasted(f"{failed}\n{closed}"), Step.CALL_ENDED) is Status.UNKNOWN


def test_a_worker_of_which_no_more_is_pasted_than_that_it_drained() -> None:
    dispatched = server(
        10,
        "API AgentDispatchService.CreateDispatch",
        room=ROOM,
        request={"agentName": "collections", "room": ROOM},
        status="200",
        method="CreateDispatch",
    )
    busy = server(
        11,
        "failed to send job request",
        error="no servers available (received 1 responses)",
        jobType="JT_ROOM",
        agentName="collections",
    )
    drained = worker(5, "draining worker", id="AW_n7JbTq5RwXcY")
    (broken,) = pasted("\n".join((drained, dispatched, busy))).broken
    assert (broken.code, broken.confidence) == ("LKD108", "possible")
    assert "LKD103" in broken.candidates
    assert not {"LKD101", "LKD102", "LKD104", "LKD105"} & {*broken.candidates}, "a worker of that name answered"
    (late,) = pasted("\n".join((drained.replace("11:52:05", "11:52:55"), dispatched, busy))).broken
    assert late.code == "LKD103"


def dispatched_into(room: str) -> str:
    request = {"agentName": "collections", "room": room}
    return server(
        10, "API AgentDispatchService.CreateDispatch", room=room, request=request, status="200", method="CreateDispatch"
    )


def test_a_dispatch_into_a_mistyped_room_is_of_the_call_with_the_phone() -> None:
    dialled = server(11, "API SIP.CreateSIPParticipant", room=ROOM, participant="callee", status="200", duration="3ms")
    diagnosis = pasted(f"{dispatched_into('coll_48120')}\n{dialled}")
    assert diagnosis.room is not None
    assert diagnosis.room.name == ROOM
    assert codes(diagnosis) == ["LKD409"]
    assert pasted(f"{dispatched_into('coll-48121')}\n{dialled}").room is None, "that is another call"


def _without_times(*lines: str) -> str:
    return "\n".join(line.split("\t", 1)[1] for line in lines)


def test_a_room_that_was_open_by_the_order_of_lines_without_times() -> None:
    """The first of the two is known by where the end stands: the newest may come first."""
    asked = {"name": ROOM, "agents": [{"agentName": "collections"}]}
    created = server(20, "API RoomService.CreateRoom", method="CreateRoom", room=ROOM, request=asked, status="200")
    phone = of(PHONE, 12, "participant active")
    left = of(PHONE, 50, "participant closing", reason="CLIENT_REQUEST_LEAVE")
    assert [(one.code, one.confidence) for one in pasted(_without_times(phone, created, left)).broken] == [
        ("LKD412", "likely")
    ]
    for other in ((left, created, phone), (phone, created), (created, phone, left)):
        assert "LKD412" not in codes(pasted(_without_times(*other)))


@pytest.mark.parametrize(
    ("runs_as", "wanted", "code"),
    [
        ({"deployment": ""}, "staging", "LKD110"),
        ({"deployment": "staging"}, "staging", "LKD402"),
        ({"deployment": ""}, "", "LKD402"),
    ],
)
def test_a_dispatch_to_another_deployment_than_the_workers(runs_as: dict[str, str], wanted: str, code: str) -> None:
    made = {"id": "AD_vT5nKqWz8RmX", "agentName": "collections", "room": ROOM, "deployment": wanted, "state": {}}
    registered = worker(1, "registered worker", agent_name="collections", id="AW_q8RzKtVw5MpN", **runs_as)
    lost = server(
        13, "failed to send job request", error="no response from servers", jobType="JT_ROOM", agentName="collections"
    )
    (broken,) = pasted(f"{json.dumps([made])}\n{registered}\n{lost}").broken
    assert broken.code == code
    assert code != "LKD110" or (broken.values["kind"], broken.confidence) == ("production", "likely")
