"""Which attempt a fact is about, where the agent was dispatched, or the phone dialled, more than once; and whether a
later one would have been seen. The smallest evidence of each kind that the simulator found."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, LogRow, Observation, Sighting, SipCallResult
from livekit_doctor.flow import Status, Step, Verdict
from tests.diagnosis.factories import (
    ROOM,
    agent,
    at,
    audio,
    automatic,
    because,
    broken,
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
    rooms,
    row,
    server_line,
    status,
    the_room,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    ASKED,
    ASSIGNED,
    CLOSED,
    HERE,
    LOGS,
    OF_WORKER,
    OPENED,
    RAISED,
    afterwards,
    asked_for,
    created,
    jobless,
    registered,
    request_failed,
    server_registered,
    sip_line,
)

SLOW = worker_line(10.2, "The room connection was not established within 10 seconds")
FULL = server_line(20, "no worker available to handle job", error="no workers with sufficient capacity")
BUSY = "INVITE failed: sip status: 486: Busy Here"
NO_TRUNK = "requested sip trunk does not exist"


def dispatched(seconds: float, name: str) -> LogLine:
    line = created(seconds)
    return replace(line, fields=line.fields | {"request": f'{{"agentName":"{name}","room":"{ROOM}"}}'})


def of_job(line: LogLine, job_id: str) -> LogLine:
    return replace(line, fields=line.fields | {"job_id": job_id})


def refused(seconds: float, error: str, status: str = "429") -> LogLine:
    return server_line(seconds, "API SIP.CreateSIPParticipant", status=status, error=error, participant="sip_1")


def pasted(error: str, seconds: float | None = None, http: int = 404) -> SipCallResult:
    """An error as a person pasted it, with its time or without."""
    when = None if seconds is None else at(seconds)
    source = replace(read(3600, "evidence error.txt"), clock_at=when)
    return SipCallResult(read=source, status=http, twirp_code="not_found", message=error)


def with_rows(*items: Observation) -> Diagnosis:
    return judge(900, *LOGS, log_file("sip"), *items, settings=HERE)


# Dispatches and jobs


def test_a_later_dispatch_for_another_name_may_be_this_calls() -> None:
    lines = OPENED, created(0), ASKED, RAISED, CLOSED
    assert found(afterwards(*lines)) == [("entrypoint_called", "LKD405", "proven")]
    again = afterwards(*lines, dispatched(30, "Front Desk"))
    assert found(again) == [("entrypoint_called", "LKD405", "possible")]
    assert '"Front Desk"' in because(again, "LKD405")


def test_a_job_that_the_server_had_done_with_is_not_the_latest() -> None:
    """Neither dispatch is in this log: the node with the worker wrote it."""
    declined = of_job(server_line(0.4, "failed to assign job to worker", error="worker not available"), "AJ_first")
    gave_up = of_job(replace(FULL, at=at(0.5)), "AJ_first")
    first = of_job(ASKED, "AJ_first")
    told = row(0.1, "agent_dispatched"), first, declined, gave_up
    assert codes(with_rows(*told)) == ["LKD404"]
    assert codes(with_rows(*told, of_job(FULL, "AJ_second"))) == ["LKD103"]


def test_a_job_of_a_dispatch_that_is_not_in_the_list() -> None:
    looks = [look(t, dispatch(0, declined_job()), phone()) for t in (40, 44)]
    late = of_job(server_line(20, "failed to assign job to worker", error="context deadline exceeded"), "AJ_other")
    assert found(judge(44, *looks, settings=HERE)) == [("job_assigned", "LKD404", "proven")]
    assert ("job_assigned", "LKD404", "proven") not in found(judge(44, *looks, *LOGS, late, settings=HERE))


def test_a_list_of_a_room_that_is_empty_may_have_lost_a_dispatch() -> None:
    there = judge(44, *(look(t, dispatch(0, declined_job()), phone()) for t in (40, 44)), settings=HERE)
    empty = judge(44, *(look(t, dispatch(0, declined_job())) for t in (40, 44)), settings=HERE)
    assert found(there) == [("job_assigned", "LKD404", "proven")]
    assert found(empty) == [("job_assigned", "LKD404", "likely")]


def test_a_line_that_names_its_job_in_words() -> None:
    late = worker_line(10, "assignment for job AJ_uN4vB8sK1rTy timed out", **OF_WORKER)
    raised = worker_line(0.7, "job_request_fnc failed", **OF_WORKER)
    assert codes(afterwards(ASKED, raised)) == ["LKD404"]
    assert codes(afterwards(ASKED, raised, late)) == ["LKD403"], "what raised was another call's"


def test_by_two_clocks_one_job_is_one() -> None:
    """A worker whose clock is ahead was not asked for a later one."""
    asked = replace(ASKED, at=at(6))
    came = server_line(1, "participant active", participant="agent-AJ_uN4vB8sK1rTy", participant_id="PA_agent1")
    diagnosis = with_rows(OPENED, created(0), ASSIGNED, asked, came, CLOSED, row(1.2, "agent_connected", "agent"))
    assert diagnosis.broken == ()


def test_rows_since_the_latest_dispatch() -> None:
    """The first of each step are those of the agent that raised."""
    second = of_job(replace(ASKED, at=at(60), number=ASKED.number + 60_000), "AJ_second")
    second = replace(second, fields=second.fields | {"dispatch_id": "AD_second"})
    rows = [row(t, state, "agent") for t in (0.4, 60.4) for state in ("agent_entrypoint_called",)]
    rows += [row(62, "agent_connected", "agent"), row(90, "call_ended", "agent")]
    assert with_rows(ASKED, RAISED, second, *rows).broken == ()


def test_an_agent_that_still_joins_for_an_earlier_dispatch() -> None:
    joining = agent(1, state="JOINED")
    first, second = dispatch(0, job()), dispatch(20, id="AD_second")
    assert codes(judge(44, *(look(t, first, joining, phone()) for t in (40, 44)), settings=HERE)) == ["LKD416"]
    later = judge(44, *(look(t, first, second, joining, phone()) for t in (40, 44)), settings=HERE)
    assert "LKD416" not in codes(later)


def test_created_with_agents_the_room_was_dispatched_into() -> None:
    """And was deleted since nobody came: that is no room that was closed early."""
    with_agents = asked_for(0.1, f'{{"name":"{ROOM}","agents":[{{"agentName":"Front Desk 7"}}]}}')
    deleted = replace(CLOSED, at=at(11))
    assert codes(afterwards(OPENED, with_agents, deleted)) == ["LKD502"]
    assert "LKD502" not in codes(afterwards(OPENED, with_agents, request_failed("no response from servers"), deleted))


def test_dispatched_after_what_had_not_dispatched_it() -> None:
    """CreateRoom with agents for a room that was there, or CreateDispatch into a room of almost its name."""
    late = asked_for(1, f'{{"name":"{ROOM}","agents":[{{"agentName":"Front Desk 7"}}]}}')
    for wrong, code in ((late, "LKD412"), (created(2, ROOM.upper()), "LKD409")):
        assert code in codes(afterwards(OPENED, wrong, CLOSED)), code
        assert code not in codes(afterwards(OPENED, wrong, created(8), CLOSED)), code


def test_a_dispatch_that_was_deleted_when_it_should_long_have_had_a_job() -> None:
    def said(seconds: float) -> list[tuple[str, str, str]]:
        gone = server_line(seconds, "API AgentDispatchService.DeleteDispatch", status="200")
        return found(afterwards(OPENED, created(0), gone))

    assert said(0.1) == [("agent_dispatched", "LKD413", "likely")]
    assert said(11) == [("agent_dispatched", "LKD413", "possible")]


# What would have been seen


def test_media_that_fails_may_not_have_been_seen() -> None:
    """The worker's log ends before the library gives up, and the looks come long after that."""
    looks = [look(t, dispatch(0, job()), phone()) for t in (26, 30)]
    ends = judge(30, *looks, log_file("worker", last=11), ASKED, SLOW, settings=HERE)
    assert found(ends) == [("agent_connected", "LKD406", "likely")]
    assert {"LKD415", "LKD416"} <= {*ends.broken[0].candidates}
    assert found(jobless(ASKED, SLOW)) == [("agent_connected", "LKD415", "proven")]


def test_a_room_that_was_closed_before_the_agent_was_late() -> None:
    lines = OPENED, created(0), ASKED, ASSIGNED, SLOW
    assert codes(afterwards(*lines, CLOSED)) == ["LKD415"]
    assert codes(afterwards(*lines, replace(CLOSED, at=at(11)))) == []


def test_a_slow_agent_of_a_call_that_is_over() -> None:
    """Nobody is in the room: it may have connected, and gone with the phone."""
    assert codes(judge(60, look(60, dispatch(0, job())), log_file("worker"), ASKED, SLOW, settings=HERE)) == []


def test_a_log_of_warnings_shows_no_assignment() -> None:
    other = server_line(-5, "worker registered", room="", room_id="")
    of_room = server_line(3, "error reading data channel", agent_name="", job_type="")
    assert codes(afterwards(ASKED, other, of_room)) == ["LKD404"]
    assert codes(afterwards(ASKED, replace(other, level="warn"), replace(of_room, level="warn"))) == []


def test_a_process_that_did_not_come_up_after_the_job_had_ended() -> None:
    failed = worker_line(40, "error initializing process", **OF_WORKER)
    ended = server_line(2, "job ended", status="JS_FAILED", job_id="AJ_uN4vB8sK1rTy")
    assert "LKD417" in codes(jobless(ASKED, ASSIGNED, failed))
    assert "LKD417" not in codes(jobless(ASKED, ASSIGNED, failed, ended))


def test_a_worker_may_connect_before_it_is_dispatched() -> None:
    lost = worker_line(-9, "failed to connect to livekit, retrying in 2s", **OF_WORKER)
    looks = look(4, automatic(), phone("dialing"))
    assert found(judge(4, looks, log_file("worker"), lost, settings=HERE)) == []


# Dials


def test_one_failure_that_two_sources_tell_of_is_one() -> None:
    """The server's log has another phone after it; by the rows' clock that may have been the same."""
    again = server_line(8, "participant active", participant="sip_1", participant_id="PA_phone2")
    failed = row(6.1, "call_failed", metadata=f'{{"error": "{BUSY}", "sip_status_code": 486}}')
    assert "LKD204" in codes(with_rows(OPENED, refused(6, BUSY), failed))
    assert "LKD204" not in codes(with_rows(OPENED, refused(6, BUSY), failed, again))


def test_a_phone_that_was_there_got_further_than_one_that_was_never_made() -> None:
    """Undated, or at about the time of the phone's: another attempt was refused."""
    placed = row(3, "sip_participant_created")
    for error in (pasted(NO_TRUNK), pasted(NO_TRUNK, 1)):
        assert codes(with_rows(error)) == ["LKD201"]
        assert "LKD201" not in codes(with_rows(error, placed))
    assert with_rows(pasted(NO_TRUNK, 60), placed).verdict is not Verdict.HEALTHY, "it may have been dialled again"


def test_a_phone_that_left_long_after_a_refusal_was_another_dials() -> None:
    left = server_line(90, "participant closing", participant="sip_1", kind="SIP", agent_name="")
    over = sip_line(90, "Closing outbound call", status="0")
    failed = sip_line(6, "SIP invite failed", error=BUSY)
    assert codes(with_rows(failed)) == ["LKD204"]
    for later in (left, over):
        assert codes(with_rows(failed, later)) == []


def test_livekit_sips_phone_joined_again() -> None:
    failed, joined = sip_line(6, "SIP invite failed", error=BUSY), sip_line(9, "SIP participant joined room")
    assert codes(with_rows(failed, joined)) == []
    inbound = replace(joined, fields=joined.fields | {"direction": "inbound"})
    assert codes(with_rows(failed, inbound)) == ["LKD204"]


def test_a_phone_that_the_log_has_later_than_the_look() -> None:
    looks = [look(1, phone("dialing")), look(3)]
    again = server_line(40, "participant active", participant="sip_1", participant_id="PA_phone2")
    assert "LKD205" in codes(judge(90, *looks, closed(90), settings=HERE))
    assert "LKD205" not in codes(judge(90, *looks, closed(90), *LOGS, again, settings=HERE))


def test_the_ringing_of_a_phone_that_a_webhook_had_before() -> None:
    """The second was dialled, and never rang."""

    def said(joined: float, status: str, sid: str) -> Sighting:
        who = phone(status, joined, sid=sid)
        return Sighting(read=read(3600, "evidence"), room=ROOM, at=at(joined + 20), event="participant_left",
                        participants=(who,))  # fmt: skip

    silent = sip_line(70, "SIP invite failed", error="sip request timed out")
    assert codes(with_rows(said(1, "ringing", "PA_1"), silent)) == ["LKD206"]
    assert codes(with_rows(said(1, "ringing", "PA_1"), said(40, "dialing", "PA_2"), silent)) == ["LKD205"]


def test_of_undated_errors_none_rules_out_another() -> None:
    errors = pasted("sip request timed out", http=408), pasted(BUSY, http=429)
    diagnosis = with_rows(*errors)
    assert "LKD204" not in {out.code for out in diagnosis.ruled_out}
    assert "LKD204" in broken(diagnosis, "LKD205").candidates


def test_an_undated_refusal_of_one_of_several_phones() -> None:
    seen = look(3, phone(sid="PA_one", status="dialing")), look(40, phone(sid="PA_two", joined=38, status="dialing"))
    diagnosis = judge(44, *seen, look(44), pasted(BUSY, http=429), settings=HERE)
    assert ("LKD204", "possible") in [(code, confidence) for _, code, confidence in found(diagnosis)]


# Together to the end


HEARD = sip_line(4.2, "track subscribed", participant="agent-AJ_uN4vB8sK1rTy", kind="audio")
ANSWERED = sip_line(4, "Outbound SIP call established")
SPOKE = row(4.2, "agent_audio", "agent")
WITH_AGENT = row(2, "agent_connected", "agent"), row(4.1, "sip_answered"), SPOKE, row(91, "call_ended", "agent")


def exits(seconds: float) -> LogLine:
    return worker_line(seconds, "process exiting", reason="session closed")


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (row(30, "call_ended"), ["LKD204"]),
        (row(60, "call_ended", "agent"), []),
        (row(60, "call_ended", metadata='{"duration": 52}'), []),
    ],
)
def test_a_refusal_that_a_program_tells_of_whatever_call(ended: LogRow, outcome: list[str]) -> None:
    """It names neither a room nor a job, and the call went on for longer than the room of a refused phone is open."""
    rows = row(0.1, "agent_dispatched"), row(1, "agent_connected", "agent"), row(2, "sip_participant_created")
    assert codes(with_rows(*rows, pasted(BUSY, 5, http=429), ended)) == outcome


def test_a_call_that_went_on_without_its_agent() -> None:
    assert with_rows(*WITH_AGENT).verdict is Verdict.HEALTHY, "so the rows say, and nothing else says otherwise"
    assert with_rows(*WITH_AGENT, ASKED, exits(94)).verdict is Verdict.HEALTHY
    for early in (30, 80, 90):
        told = with_rows(*WITH_AGENT, ASKED, exits(early))
        assert told.verdict is Verdict.NO_FAULT_SEEN, "by two clocks it may have gone before the phone"


def test_a_phone_that_was_answered_after_the_agent_had_gone() -> None:
    rows = row(2, "agent_connected", "agent"), row(40, "sip_answered"), row(44, "call_ended")
    assert with_rows(*rows, ASKED, exits(12)).verdict is Verdict.NO_FAULT_SEEN


def test_a_dispatch_that_is_gone_while_the_phone_is_there() -> None:
    there = phone(), agent(1, audio())
    before, after = [look(t, dispatch(0, job()), *there) for t in (20, 88)], look(89, automatic(), *there)
    assert judge(90, *before, closed(90), settings=HERE).verdict is Verdict.HEALTHY
    assert judge(90, *before, after, closed(90), settings=HERE).verdict is Verdict.NO_FAULT_SEEN


def test_a_look_before_the_latest_dispatch() -> None:
    seen = look(20, dispatch(0, job()), phone(), agent(1, audio()))
    rows = row(0.1, "agent_dispatched"), *WITH_AGENT
    again = row(40, "agent_dispatched"), row(50, "agent_connected", "agent")
    assert judge(120, seen, closed(92), *rows, settings=HERE).verdict is Verdict.HEALTHY
    assert judge(120, seen, closed(92), *rows, *again, settings=HERE).verdict is not Verdict.HEALTHY


def test_the_agent_that_was_there_was_an_earlier_dispatchs() -> None:
    """By the rows' clock it may have come after the second dispatch: the server's log says when."""
    came = server_line(2, "participant active", participant="agent-AJ_uN4vB8sK1rTy", participant_id="PA_agent1")
    rows = (
        row(2.2, "agent_connected", "agent"),
        row(9, "sip_answered"),
        row(2.3, "agent_audio", "agent"),
        row(60, "call_ended", "agent"),
    )
    lines = OPENED, created(0), ASSIGNED, came
    assert with_rows(*lines, *rows).verdict is Verdict.HEALTHY
    left = replace(came, at=at(4), message="participant closing", fields=came.fields | {"kind": "AGENT"})
    again = with_rows(*lines, left, created(5), *rows)
    assert again.verdict is not Verdict.HEALTHY
    assert Step.AGENT_CONNECTED not in [result.step for result in again.steps if result.status.value == "ok"]


def test_a_dispatch_for_which_no_worker_was_found_is_later_than_a_job_that_was_given_up() -> None:
    """It has no job by which to know it. Its name may be a mistake, and no CreateDispatch is in this log."""
    told = row(0.1, "agent_dispatched"), row(2.1, "agent_dispatched"), server_registered(-50)
    given_up = of_job(replace(FULL, at=at(0.4)), "AJ_first")
    for name, code in (("Front Desk 7", "LKD101"), ("Front-Desk-7", "LKD102")):
        sought = server_line(3, "not dispatching agent job since no worker is available", agent_name=name)
        assert codes(with_rows(*told, given_up, sought)) == [code]


def test_a_row_of_a_dispatch_that_is_just_later_than_what_became_of_a_job() -> None:
    slow = server_line(3.1, "failed to assign job to worker", error="context deadline exceeded", job_id="AJ_first")
    first, again = row(0.1, "agent_dispatched"), row(3.9, "agent_dispatched")
    assert found(with_rows(first, slow)) == [("job_assigned", "LKD403", "likely")]
    assert "LKD403" not in codes(with_rows(first, again, slow))


def test_the_agent_of_a_job_of_which_no_clock_tells_whether_it_is_the_latest() -> None:
    """It was gone long before the call ended: rows that tell of a good call do not show that it was one."""
    rows = [row(5, "agent_dispatched"), row(7, "sip_answered"), row(9, "agent_connected", "agent")]
    rows += [row(9.5, "agent_audio", "agent"), row(50, "call_ended")]
    exits = worker_line(1, "process exiting", reason="session closed")
    for asked in (6, -3.5):
        lines = replace(ASKED, at=at(asked)), replace(exits, at=at(asked + 4))
        assert judge(900, log_file("worker"), *rows, *lines, settings=HERE).verdict is Verdict.NO_FAULT_SEEN


def test_a_room_that_an_attempt_to_dial_did_not_make() -> None:
    """That CreateSIPParticipant failed is why nobody has heard of the room (fact 24)."""
    requested, info = row(0, "call_requested"), server_registered(-50)
    assert codes(judge(900, log_file("server"), requested, info, settings=HERE)) == ["LKD501"]
    failed = row(0.1, "call_failed", metadata=f'{{"error": "twirp error not_found: {NO_TRUNK}"}}')
    assert codes(judge(900, log_file("server"), requested, failed, info, settings=HERE)) == ["LKD201"]


def test_a_dispatch_into_the_room_after_the_one_that_went_to_another() -> None:
    """It is gone from the list again, and the server's log has it."""
    other = the_room(ROOM.upper(), sid="RM_other00001", created=2)
    stray = look(60, dispatch(2, id="AD_stray", room=other.name), room=other)
    own = look(60, automatic(), beside=[other]), row(2, "agent_dispatched")
    listed = judge(60, *stray, *own, *LOGS, OPENED, settings=HERE)
    assert found(listed) == [("agent_dispatched", "LKD409", "likely")]
    again = (
        created(16),
        replace(FULL, at=at(16.2)),
        server_line(36, "API AgentDispatchService.DeleteDispatch", status="200"),
    )
    assert codes(judge(60, *stray, *own, *LOGS, OPENED, *again, settings=HERE)) == ["LKD103"]


def test_a_row_of_a_dispatch_after_the_one_that_went_to_another_room() -> None:
    """Nobody knows where that went."""
    other = the_room(ROOM.upper(), sid="RM_other00001", created=2)
    stray = look(60, dispatch(2, id="AD_stray", room=other.name), room=other)
    own = look(60, automatic(), beside=[other]), row(2, "agent_dispatched")
    again = judge(60, *stray, *own, row(16, "agent_dispatched"), settings=HERE)
    assert found(again) == [("agent_dispatched", "LKD409", "possible")]
    assert "LKD402" in again.broken[0].candidates


def test_a_job_at_about_the_time_at_which_the_server_knew_no_worker() -> None:
    """They are of two dispatches, and by two clocks within the tolerance nobody knows which was the last."""
    asked, raised = (replace(one, at=at(3 + seconds)) for seconds, one in ((0, ASKED), (0.05, RAISED)))
    none = server_line(1, "not dispatching agent job since no worker is available")
    assert found(afterwards(none, asked, raised)) == [("entrypoint_called", "LKD405", "possible")]
    assert found(afterwards(replace(none, at=at(-3)), asked, raised)) == [("entrypoint_called", "LKD405", "likely")]


def test_an_agent_that_was_there_of_no_dispatch_that_is_listed() -> None:
    """The server's log has it leave; the dispatch that is listed has no job, and its own may be gone from the list."""
    looks = [look(t, dispatch(2), phone()) for t in (56, 60)]
    gone = server_line(37, "participant closing", participant="agent-AJ_gone00001", kind="AGENT", agent_name="")
    assert found(judge(60, *looks, log_file("server", first=34), settings=HERE))[0][1:] == ("LKD402", "likely")
    assert found(judge(60, *looks, log_file("server", first=34), gone, settings=HERE))[0][1:] == ("LKD402", "possible")


def test_of_two_attempts_by_two_clocks_nobody_knows_which_was_last() -> None:
    """Within the tolerance: one that livekit-sip refused, and one for which no phone was made."""
    phone_made = row(4.7, "sip_participant_created")
    no_trunk = row(7.5, "call_failed", metadata=f'{{"error": "twirp error not_found: {NO_TRUNK}"}}')
    busy = sip_line(8.6, "Creating SIP participant"), sip_line(9, "SIP invite failed", error=BUSY)
    assert found(with_rows(phone_made, *busy))[-1] == ("sip_ringing", "LKD204", "likely")
    assert found(with_rows(phone_made, no_trunk, *busy))[-1] == ("sip_ringing", "LKD204", "possible")


def test_rows_tell_of_more_phones_than_livekit_sips_log() -> None:
    made, again = row(0.5, "sip_participant_created"), row(5, "sip_participant_created")
    busy = sip_line(0.4, "Creating SIP participant"), sip_line(0.9, "SIP invite failed", error=BUSY)
    assert found(with_rows(made, *busy))[-1] == ("sip_ringing", "LKD204", "likely")
    assert found(with_rows(made, again, *busy))[-1] == ("sip_ringing", "LKD204", "possible")


def test_an_error_without_a_time_beside_a_phone_that_was_seen() -> None:
    gone = *look(12, automatic(), phone("dialing", joined=5)), *closed(900)
    assert "likely" not in [sure for _, _, sure in found(judge(900, *gone, pasted(BUSY, http=429)))]


def test_a_job_that_ended_beside_the_agent_of_another() -> None:
    """The lines were picked; that of the job has no room, and the agent's identity names its own job."""
    agent, no_room = {"participant": "agent-AJ_second", "participant_id": "PA_second"}, {"room": "", "room_id": ""}
    came = server_line(30, "participant active", **agent)
    left = server_line(37, "participant closing", kind="AGENT", **agent)
    own = server_line(37.1, "job ended", job_id="AJ_second", error="agent worker left the room", **no_room)
    other = server_line(54, "job ended", job_id="AJ_first", status="JS_FAILED", **no_room)
    lines = [replace(line, read=read(3600, "evidence server.log")) for line in (came, left, own, other)]
    assert codes(judge(900, *lines, settings=HERE)) == []


def test_a_row_of_a_dispatch_besides_the_one_that_went_to_another_room() -> None:
    stray, first, again = created(0.8, ROOM.upper()), row(0.8, "agent_dispatched"), row(2.9, "agent_dispatched")
    assert "LKD409" in codes(with_rows(OPENED, first, stray))
    assert "LKD409" not in codes(with_rows(OPENED, first, again, stray))


def test_a_worker_elsewhere_whose_log_does_not_reach_to_the_call() -> None:
    """It says nothing of whether the agent came, nor does anything else that was read."""
    elsewhere = registered(-500, url="wss://voice.example.com")
    begun = sip_line(0, "Creating SIP participant")
    for last, said in ((600, ["LKD104"]), (10, [])):
        found_in = judge(
            900, log_file("worker", last=last), elsewhere, begun, settings=HERE, subject=Subject(room=ROOM)
        )
        assert codes(found_in) == said


def test_a_job_whose_agent_had_left_before_another_job_began() -> None:
    """The worker's clock is not known, and each line is of the same room."""
    failed = worker_line(16.5, 'failed to connect: Connection("wait_pc_connection timed out")')
    next_job = of_job(worker_line(17.3, "no warmed process available for job"), "AJ_second")
    without_zone = [replace(line, zoned=False, level="warn") for line in (failed, next_job)]
    assert codes(afterwards(failed)) == ["LKD416"]
    assert codes(afterwards(*without_zone)) == []
    first, second = {"participant": "agent-AJ_uN4vB8sK1rTy"}, {"participant": "agent-AJ_second"}
    left = server_line(21, "participant closing", kind="AGENT", **first)
    published = server_line(30, "mediaTrack published", kind="audio", **second)
    undated = replace(failed, zoned=False), replace(next_job, zoned=False, at=at(16.6))
    assert codes(afterwards(ASSIGNED, *undated, left, published)) == []


def test_picked_lines_of_two_jobs_of_which_one_was_asked_for() -> None:
    asked = of_job(replace(ASKED, at=at(33)), "AJ_second")
    died = worker_line(41, "process exited with non-zero exit code -10")
    lines = [replace(line, read=read(3600, "evidence worker.log")) for line in (asked, died)]
    assert codes(judge(900, lines[1], settings=HERE)) == ["LKD405"]
    assert codes(judge(900, *lines, settings=HERE)) == []


def test_a_row_that_is_written_a_little_after_its_dispatch() -> None:
    """It is of the job that was assigned meanwhile; where rows tell of two, the last is not."""
    lines = OPENED, ASSIGNED, RAISED
    assert found(with_rows(row(0.9, "agent_dispatched"), *lines)) == found(
        with_rows(row(0, "agent_dispatched"), *lines)
    )
    again = row(0, "agent_dispatched"), row(0.9, "agent_dispatched")
    assert "LKD405" not in codes(with_rows(*again, *lines))


def test_what_was_seen_of_a_phone_that_failed_is_not_seen_of_the_next() -> None:
    """It rang; of the one that was dialled after it nothing is known but that it timed out."""
    failing = [row(at, "sip_participant_failed", metadata='{"error": "sip request timed out"}') for at in (45, 86)]
    rang = look(40, dispatch(0, job()), agent(2), phone("ringing", joined=27))
    again = server_line(54, "starting RTC session", participant="sip_1", agent_name="")
    told = judge(900, *rang, *closed(169), *failing, again)
    assert status(told, Step.SIP_RINGING) is not Status.OK
    assert ("LKD206", "likely") not in [(code, sure) for _, code, sure in found(told)]
    assert status(judge(900, *rang, *closed(169), failing[0]), Step.SIP_RINGING) is Status.OK


def test_a_refusal_is_no_proof_where_the_last_look_could_not_see_who_is_in_the_room() -> None:
    """Looks in which nobody is show that no other phone is dialled; the last one has the room alone."""
    refused = row(3.8, "call_failed", metadata='{"error": "INVITE failed: sip status: 403: Forbidden"}')
    looks = [item for seconds in (4.3, 6.9, 9.6, 12.2) for item in look(seconds, dispatch(0))]
    assert found(judge(12.2, *looks, refused))[-1] == ("sip_ringing", "LKD204", "proven")
    assert found(judge(14.9, *looks, rooms(14.9, the_room()), refused))[-1] == ("sip_ringing", "LKD204", "likely")
