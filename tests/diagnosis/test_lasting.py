"""Healthy must be shown: who was together stayed, was heard, and nobody's word is against it."""

import pytest
from msgspec.structs import replace

from livekit_doctor.evidence.observations import LogLine, LogRow
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    ROOM,
    agent,
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
from tests.diagnosis.test_whose_attempt import HERE, OPENED, pasted, with_rows

HEALTHY, NO_FAULT_SEEN = Verdict.HEALTHY, Verdict.NO_FAULT_SEEN
CONNECTED, SPOKE = row(1, "agent_connected", "agent"), row(2, "agent_audio", "agent")
ANSWERED, ENDED = row(8, "sip_answered"), row(60, "call_ended", "agent")
WORDS = (row(0, "room_created"), row(0.1, "agent_dispatched"), CONNECTED, SPOKE, ANSWERED, ENDED)


def test_what_the_rows_say_in_their_own_words() -> None:
    assert rows_only(900, *WORDS).verdict is HEALTHY
    for missing in (SPOKE, ANSWERED, ENDED):
        assert rows_only(900, *(each for each in WORDS if each is not missing)).verdict is not HEALTHY


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("agent_said", HEALTHY),
        ("assistantSpeaking", HEALTHY),
        ("bot_started_speaking", HEALTHY),
        ("user_speech", NO_FAULT_SEEN),
        ("user_transcript", NO_FAULT_SEEN),
        ("agent_transcript", NO_FAULT_SEEN),
        ("agent_speech_created", NO_FAULT_SEEN),
    ],
)
def test_who_is_heard_in_a_row(state: str, verdict: Verdict) -> None:
    """That the callee spoke is not that the agent did: where it is silent, they ask whether anybody is there."""
    told = row(20, state, "agent")
    assert rows_only(900, *(told if each is SPOKE else each for each in WORDS)).verdict is verdict


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((), NO_FAULT_SEEN),
        ((row(30, "crm_updated", "agent"),), NO_FAULT_SEEN),
        ((row(40, "crm_updated", "agent"),), HEALTHY),
        ((row(40, "crm_updated", "crm"),), NO_FAULT_SEEN),
        ((row(40, "agent_said", "transcripts"),), HEALTHY),
        ((row(1.1, "agent_connected", "livekit-webhook"),), NO_FAULT_SEEN),
        ((row(1.1, "agent_connected", "livekit-webhook"), row(40, "crm_updated", "agent")), HEALTHY),
        ((row(1.1, "agent_connected", "edge_function"), row(40, "crm_updated", "agent")), NO_FAULT_SEEN),
        ((row(20, "pod_oom_killed", "cluster"), row(40, "crm_updated", "agent")), Verdict.UNKNOWN),
    ],
)
def test_that_the_agent_stayed_its_own_rows_show(rows: tuple[LogRow, ...], verdict: Verdict) -> None:
    """Another component logs the end; it does so for an agent that was killed, too."""
    ended = row(60, "call_ended", "webhook")
    assert rows_only(900, *(each for each in WORDS if each is not ENDED), *rows, ended).verdict is verdict


def test_the_rows_of_a_further_job_show_no_first_agent() -> None:
    """It was dispatched again just before the end: the first agent may have left long before."""
    assert rows_only(900, *WORDS, row(1.4, "agent_entrypoint_called", "agent")).verdict is HEALTHY
    assert rows_only(900, *WORDS, row(59.5, "agent_entrypoint_called", "agent")).verdict is NO_FAULT_SEEN


def test_webhooks_that_are_written_down_show_no_agent_to_the_end() -> None:
    """Of an agent that was killed the room still closes."""
    told = [replace(each, source="webhook") for each in WORDS]
    assert rows_only(900, *told).verdict is NO_FAULT_SEEN
    assert rows_only(900, *(replace(each, source="backend") for each in WORDS)).verdict is HEALTHY


def test_a_row_that_says_that_the_agent_left() -> None:
    for state in ("agent_left", "agent_disconnected", "assistant_session_terminated"):
        assert rows_only(900, *WORDS, row(20, state, "agent")).verdict is NO_FAULT_SEEN
        assert rows_only(900, *WORDS, row(59, state, "agent")).verdict is HEALTHY


def test_a_worker_that_drained_while_the_call_went_on() -> None:
    """It may have been killed before its job was over; its log tells where it was not."""
    asked = worker_line(0.3, "received job request", dispatch_id="AD_1")
    exits = worker_line(64, "process exiting", reason="room disconnected")

    def drained(seconds: float, *lines: LogLine) -> Verdict:
        line = worker_line(seconds, "draining worker", room="", job_id="")
        return judge(900, *WORDS, log_file("worker"), asked, line, *lines, settings=HERE).verdict

    assert drained(30) is NO_FAULT_SEEN
    assert drained(30, exits) is HEALTHY
    assert drained(70) is HEALTHY


def test_an_agent_that_may_be_the_first_of_two_dispatches() -> None:
    """By two clocks within the tolerance nobody knows; so it is not shown."""
    assert rows_only(900, *WORDS, row(4, "agent_dispatched")).verdict is NO_FAULT_SEEN


def test_a_phone_that_is_gone_so_soon_that_its_sound_may_have_failed() -> None:
    def watched(until: float) -> Verdict:
        there = [look(t, dispatch(0, job()), agent(1, audio()), phone()) for t in (10, until)]
        return judge(until + 2, *there, *closed(until + 2)).verdict

    assert watched(50) is HEALTHY
    assert watched(30) is NO_FAULT_SEEN


def test_an_agent_that_nobody_saw_stay() -> None:
    there = [look(t, dispatch(0, job()), agent(1, audio()), phone()) for t in (10, 50)]
    assert judge(53, *there, *closed(53)).verdict is HEALTHY
    assert judge(80, *there, *closed(80)).verdict is NO_FAULT_SEEN


# Whose is it


def test_an_undated_error_beside_a_participant_who_may_be_the_phone() -> None:
    """Of which kind it was, the server says when it leaves."""
    error = pasted("sip not connected (redis required)", http=500)
    came = server_line(9, "participant active", participant="callee", participant_id="PA_new", agent_name="")
    alone = judge(60, log_file("server"), server_line(0, "selected node for room"), error, settings=HERE)
    assert "LKD203" in codes(alone)
    assert "LKD203" not in codes(judge(60, log_file("server"), came, error, settings=HERE))


def test_a_room_that_was_deleted_when_no_phone_could_be_made() -> None:
    """Looks alone show that it was closed early, and not why: a refusal at once leaves nobody in it."""
    watched = [look(t) for t in (0.5, 1, 2)]
    assert [item[2] for item in found(judge(3, *watched, *closed(3))) if item[1] == "LKD502"] == ["possible"]


def test_a_worker_that_has_run_a_job_since_it_failed_to_connect() -> None:
    nobody = {"room": "", "room_id": "", "job_id": "", "agent_name": ""}
    lost = worker_line(-60, "failed to connect to livekit, retrying in 2s", **nobody)
    other = worker_line(-50, "process exiting", room="another", room_id="RM_another01", job_id="AJ_another0001")
    looks = [look(t, dispatch(0), phone()) for t in (20, 24)]
    assert "LKD105" in codes(judge(24, *looks, log_file("worker"), lost, settings=HERE))
    assert "LKD105" not in codes(judge(24, *looks, log_file("worker"), lost, other, settings=HERE))


def test_a_failed_request_below_the_request_of_another_call() -> None:
    """It names no job: the request above it says whose it is."""
    asked = worker_line(0.2, "received job request")
    other = worker_line(0.4, "received job request", room="another", room_id="RM_another01", job_id="AJ_another0001")
    raised = worker_line(0.5, "job_request_fnc failed", room="", room_id="", job_id="")

    def says_that_it_raised(*lines: LogLine) -> bool:
        shown = (item for one in with_rows(OPENED, *lines).broken for item in one.because)
        return any("job_request_fnc failed" in item.text for item in shown)

    assert says_that_it_raised(asked, raised)
    assert not says_that_it_raised(asked, other, raised)


def test_that_an_earlier_dial_was_over_shows_nothing_of_the_last() -> None:
    first = {"call_id": "SCL_first", "room": ROOM}
    failed = line("sip", 0.2, "SIP call failed", error="sip status: 486: Busy Here", **first)
    over = line("sip", 0.2, "Closing outbound call", status="486", **first)
    own = dispatch(0, job())
    looks = [*look(29, own, agent(2, audio()), phone(joined=3)), *look(36, own, agent(2, audio())), *closed(80)]
    assert judge(80, *looks, failed, over).verdict is NO_FAULT_SEEN
    last = line("sip", 30, "Closing outbound call", room=ROOM, call_id="SCL_last")
    assert judge(80, *looks, failed, over, last).verdict is HEALTHY


@pytest.mark.parametrize(("log_ends", "left", "asked"), [(95, (), True), (50, (), False), (95, (44.9,), False)])
def test_a_log_that_goes_on_and_has_no_end_of_the_call(log_ends: float, left: tuple[float, ...], asked: bool) -> None:
    """What writes it died with the call, and was started again: it would have said that the phone left."""
    rows = [
        row(-1, "call_requested"),
        row(1, "agent_connected", "agent"),
        row(6, "sip_answered"),
        row(45, "call_ended"),
    ]
    lines = [line("sip", 6, "Outbound SIP call established", room=ROOM, call_id="SCL_1", participant="callee")]
    lines += [line("sip", at, "SIP call ended", room=ROOM, call_id="SCL_1", participant="callee") for at in left]
    told = judge(900, log_file("sip", last=log_ends), *rows, *lines)
    assert any("what became of the phone" in settles for settles in told.would_settle) is asked
