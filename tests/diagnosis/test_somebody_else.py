"""Another agent, a human or a further phone in the call's room: what became of them is not what became of the call's
own, and who was with the phone until the end had not left it alone."""

import json

import pytest
from msgspec.structs import replace

from livekit_doctor.evidence.observations import LogFile, LogLine, LogRow
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Agent
from tests.diagnosis.factories import AGENT as NAME
from tests.diagnosis.factories import (
    ROOM,
    agent,
    at,
    audio,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    line,
    log_file,
    look,
    phone,
    room_line,
    row,
    rows_only,
)
from tests.diagnosis.factories import worker_line as by_worker
from tests.diagnosis.test_component_logs import HERE

FIRST, SECOND = "AJ_uN4vB8sK1rTy", "AJ_second"
OF_FIRST, OF_SECOND, ANNA = f"agent-{FIRST}", f"agent-{SECOND}", "supervisor-anna"


def sip(seconds: float, message: str, dial: str = "1", **fields: str) -> LogLine:
    return line("sip", seconds, message, room=ROOM, call_id=f"SCL_{dial}", **fields)


def logs(server_until: float = 600) -> list[LogFile]:
    return [log_file("server", -600, server_until), log_file("worker"), log_file("sip")]


def dispatched(seconds: float, job: str, name: str = NAME) -> list[LogLine]:
    request = json.dumps({"agentName": name})
    made = (
        [room_line(seconds, "API AgentDispatchService.CreateDispatch", request=request, status="200")] if name else []
    )
    return [*made, by_worker(seconds + 0.1, "received job request", job_id=job, agent_name=name)]


def came(seconds: float, who: str, *, heard: float | None = None) -> list[LogLine]:
    """With a track of its own, which the phone is given to hear."""
    told = [
        room_line(seconds, "participant active", who),
        room_line(seconds + 0.1, "mediaTrack published", who, kind="audio"),
    ]
    return [*told, sip(max(seconds + 0.2, heard or 0), "track subscribed", kind="audio", participant=who)]


def assigned(seconds: float, job: str, name: str = NAME) -> LogLine:
    return room_line(seconds, "assigned job to worker", agent_name=name, job_id=job)


def left(seconds: float, who: str) -> LogLine:
    kind = "SIP" if who.startswith("sip_") else "AGENT" if who.startswith("agent-") else "STANDARD"
    return room_line(seconds, "participant closing", who, kind=kind, reason="CLIENT_REQUEST_LEAVE")


OPENED = room_line(0, "selected node for room")
PHONE = [
    sip(2, "Creating SIP participant", participant="sip_1"),
    room_line(2.2, "participant active", "sip_1"),
    room_line(2.3, "mediaTrack published", "sip_1", kind="audio"),
    sip(8, "Outbound SIP call established", participant="sip_1"),
]
HUNG_UP = [sip(60, "Closing outbound call", participant="sip_1", reason="hangup"), left(60.1, "sip_1")]
AGENT_CAME = [*dispatched(0.2, FIRST), assigned(0.3, FIRST), *came(1, OF_FIRST, heard=8.1)]
GOOD = [OPENED, *AGENT_CAME, *PHONE]


def test_a_further_phone_without_sound_after_the_callee_had_hung_up() -> None:
    """It was dialled while the callee was on the line."""
    further = [
        sip(20, "Creating SIP participant", "2", participant="sip_2"),
        sip(24, "Outbound SIP call established", "2", participant="sip_2"),
        sip(54.5, "triggering media timeout", "2", participant="sip_2", is_initial="true"),
        sip(54.6, "Closing outbound call with error", "2", participant="sip_2", reason="media-timeout"),
    ]
    over = [sip(40, "Closing outbound call", participant="sip_1", reason="hangup"), left(40.1, "sip_1")]
    assert codes(judge(900, *logs(), *GOOD, *further, *over, left(55, OF_FIRST), settings=HERE)) == []


def test_another_agent_of_the_same_name_stayed_to_the_end_of_the_log() -> None:
    handed_over = [*dispatched(30, SECOND), assigned(30.1, SECOND), *came(31, OF_SECOND), left(32, OF_FIRST)]
    told = [one for one in (*GOOD, *handed_over, *HUNG_UP) if one.log != "server" or (one.at and one.at <= at(45))]
    assert codes(judge(900, *logs(45), *told, settings=HERE)) == []
    doubled = [*dispatched(0.25, SECOND), assigned(0.35, SECOND), *came(1.1, OF_SECOND, heard=8.2), left(12, OF_FIRST)]
    assert codes(judge(60.5, *logs(60.3), *GOOD, *doubled, *HUNG_UP, settings=HERE)) == []


@pytest.mark.parametrize(("heard", "expected"), [((), ["LKD407"]), (tuple(came(25, ANNA)), [])])
def test_the_agents_process_died_when_a_human_had_taken_over(heard: tuple[LogLine, ...], expected: list[str]) -> None:
    died = [left(35.1, OF_FIRST), by_worker(36, "process exited with non-zero exit code -9", job_id=FIRST)]
    assert codes(judge(900, *logs(), *GOOD, *heard, *died, *HUNG_UP, settings=HERE)) == expected


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(
    ("name", "late"), [(NAME, Verdict.NO_FAULT_SEEN), ("", Verdict.BROKEN)], ids=["not set", "without a name"]
)
def test_another_agent_does_not_stand_in_for_the_one_that_failed(name: str, late: Verdict, silent: bool) -> None:
    """Where the agent's name is not set nobody knows which of the two the call is for; one without a name is known."""
    settings = replace(HERE, agent=Agent() if name else Agent(name=""))
    other = [*dispatched(0.25, SECOND, "Translator"), assigned(0.35, SECOND, "Translator")]
    other += [room_line(1, "participant active", OF_SECOND)] if silent else came(1, OF_SECOND, heard=8.1)
    failed = room_line(3.3, "failed to assign job to worker", agent_name=name, job_type="JT_ROOM", job_id=FIRST)
    failed = replace(failed, fields=failed.fields | {"error": "context deadline exceeded"})
    told = [OPENED, *dispatched(0.2, FIRST, name), failed, *other, *PHONE, *HUNG_UP, left(60.5, OF_SECOND)]
    said = judge(900, *logs(), *told, room_line(80, "room closed"), settings=settings)
    assert said.verdict is late
    assert codes(said) == ([] if name else ["LKD403"])


BEFORE = [row(0, "call_requested"), row(0.3, "agent_dispatched"), row(1, "agent_connected", "agent")]
BUSY = row(4, "sip_participant_failed", metadata='{"sip_status_code": 486}')


@pytest.mark.parametrize(
    "later",
    [
        row(12, "voicemail_left", "agent"),
        row(12, "next_number", "agent"),
        row(12, "human_detected", "agent"),
        row(8, "sip_participant_created", "agent"),
        row(8, "sip_ringing", "dialer-2"),
    ],
    ids=lambda later: later.state,
)
def test_a_refusal_after_which_rows_tell_of_the_phone_is_not_proven(later: LogRow) -> None:
    assert [sure for _, _, sure in found(rows_only(90000, *BEFORE, BUSY, row(23, "call_ended")))] == ["proven"]
    assert {sure for _, _, sure in found(rows_only(90000, *BEFORE, BUSY, later, row(23, "call_ended")))} <= {"possible"}


@pytest.mark.parametrize("beside", [(), ("Notetaker",)])
@pytest.mark.parametrize("silent", [False, True])
def test_another_agent_by_the_log_of_the_rooms_node_alone(silent: bool, beside: tuple[str, ...]) -> None:
    """There was no worker for the call's own; the one that came was assigned by another node, by an unknown name."""
    settings = replace(HERE, agent=Agent(name=NAME, others=beside))
    nobody = room_line(0.3, "not dispatching agent job since no worker is available", agent_name=NAME)
    came_by = [room_line(1, "participant active", OF_SECOND)] if silent else came(1, OF_SECOND)
    came_by = [one for one in came_by if one.log == "server"]
    rows = [*BEFORE[:2], row(8, "sip_answered"), row(40.3, "call_ended")]
    phone = [
        room_line(2.2, "participant active", "sip_1"),
        room_line(2.3, "mediaTrack published", "sip_1", kind="audio"),
    ]
    ends = [left(40, "sip_1"), left(40.5, OF_SECOND), room_line(60, "room closed")]
    told = judge(900, *rows, log_file("server"), nobody, *came_by, *phone, *ends, settings=settings)
    assert told.verdict is Verdict.NO_FAULT_SEEN
    assert any(f"whether the agent that came is {NAME}" in asks for asks in told.would_settle)


# An agent that came when the phone had left


def test_an_agent_that_comes_when_the_phone_has_left_makes_no_call_healthy() -> None:
    """The one before it had served the call for a while, as a look shows; the server's log has who came and left."""
    first = (dispatch(0.2, job(identity=OF_FIRST)), agent(1, audio(), identity=OF_FIRST), phone("active", 2))
    told = [*came(1, OF_FIRST, heard=8.1), *PHONE, left(57.5, OF_FIRST), *HUNG_UP, room_line(80, "room closed")]
    second = [room_line(60.4, "participant active", "Ada"), room_line(80, "participant closing", "Ada", kind="AGENT")]
    rows = [row(8, "sip_answered"), row(60.2, "call_ended"), row(1.2, "agent_connected", "agent")]
    seen = (*look(56, *first), *closed(900), *logs(899), *told, *rows)
    assert judge(900, *seen, settings=HERE).verdict is Verdict.HEALTHY
    assert judge(900, *seen, *second, settings=HERE).verdict is Verdict.NO_FAULT_SEEN


def test_by_rows_the_last_agent_counts_of_several() -> None:
    """It came at about the end, by the clock of another component."""
    rows = [
        *(row(0, "call_requested"), row(2.1, "sip_participant_created")),
        *(row(0.9, "agent_entrypoint_called", "agent"), row(1.2, "agent_connected", "agent")),
        *(row(39, "agent_entrypoint_called", "agent"), row(60.2, "call_ended")),
    ]
    heard = sip(8.1, "track subscribed", kind="audio", participant=OF_FIRST)
    over = [
        *PHONE[::3],
        heard,
        *HUNG_UP[:1],
        by_worker(75, "process exiting", job_id=SECOND, reason="room disconnected"),
    ]
    told = (*rows, *over, log_file("sip"), log_file("worker", 50))
    assert judge(900, *told, row(40, "agent_connected", "agent"), settings=HERE).verdict is Verdict.HEALTHY
    assert judge(900, *told, row(60.9, "agent_connected", "agent"), settings=HERE).verdict is Verdict.NO_FAULT_SEEN
