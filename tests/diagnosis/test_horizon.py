"""What was read reaches so far: a later dispatch, or dial, would have been seen, or not. Found by the simulator."""

import pytest
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import ApiRefusal
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Agent, Settings
from tests.diagnosis.factories import (
    ROOM,
    agent,
    at,
    audio,
    automatic,
    because,
    closed,
    codes,
    declined_job,
    dispatch,
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
    server_line,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    ASKED,
    CLOSED,
    HERE,
    LOGS,
    NO_WORKER,
    OPENED,
    RAISED,
    afterwards,
    created,
    sip_line,
)

CREATED = row(0, "room_created")
NO_TRUNK = row(2, "sip_failed", metadata='{"error": "requested sip trunk does not exist"}')
CREATING = sip_line(1, "Creating SIP participant")
BUSY = sip_line(6, "SIP invite failed", error="INVITE failed: sip status: 486: Busy Here")


NO_WORKER_AT_30 = server_line(31, NO_WORKER.message)


def test_rows_that_go_on_show_another_dial() -> None:
    assert found(rows_only(900, CREATED, NO_TRUNK))[-1] == ("sip_participant_created", "LKD201", "proven")
    just_now = rows_only(12, CREATED, NO_TRUNK)
    assert found(just_now)[-1] == ("sip_participant_created", "LKD201", "likely"), "a phone may be dialled right now"
    assert "dialled again" in because(just_now, "LKD201")
    other = row(90, "sip_failed", metadata='{"error": "twirp error unknown: lookup sip.example.com: no such host"}')
    assert "LKD201" not in codes(rows_only(900, CREATED, NO_TRUNK, other))


def test_livekit_sips_log_shows_no_dial_that_did_not_reach_it() -> None:
    assert found(afterwards(log_file("sip"), CREATING, BUSY)) == [("sip_ringing", "LKD204", "likely")]

    def with_rows(*rows: object) -> list[tuple[str, str, str]]:
        return found(judge(900, log_file("sip"), CREATING, BUSY, *rows, settings=HERE))  # type: ignore[arg-type]

    placed, ended = row(2, "sip_participant_created"), row(9, "call_ended")
    failed = row(6.1, "sip_participant_failed", metadata='{"error": "INVITE failed: sip status: 486: Busy Here"}')
    assert ("sip_ringing", "LKD204", "proven") in with_rows(placed, failed, ended)
    left_out = with_rows(placed, ended)
    assert ("sip_ringing", "LKD204", "likely") in left_out, "they would leave out another failure as they did this one"


def test_the_ringing_of_a_phone_that_was_dialled_again() -> None:
    """No answer to the second dial, which is not known to have rung."""
    rang = sip_line(7, "signaling timestamps", invite_to_ringing_ms="900")
    silent = sip_line(60, "SIP invite failed", error="sip request timed out")
    again = replace(CREATING, at=sip_line(20, "").at, number=CREATING.number + 1000)
    assert "LKD206" in codes(afterwards(log_file("sip"), CREATING, rang, silent))
    assert codes(afterwards(log_file("sip"), CREATING, BUSY, rang, again, silent)) == ["LKD205"]


def test_a_later_dispatch_that_is_gone_from_the_list() -> None:
    """The list has the first, which was declined; the server's log has another, whose request timed out."""
    looks = [look(t, dispatch(0, declined_job()), phone()) for t in (40, 44)]
    timed_out = server_line(33, "failed to assign job to worker", error="context deadline exceeded")
    lines = OPENED, created(0), created(30), timed_out
    assert codes(judge(44, *looks, settings=HERE)) == ["LKD404"]
    assert codes(judge(44, *looks, log_file("server", last=44), *lines, settings=HERE)) == ["LKD403"]


def test_a_row_may_tell_of_a_later_dispatch() -> None:
    """By another clock, so that nobody knows which of the two the worker's line is of."""
    told = created(0)
    lines = OPENED, told, ASKED, RAISED, CLOSED
    at_once, later = row(0.3, "agent_dispatched"), row(4, "agent_dispatched")
    assert found(afterwards(*lines, at_once))[0][2] == "proven"
    assert found(afterwards(*lines, later))[0][2] == "possible"


def test_a_failed_attempt_to_connect_long_before_in_a_log_of_warnings() -> None:
    def lost(seconds: float, level: str) -> object:
        line = worker_line(seconds, "failed to connect to livekit, retrying in 2s", room="", room_id="", job_id="")
        return replace(line, level=level)

    def said(*lines: object) -> list[tuple[str, str, str]]:
        asked = [look(t, dispatch(0), phone()) for t in (20, 24)]
        return found(judge(24, *asked, log_file("worker"), *lines, settings=HERE))  # type: ignore[arg-type]

    for seconds in (-9, -600):
        assert ("job_assigned", "LKD402", "likely") in said(lost(seconds, "warn")), "it may have succeeded since"
    starting = replace(worker_line(-601, "starting worker", room="", room_id="", job_id=""), level="info")
    assert ("job_assigned", "LKD105", "likely") in said(starting, lost(-600, "warn"))


def test_a_room_whose_phone_rings_may_wait_for_its_dispatch() -> None:
    def said(status: str) -> list[tuple[str, str, str]]:
        looks = [look(t, automatic(), phone(status)) for t in (26, 30)]
        placed = row(1, "sip_participant_created")
        return found(judge(30, *looks, log_file("server", last=29), OPENED, placed, settings=HERE))

    assert ("agent_dispatched", "LKD401", "proven") in said("active")
    assert ("agent_dispatched", "LKD401", "proven") not in said("ringing")


def test_the_last_look_at_an_answered_phone_shows_its_agent() -> None:
    together = [look(t, dispatch(0, job()), agent(1, audio()), phone()) for t in (1, 37)]
    alone = look(38, dispatch(0, job()), phone())
    assert judge(40, *together, *closed(40)).verdict is Verdict.HEALTHY
    assert judge(40, *together, alone, *closed(40)).verdict is Verdict.NO_FAULT_SEEN


def test_a_row_of_a_component_that_is_no_part_of_the_call() -> None:
    """It may be the agent, whose states have other names, or surely is not."""
    rows = row(0, "room_created"), row(0.2, "agent_dispatched")
    assert "LKD402" in codes(rows_only(600, *rows, row(1, "lead_locked", "crm")))
    assert codes(rows_only(600, *rows, row(1, "greeted", "voice"))) == []
    crm = Settings(agent=Agent(name="CRM"))
    assert codes(rows_only(600, *rows, row(1, "lead_locked", "crm-2"), settings=crm)) == []


# What goes with a verdict


def test_earlier_attempts_are_told_in_a_line_each() -> None:
    first = row(2, "sip_failed", metadata='{"error": "requested sip trunk does not exist"}')
    last = row(90, "sip_failed", metadata='{"sip_status_code": 486}')
    assert "an earlier dial, by call_logs: edge_function logged sip_failed" in because(
        rows_only(900, CREATED, first, last), "LKD204"
    )
    timed_out = server_line(3.2, "failed to assign job to worker", error="context deadline exceeded")
    again = afterwards(OPENED, created(0), timed_out, created(30), NO_WORKER_AT_30, CLOSED)
    assert "an earlier dispatch: a worker was asked, and its answer came too late" in because(again, "LKD101")


def test_a_call_that_is_over_gets_nothing_to_type_at_its_room() -> None:
    """It would make a new room, and send the agent into it, alone."""
    looks = [look(t, automatic(), phone()) for t in (26, 30)]
    while_open, over = judge(30, *looks), judge(60, *looks, *closed(60))
    assert codes(while_open) == ["LKD401"]

    def fixes(diagnosis: Diagnosis) -> str:
        return "\n".join(catalogue.render_fix(catalogue.get(b.code), b.values) for b in diagnosis.broken)

    assert f"lk dispatch create --room {ROOM}" in fixes(while_open)
    assert "create_dispatch" in fixes(over) or not over.broken
    assert ROOM not in fixes(over)
    assert not any("while its room is open" in hint for hint in over.would_settle)


def test_the_trunk_that_a_log_names_is_in_the_fix() -> None:
    creating = replace(CREATING, fields=CREATING.fields | {"sip_trunk": "ST_known"})
    refused = server_line(20, "API SIP.CreateSIPParticipant", status="404", error="requested sip trunk does not exist")
    diagnosis = afterwards(log_file("sip"), creating, OPENED, refused, CLOSED)
    assert diagnosis.broken[-1].values["trunk_id"] == "ST_known"


def test_a_worker_that_was_asked_after_the_server_knew_none_was_asked_for_a_later_dispatch() -> None:
    """Neither dispatch is in this node's log: the lines of its jobs have an order all the same."""
    none = server_line(1, NO_WORKER.message)
    late = server_line(20, "failed to assign job to worker", error="context deadline exceeded")
    came = server_line(16, "worker registered", room="", room_id="", job_id="")
    assert "LKD403" in codes(afterwards(none, came, late))
    assert "LKD109" not in codes(afterwards(none, came, late))


def refused(seconds: float, method: str = "CreateDispatch", source: str = "evidence error.txt") -> ApiRefusal:
    return ApiRefusal(
        read=read(900, source),
        at=at(seconds),
        method=method,
        status=401,
        twirp_code="unauthenticated",
        message="invalid API key: APIx",
    )


def test_an_error_of_another_day_is_another_calls() -> None:
    assert "LKD004" in codes(judge(900, CREATED, refused(1), settings=HERE))
    assert "LKD004" not in codes(judge(900, CREATED, refused(-3 * 86400), settings=HERE))


def test_an_error_after_the_calls_end_is_not_its_cause() -> None:
    """As of what cleans up after it."""
    ended = row(40, "call_ended")
    assert "LKD004" in codes(judge(900, ended, refused(30), settings=HERE))
    assert "LKD004" not in codes(judge(900, ended, refused(60), settings=HERE))


def test_an_error_of_a_request_that_does_not_place_the_call() -> None:
    """A recording's; and in the worker's log, whose agent asks for anything, one that is not named."""
    agents = "worker_log agent.log"
    for placing in (refused(1), refused(1, method=""), refused(1, source=agents)):
        assert codes(judge(900, placing, settings=HERE)) == ["LKD004"]
    for other in (refused(1, "StartRoomCompositeEgress"), refused(1, method="", source=agents)):
        assert codes(judge(900, other, settings=HERE)) == []


def test_an_agent_that_came_before_the_last_dispatch() -> None:
    """A healthy call's last dispatch is one whose agent was seen."""
    together = [look(t, dispatch(0, job()), agent(1, audio()), phone()) for t in (1, 37)]
    assert judge(40, *together, *closed(40)).verdict is Verdict.HEALTHY
    again = row(43, "agent_dispatched")
    assert judge(60, *together, *closed(40), again).verdict is not Verdict.HEALTHY


def test_an_agent_that_every_look_shows_muted() -> None:
    muted = look(10, dispatch(0, job()), agent(1, audio(muted=True)), phone())
    heard = sip_line(9, "track subscribed", participant="agent-AJ_1")
    assert judge(40, muted, *closed(40), heard).verdict is not Verdict.HEALTHY


@pytest.mark.parametrize(("left", "expected"), [(60.6, []), (30.1, ["LKD407"])])
def test_an_agent_that_had_come_before_the_servers_log_begins(left: float, expected: list[str]) -> None:
    """Its process breaks down as its room goes, or in mid-call; and the worker's clock is 2 s fast."""
    placed = row(0, "call_requested"), row(0.1, "room_created"), row(0.3, "agent_dispatched")
    asked, broke = worker_line(2.3, "received job request"), worker_line(left + 2, RAISED.message)
    phones = room_line(2.2, "participant active", "sip_1"), room_line(60, "participant closing", "sip_1", kind="SIP")
    gone = room_line(left, "participant closing", "agent-AJ_uN4vB8sK1rTy", kind="AGENT", reason="STALE")
    logs = log_file("server", first=1.2, last=900), log_file("worker", last=900)
    told = judge(900, *placed, *logs, asked, broke, *phones, gone, room_line(80, "room closed"), settings=HERE)
    assert codes(told) == expected


@pytest.mark.parametrize("words", ["process exited with non-zero exit code 1", "process exceeded memory limit"])
def test_a_job_that_ran_was_not_declined(words: str) -> None:
    """The log of the node that assigned it was not read; the one that was has other workers of the name."""
    other = server_line(-300, "worker registered", room="", room_id="", worker_id="AW_other")
    rows = row(0, "call_requested"), row(0.3, "agent_dispatched"), row(60.3, "call_ended")
    told = judge(900, *rows, *LOGS, other, OPENED, created(0.2), ASKED, worker_line(20, words), settings=HERE)
    assert {"LKD404", "LKD403", "LKD402"}.isdisjoint(codes(told))
    assert "LKD404" in codes(judge(900, *rows, *LOGS, other, OPENED, created(0.2), ASKED, settings=HERE))


@pytest.mark.parametrize(("begins", "expected"), [(-600, ["LKD103"]), (9.2, [])])
def test_a_line_by_the_agents_name_in_a_log_that_begins_after_the_dispatch(begins: float, expected: list[str]) -> None:
    """The dispatch's own line would be above its beginning: it is about another call of that time."""
    busy = server_line(
        9.9, "failed to send job request", room="", room_id="", error="no servers available (received 1)"
    )
    rows = row(0, "call_requested"), row(0.3, "agent_dispatched"), row(60, "call_ended")
    told = judge(900, *rows, log_file("server", first=begins), busy, room_line(60.5, "room closed"), settings=HERE)
    assert [code for code in codes(told) if code == "LKD103"] == expected


@pytest.mark.parametrize(("begins", "code"), [(-600, "LKD413"), (23, "LKD403")])
def test_a_deletion_in_a_log_that_begins_after_another_dispatch_may_be_of_that(begins: float, code: str) -> None:
    request = f'{{"dispatchId": "AD_before", "room": "{ROOM}"}}'
    deleted = server_line(27.6, "API AgentDispatchService.DeleteDispatch", status="200", request=request)
    late = server_line(29.6, "failed to assign job to worker", error="context deadline exceeded", job_id="AJ_2")
    rows = row(13, "sip_participant_created"), row(111, "call_ended")
    told = judge(900, *rows, log_file("server", first=begins, last=900), created(26.4), deleted, late, settings=HERE)
    assert found(told)[0][1:] == (code, "likely")


@pytest.mark.parametrize(("called", "expected"), [(38, []), (12, ["LKD406"])])
def test_a_row_of_an_entrypoint_tells_of_a_job_that_the_list_has_not_yet(called: float, expected: list[str]) -> None:
    """As of one that was made in place of one that failed."""
    seen = [look(seconds, dispatch(0, job(0.5)), phone()) for seconds in (30, 35, 40)]
    rows = row(1, "sip_participant_created"), row(called, "agent_entrypoint_called", "agent")
    assert codes(judge(40, *rows, *seen)) == expected


@pytest.mark.parametrize(("dispatches", "sure"), [((0.3, 24.7), "proven"), ((), "likely")])
def test_rows_show_a_later_dispatch_where_dispatches_are_logged(dispatches: tuple[float, ...], sure: str) -> None:
    """Of one that no worker takes the agent logs nothing."""
    first = worker_line(0.5, "received job request", job_id="AJ_first", dispatch_id="AD_first")
    left = worker_line(16.6, "process exiting", job_id="AJ_first", reason="session closed")
    late = worker_line(24.8, "received job request"), worker_line(34.9, "assignment for job AJ_uN4vB8sK1rTy timed out")
    rows = row(0, "call_requested"), row(2, "sip_participant_created"), row(50, "call_ended")
    agents = row(0.6, "agent_entrypoint_called", "agent"), row(9, "agent_connected", "agent")
    sent = [row(seconds, "agent_dispatched") for seconds in dispatches]
    told = judge(900, *rows, *agents, *sent, log_file("worker", last=900), first, left, *late, settings=HERE)
    assert found(told) == [("job_assigned", "LKD403", sure)]
