"""What is about another call than the one that was asked for, another request than those that place it, or a step that
the team does not use."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import ApiRefusal, Participant
from livekit_doctor.flow import Step, Verdict
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    ROOM,
    agent,
    codes,
    dispatch,
    evidence,
    found,
    job,
    judge,
    log_file,
    look,
    phone,
    read,
    room_line,
    row,
    rows_only,
)
from tests.diagnosis.factories import diagnose as diagnosed

REFUSED = '{"room": "outbound-other", "sip_status_code": 486}'


@pytest.mark.parametrize("subject", [Subject(room=ROOM), Subject(call_id=CALL, room=ROOM), Subject(call_id=CALL)])
def test_pasted_rows_of_another_call(subject: Subject) -> None:
    """Beside what another source says of the call that was asked for."""
    own = [room_line(0, "selected node for room"), room_line(2, "participant active", "sip_1")]
    other = replace(row(3, "sip_failed", metadata=REFUSED), call_id="5b1f-99", room="outbound-other")
    picked = replace(other, read=read(900, "evidence ticket.txt"))
    told = evidence(900, log_file("server"), *own)
    beside = replace(told, observations=(*told.observations, picked))
    said = diagnosed(beside, Settings(agent=Agent(name=AGENT)), subject)
    assert "LKD204" not in codes(said)
    for asked in (Subject(call_id="5b1f-99"), Subject(call_id="5b1f-9"), Subject(call_id="outbound-other")):
        assert codes(diagnosed(replace(told, observations=(picked,)), Settings(), asked)) == ["LKD204"]


@pytest.mark.parametrize(
    ("method", "expected"), [("CreateSIPParticipant", ["LKD004"]), ("RemoveParticipant", []), ("ListParticipants", [])]
)
def test_a_refused_request_that_places_no_call(method: str, expected: list[str]) -> None:
    """Whoever may not remove participants may well dial."""
    refusal = ApiRefusal(
        read=read(900, "evidence"),
        method=method,
        status=401,
        twirp_code="unauthenticated",
        message="permissions denied",
    )
    rows = [row(0, "room_created"), row(0.3, "agent_dispatched"), row(1, "agent_connected", "agent")]
    assert codes(judge(900, *rows, refusal)) == expected


def test_what_the_server_asks_livekit_sip_for_names_who_is_to_come() -> None:
    """Its line about that (psrpc) is written a moment before the failure, and nobody has come."""
    error = "no response from servers"
    asked = room_line(2.001, "client error", "sip_1", error=error)
    asked = replace(asked, level="warn", logger="livekit.psrpc.SIPInternal.CreateSIPParticipant")
    failed = room_line(2.002, "API SIP.CreateSIPParticipant", "sip_1", status="503", error=error, service="SIP")
    opened = room_line(0, "selected node for room")
    for lines in ((failed,), (asked, failed)):
        said = judge(900, log_file("server"), opened, *lines, room_line(300, "room closed"))
        assert ("sip_participant_created", "LKD203", "proven") in found(said)


NO_TRUNK = "twirp error unknown: requested sip trunk does not exist"


@pytest.mark.parametrize(
    "metadata",
    [
        f'{{"error_message": "{NO_TRUNK}"}}',
        f'{{"errorMessage": "{NO_TRUNK}"}}',
        f'{{"message": "{NO_TRUNK}"}}',
        f'{{"error": {{"message": "{NO_TRUNK}", "code": "not_found"}}}}',
    ],
)
def test_livekits_words_wherever_a_row_of_a_failure_has_them(metadata: str) -> None:
    rows = [row(0, "room_created"), row(1, "agent_connected", "agent")]
    failed = row(2, "sip_participant_failed", metadata=metadata)
    assert found(rows_only(900, *rows, failed)) == [("sip_participant_created", "LKD201", "proven")]
    assert codes(rows_only(900, *rows, replace(failed, state="note"))) == []


def test_what_broke_at_a_step_that_is_not_used_is_told_at_the_next() -> None:
    """Who waits for the answer has no use for the ringing."""
    rows = [row(0, "room_created"), row(1, "agent_connected", "agent"), row(2, "sip_participant_created")]
    refused = row(4, "sip_failed", metadata='{"sip_status_code": 486}')
    assert found(rows_only(900, *rows, refused)) == [("sip_ringing", "LKD204", "proven")]
    flow = Flow(not_used=(Step.SIP_RINGING,))
    assert found(rows_only(900, *rows, refused, settings=Settings(agent=Agent(name=AGENT), flow=flow))) == [
        ("sip_answered", "LKD204", "proven")
    ]
    none = Settings(agent=Agent(name=AGENT), flow=Flow(not_used=(Step.SIP_RINGING, Step.SIP_ANSWERED)))
    assert rows_only(900, *rows, refused, settings=none).verdict is not Verdict.BROKEN


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ((agent(1, name="Notetaker"),), "LKD408"),
        ((agent(1, name="Notetaker", state="JOINED"),), "LKD416"),
    ],
)
def test_another_agent_alone_that_was_dispatched(inside: tuple[Participant, ...], code: str) -> None:
    """Whether it is the call's own under a name that is mistyped, or that was never dispatched, nobody knows."""
    looks = [look(at, dispatch(0, job(), name="Notetaker"), *inside, phone("active", 2)) for at in (30, 60)]
    said = judge(60, *looks[0], *looks[1])
    assert [(item.code, item.confidence.value) for item in said.broken] == [(code, "possible")]
    assert "LKD401" in said.broken[0].candidates


UNAUTHENTICATED = '{"error": "twirp error unauthenticated: invalid API key: key-one"}'
OVER_QUOTA = '{"error": {"code": "resource_exhausted", "status": 429, "message": "too many requests"}}'
BEFORE = {
    "room_created": [row(0, "call_requested")],
    "agent_dispatched": [row(0, "call_requested"), row(0.5, "room_created")],
    "sip_participant_created": [row(0, "room_created"), row(1, "agent_connected", "agent")],
}


@pytest.mark.parametrize(
    ("state", "metadata", "step", "code"),
    [
        ("room_creation_failed", UNAUTHENTICATED, "room_created", "LKD004"),
        ("agent_dispatch_failed", UNAUTHENTICATED, "agent_dispatched", "LKD004"),
        ("agentDispatchFailed", OVER_QUOTA, "agent_dispatched", "LKD006"),
        ("sip_participant_failed", UNAUTHENTICATED, "sip_participant_created", "LKD004"),
        ("dial_error", OVER_QUOTA, "sip_participant_created", "LKD006"),
        ("call_failed", UNAUTHENTICATED, "agent_dispatched", "LKD004"),
        ("error", UNAUTHENTICATED, "room_created", "LKD004"),
        ("error", '{"message": "ServerError: unauthorized, status: 401"}', "room_created", "LKD004"),
        ("dispatch_failed", '{"error": "twirp error not_found: room does not exist"}', "agent_dispatched", "LKD401"),
        ("dispatch_failed", '{"error": "fetch failed: getaddrinfo ENOTFOUND a.b"}', "agent_dispatched", "LKD003"),
        ("sip_error", '{"error": "connect ECONNREFUSED 192.0.2.1:443"}', "sip_participant_created", "LKD003"),
        ("dispatch_timeout", '{"error": "context deadline exceeded"}', "agent_dispatched", "LKD401"),
        ("room_creation_failed", "", "room_created", "LKD501"),
        (
            "sip_participant_failed",
            '{"name": "TwirpError", "status": 401, "code": "unauthenticated"}',
            "sip_participant_created",
            "LKD004",
        ),
    ],
)
def test_what_livekit_refused_by_the_row_of_a_failure(state: str, metadata: str, step: str, code: str) -> None:
    """By the state's own word for the request; where it has none, at the first step that nothing shows."""
    failed = row(3, state, metadata=metadata)
    said = rows_only(900, *BEFORE[step], failed)
    assert (step, code) == found(said)[0][:2]
    assert said.broken[0].because[0].source == "call_logs"
    done = row(20, step)
    assert code not in codes(rows_only(900, *BEFORE[step], failed, done))


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        ("llm_error", '{"error": "429 RESOURCE_EXHAUSTED"}'),
        ("error", '{"error": "status 401: no such tenant"}'),
        ("error", OVER_QUOTA),
        ("transfer_failed", UNAUTHENTICATED),
        (
            "call_failed",
            '{"error": "twirp error unknown: INVITE failed: sip status: 403", "code": "permission_denied"}',
        ),
        ("call_failed", '{"code": "permission_denied", "error": "livekit", "sip_status_code": 403}'),
    ],
)
def test_what_another_refused(state: str, metadata: str) -> None:
    assert {"LKD004", "LKD006"}.isdisjoint(
        codes(rows_only(900, row(0, "call_requested"), row(3, state, metadata=metadata)))
    )
    agents = row(3, "error", "agent", metadata=UNAUTHENTICATED)
    rows = [row(0, "call_requested"), row(2, "agent_connected", "agent"), agents]
    assert "LKD004" not in codes(rows_only(900, *rows))


@pytest.mark.parametrize("status", ['"code": 480', '"status": "603"', '"statusCode": 486'])
def test_a_status_that_only_sip_has(status: str) -> None:
    """Under a key that may as well have HTTP's."""
    dialled = [*BEFORE["sip_participant_created"], row(2, "sip_participant_created")]
    assert codes(rows_only(900, *dialled, row(5, "sip_failed", metadata=f"{{{status}}}"))) == ["LKD204"]
    for state, other in (("sip_failed", '"code": 404'), ("crm_failed", status)):
        assert codes(rows_only(900, *dialled, row(5, state, metadata=f"{{{other}}}"))) == []


@pytest.mark.parametrize("state", ["bot_joined", "voice_agent_connected", "agent_in_room", "agent_participant_joined"])
def test_who_places_the_call_says_that_the_agent_is_there(state: str) -> None:
    rows = [
        row(0, "room_created"),
        row(0.5, "agent_dispatched"),
        row(3, state),
        row(9, "sip_answered"),
        row(30, "call_ended"),
    ]
    assert codes(rows_only(900, *rows)) == []
    assert codes(rows_only(900, *rows[:2], row(3, state.replace("joined", "left")), *rows[3:])) == (
        ["LKD402"] if "joined" in state else []
    )
