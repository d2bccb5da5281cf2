"""Not healthy in spite of what the call's own facts say against it, whichever source has them."""

import pytest
from livekit.protocol import models
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.states import DISCONNECT_REASONS, LOST
from livekit_doctor.evidence.observations import LogLine, LogRow
from livekit_doctor.flow import Step, Verdict
from livekit_doctor.settings import Flow, Settings
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    SETTINGS,
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
    row,
    rows_only,
    server_line,
    worker_line,
)
from tests.diagnosis.test_whose_attempt import HERE, OPENED

HEALTHY, NO_FAULT_SEEN, UNKNOWN = Verdict.HEALTHY, Verdict.NO_FAULT_SEEN, Verdict.UNKNOWN
PLACED = (row(0, "call_requested"), row(0.1, "room_created"), row(0.3, "agent_dispatched"))
WELL = (*PLACED, row(1, "agent_connected", "agent"), row(8, "sip_answered"), row(8.5, "agent_audio", "agent"))
ENDED = row(74, "call_ended", "agent")
LIKELY = [("agent_connected", "LKD407", "likely")]


# By rows

FAILED = (
    *("tts_failed", "llm_error", "LLM timeout", "job_crashed", "entrypoint_failed", "exception", "fatal_error"),
    *(
        "one_way_audio",
        "no_audio_detected",
        "media_timeout",
        "agent_unresponsive",
        "call_dropped",
        "agentCrashDetected",
    ),
    *("fatal", "killed", "out_of_memory", "agent_never_spoke"),
)
"""What rows of any component call a failure."""


@pytest.mark.parametrize("state", FAILED)
def test_a_row_that_says_so_in_its_own_words(state: str) -> None:
    diagnosis = rows_only(900, *WELL, row(20, state, "agent"), ENDED)
    assert diagnosis.verdict is UNKNOWN
    assert any(state in hint for hint in diagnosis.would_settle)


@pytest.mark.parametrize(
    "state",
    ["tool_error_handled", "crm_lookup_failed", "silence_detected", "agent_stopped_speaking"],
)
def test_a_row_of_something_else(state: str) -> None:
    assert rows_only(900, *WELL, row(20, state, "agent"), ENDED).verdict is HEALTHY


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        *((state, "") for state in ("agent_kicked", "agent_evicted", "agentLost", "room_closed_unexpectedly")),
        *((state, "") for state in ("no_audio_from_agent", "pod_terminated", "llm_unavailable", "stt_disconnected")),
        *((state, "") for state in ("agent_vaporised", "voice_garbage", "bot_zoned_out", "glitched", "track_ended")),
        *((state, "") for state in ("watchdog_fired", "no_greeting", "callee_heard_nothing")),
        *((state, "") for state in ("callee_complained", "escalated_technical_problem", "agent_restarted")),
        *((state, "") for state in ("ice_failed", "quota_exceeded", "rate_limited", "deepgram_disconnected")),
        ("silence_timeout", '{"who": "agent"}'),
        ("fallback_message_played", '{"reason": "agent failed"}'),
    ],
)
def test_a_row_of_trouble_after_which_nothing_shows_that_the_call_went_on(state: str, metadata: str) -> None:
    """By whichever component. It says no more than that health is not shown, so what follows it outweighs it."""

    def told(*after: LogRow, by: str = "watchdog") -> Verdict:
        return rows_only(900, *WELL, row(60, state, by, metadata=metadata), *after, ENDED).verdict

    assert told() is told(by="agent") is NO_FAULT_SEEN
    assert told(row(62, "payment_declined", "agent")) is HEALTHY
    assert told(row(62, "user_speech", "webhook")) is HEALTHY
    assert told(row(62, "crm_updated", "crm")) is NO_FAULT_SEEN, "which does not need the call"


@pytest.mark.parametrize(
    "state",
    [
        *("payment_declined", "supervisor_busy", "identity_verification_failed", "appointment_rejected", "sms_failed"),
        *("tool_error", "egress_failed", "amd_timeout", "recording_aborted", "crm_timeout", "user_away", "lead_lost"),
        *("stt_reconnected", "agent_paused", "warm_transfer_failed", "agent_handoff", "customer_busy", "balance_low"),
        *("crm_synced", "transcript_saved", "recording_started", "booked", "agent_state_changed", "call_metrics"),
        *("call_in_progress", "hanging_up", "call_wrapup", "lead_closed"),
        *("session_started", "agent_greeting_played", "user_turn_completed", "llm_response_received"),
        *("agent_interrupted", "call_summary_saved", "voice_recording_lost", "livekit_egress_error", "not_interested"),
        *("call_recording_failed", "call_summary_failed", "consent_refused", "no_errors"),
        *("user_silence_timeout", "kb_search_failed", "card_limit_checked", "barge_in"),
    ],
)
def test_a_row_of_trouble_that_is_not_the_calls(state: str) -> None:
    assert rows_only(900, *WELL, row(60, state, "agent"), ENDED).verdict is HEALTHY


@pytest.mark.parametrize(
    ("metadata", "verdict"),
    [
        ('{"exit_code": 1}', NO_FAULT_SEEN),
        ('{"exit_code": 0, "error_code": null}', HEALTHY),
        ('{"error_code": "TTS_TIMEOUT"}', NO_FAULT_SEEN),
        ('{"outcome": "dropped"}', NO_FAULT_SEEN),
        ('{"end": "abnormal"}', NO_FAULT_SEEN),
        ('{"disposition": "system_error"}', NO_FAULT_SEEN),
        ('{"reason": "worker shutdown"}', NO_FAULT_SEEN),
        ('{"reason": "job_shutdown"}', HEALTHY),
        ('{"disconnect_reason": "JOB_SHUTDOWN", "by": "agent crash handler"}', NO_FAULT_SEEN),
        ('{"reason": "livekit room disconnected: STATE_MISMATCH"}', NO_FAULT_SEEN),
        ('{"reason": "CloseReason.ERROR"}', UNKNOWN),
        ('{"reason": "CloseReason.USER_INITIATED"}', HEALTHY),
        ('{"end_reason": "silence_timeout", "who": "callee"}', HEALTHY),
        ('{"outcome": "unreachable_decision_maker"}', HEALTHY),
        ('{"reason": "max_duration_reached", "by": "agent"}', HEALTHY),
        ('{"status": "failed"}', UNKNOWN),
        ('{"error": "agent crashed"}', UNKNOWN),
        ('{"reason": "JOB_FAILED"}', UNKNOWN),
        ('{"reason": "agent_disconnected"}', UNKNOWN),
        ('{"reason": "agent_never_spoke"}', UNKNOWN),
        ('{"ended_reason": "pipeline-error-openai-llm-failed"}', UNKNOWN),
        ('{"disconnect_reason": "SIP_TRUNK_FAILURE"}', UNKNOWN),
        ('{"disconnectReason": "CONNECTION_TIMEOUT"}', UNKNOWN),
        ('{"reason": "MediaFailure"}', UNKNOWN),
        ('{"disconnect_reason": 15}', UNKNOWN),
        ('{"disconnectReason": "14"}', UNKNOWN),
        ('{"disconnect_reason": 1}', HEALTHY),
        ('{"participant": "callee", "reason": 13}', UNKNOWN),
        ('{"reason": 13}', NO_FAULT_SEEN),
        *(
            (f'{{"reason": "{reason}"}}', NO_FAULT_SEEN)
            for reason in ("memory limit exceeded", "worker draining", "spot_interruption", "ws_closed", "ice_failed")
        ),
        ('{"reason": "Room was deleted by the janitor"}', NO_FAULT_SEEN),
        ('{"reason": "insufficient_quota"}', NO_FAULT_SEEN),
        ('{"hangup_by": "watchdog"}', NO_FAULT_SEEN),
        *(
            (f'{{"{key}": "{word}"}}', NO_FAULT_SEEN)
            for key in (
                "reason",
                "end_reason",
                "status",
                "ended_by",
                "outcome",
                "shutdown_reason",
                "errorName",
            )
            for word in ("glitch", "agent_zapped", "vanished")
        ),
        *(
            (f'{{"reason": "{reason}"}}', HEALTHY)
            for reason in (
                *("user hung up", "callee_hangup", "Customer ended the call.", "call completed", "ROOM_DELETED", "ok"),
                *(
                    "participant_disconnected",
                    "DisconnectReason.CLIENT_INITIATED",
                    "max_call_duration",
                    "task_completed",
                ),
                *(
                    "customer-ended-call",
                    "time limit reached",
                    "user_idle_timeout",
                    "not_interested",
                    "max_call_duration",
                ),
            )
        ),
        ('{"reason": "limit exceeded"}', NO_FAULT_SEEN),
        ('{"reason": "silence_timeout"}', NO_FAULT_SEEN),
        ('{"reason": "UNKNOWN_REASON"}', NO_FAULT_SEEN),
        ('{"agent_dropped": true, "status": "completed"}', NO_FAULT_SEEN),
        ('{"recorded": true, "lead_dropped_price": true, "human_transferred": false, "vip": true}', HEALTHY),
        ('{"status": 200, "code": 0, "hangup_cause": 16, "ended_by": "callee", "call_reason": "renewal"}', HEALTHY),
        ('{"cause": "NORMAL_CLEARING", "error": "none"}', HEALTHY),
        ('{"cause": "glitch"}', UNKNOWN),
        ('{"close_code": 1006}', NO_FAULT_SEEN),
        ('{"outcome": "quoted_premium", "notes": "agent zapped", "tool_error": "crm down"}', HEALTHY),
        ('{"reason": "business_hours_over"}', NO_FAULT_SEEN),
        ('{"reason": "hangup", "signal": null}', HEALTHY),
        ('{"signal": "SIGKILL"}', NO_FAULT_SEEN),
        ('{"details": {"reason": "job crashed"}}', UNKNOWN),
        ('{"result": {"success": false}}', UNKNOWN),
        ('{"errors": ["TTS: quota exceeded"]}', UNKNOWN),
        ('{"errors": [], "details": {"reason": "hangup"}}', HEALTHY),
        ('{"crashed": true}', NO_FAULT_SEEN),
        ('{"traceback": "Traceback (most recent call last): ..."}', NO_FAULT_SEEN),
        ('{"graceful": false}', NO_FAULT_SEEN),
        ('{"agent_spoke": false}', NO_FAULT_SEEN),
        ('{"graceful": true, "crashed": false, "agent_spoke": true}', HEALTHY),
        ('{"success": false}', UNKNOWN),
        ('{"success": true, "disconnect_reason": "CLIENT_INITIATED", "hangup_cause": "NORMAL_CLEARING"}', HEALTHY),
        ('{"reason": "payment_failed"}', NO_FAULT_SEEN),
        ('{"status": "completed", "error": null, "outcome": "declined"}', HEALTHY),
        ('{"error": "", "lookup": {"status": "failed"}}', HEALTHY),
        ('{"error": {"type": "APIStatusError", "message": "TTS quota exceeded"}}', NO_FAULT_SEEN),
        ('{"reason": {"code": "quota"}, "last_error": {}}', NO_FAULT_SEEN),
        ('{"session": {"close_reason": "vanished"}}', NO_FAULT_SEEN),
        ('{"call": {"status": "completed"}, "session": {"close_reason": "user hung up"}, "error": {}}', HEALTHY),
        ('{"has_error": true}', NO_FAULT_SEEN),
        ('{"timed_out": true}', NO_FAULT_SEEN),
        ('{"no_audio": true}', NO_FAULT_SEEN),
        ('{"unhealthy": false, "disconnected": true, "is_vip": true, "has_error": false}', HEALTHY),
        ('{"success": "false"}', UNKNOWN),
        ('{"end_type": "watchdog"}', NO_FAULT_SEEN),
        ('{"end_type": "hangup", "close_code": 1000, "q850_cause": 16, "severity": "info"}', HEALTHY),
        ('{"term_reason": "llm_gone"}', NO_FAULT_SEEN),
        ('{"dead_air": true}', NO_FAULT_SEEN),
        ('{"q850_cause": 41}', NO_FAULT_SEEN),
        ('{"ws_code": 1011}', NO_FAULT_SEEN),
        ('{"call_quality": "poor"}', NO_FAULT_SEEN),
        ('{"agent_talk_time": 0}', NO_FAULT_SEEN),
        ('{"duration": 0}', NO_FAULT_SEEN),
        ('{"duration": 66, "rtp_packets_received": 3300, "had_audio": true, "flags": ["vip"]}', HEALTHY),
        ('{"rtp_packets_received": 0}', NO_FAULT_SEEN),
        ('{"had_audio": false}', NO_FAULT_SEEN),
        ('{"flags": ["no_audio"]}', NO_FAULT_SEEN),
        ('{"attributes": {"sip.callStatus": "ringing"}}', NO_FAULT_SEEN),
        ('{"attributes": {"sip.callStatus": "hangup"}}', HEALTHY),
        ('{"SipResponseCode": "503"}', NO_FAULT_SEEN),
        ('{"SipResponseCode": "200", "hangup_cause_code": 16}', HEALTHY),
        ('{"user_turns": 4, "talk_time": 31.5, "quality": "good", "dead_air": false}', HEALTHY),
    ],
)
def test_what_the_row_of_the_end_says_of_it(metadata: str, verdict: Verdict) -> None:
    assert rows_only(900, *WELL, row(74, "call_ended", "agent", metadata=metadata)).verdict is verdict


@pytest.mark.parametrize(
    ("metadata", "verdict"),
    [
        ('{"reason": "lead_goal_met_bye_now"}', HEALTHY),
        ('{"error": "agent died"}', UNKNOWN),
        ('{"has_error": true}', NO_FAULT_SEEN),
    ],
)
def test_a_word_that_nobody_knows_is_no_doubt_where_livekit_has_both_to_the_end(
    metadata: str, verdict: Verdict
) -> None:
    """The phone left first, and the agent stayed so long: an error is one, whoever stayed."""
    told = [
        server_line(70, "participant closing", participant="sip_1", kind="SIP", reason="CLIENT_REQUEST_LEAVE"),
        server_line(71, "participant closing", participant="agent-AJ_1", kind="AGENT", reason="CLIENT_REQUEST_LEAVE"),
        line("sip", 4, "Outbound SIP call established", room=ROOM, call_id="SCL_2"),
        line("sip", 5, "track subscribed", room=ROOM, call_id="SCL_2", participant="agent-AJ_1", kind="audio"),
        line("sip", 70, "Closing outbound call", room=ROOM, call_id="SCL_2", status="0", reason="hangup"),
    ]
    looks = [*look(40, dispatch(1, job()), agent(2, audio()), phone(joined=3)), *closed(90)]
    rows = [*WELL, row(74, "call_ended", "agent", metadata=metadata)]
    logs = [log_file("server"), log_file("sip"), *told]
    assert judge(90, *looks, *rows, *logs, subject=Subject(room=ROOM)).verdict is verdict


@pytest.mark.parametrize(
    "state",
    ["session_closed", "participant_left", "ParticipantDisconnected", "disconnected", "terminated", "worker_restarted"],
)
def test_somebody_left_of_whom_no_row_says_who_it_is(state: str) -> None:
    """Long before the end, with nobody who talked after it: it may have been the agent, whose words the rest are."""

    def left(seconds: float, metadata: str = "", *others: LogRow) -> Verdict:
        return rows_only(900, *WELL, *others, row(seconds, state, "agent", metadata=metadata), ENDED).verdict

    assert left(20) is NO_FAULT_SEEN
    assert left(20, "", row(40, "user_speech", "agent")) is HEALTHY
    assert left(60) is HEALTHY, "the end may be logged when the room closes"
    assert left(60, '{"identity": "agent-AJ_x"}') is NO_FAULT_SEEN
    assert left(45, '{"identity": "sip_1"}') is HEALTHY, "the phone"
    assert left(7) is HEALTHY, "another phone's, before this one answered"
    assert left(73, '{"reason": "error"}') is UNKNOWN
    assert left(73, '{"reason": "CLIENT_INITIATED"}') is HEALTHY


def test_a_call_that_ends_with_a_state_of_failure() -> None:
    flow = Flow(states={"call_failed": Step.CALL_ENDED, "call_done": Step.CALL_ENDED})
    for state, verdict in (("call_failed", UNKNOWN), ("call_done", HEALTHY)):
        assert rows_only(900, *WELL, row(74, state, "agent"), settings=Settings(flow=flow)).verdict is verdict


@pytest.mark.parametrize("state", ["callee_hung_up", "sip_hangup", "participant_left"])
def test_a_callee_who_hung_up_before_the_agent_came(state: str) -> None:
    """A cold start."""
    dialled = (*PLACED, row(8, "sip_answered"), row(26, "agent_connected", "agent"), row(27, "agent_audio", "agent"))
    ended = row(42, "call_ended", "agent")
    assert rows_only(900, *dialled, ended).verdict is HEALTHY
    assert rows_only(900, *dialled, row(18, state, "webhook"), ended).verdict is NO_FAULT_SEEN
    assert rows_only(900, *dialled, row(41, state, "webhook"), ended).verdict is HEALTHY


def test_a_phone_that_was_dialled_again_after_it_was_answered() -> None:
    again = (row(30, "sip_participant_created"), row(31, "sip_ringing"))
    assert rows_only(900, *WELL, *again, ENDED).verdict is NO_FAULT_SEEN
    assert rows_only(900, *WELL, *again, row(40, "sip_answered"), ENDED).verdict is HEALTHY


# The agent's process


def with_the_worker(*lines: LogLine) -> Verdict:
    return judge(900, *WELL, ENDED, *WORKER, *lines, settings=HERE).verdict


def broke(seconds: float, message: str, **fields: str) -> LogLine:
    return worker_line(seconds, message, **fields)


WORKER = (log_file("worker"), worker_line(0.3, "received job request", dispatch_id="AD_1"))
WORDS = (
    "process is unresponsive, killing process",
    "process exited with non-zero exit code -9",
    "unhandled exception while running the job task",
    "job process exited unexpectedly",
    "error in entry function",
    "job process exceeded memory limit, killing it",
)


@pytest.mark.parametrize("message", WORDS)
def test_a_process_that_broke_down_long_before_the_end(message: str) -> None:
    assert with_the_worker() is HEALTHY
    diagnosis = judge(900, *WELL, ENDED, *WORKER, broke(20, message), settings=HERE)
    assert found(diagnosis) == LIKELY
    # Within the time in which a room closes the callee may have hung up before it.
    assert with_the_worker(broke(68, message)) is NO_FAULT_SEEN
    assert with_the_worker(broke(90, message)) is HEALTHY


def test_an_agent_that_went_on_after_its_entrypoint_raised() -> None:
    talked = row(40, "user_speech", "agent")
    diagnosis = judge(900, *WELL, talked, ENDED, *WORKER, broke(20, WORDS[2]), settings=HERE)
    assert diagnosis.verdict is NO_FAULT_SEEN
    assert any("unhandled exception" in hint for hint in diagnosis.would_settle)


@pytest.mark.parametrize(
    ("logger", "level", "verdict"),
    [
        ("livekit.plugins.openai", "error", NO_FAULT_SEEN),
        ("livekit.plugins.openai", "warning", HEALTHY),
        ("my_company.crm", "error", HEALTHY),
    ],
)
def test_an_error_of_the_session_s_that_nobody_knows(logger: str, level: str, verdict: Verdict) -> None:
    """What a provider's plugin says in words of its own; it matters no more where somebody talked after it."""
    line = replace(broke(20, "the realtime socket went away"), logger=logger, level=level)
    assert with_the_worker(line) is verdict
    talked = row(40, "user_speech", "agent")
    assert judge(900, *WELL, talked, ENDED, *WORKER, line, settings=HERE).verdict is HEALTHY


@pytest.mark.parametrize(
    ("answered", "more", "verdict"),
    [
        (2.2, (), NO_FAULT_SEEN),
        (2.2, (row(2.1, "sip_ringing"),), HEALTHY),
        (2.2, (row(20, "user_speech", "agent"),), HEALTHY),
        (2.6, (), HEALTHY),
    ],
)
def test_a_phone_that_was_answered_as_soon_as_it_was_dialled(
    answered: float, more: tuple[LogRow, ...], verdict: Verdict
) -> None:
    """What logs it did not wait for the answer."""
    rows = [*PLACED, row(1, "agent_connected", "agent"), row(2, "sip_dialing"), row(answered, "sip_answered")]
    spoke = row(answered + 1, "agent_audio", "agent")
    assert rows_only(900, *rows, spoke, *more, ENDED).verdict is verdict


def test_a_session_that_its_providers_ended() -> None:
    """The agent may be in the room still, and silent."""
    line = broke(20, "AgentSession is closing due to unrecoverable error")
    diagnosis = judge(900, *WELL, ENDED, *WORKER, line, settings=HERE)
    assert found(diagnosis) == [("agent_connected", "LKD407", "possible")]
    assert {"LKD405", "LKD408"} <= set(diagnosis.broken[0].candidates)


# By livekit-server's and livekit-sip's logs

LOGS = (log_file("server"), log_file("worker"), log_file("sip"), OPENED)
ASKED = worker_line(0.3, "received job request", dispatch_id="AD_1")
JOB = server_line(0.3, "assigned job to worker", room=ROOM)
AGENT = server_line(1, "participant active", room=ROOM, participant="agent-AJ_uN4vB8sK1rTy")
HEARD = server_line(1.1, "mediaTrack published", room=ROOM, participant="agent-AJ_uN4vB8sK1rTy", kind="audio")
DIALLED = line("sip", 2, "Creating SIP participant", room=ROOM, call_id="SCL_1")
PHONE = server_line(2, "participant active", room=ROOM, participant="sip_1")
PICKED_UP = line("sip", 8, "Outbound SIP call established", room=ROOM, call_id="SCL_1")
PUBLISHED = (*LOGS, JOB, AGENT, HEARD, DIALLED, PHONE, PICKED_UP)
TRACK = {"room": ROOM, "participant": "agent-AJ_uN4vB8sK1rTy", "track_id": "TR_1"}
TOGETHER = (*PUBLISHED, line("sip", 8.1, "track subscribed", kind="audio", **TRACK))


def gone(seconds: float, who: str, reason: str = "CLIENT_REQUEST_LEAVE") -> LogLine:
    kind = "SIP" if who.startswith("sip") else "AGENT"
    return server_line(seconds, "participant closing", room=ROOM, participant=who, kind=kind, reason=reason)


HUNG_UP = line("sip", 60, "Closing outbound call", room=ROOM, call_id="SCL_1", reason="hangup")
LEFT = (gone(60.1, "sip_1"), gone(60.4, "agent-AJ_uN4vB8sK1rTy"))


def by_the_logs(*lines: LogLine) -> Verdict:
    return judge(900, *TOGETHER, ASKED, *lines, settings=HERE).verdict


def test_a_room_that_was_deleted_when_the_agent_had_raised() -> None:
    """Which was first, the clocks of worker and server don't tell."""
    assert by_the_logs(HUNG_UP, *LEFT) is HEALTHY
    for raised in (broke(59.8, WORDS[2]), broke(60.3, "process exiting", reason="job crashed")):
        assert by_the_logs(HUNG_UP, *LEFT, raised) is NO_FAULT_SEEN
    assert by_the_logs(HUNG_UP, *LEFT, broke(60.3, "process exiting", reason="room disconnected")) is HEALTHY


def test_an_exception_after_the_end_by_a_clock_that_is_slow() -> None:
    """When its agent left, the server's log says by the clock of the phone."""
    for raised in (broke(52, WORDS[2]), broke(52, "process exiting", reason="job crashed")):
        assert by_the_logs(HUNG_UP, *LEFT, raised) is NO_FAULT_SEEN
        assert by_the_logs(HUNG_UP, LEFT[0], gone(52.4, "agent-AJ_uN4vB8sK1rTy"), raised) is Verdict.BROKEN


@pytest.mark.parametrize("words", ["BYE from remote", "Closing outbound call"])
def test_a_phone_whose_hanging_up_livekit_sip_alone_tells(words: str) -> None:
    """By the server's log the agent was gone long before; or so soon before that it had said goodbye."""
    bye = line("sip", 60, words, room=ROOM, call_id="SCL_1", participant="sip_1")
    lost = gone(41, "agent-AJ_uN4vB8sK1rTy", "PEER_CONNECTION_DISCONNECTED")
    assert found(judge(900, *TOGETHER, ASKED, bye, lost, settings=HERE)) == LIKELY
    for seconds in (52, 62):
        assert by_the_logs(bye, gone(seconds, "agent-AJ_uN4vB8sK1rTy")) in (HEALTHY, NO_FAULT_SEEN)


def test_a_process_whose_agent_left_in_order_long_after_it_was_killed() -> None:
    """One of the two is not so: a process that is dead is taken out of the room as one that was lost."""
    killed, agent = broke(20, WORDS[0]), "agent-AJ_uN4vB8sK1rTy"
    assert by_the_logs(HUNG_UP, LEFT[0], gone(80, agent, "ROOM_CLOSED"), killed) is NO_FAULT_SEEN
    lost = (HUNG_UP, LEFT[0], gone(38, agent, "PEER_CONNECTION_DISCONNECTED"), killed)
    assert found(judge(900, *TOGETHER, ASKED, *lost, settings=HERE)) == LIKELY
    raised = (HUNG_UP, LEFT[0], gone(80, agent, "ROOM_CLOSED"), broke(20, WORDS[2]))
    (said,) = judge(900, *TOGETHER, ASKED, *raised, settings=HERE).broken
    assert (said.code, said.confidence, "LKD408" in said.candidates) == ("LKD407", "possible", True), "it may be silent"


def test_a_job_that_failed_by_the_server_while_the_phone_was_there() -> None:
    failed = server_line(40, "job ended", status="JS_FAILED", error="process exited")
    diagnosis = judge(900, *TOGETHER, HUNG_UP, gone(60.1, "sip_1"), failed, settings=HERE)
    assert found(diagnosis) == LIKELY
    ordinary = server_line(60.5, "job ended", status="JS_FAILED", error="agent worker left the room")
    assert by_the_logs(HUNG_UP, *LEFT, ordinary) is HEALTHY


def test_a_connection_that_was_lost() -> None:
    """Of the phone, where livekit-sip tells of no end; of the agent, who was lost some time before it shows."""
    lost = "PEER_CONNECTION_DISCONNECTED"
    assert by_the_logs(gone(60, "sip_1", lost), LEFT[1]) is UNKNOWN
    assert by_the_logs(HUNG_UP, gone(60, "sip_1", lost), LEFT[1]) is HEALTHY
    assert by_the_logs(HUNG_UP, LEFT[0], gone(62, "agent-AJ_uN4vB8sK1rTy", lost)) is NO_FAULT_SEEN


# Whether the callee heard the agent


def test_an_agent_whose_track_did_not_get_to_the_phone() -> None:
    """Or was gone long before the end."""
    assert judge(900, *TOGETHER, HUNG_UP, *LEFT, settings=HERE).verdict is HEALTHY
    assert judge(900, *PUBLISHED, HUNG_UP, *LEFT, settings=HERE).verdict is NO_FAULT_SEEN
    for seconds, verdict in ((20, NO_FAULT_SEEN), (59, HEALTHY)):
        gone_then = line("sip", seconds, "track unsubscribed", **TRACK)
        assert by_the_logs(HUNG_UP, *LEFT, gone_then) is verdict
    again = line("sip", 22, "track subscribed", kind="audio", **TRACK)
    assert by_the_logs(HUNG_UP, *LEFT, line("sip", 20, "track unsubscribed", **TRACK), again) is HEALTHY


def test_what_the_agent_should_have_said_came_to_nothing() -> None:
    """By its own job at the level of an error: its track was published, and may have been silent."""
    for words in (
        "Error in _tts_inference_task",
        "Error in _pipeline_reply_task",
        "failed to synthesize speech",
        "failed to generate a reply: generate_reply timed out.",
        "error occurred during on_user_turn_completed",
        "all STTs are unavailable, retrying..",
    ):
        failed = replace(broke(9, words), level="error")
        diagnosis = judge(900, *TOGETHER, ASKED, HUNG_UP, *LEFT, failed, settings=HERE)
        assert diagnosis.verdict is NO_FAULT_SEEN
        assert any(words in hint for hint in diagnosis.would_settle)
        assert by_the_logs(HUNG_UP, *LEFT, replace(failed, at=at(90))) is HEALTHY
    workers = line("worker", 9, "Error in _connection_task")
    assert by_the_logs(HUNG_UP, *LEFT, replace(workers, level="error")) is HEALTHY, "of no job"
    again = broke(9, "failed to synthesize speech: timed out, retrying in 0.1s")
    assert by_the_logs(HUNG_UP, *LEFT, replace(again, level="warning")) is HEALTHY


# An answer that a row tells of too early

EARLY = (*PLACED, row(1, "agent_connected", "agent"), row(2.3, "sip_answered"), row(2.5, "agent_audio", "agent"))
REFUSALS = [
    ("INVITE failed: sip status: 486: Busy Here", "LKD204", "likely"),
    ("INVITE failed: sip request timed out", "LKD205", "possible"),
    ("max auth retry attempts reached", "LKD208", "likely"),
    ("lookup sip.carrier.example on 10.0.0.2:53: no such host", "LKD209", "likely"),
]


@pytest.mark.parametrize(("error", "code", "confidence"), REFUSALS)
def test_an_answer_that_livekit_sip_denies(error: str, code: str, confidence: str) -> None:
    """It says of this dial that it failed; the row, that it was answered (fact 20). Both are told."""
    failed = line("sip", 33, "SIP call failed", room=ROOM, call_id="SCL_1", error=error)
    diagnosis = judge(900, *EARLY, row(34, "call_ended"), log_file("sip"), DIALLED, failed, settings=HERE)
    assert found(diagnosis) == [("sip_ringing", code, confidence)]
    assert any("edge_function logged sip_answered" in item.text for item in diagnosis.broken[0].because)


def test_a_further_phone_that_was_refused_says_nothing_of_the_answer() -> None:
    later = line("sip", 40, "Creating SIP participant", room=ROOM, call_id="SCL_2", participant="supervisor")
    refused = line("sip", 44, "SIP call failed", room=ROOM, call_id="SCL_2", error=REFUSALS[0][0])
    assert "LKD204" not in codes(judge(900, *WELL, ENDED, log_file("sip"), DIALLED, later, refused, settings=HERE))


def test_an_answer_that_was_logged_when_the_request_returned() -> None:
    accepted = server_line(2.2, "API SIP.CreateSIPParticipant", status="200", duration="0.1", participant="sip_1")
    waited = server_line(2.2, "API SIP.CreateSIPParticipant", status="200", duration="6.1", participant="sip_1")
    logs = (log_file("server"), OPENED, JOB, AGENT, HEARD, PHONE, *LEFT)
    for request, verdict in ((accepted, NO_FAULT_SEEN), (waited, HEALTHY)):
        assert judge(900, *EARLY, ENDED, *logs, request, settings=HERE).verdict is verdict


# Another agent beside the call's


def test_an_agent_beside_the_calls_own_which_has_no_worker() -> None:
    """Whose job it is, the server's line of its assignment says."""
    nobody = server_line(5, "not dispatching agent job since no worker is available")
    other = server_line(0.4, "assigned job to worker", room="", room_id="", job_id="AJ_other", agent_name="Transcriber")
    there = server_line(1, "participant active", room=ROOM, participant="agent-AJ_other", agent_name="")
    heard = server_line(1.1, "mediaTrack published", room=ROOM, participant="agent-AJ_other", kind="audio")
    left = gone(60.4, "agent-AJ_other")
    lines = (nobody, other, there, heard, DIALLED, PHONE, PICKED_UP, HUNG_UP, LEFT[0], left)
    assert "LKD101" in codes(judge(900, *LOGS, *lines, settings=SETTINGS, subject=Subject(room=ROOM)))


def test_a_call_that_livekit_sip_cut_off() -> None:
    """It was shut down in a deploy, and says so: an ordinary end is a success."""

    def told(**end: str) -> Verdict:
        by_sip = {"room": ROOM, "call_id": "SCL_1", "participant": "callee"}
        answered = line("sip", 8, "Outbound SIP call established", **by_sip)
        over = line("sip", 60, "Closing outbound call", status="0", **by_sip, **end)
        heard = line("sip", 8.6, "track subscribed", **(by_sip | {"participant": "agent-AJ_1"}), kind="audio")
        lines = (log_file("sip"), *WELL, row(60, "call_ended", "agent"), answered, heard, over)
        return judge(900, *lines, subject=Subject(call_id=CALL, room=ROOM)).verdict

    assert told(result="success", reason="hangup") is HEALTHY
    assert told(result="server_error", reason="shutdown") is NO_FAULT_SEEN
    assert told(result="client_error", reason="duplicate-identity") is NO_FAULT_SEEN


@pytest.mark.parametrize(
    ("second", "verdict"),
    [((), NO_FAULT_SEEN), ((replace(PHONE, at=at(30.1)), gone(74, "sip_1")), HEALTHY)],
    ids=["nothing more", "the second was answered"],
)
def test_a_phone_that_had_to_leave_for_another_of_its_identity(second: tuple[LogLine, ...], verdict: Verdict) -> None:
    """A job that was run twice dials twice."""
    logs = (log_file("server"), OPENED, JOB, AGENT, HEARD, PHONE, gone(30, "sip_1", "DUPLICATE_IDENTITY"), *second)
    rows = (*WELL, row(40, "agent_audio", "agent"), ENDED)
    assert judge(900, *rows, *logs, gone(74.1, "agent-AJ_uN4vB8sK1rTy"), settings=HERE).verdict is verdict


def test_an_agent_that_spoke_when_the_call_had_ended() -> None:
    spoke = (*WELL[:5], row(24, "agent_audio", "agent"), row(26, "call_ended", "agent"))
    assert rows_only(900, *spoke).verdict is HEALTHY
    assert rows_only(900, *spoke[:5], row(15, "call_ended", "webhook"), *spoke[5:]).verdict is not HEALTHY


def test_an_unnamed_agent_that_the_server_sought() -> None:
    sought = server_line(1, "not dispatching agent job since no worker is available", agent_name="")
    settings = Settings(agent=replace(SETTINGS.agent, name=""))
    assert judge(900, log_file("server"), sought, settings=settings, subject=Subject(room=ROOM)).verdict is not HEALTHY


@pytest.mark.parametrize(
    ("state", "metadata", "verdict"),
    [
        ("disposition", '{"disposition": "CALL_DROPPED"}', NO_FAULT_SEEN),
        ("disposition_set", '{"disposition": "DEAD_AIR"}', NO_FAULT_SEEN),
        ("call_result", '{"result": "system_error"}', NO_FAULT_SEEN),
        ("disposition", '{"disposition": "INTERESTED"}', HEALTHY),
        ("call_result", '{"result": "wrong_number"}', HEALTHY),
        ("crm_updated", '{"result": "system_error"}', HEALTHY),
    ],
)
def test_a_row_of_the_result_after_the_end(state: str, metadata: str, verdict: Verdict) -> None:
    """What a dialler or a CRM notes last: how the call went."""
    assert rows_only(900, *WELL, ENDED, row(75, state, "crm", metadata=metadata)).verdict is verdict


def test_disconnect_reasons_have_livekits_names_and_numbers() -> None:
    assert [*enumerate(DISCONNECT_REASONS)] == [(number, name) for name, number in models.DisconnectReason.items()]
    assert {*DISCONNECT_REASONS} & LOST
