"""What the log rows alone allow, and where they and the room tell different things."""

from datetime import timedelta

import pytest

from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import ALWAYS_LOGGED, Agent, CallLogs, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    SETTINGS,
    agent,
    audio,
    automatic,
    broken,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    log_file,
    look,
    participants,
    phone,
    rooms,
    row,
    rows_only,
    server_line,
    status,
    the_room,
    warned,
)

DAY = 86_400.0


@pytest.mark.parametrize(
    ("logged", "step", "code", "candidate"),
    [
        (["call_requested"], "room_created", "LKD501", "LKD401"),
        (["room_created"], "agent_dispatched", "LKD401", "LKD402"),
        (["sip_participant_created"], "agent_dispatched", "LKD401", "LKD402"),
        (["agent_dispatched"], "job_assigned", "LKD402", "LKD405"),
        (["job_assigned"], "entrypoint_called", "LKD406", "LKD405"),
        (["agent_entrypoint_called"], "agent_connected", "LKD406", "LKD415"),
        (["sip_answered"], "agent_dispatched", "LKD401", "LKD402"),
    ],
)
def test_the_break_lies_after_the_last_proven_step(logged: list[str], step: str, code: str, candidate: str) -> None:
    diagnosis = rows_only(DAY, *(row(n, state) for n, state in enumerate(logged)))
    assert found(diagnosis) == [(step, code, "possible")]
    assert candidate in diagnosis.broken[0].candidates
    assert code not in diagnosis.broken[0].candidates
    assert diagnosis.would_settle


def test_the_allowance_counts_from_the_last_row() -> None:
    rows = [row(0, "agent_dispatched"), row(3, "sip_participant_created")]
    assert rows_only(18, *rows).verdict is Verdict.IN_PROGRESS
    assert codes(rows_only(18.1, *rows)) == ["LKD402"]


def test_until_the_placer_is_past_it_the_phone_may_still_ring() -> None:
    """CreateSIPParticipant(wait_until_answered) logs nothing for as long as the phone may ring."""
    for states in (["call_requested"], ["call_requested", "room_created"], ["room_created", "dialing", "sip_ringing"]):
        rows = [row(0, state) for state in states]
        assert rows_only(200, *rows).verdict is Verdict.IN_PROGRESS
        assert rows_only(201, *rows).verdict is Verdict.BROKEN


def test_a_call_that_connected_is_healthy_whatever_was_not_logged() -> None:
    diagnosis = rows_only(DAY, row(1, "agent_connected", "agent"))
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert {Step.AGENT_AUDIO, Step.SIP_ANSWERED} <= set(diagnosis.not_covered)
    assert status(diagnosis, Step.ENTRYPOINT_CALLED) is Status.OK


def test_a_log_without_any_known_state_says_nothing() -> None:
    """It has other names for what it always writes."""
    diagnosis = rows_only(DAY, row(0, "START"), row(1, "BOT_IN"), row(2, "END"))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert warned(diagnosis).count("LKD603") == 1


def test_no_rows_say_nothing() -> None:
    assert rows_only(DAY).verdict is Verdict.UNKNOWN


def test_what_is_not_always_logged_is_not_missed() -> None:
    settings = Settings(agent=Agent(name=AGENT), call_logs=CallLogs(always_logged=()))
    assert rows_only(DAY, row(0, "agent_dispatched"), settings=settings).verdict is Verdict.UNKNOWN
    only = Settings(agent=Agent(name=AGENT), call_logs=CallLogs(always_logged=("agent_entrypoint_called",)))
    assert rows_only(DAY, row(0, "agent_entrypoint_called"), settings=only).verdict is Verdict.UNKNOWN


def test_the_teams_own_states_are_missed_too() -> None:
    settings = Settings(
        agent=Agent(name=AGENT),
        flow=Flow(states={"BOT_IN": Step.AGENT_CONNECTED, "SENT": Step.AGENT_DISPATCHED}),
        call_logs=CallLogs(always_logged=("BOT_IN",)),
    )
    diagnosis = rows_only(DAY, row(0, "SENT"), settings=settings)
    assert found(diagnosis) == [("job_assigned", "LKD402", "possible")]
    assert "BOT_IN" in diagnosis.broken[0].because[0].text
    assert rows_only(DAY, row(0, "SENT"), row(2, "BOT_IN"), settings=settings).verdict is Verdict.NO_FAULT_SEEN


def test_an_unnamed_agent_is_dispatched_by_the_room() -> None:
    unnamed = Settings(agent=Agent(name=""))
    diagnosis = rows_only(DAY, row(0, "sip_participant_created"), settings=unnamed)
    assert found(diagnosis) == [("job_assigned", "LKD402", "possible")]


@pytest.mark.parametrize("seconds", [2, 14])
def test_a_call_that_was_over_before_the_agent_was_due(seconds: float) -> None:
    rows = [row(0, "call_requested"), row(0.1, "agent_dispatched"), row(0.1 + seconds, "call_ended")]
    assert rows_only(DAY, *rows).verdict is Verdict.UNKNOWN
    later = [*rows[:2], row(40, "call_ended")]
    assert codes(rows_only(DAY, *later)) == ["LKD402"]
    assert rows_only(DAY, row(3, "call_ended")).verdict is Verdict.UNKNOWN


# Clocks


@pytest.mark.parametrize("skew", [-3600, -7, 7, 3600])
def test_the_agents_clock_may_differ(skew: float) -> None:
    rows = [
        row(0, "call_requested"),
        row(0.2, "room_created"),
        row(0.5, "agent_dispatched"),
        row(1 + skew, "agent_entrypoint_called", "agent"),
        row(2 + skew, "agent_connected", "agent"),
        row(60 + skew, "call_ended", "agent"),
    ]
    diagnosis = rows_only(DAY, *rows)
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert len(diagnosis.attempts) == 1
    assert ("LKD005" in warned(diagnosis)) == (skew < -5)


def test_rows_of_the_future_are_neither_old_nor_recent() -> None:
    assert rows_only(0, row(3, "agent_dispatched")).verdict is Verdict.IN_PROGRESS, "within the tolerance"
    assert rows_only(0, row(3600, "agent_dispatched")).verdict is Verdict.UNKNOWN
    far = rows_only(0, row(3e9, "agent_dispatched"), row(-1.5e9, "sip_participant_created"))
    assert far.verdict is Verdict.UNKNOWN


# LKD501, LKD502


def test_a_room_that_was_logged_and_is_not_there() -> None:
    rows = [row(0, "call_requested"), row(1, "room_created")]
    diagnosis = judge(30, closed(30), *rows)
    assert found(diagnosis) == [("room_created", "LKD502", "possible")]
    assert "LKD501" in diagnosis.broken[0].candidates


def test_a_row_that_was_just_written_may_be_of_a_room_that_came_after_the_look() -> None:
    """Rows and rooms are read at the same time."""
    for now in (1.1, 5.9):
        diagnosis = judge(now, closed(now), row(0, "call_requested"), row(1, "room_created"))
        assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert "LKD502" not in codes(judge(5, closed(5), row(3600, "room_created")))


def test_an_old_row_says_nothing_of_a_room_that_is_gone() -> None:
    """What it shows then is what the rows alone show."""
    assert codes(judge(302, closed(302), row(1, "room_created"))) == ["LKD401"]


def test_a_room_that_closed_before_anything_began() -> None:
    watched = [look(t, automatic()) for t in range(1, 9)]
    assert found(judge(9, *watched, closed(9))) == [("room_created", "LKD502", "possible")]
    log = log_file("server", last=900), server_line(0, "selected node for room"), server_line(9, "room closed")
    assert found(judge(9, *watched, closed(9), *log)) == [("room_created", "LKD502", "proven")]


def test_a_room_that_nobody_watched_may_have_had_a_whole_call() -> None:
    empty = look(1, automatic())
    assert judge(90, empty, closed(90)).verdict is not Verdict.BROKEN
    lingering = look(300, automatic())
    assert judge(301, lingering, closed(301)).verdict is not Verdict.BROKEN, "it was there for 300 s before"


def test_a_room_that_closes_while_it_is_looked_into() -> None:
    """ListParticipants of a room that is gone is empty (design fact 17)."""
    diagnosis = judge(60, rooms(60, the_room()), participants(60), closed(60.1))
    assert diagnosis.verdict is not Verdict.BROKEN


def test_a_room_of_a_call_that_began_is_not_closed_early() -> None:
    assert not codes(judge(60, look(1, dispatch(0, job()), phone()), closed(60)))
    assert not codes(judge(60, closed(60), row(1, "room_created"), row(2, "agent_connected", "agent")))


# Rows and room


def test_rows_do_not_overrule_an_agent_that_is_in_the_room() -> None:
    diagnosis = judge(60, look(60, dispatch(0, job()), agent(1, audio()), phone()), row(0, "agent_dispatched"))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert "LKD602" in warned(diagnosis)


def test_rows_do_not_hurry_what_the_room_shows_to_be_under_way() -> None:
    old = row(-100, "call_requested")
    assert judge(10, look(10, dispatch(), phone("dialing")), old).verdict is Verdict.IN_PROGRESS


def test_rows_decide_nothing_while_a_second_look_is_wanted() -> None:
    diagnosis = judge(60, look(60, dispatch(0, job()), phone()), row(0, "agent_dispatched"))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert diagnosis.look_again == 3


def test_unread_rows_are_not_missing_rows() -> None:
    assert judge(60, closed(60)).verdict is Verdict.UNKNOWN


def test_what_is_said_is_in_the_evidence() -> None:
    diagnosis = rows_only(7 * DAY, row(0, "agent_dispatched", "edge"))
    text = " ".join(item.text for item in broken(diagnosis, "LKD402").because)
    assert "agent_entrypoint_called was never logged, 7 d after" in text
    assert "1 row, the last: edge logged agent_dispatched" in text
    assert SETTINGS.call_logs.clock_tolerance == timedelta(seconds=5).total_seconds()


@pytest.mark.parametrize("state", ["call_failed", "sip_error", "dial_rejected", "agent_crashed"])
def test_a_row_that_says_in_plain_words_that_it_failed(state: str) -> None:
    """Nothing is called healthy over it, though no step stands for it."""
    rows = [row(0, "agent_dispatched"), row(1, "agent_connected", "agent")]
    assert rows_only(DAY, *rows).verdict is Verdict.NO_FAULT_SEEN
    failed = rows_only(DAY, *rows, row(9, state))
    assert failed.verdict is Verdict.UNKNOWN
    assert state in " ".join(failed.would_settle)
    for harmless in ("no_error", "busy_tone_off", "transcript_error"):
        assert rows_only(DAY, *rows, row(9, harmless)).verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        *((state, "") for state in ("no_answer", "phone_not_answered", "Unanswered", "call no-answer")),
        ("call_ended", '{"reason": "no_answer"}'),
        ("call_failed", '{"disposition": "NO ANSWER"}'),
    ],
)
def test_a_team_s_word_that_nobody_picked_up(state: str, metadata: str) -> None:
    """It may be its word for any answer that is no call: no more than possible, and not where another says more."""
    rows = [row(0, "agent_dispatched"), row(1, "agent_connected", "agent"), row(2, "sip_dialing")]
    told = rows_only(DAY, *rows, row(40, state, metadata=metadata))
    assert found(told) == [("sip_answered", "LKD206", "possible")]
    assert told.broken[0].candidates == ("LKD205", "LKD204")
    rang = rows_only(DAY, *rows, row(5, "sip_ringing"), row(40, state, metadata=metadata))
    assert rang.broken[0].candidates == ("LKD204",)
    refused = row(40, "sip_participant_failed", metadata='{"sip_status_code": 486}')
    assert codes(rows_only(DAY, *rows, refused, row(40.1, state, metadata=metadata))) == ["LKD204"]
    assert not codes(rows_only(DAY, *rows, row(9, "sip_answered"), row(40, state, metadata=metadata)))


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ('{"error": "KeyError: \'phone\'"}', "KeyError: 'phone'"),
        (
            '{"details": {"err": {"type": "TypeError", "message": "fetch\\nfailed", "stack": []}}}',
            "TypeError: fetch failed",
        ),
        ('{"error": "' + 200 * "x" + '"}', 160 * "x" + "..."),
        ('{"note": "an error"}', ""),
        ("", ""),
    ],
)
def test_a_row_s_own_error_is_shown(metadata: str, shown: str) -> None:
    rows = [
        row(0, "agent_dispatched"),
        row(1, "agent_connected", "agent"),
        row(9, "agent_error", "agent", metadata=metadata),
    ]
    diagnosis = rows_only(DAY, *rows)
    assert diagnosis.timeline[-1].detail == shown
    asks = f"agent_error ({shown}): its own log" if shown else "agent_error: its metadata, or its own log"
    assert any(asks in hint for hint in diagnosis.would_settle)


@pytest.mark.parametrize("state", ["busy", "line busy", "user_busy"])
def test_a_team_s_word_that_the_phone_was_busy(state: str) -> None:
    rows = [row(0, "agent_dispatched"), row(1, "agent_connected", "agent"), row(2, "sip_dialing"), row(9, state)]
    assert found(rows_only(DAY, *rows)) == [("sip_ringing", "LKD204", "possible")]
    assert not codes(rows_only(DAY, *rows[:3], row(9, f"agent_{state}")))


def test_a_component_of_which_no_state_is_known_may_be_the_agent() -> None:
    rows = [row(0, "agent_dispatched"), row(2, "sip_answered"), row(40, "call_ended")]
    assert codes(rows_only(DAY, *rows)) == ["LKD402"]
    assert rows_only(DAY, *rows, row(1, "session_started", "agent")).verdict is Verdict.UNKNOWN
    assert codes(rows_only(DAY, *rows, row(1, "waiting_for_agent"))) == ["LKD402"]


@pytest.mark.parametrize(
    "state",
    [
        *("callFailed", "call failed", "sip-call-failed-486", "call_failed_busy", "dial_failed_after_retries"),
        *("room_timed_out", "agent_timeout", "call_rejected_by_callee", "FAILED"),
    ],
)
def test_other_ways_to_say_that_it_failed(state: str) -> None:
    rows = [row(0, "agent_dispatched"), row(1, "agent_connected", "agent"), row(9, state)]
    assert rows_only(DAY, *rows).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "state",
    [
        *("call_failover_ready", "dialer_failover", "call_failed_over", "sip_timeout_set", "room_timeout_configured"),
        *("agent_error_handler_ready", "sip_no_error", "call_not_rejected", "agent_fail_safe_on", "transfer_failed"),
        "call_transfer_failed",
    ],
)
def test_a_state_that_names_what_would_be_done_if_it_failed(state: str) -> None:
    """Or a further phone's failure: this call has its own."""
    rows = [row(0, "agent_dispatched"), row(1, "agent_connected", "agent"), row(9, state)]
    assert rows_only(DAY, *rows).verdict is Verdict.NO_FAULT_SEEN


# A team whose agent does not write to this log


UNWATCHED = (row(0, "call_requested"), row(0.1, "room_created"), row(0.5, "sip_participant_created"))


def test_a_call_that_went_well_without_a_row_of_its_agent() -> None:
    diagnosis = rows_only(DAY, *UNWATCHED, row(9, "sip_answered"), row(300, "call_ended"))
    assert diagnosis.verdict is Verdict.UNKNOWN
    (warning,) = diagnosis.warnings
    assert (warning.code, "answered for 291 s" in warning.message) == ("LKD602", True)
    assert "call_logs.always_logged" in " ".join(diagnosis.would_settle)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(9, "sip_answered"), row(53, "call_ended")], id="they hung up on silence"),
        pytest.param([row(300, "call_ended", metadata='{"duration": 300}')], id="it counts from the request"),
        pytest.param(
            [row(4, "sip_ringing"), row(300, "call_ended", metadata='{"duration": 296}')],
            id="it counts from the ringing",
        ),
        pytest.param([row(9, "sip_answered")], id="it has not ended"),
        pytest.param([row(300, "call_ended")], id="nobody says that it was answered"),
        pytest.param([row(9, "sip_answered"), row(30, "call_failed"), row(300, "call_ended")], id="it failed"),
    ],
)
def test_a_call_that_may_have_been_silent(rows: list[LogRow]) -> None:
    assert found(rows_only(DAY, *UNWATCHED, *rows)) == [("agent_dispatched", "LKD401", "possible")]


@pytest.mark.parametrize(
    "rows",
    [
        [row(6, "sip_answered"), row(60, "call_ended")],
        [row(3, "sip_participant_created"), row(60, "call_ended", metadata='{"duration": 54}')],
        [row(60, "call_ended", metadata='{"duration": 54}')],
    ],
)
def test_a_call_that_nobody_would_have_been_silent_in(rows: list[LogRow]) -> None:
    assert rows_only(DAY, *UNWATCHED, *rows).verdict is Verdict.UNKNOWN


def test_an_agent_that_may_not_log_here() -> None:
    """Where it never came the rows are the same; one row of its own shows that it logs."""
    placed = (*UNWATCHED, row(0.4, "agent_dispatched"))
    for rows, asked in ((placed, True), ((*placed, row(1, "agent_entrypoint_called", "agent")), False)):
        told = rows_only(DAY, *rows)
        assert (bool(told.broken), "call_logs.always_logged" in " ".join(told.would_settle)) == (True, asked)


def test_a_state_that_is_said_to_be_always_logged_is_missed_in_any_call() -> None:
    logged = [*UNWATCHED, row(9, "sip_answered"), row(300, "call_ended")]
    for states in (ALWAYS_LOGGED, ("agent_connected",)):
        said = Settings(agent=Agent(name=AGENT), call_logs=CallLogs(always_logged=states))
        assert found(rows_only(DAY, *logged, settings=said)) == [("agent_dispatched", "LKD401", "possible")]


def test_a_phone_that_was_seen_to_dial_and_no_more() -> None:
    """The closed room is no healthier than the open one."""
    there = look(10, dispatch(0, job()), phone("dialing"), agent(1, audio()))
    gone = look(40, dispatch(0, job()), agent(1, audio()))
    assert judge(40, there, gone).verdict is Verdict.UNKNOWN
    assert judge(70, there, gone, closed(70)).verdict is Verdict.UNKNOWN
