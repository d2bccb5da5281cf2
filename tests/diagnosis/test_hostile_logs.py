"""Logs that mislead: of another node, another time, another call; in each case what they must not lead to."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Verdict
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
    row,
    server_line,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    ACTIVE,
    ASKED,
    ASSIGNED,
    CLOSED,
    HERE,
    NO_WORKER,
    OF_WORKER,
    OPENED,
    RAISED,
    WITH_AGENT,
    afterwards,
    asked_for,
    created,
    registered,
    request_failed,
    server_registered,
    sip_line,
    stuck,
    undispatched,
)

JOB = "job_assigned"
AT_END = replace(RAISED, at=at(95))
DECLINED = server_line(0.3, "failed to assign job to worker", error="worker not available")
FULL = request_failed("no servers available (received 2 responses)")


def without_zone(one: LogLine, hours: float) -> LogLine:
    """As a worker in another time zone writes it."""
    assert one.at is not None
    return replace(one, at=one.at + timedelta(hours=hours), zoned=False)


# An agent that joins under an identity of its own


def named(seconds: float, message: str, **fields: str) -> LogLine:
    return server_line(seconds, message, participant="ava", agent_name="", **fields)


def test_an_agent_of_any_identity_was_there() -> None:
    """request_fnc may accept with an identity; what is raised at the hang-up is then no break."""
    lines = [ASKED, ASSIGNED, named(0.9, "participant active"), AT_END]
    assert afterwards(lines).verdict is Verdict.UNKNOWN
    assert afterwards(lines, named(96, "participant closing", kind="AGENT")).verdict is Verdict.NO_FAULT_SEEN
    assert codes(afterwards(lines, named(96, "participant closing", kind="SIP"))) == ["LKD405"]


def test_what_was_raised_within_seconds_may_have_been_raised_in_the_room() -> None:
    """By the worker's log alone LKD407 looks the same."""
    early = replace(RAISED, at=at(5))
    diagnosis = judge(900, log_file("worker"), ASKED, early, settings=HERE, subject=Subject(room=ROOM))
    assert found(diagnosis) == [("entrypoint_called", "LKD405", "possible")]


def test_a_crash_next_to_the_hang_up() -> None:
    """The worker's clock is 4 s behind."""
    left = server_line(40, "participant closing", participant="sip_1", kind="SIP", agent_name="")
    assert afterwards(ASKED, ASSIGNED, ACTIVE, replace(RAISED, at=at(36.5)), left).verdict is Verdict.NO_FAULT_SEEN


def by_slow_clock(one: LogLine, seconds: float) -> LogLine:
    assert one.at is not None
    return replace(one, at=one.at - timedelta(seconds=seconds))


@pytest.mark.parametrize("slow", [20, 3600])
def test_a_crash_after_the_hang_up_by_a_clock_that_is_wrong(slow: float) -> None:
    """The line of the job, which worker and server both write, shows that their clocks differ."""
    left = server_line(4000, "participant closing", participant="sip_1", kind="SIP", agent_name="")
    raised = replace(RAISED, at=at(4001))
    lines = (ASSIGNED, ACTIVE, left)
    wrong = [by_slow_clock(one, slow) for one in (ASKED, raised)]
    assert codes(judge(5000, log_file("server"), log_file("worker"), *lines, *wrong, settings=HERE)) == []
    early = replace(RAISED, at=at(4001 - slow))
    assert codes(judge(5000, log_file("server"), log_file("worker"), *lines, ASKED, early, settings=HERE)) == ["LKD407"]


# Another call in a room of this name


def test_of_rooms_with_one_name_the_latest_counts() -> None:
    old = {"room_id": "RM_before000000", "job_id": "AJ_before000000"}
    before = [
        server_line(-500, "assigned job to worker", **old),
        server_line(-499, "participant active", participant="agent-AJ_before000000", agent_name="", **old),
    ]
    assert found(afterwards(before, NO_WORKER)) == [(JOB, "LKD101", "possible")]
    assert codes(afterwards(before, ASKED, ASSIGNED, RAISED)) == ["LKD405"]
    lost = server_line(-500, NO_WORKER.message, room_id="RM_before000000")
    assert afterwards(lost, ASKED, ASSIGNED, ACTIVE).verdict is Verdict.NO_FAULT_SEEN


def test_of_rooms_with_one_name_that_of_the_rows_time_counts() -> None:
    later = server_line(500, NO_WORKER.message, room_id="RM_later0000000")
    lines = (ASKED, ASSIGNED, ACTIVE, later)
    diagnosis = judge(900, log_file("server"), *lines, row(1, "sip_participant_created"), settings=HERE)
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN


def test_two_agents_in_one_room() -> None:
    other = {"agent_name": "billing", "job_id": "AJ_billing00000"}
    there = [
        server_line(0.2, "assigned job to worker", **other),
        server_line(0.8, "participant active", participant="agent-AJ_billing00000", agent_name=""),
    ]
    assert codes(afterwards(there, ASKED, ASSIGNED, RAISED)) == ["LKD405"]
    raised = replace(RAISED, fields={**RAISED.fields, **other})
    assert afterwards(ASKED, ASSIGNED, ACTIVE, raised).verdict is Verdict.NO_FAULT_SEEN


# Times without a zone


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([NO_WORKER, without_zone(registered(-60), 2)], id="LKD109"),
        pytest.param(
            [without_zone(registered(-60), -5), without_zone(worker_line(20, "draining worker", **OF_WORKER), -5)],
            id="LKD108",
        ),
        pytest.param(
            [NO_WORKER, without_zone(worker_line(20, "failed to connect to livekit", **OF_WORKER), -5)], id="LKD105"
        ),
    ],
)
def test_a_time_without_a_zone_has_no_order_with_the_dispatch(lines: list[LogLine]) -> None:
    assert found(stuck(lines)) == [(JOB, "LKD402", "likely")]


def test_a_crash_at_an_unknown_time() -> None:
    lines = [ASSIGNED, without_zone(ASKED, -5), without_zone(AT_END, -5)]
    diagnosis = judge(900, log_file("worker"), *lines, settings=HERE, subject=Subject(room=ROOM))
    assert diagnosis.verdict is Verdict.UNKNOWN


# The log of another node, or of warnings only


def test_the_log_of_another_node_knows_no_assignment() -> None:
    assert afterwards(ASKED).verdict is Verdict.UNKNOWN
    assert afterwards(ASKED, OPENED).verdict is Verdict.UNKNOWN, "the node that has the worker writes of its jobs"
    assert found(afterwards(ASKED, OPENED, server_registered(-60))) == [(JOB, "LKD404", "likely")]


def test_a_log_of_warnings_has_no_rooms() -> None:
    requested = row(0, "call_requested")
    assert found(judge(900, log_file("server"), requested)) == [("room_created", "LKD501", "possible")]


@pytest.mark.parametrize(("beside", "sure"), [("warn", "possible"), ("info", "likely")])
def test_a_log_of_warnings_shows_no_later_job(beside: str, sure: str) -> None:
    """The agent may have been dispatched again, and have come: what says so is no warning."""
    full = server_line(1, "no worker available to handle job", error="no workers with sufficient capacity")
    other = server_line(40, "error reading data channel", agent_name="")
    lines = replace(full, level="warn"), replace(other, level=beside)
    assert found(afterwards(*lines)) == [(JOB, "LKD103", sure)]


def test_a_dispatch_that_another_node_logged() -> None:
    lost = request_failed("no response from servers", 2)
    assert ("agent_dispatched", "LKD401", "proven") not in found(undispatched(OPENED, lost))


# What was done after the job had been lost


def test_a_dispatch_that_was_tidied_up() -> None:
    deleted = server_line(60, "API AgentDispatchService.DeleteDispatch", status="200", dispatch_id="AD_t8Xk2mQ9pLwz")
    assert found(afterwards(OPENED, created(0.1), NO_WORKER, deleted)) == [(JOB, "LKD101", "possible")]
    looks = [look(20, dispatch(0), phone()), look(36, phone()), look(40, phone())]
    tidied = judge(40, *looks, subject=Subject(room=ROOM))
    assert found(tidied) == [("agent_dispatched", "LKD413", "possible")]
    assert tidied.broken[0].candidates == ("LKD402",)


@pytest.mark.parametrize(
    "end",
    [
        server_line(300, "closing idle room", reason="empty timeout", agent_name=""),
        server_line(60, "API RoomService.DeleteRoom", status="200", agent_name=""),
    ],
)
def test_a_room_that_closed_since_nobody_took_the_job(end: LogLine) -> None:
    assert found(afterwards(OPENED, created(0.1), NO_WORKER, end)) == [(JOB, "LKD101", "possible")]


def test_a_second_create_room() -> None:
    """The first had opened the room, with the agent."""
    lines = [OPENED, asked_for(0.01, WITH_AGENT), asked_for(1.5, WITH_AGENT)]
    assert "LKD412" not in codes(undispatched(*lines))


# Workers


@pytest.mark.parametrize("url", ["ws://livekit:7880", "ws://10.0.3.4:7880", "ws://livekit.calls.svc"])
def test_a_worker_knows_its_server_by_another_name(url: str) -> None:
    assert found(stuck(registered(-60, url=url))) == [(JOB, "LKD402", "likely")]
    assert found(stuck(registered(-60, url=url), FULL)) == [(JOB, "LKD103", "likely")]


def test_a_worker_of_the_right_kind_beside_one_of_another() -> None:
    blue = registered(-50, deployment="blue", worker_id="AW_blue00000000")
    assert "LKD110" not in codes(stuck(registered(-60), blue, request_failed("no response from servers")))


def test_its_own_line_comes_before_one_with_the_agents_name_only() -> None:
    """Another call of that moment was the one that nobody was free for."""
    assert found(stuck(DECLINED, FULL)) == [(JOB, "LKD404", "likely")]
    late = server_line(3.2, "failed to assign job to worker", error="context deadline exceeded")
    assert found(stuck(late, FULL)) == [(JOB, "LKD403", "likely")]


def test_a_line_with_the_agents_name_only_beside_another_call() -> None:
    other = created(0.2, "another-room")
    assert found(stuck(registered(-60), FULL, other)) == [(JOB, "LKD402", "likely")]


# The phone's leg


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        ("call_requested", '{"last_error": "sip status: 486: Busy Here"}'),
        ("agent_connected", '{"note": "sip status 486 is a busy line"}'),
        ("retry_policy", '{"sip_status_code": [486, 503]}'),
    ],
)
def test_a_row_that_speaks_of_a_status_which_is_not_its_calls(state: str, metadata: str) -> None:
    rows = [row(0.1, "room_created"), row(0.5, "sip_participant_created"), row(1, "agent_connected", "agent")]
    diagnosis = judge(300, rows, row(0.05, state, metadata=metadata), closed(300))
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN, found(diagnosis)


def test_the_end_of_a_call_whose_beginning_is_not_in_the_log() -> None:
    ended = sip_line(60, "Closing outbound call with error", error="media-timeout")
    assert not codes(afterwards(ended, log_file("sip")))
    started = [sip_line(0.5, "Creating SIP participant"), ended, log_file("sip")]
    assert codes(afterwards(started)) == ["LKD210"]


def test_a_phone_that_is_dialled_again_by_livekit_sips_log() -> None:
    creating = [sip_line(t, "Creating SIP participant") for t in (0.5, 20)]
    busy = [sip_line(t, "SIP invite failed", error="INVITE failed: sip status: 486: Busy Here") for t in (5, 25)]
    assert codes(afterwards(log_file("sip"), creating[0], busy[0])) == ["LKD204"]
    assert not codes(afterwards(log_file("sip"), creating[0], busy[0], creating[1]))
    assert codes(afterwards(log_file("sip"), creating, busy)) == ["LKD204"]
    logged = row(20, "sip_participant_created")
    again = afterwards(log_file("sip"), ASKED, ASSIGNED, ACTIVE, creating[0], busy[0], logged)
    assert again.verdict is Verdict.NO_FAULT_SEEN


def test_a_room_whose_name_goes_on() -> None:
    other = line("sip", 3, "SIP invite failed", room=f"{ROOM}-2", error="INVITE failed: sip status: 486: Busy Here")
    assert afterwards(other, log_file("sip")).verdict is Verdict.UNKNOWN


# Noise (design fact 12)


def test_all_the_noise_of_a_healthy_call() -> None:
    noise = [
        request_failed("no servers available (received 1 responses)", agent_name=""),
        replace(FULL, fields={"error": "no response from servers", "job_id": "AJ_uN4vB8sK1rTy"}),
        server_line(0.1, NO_WORKER.message, job_type="JT_PARTICIPANT"),
        server_line(0.11, NO_WORKER.message, job_type="JT_PUBLISHER"),
        server_line(90.1, "job ended", status="JS_FAILED", error="agent worker left the room"),
        worker_line(91, "process exited with non-zero exit code 255", job_id=""),
    ]
    assert afterwards(ASKED, ASSIGNED, ACTIVE, OPENED, noise).verdict is Verdict.NO_FAULT_SEEN
    live = look(30, dispatch(0, job()), phone(), agent(1, audio()))
    assert judge(30, live, log_file("server"), OPENED, noise, settings=HERE).verdict is Verdict.HEALTHY


# Another node of the cluster: livekit-server writes a log on each


def by_any_node(seconds: float, message: str, **fields: str) -> LogLine:
    """As the node writes it that got the call of the API: with the name of the room, and not its id."""
    return server_line(seconds, message, room_id="", agent_name="", **fields)


def test_who_was_in_the_room_only_its_own_node_says() -> None:
    """The worker is at another node than the room: that one's log has the job, and not who joined."""
    slow = worker_line(10.2, "The room connection was not established within 10 seconds")
    late = replace(RAISED, at=at(290))
    for lines in ([ASKED, ASSIGNED, slow], [ASKED, ASSIGNED, late]):
        assert "proven" not in [confidence for _, _, confidence in found(afterwards(*lines))]
    assert found(afterwards(OPENED, ASKED, ASSIGNED, slow, CLOSED)) == [("agent_connected", "LKD415", "proven")]
    assert found(afterwards(OPENED, ASKED, ASSIGNED, late, CLOSED)) == [("entrypoint_called", "LKD405", "proven")]


def test_that_a_room_was_deleted_does_not_say_that_nobody_had_come() -> None:
    asked = [
        by_any_node(0, "selected node for room"),
        by_any_node(0.1, "API RoomService.CreateRoom", status="200"),
        by_any_node(60, "API RoomService.DeleteRoom", status="200"),
    ]
    requested, ended = row(-1, "call_requested"), row(61, "call_ended")
    for rows in ((), (requested, ended)):
        assert "LKD502" not in codes(judge(900, log_file("server"), *asked, *rows, subject=Subject(room=ROOM)))
    assert found(afterwards(asked, replace(CLOSED, at=at(60.1)))) == [("room_created", "LKD502", "possible")]


def test_another_node_may_have_been_told_to_dispatch() -> None:
    """Then the log of the room's node has neither the dispatch nor the job, if the worker is elsewhere, too."""
    lines = [OPENED, CLOSED, row(3, "sip_answered")]
    sure = afterwards(lines, server_registered(-60))
    assert found(sure) == [("agent_dispatched", "LKD401", "likely")], "this node has the agent's worker"
    assert found(afterwards(lines)) == [("agent_dispatched", "LKD401", "possible")]
