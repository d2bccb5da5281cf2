"""What is about another attempt than the last, or would not have been seen: the smallest evidence of each kind that the
simulator found in lives after the first 60,000."""

from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LogLine, ParticipantList, Sighting
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import Settings
from tests.diagnosis.factories import (
    ROOM,
    agent,
    at,
    audio,
    automatic,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    log_file,
    look,
    phone,
    read,
    row,
    rows_only,
    server_line,
    webhook,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    ASKED,
    ASSIGNED,
    CLOSED,
    ENTRYPOINT,
    HERE,
    LOGS,
    OF_WORKER,
    OPENED,
    RAISED,
    afterwards,
    asked_for,
    created,
    registered,
    server_registered,
    sip_line,
)
from tests.diagnosis.test_whose_attempt import ANSWERED, BUSY, NO_TRUNK, WITH_AGENT, of_job, pasted, with_rows

WITH_AGENTS = f'{{"name":"{ROOM}","agents":[{{"agentName":"Front Desk 7"}}]}}'
QUOTA = "concurrent sip call limit exceeded"


def accepted(seconds: float, took: str) -> LogLine:
    return server_line(seconds, "API SIP.CreateSIPParticipant", status="200", participant="sip_1", duration=took)


def deleted(seconds: float, dispatch_id: str) -> LogLine:
    request = f'{{"dispatchID":"{dispatch_id}","room":"{ROOM}"}}'
    return server_line(seconds, "API AgentDispatchService.DeleteDispatch", status="200", request=request)


# Dispatches and jobs


def test_the_second_of_two_that_create_the_room() -> None:
    """A moment after the first, which had made it: its agents are ignored."""
    alone = afterwards(OPENED, asked_for(0.1, WITH_AGENTS), replace(CLOSED, at=at(11)))
    assert codes(alone) == ["LKD502"]
    second = afterwards(
        OPENED, asked_for(0.01, f'{{"name":"{ROOM}"}}'), asked_for(0.16, WITH_AGENTS), replace(CLOSED, at=at(11))
    )
    assert codes(second) == ["LKD412"]


def test_rows_tell_of_a_dispatch_that_the_log_does_not_have() -> None:
    late = asked_for(1, WITH_AGENTS)
    gone = created(0.3), deleted(0.32, "AD_first")
    for lines, code in (((late,), "LKD412"), (gone, "LKD413")):
        first, second = row(0.4, "agent_dispatched"), row(4, "agent_dispatched")
        assert code in codes(with_rows(OPENED, *lines, first)), code
        assert code not in codes(with_rows(OPENED, *lines, first, second)), code


def test_a_dispatch_that_was_tidied_up_while_another_agent_was_there() -> None:
    seen = look(26, dispatch(0, id="AD_first"), phone())
    agent = {"participant": "agent-AJ_uN4vB8sK1rTy", "participant_id": "PA_agent1"}
    came = server_line(34, "participant active", **agent)
    left = server_line(57, "participant closing", kind="AGENT", **agent)
    hung_up = server_line(80, "participant closing", participant="sip_1", kind="SIP")
    assigned = replace(ASSIGNED, at=at(33))
    call = OPENED, accepted(5, "4.9"), created(0), created(32.6), assigned, came, left, hung_up, CLOSED

    def said(dispatch_id: str) -> list[str]:
        return codes(judge(900, seen, *LOGS, *call, deleted(50, dispatch_id), settings=HERE))

    assert said("AD_second") == ["LKD413"]
    assert "LKD413" not in said("AD_first")


def test_a_process_that_did_not_come_up_after_the_job_had_ended_in_a_room_that_stayed() -> None:
    failed = worker_line(40, "error initializing process", **OF_WORKER)
    ended = server_line(2, "job ended", status="JS_FAILED", job_id="AJ_uN4vB8sK1rTy")
    lines = OPENED, created(0), ASKED, ASSIGNED, failed, CLOSED
    assert "LKD417" in codes(afterwards(*lines))
    assert "LKD417" not in codes(afterwards(*lines, ended))


def test_a_process_that_was_killed_beside_the_next_job() -> None:
    """The line of its end comes after the next job's request; that it would be killed was said before."""
    killed = of_job(worker_line(20, "process is unresponsive, killing process"), "AJ_first")
    exited = of_job(worker_line(21, "process exited with non-zero exit code -10"), "AJ_first")
    second = replace(ASKED, at=at(20.6))
    assert codes(afterwards(OPENED, killed, exited)) == ["LKD415"]
    assert codes(afterwards(OPENED, killed, exited, second)) == []


def test_an_agent_that_left_before_the_next_job() -> None:
    """By the clock of the rows it may have been there when it was dispatched again; the server's log knows."""
    agent = {"participant": "agent-AJ_uN4vB8sK1rTy", "participant_id": "PA_agent1"}
    came, left = server_line(2, "participant active", **agent), server_line(30, "participant closing", **agent)
    left = replace(left, fields=left.fields | {"kind": "AGENT"})
    ended = server_line(30.1, "job ended", status="JS_FAILED", error="agent worker left the room")
    declined = of_job(server_line(34, "failed to assign job to worker", error="worker not available"), "AJ_second")
    hung_up = server_line(90, "participant closing", participant="sip_1", kind="SIP")
    lines = ASSIGNED, came, left, ended, declined, hung_up
    rows = row(0.2, "agent_dispatched"), row(3, "sip_answered"), row(33, "agent_dispatched")
    assert codes(judge(900, log_file("server"), *lines, *rows, settings=HERE)) == ["LKD404"]


def test_an_agent_of_the_latest_dispatch_that_only_its_track_shows() -> None:
    first = {"participant": "agent-AJ_uN4vB8sK1rTy", "participant_id": "PA_agent1"}
    second = {"participant": "agent-AJ_second", "participant_id": "PA_agent2"}
    told = (
        server_line(9, "participant active", **first),
        server_line(36, "participant closing", kind="AGENT", **first),
        server_line(47.3, "mediaTrack published", kind="audio", **second),
        server_line(107, "participant closing", kind="AGENT", **second),
    )
    rows = row(0.1, "room_created"), row(9.4, "agent_connected", "agent"), row(47.4, "agent_connected", "agent")
    diagnosis = with_rows(OPENED, created(0.8), created(37.6), *told, *rows)
    assert "LKD406" not in codes(diagnosis)
    assert [result.status.value for result in diagnosis.steps if result.step is Step.AGENT_CONNECTED] == ["ok"]


def test_whose_dispatch_was_deleted_by_the_workers_word() -> None:
    """The request to the worker names the dispatch of the agent that left."""
    agent = {"participant": "agent-AJ_uN4vB8sK1rTy", "participant_id": "PA_agent1"}
    came = server_line(2, "participant active", **agent)
    hung_up = server_line(80, "participant closing", participant="sip_1", kind="SIP")

    def said(dispatch_id: str, reason: str = "CLIENT_REQUEST_LEAVE") -> list[str]:
        left = server_line(57, "participant closing", kind="AGENT", reason=reason, **agent)
        lines = OPENED, created(0), ASKED, ASSIGNED, came, left, hung_up, CLOSED, accepted(5, "4.9")
        return codes(afterwards(*lines, deleted(50, dispatch_id)))

    assert said("AD_t8Xk2mQ9pLwz") == ["LKD413"]
    assert "LKD413" not in said("AD_another")
    assert "LKD413" not in said("AD_t8Xk2mQ9pLwz", reason="SIGNAL_SOURCE_CLOSE"), "its connection was lost"


def test_a_job_that_was_sought_after_the_dispatch_was_deleted() -> None:
    gone = OPENED, created(0.3), deleted(0.32, "AD_first")
    nobody = of_job(server_line(3.9, "no worker available to handle job", error="no workers with sufficient capacity"),
                    "AJ_second")  # fmt: skip
    assert codes(afterwards(*gone)) == ["LKD413"]
    assert "LKD413" not in codes(afterwards(*gone, nobody))
    assert "LKD413" not in codes(afterwards(*gone, replace(ASKED, at=at(9))))


def test_create_room_with_agents_whose_name_is_not_configured() -> None:
    first, second = asked_for(0.01, f'{{"name":"{ROOM}"}}'), asked_for(0.16, WITH_AGENTS)
    call = OPENED, first, second, replace(CLOSED, at=at(11))
    settings = Settings(livekit=HERE.livekit)
    assert codes(judge(900, *LOGS, *call, settings=settings, subject=Subject(room=ROOM))) == ["LKD412"]


def test_a_process_that_names_no_job_of_a_call_that_was_soon_over() -> None:
    failed = worker_line(3, "error initializing process", **OF_WORKER)
    lines = OPENED, created(0), ASKED, ASSIGNED, failed
    assert "LKD417" in codes(afterwards(*lines, CLOSED))
    assert "LKD417" not in codes(afterwards(*lines, replace(CLOSED, at=at(11))))


def test_a_process_that_names_no_job_of_a_job_that_nobody_assigned() -> None:
    failed = worker_line(15, "error initializing process", **OF_WORKER)
    assert (ENTRYPOINT, "LKD417", "likely") in found(afterwards(OPENED, created(0), ASKED, ASSIGNED, failed, CLOSED))
    assert (ENTRYPOINT, "LKD417", "possible") in found(afterwards(OPENED, created(0), ASKED, failed, CLOSED))


def test_a_job_whose_request_is_above_the_beginning_of_the_log() -> None:
    killed = of_job(worker_line(56, "process is unresponsive, killing process"), "AJ_first")
    second = replace(ASKED, at=at(26), number=1)
    assert codes(afterwards(OPENED, killed)) == ["LKD415"]
    assert codes(afterwards(OPENED, killed, second)) == []


def test_a_job_by_the_workers_clock_between_two_dispatches() -> None:
    """The server's log has both, and of no job: the worker's may be either's."""
    assert found(afterwards(OPENED, created(0), ASKED, RAISED, CLOSED)) == [(ENTRYPOINT, "LKD405", "proven")]
    again = afterwards(OPENED, created(0), ASKED, RAISED, created(3.5), CLOSED)
    assert found(again) == [(ENTRYPOINT, "LKD405", "possible")]


def test_a_room_that_was_closed_when_a_worker_had_had_the_time_to_answer() -> None:
    assert found(afterwards(OPENED, created(0), replace(CLOSED, at=at(2)))) == [("room_created", "LKD502", "proven")]
    assert found(afterwards(OPENED, created(0), replace(CLOSED, at=at(12)))) == [("room_created", "LKD502", "possible")]


# What would have been seen


def test_what_dispatches_on_the_answer_by_the_latest_of_several_clocks() -> None:
    """livekit-sip's is 5 s slow: the server's says that the phone was answered 11 s ago."""
    looks = [look(t, automatic(), phone("active")) for t in (19, 20)]
    lines = OPENED, server_registered(-60), sip_line(3.8, "Outbound SIP call established")
    assert ("agent_dispatched", "LKD401", "proven") in found(
        judge(20, *looks, *LOGS, log_file("sip"), *lines, settings=HERE)
    )
    known = judge(20, *looks, *LOGS, log_file("sip"), *lines, accepted(8.8, "4"), settings=HERE)
    assert ("agent_dispatched", "LKD401", "proven") not in found(known)


def test_rows_that_were_not_yet_written_of_the_latest_dispatch() -> None:
    rows = row(0.1, "agent_dispatched"), row(1, "sip_participant_created"), row(4, "agent_dispatched")
    assert codes(judge(24, *LOGS, OPENED, created(0), created(4), *rows, settings=HERE)) == ["LKD402"]
    assert codes(judge(24, *LOGS, OPENED, created(0), created(4), created(23.9), *rows, settings=HERE)) == []


def test_a_room_that_was_closed_before_a_worker_had_to_answer() -> None:
    lines = OPENED, created(0), ASKED, server_registered(-60)
    assert codes(afterwards(*lines, CLOSED)) == ["LKD404"]
    assert "LKD404" not in codes(afterwards(*lines, replace(CLOSED, at=at(3.5))))


def test_a_worker_of_another_name_of_the_server_may_yet_be_asked() -> None:
    """By the clock of the database, where nothing else says what time it is."""
    other, requested = registered(-3000, url="wss://voice.example.com"), row(-1, "call_requested")

    def said(now: float) -> list[str]:
        return codes(judge(now, *LOGS, OPENED, created(2), other, requested, settings=HERE))

    assert said(4) == []
    assert said(400) == ["LKD104"]


def test_the_end_of_a_job_by_a_clock_that_is_not_known() -> None:
    rows = (
        *(row(0.1, "agent_dispatched"), row(1, "agent_connected", "agent"), row(2, "agent_audio", "agent")),
        *(row(8, "sip_answered"), row(60, "call_ended", "agent")),
    )
    ended = replace(worker_line(-7000, "process exiting", reason="session closed"), zoned=False)
    assert with_rows(*rows).verdict is Verdict.HEALTHY
    assert with_rows(*rows, ended).verdict is Verdict.NO_FAULT_SEEN


# Dials


def test_one_that_waited_for_the_answer_was_answered() -> None:
    """CreateSIPParticipant without wait_until_answered returns at once."""
    refused = pasted(BUSY, http=429)
    assert found(with_rows(OPENED, refused, accepted(9, "0.02"))) == [("sip_ringing", "LKD204", "possible")]
    assert codes(with_rows(OPENED, refused, accepted(9, "8.1"))) == []


def test_what_may_not_be_the_last_answer_rules_out_nothing() -> None:
    for refused in (pasted(QUOTA, http=429), pasted(QUOTA, 4, http=429)):
        diagnosis = with_rows(refused)
        assert codes(diagnosis) == ["LKD006"]
        assert diagnosis.ruled_out == ()


def test_a_row_of_the_phone_after_it_was_last_seen() -> None:
    looks = look(1, phone("dialing")), look(3)
    assert "LKD205" in codes(judge(90, *looks, *closed(90), settings=HERE))
    assert "LKD205" not in codes(judge(90, *looks, *closed(90), row(40, "sip_participant_created"), settings=HERE))


def test_somebody_who_may_be_a_phone_and_came_after_the_error() -> None:
    failed = pasted("max auth retry attempts reached", 1, http=400)
    came = server_line(8, "participant active", participant="callee", participant_id="PA_phone2", agent_name="")
    assert ("sip_ringing", "LKD208", "possible") in found(with_rows(failed, came))


def test_how_livekit_sip_says_that_no_sound_came() -> None:
    over = sip_line(34, "SIP call ended", reason="media-timeout")
    assert with_rows(*WITH_AGENT).verdict is Verdict.HEALTHY
    assert with_rows(*WITH_AGENT, ANSWERED, over).verdict is Verdict.BROKEN


def test_a_row_of_the_phone_soon_after_a_failure_by_another_clock() -> None:
    failed, placed = pasted("max auth retry attempts reached", 31, http=400), row(35.8, "sip_participant_created")
    assert ("sip_ringing", "LKD208", "likely") in found(with_rows(failed))
    assert ("sip_ringing", "LKD208", "possible") in found(with_rows(failed, placed))


def test_a_phone_that_left_before_an_attempt_that_made_none() -> None:
    who = phone("ringing", 0.2)
    left = Sighting(read=read(3600, "evidence"), room=ROOM, at=at(28), event="participant_left",
                    participants=(who,), left_because="USER_UNAVAILABLE")  # fmt: skip
    refused = row(31, "dial_failed", metadata=f'{{"error": "{QUOTA}"}}')
    assert codes(with_rows(left)) == ["LKD206"]
    assert "LKD206" not in codes(with_rows(left, refused))


def test_an_error_of_the_attempt_before() -> None:
    """The call had ended, and the agent was dispatched once more."""
    first = row(1, "agent_dispatched"), row(10, "sip_participant_created"), row(14, "call_ended")
    again = row(24, "agent_dispatched"), row(32, "agent_connected", "agent")
    assert codes(judge(900, pasted(NO_TRUNK, 1), *again, settings=HERE)) == ["LKD201"]
    assert "LKD201" not in codes(judge(900, pasted(NO_TRUNK, 1), *first, *again, settings=HERE))


def test_somebody_who_may_be_a_phone_and_came_after_the_row_of_a_failure() -> None:
    failed = row(17, "dial_failed", metadata='{"error": "max auth retry attempts reached"}')
    came = server_line(24, "participant active", participant="callee", participant_id="PA_phone2", agent_name="")
    assert ("sip_ringing", "LKD208", "proven") in found(with_rows(failed))
    assert ("sip_ringing", "LKD208", "possible") in found(with_rows(failed, came))


# Healthy must be shown


def test_a_look_that_did_not_show_who_was_there() -> None:
    seen = look(32, dispatch(0, job()), agent(1, audio()), phone())
    blind = [item for item in look(43, dispatch(0, job())) if not isinstance(item, ParticipantList)]
    assert judge(32, seen, settings=HERE).verdict is Verdict.HEALTHY
    assert judge(43, seen, *blind, settings=HERE).verdict is Verdict.NO_FAULT_SEEN


def test_an_agent_that_came_when_the_phone_had_left() -> None:
    """The one before it had left the phone alone."""

    first, second = agent(2, audio()), replace(agent(30, audio()), sid="PA_second", identity="agent-AJ_second")
    rows = row(2, "agent_connected", "agent"), row(4.1, "sip_answered"), row(29.2, "call_ended")
    told = [webhook(2, "participant_joined", first), webhook(3, "participant_joined", phone("active", 3))]
    together = webhook(29, "participant_left", phone("active", 3), "CLIENT_INITIATED")
    assert with_rows(*told, *rows, together, webhook(30, "participant_left", first)).verdict is Verdict.HEALTHY
    late = webhook(30, "participant_joined", second), webhook(49, "participant_left", second)
    assert with_rows(*told, *rows, webhook(16, "participant_left", first), together, *late).verdict is (
        Verdict.NO_FAULT_SEEN
    )


def test_an_agent_of_a_chosen_identity_that_had_left_before_the_last_dispatch() -> None:
    """The job of that dispatch failed before any agent came: which one had been there, the identity does not tell."""

    first = replace(agent(1, audio()), identity="front-desk")
    came, phone_came = webhook(1, "participant_joined", first), webhook(3, "participant_joined", phone("active", 3))
    second = of_job(server_line(30.3, "assigned job to worker", worker_id="AW_1"), "AJ_second")
    failed = of_job(server_line(32, "job ended", status="JS_FAILED"), "AJ_second")
    lines = OPENED, created(0), ASSIGNED, created(30), second, failed, CLOSED
    for left, status in ((20, Status.UNKNOWN), (31, Status.OK)):
        told = afterwards(*lines, came, phone_came, webhook(left, "participant_left", first))
        assert {one.step: one.status for one in told.steps}[Step.AGENT_CONNECTED] is status


def test_a_pasted_error_without_a_time_that_a_row_of_the_attempt_before_has() -> None:
    error = "no numbers on outbound trunk"
    refused = row(2, "dial_failed", metadata=f'{{"error": "twirp error unknown: {error}"}}')
    first = row(0, "call_requested"), row(0.2, "agent_dispatched"), refused, row(14, "call_ended")
    again = row(23, "call_requested"), row(23.2, "agent_dispatched"), row(30, "agent_connected", "agent")
    undated = pasted(error, http=400)
    said = rows_only(900, *first, *again, undated)
    assert codes(said) == []
    (shown,) = said.undated  # it was read, and is no evidence of what broke
    assert (shown.time_of_day, shown.event) == ("", "SIP trunk unusable")
    assert error in shown.detail
    elsewhere = replace(refused, metadata='{"error": "no response from servers"}')
    assert found(rows_only(900, *first[:2], elsewhere, first[3], *again, undated)) == [
        ("sip_dialing", "LKD202", "possible")
    ]
    assert not rows_only(900, *first[:2], elsewhere, first[3], *again, undated).undated


def test_the_sound_of_an_agent_before_the_last_dispatch_by_the_log_of_livekit_sip() -> None:
    """That one is silent. Between the two clocks is the tolerance once, of 5 s."""
    heard = sip_line(6.5, "track subscribed", participant="agent-AJ_first", kind="audio", track_id="TR_1")
    rows = [row(1, "agent_dispatched"), row(4, "agent_connected", "agent"), row(8, "sip_answered")]
    for seconds, status in ((12, Status.UNKNOWN), (11, Status.OK)):
        again = row(seconds, "agent_dispatched"), row(seconds + 2, "agent_connected", "agent")
        told = judge(900, log_file("sip"), *rows, *again, row(60, "call_ended"), heard, settings=HERE)
        assert {one.step: one.status for one in told.steps}[Step.AGENT_AUDIO] is status
