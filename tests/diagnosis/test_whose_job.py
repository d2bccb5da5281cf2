"""Which job a line is about, and whether agent and phone were together to the end: found by the simulator."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Job, LogLine, Observation, Sighting
from livekit_doctor.flow import Step, Verdict
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    agent,
    at,
    audio,
    codes,
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
    webhook,
    worker_line,
)
from tests.diagnosis.test_component_logs import HERE, sip_line

JOB = "AJ_uN4vB8sK1rTy"
OF_NOBODY = {"room": "", "room_id": "", "job_id": ""}
ELSEWHERE = worker_line(-400, "registered worker", url="wss://voice.example.com", **OF_NOBODY)
ESTABLISHED = sip_line(4, "Outbound SIP call established")
OVER = sip_line(60, "SIP call ended", reason="hangup")


def heard(seconds: float) -> LogLine:
    return sip_line(seconds, "track subscribed", participant=f"agent-{JOB}", kind="audio")


def exits(seconds: float) -> LogLine:
    return worker_line(seconds, "process exiting", reason="session closed", room="", room_id="")


def after(*items: Observation) -> Diagnosis:
    return judge(900, log_file("worker"), *items, settings=HERE, subject=Subject(room=ROOM))


def test_a_worker_that_is_asked_is_connected() -> None:
    """By another name of the same server, it may be (LKD104)."""
    asked = worker_line(1, "received job request", dispatch_id="AD_other", room="", room_id="", job_id="AJ_unknown")
    assert "LKD104" in codes(after(ELSEWHERE))
    assert "LKD104" not in codes(after(ELSEWHERE, asked))


@pytest.mark.parametrize(("jobs", "expected"), [((), "LKD104"), ((job(),), "LKD402")])
def test_an_earlier_dispatch_of_the_room_found_a_worker(jobs: tuple[Job, ...], expected: str) -> None:
    """So that the other server's name may be another one of this server."""
    told = look(60, dispatch(1, *jobs, id="AD_before"), dispatch(20), phone())
    assert codes(judge(60, log_file("worker"), *told, ELSEWHERE, settings=HERE))[0] == expected


@pytest.mark.parametrize(("name", "sure"), [("Somebody Else", "proven"), (f"{AGENT} EU", "possible")])
def test_a_pod_that_does_not_connect_beside_a_worker_of_almost_the_name(name: str, sure: str) -> None:
    """The dispatch's name may be mistyped as well."""
    told = [
        server_line(-500, "worker registered", agent_name=name, worker_id="AW_other", room="", room_id=""),
        server_line(0, "selected node for room", agent_name=""),
        server_line(1, "not dispatching agent job since no worker is available"),
        *(
            worker_line(seconds, "failed to connect to livekit, retrying in 2s", **OF_NOBODY)
            for seconds in (-20, -10, 10, 20)
        ),
    ]
    logs = log_file("server", last=900), log_file("worker", last=900)
    assert [one[2] for one in found(judge(900, *logs, *told, settings=HERE)) if one[1] == "LKD105"] == [sure]


def test_a_connection_lost_long_after_the_call_did_not_break_it() -> None:
    def lost(seconds: float) -> LogLine:
        return worker_line(seconds, "failed to connect to livekit, retrying in 2s", **OF_NOBODY)

    created = sip_line(0, "Creating SIP participant")
    assert "LKD105" in codes(after(created, lost(-9)))
    assert "LKD105" not in codes(after(created, lost(500)))


def test_an_agent_that_the_phone_was_given_to_hear_was_there() -> None:
    diagnosis = after(log_file("sip"), ESTABLISHED, heard(5), OVER)
    told = {step.step: step.status.value for step in diagnosis.steps}
    assert (told[Step.JOB_ASSIGNED], told[Step.AGENT_CONNECTED], told[Step.AGENT_AUDIO]) == ("ok", "ok", "ok")


def test_a_phone_that_its_agent_left_long_before_the_end() -> None:
    """They were seen together, and then the worker's log has the job's end and livekit-sip's that of the call."""
    together = look(10, dispatch(1, job()), agent(2, audio()), phone()), rooms(90)
    logs = log_file("worker"), log_file("sip"), ESTABLISHED, heard(5), OVER
    assert judge(90, *together, *logs, exits(64), settings=HERE).verdict is Verdict.HEALTHY
    assert judge(90, *together, *logs, exits(20), settings=HERE).verdict is Verdict.NO_FAULT_SEEN


def test_an_agent_that_was_never_heard() -> None:
    """Two looks at an agent without a track, and then the room is closed: silent, or not, nobody saw."""
    dispatched = dispatch(1, job())
    silent = [look(t, dispatched, agent(2), phone()) for t in (20, 40)]
    speaking = [look(t, dispatched, agent(2, audio()), phone()) for t in (20, 58)]
    assert judge(60, *silent, rooms(60)).verdict is not Verdict.HEALTHY
    assert judge(60, *speaking, rooms(60)).verdict is Verdict.HEALTHY


def test_an_agent_that_came_and_raised_before_the_first_look() -> None:
    """The RTC library says that its connection was closed: it had one (found by the simulator)."""
    seen = [look(t, dispatch(0, job()), phone()) for t in (20, 24)]
    asked = worker_line(0.3, "received job request", dispatch_id="AD_1")
    raised = worker_line(2, "unhandled exception while running the job task")
    words = "livekit::rtc_engine::rtc_session - publisher data channel '_reliable' closed unexpectedly"
    closed_then = worker_line(2.1, f"livekit::rtc_engine::rtc_session:704:{words}")
    logs = log_file("worker", last=23), asked, raised
    assert found(judge(24, *seen, *logs, settings=HERE)) == [("entrypoint_called", "LKD405", "proven")]
    came = judge(24, *seen, *logs, closed_then, settings=HERE)
    assert found(came) == [("entrypoint_called", "LKD405", "possible")]
    assert "LKD407" in came.broken[0].candidates


@pytest.mark.parametrize(
    ("times", "raised", "sure"), [((20, 24), 12, "possible"), ((5, 9, 20, 24), 12, "proven"), ((20, 24), 4, "proven")]
)
def test_an_agent_that_may_have_come_and_raised_between_two_looks(times: tuple[int], raised: float, sure: str) -> None:
    """Nothing but a look tells whether it had connected: the worker's log does not say when it does."""
    seen = [look(t, dispatch(0, job()), phone()) for t in times]
    asked = worker_line(0.3, "received job request", dispatch_id="AD_1")
    logs = log_file("worker", last=23), asked, worker_line(raised, "unhandled exception while running the job task")
    diagnosis = judge(24, *seen, *logs, settings=HERE)
    assert found(diagnosis) == [("entrypoint_called", "LKD405", sure)]
    assert ("LKD407" in diagnosis.broken[0].candidates) is (sure == "possible")


def test_what_was_heard_of_the_agent_before_says_nothing_of_the_last() -> None:
    """It was seen to publish, and left; of the next one, which stayed to the end, nobody heard anything."""

    def came(seconds: float, event: str, identity: str) -> Sighting:
        return Sighting(read=read(3600, "evidence"), room=ROOM, at=at(seconds), event=event,
                        participants=(agent(seconds, identity=identity, sid=f"PA_{identity}"),))  # fmt: skip

    seen = (*look(27, dispatch(2, job()), agent(3, audio()), phone()), rooms(900))
    gone = replace(came(103, "participant_left", "-"), participants=(phone(),))
    first, stays = came(3, "participant_joined", "agent-AJ_1"), came(103, "participant_left", "agent-AJ_1")
    assert judge(900, *seen, first, stays, gone).verdict is Verdict.HEALTHY
    leaves, second = came(31, "participant_left", "agent-AJ_1"), came(43, "participant_joined", "agent-AJ_2")
    ends = came(103, "participant_left", "agent-AJ_2"), gone
    assert judge(900, *seen, first, leaves, second, *ends).verdict is not Verdict.HEALTHY


def test_a_crash_of_another_job_than_the_agents_that_was_there() -> None:
    """The agent of the first dispatch had left; that of the next one never came."""
    came = server_line(1, "participant active", participant="agent-AJ_first", agent_name="", job_type="")
    raised = worker_line(36, "unhandled exception while running the job task", job_id="AJ_second")
    phone_left = server_line(65, "participant closing", participant="callee", kind="SIP", agent_name="", job_type="")
    for job_id, expected in (("AJ_second", False), ("AJ_first", True)):
        logs = log_file("server", last=900), log_file("worker", last=900)
        told = judge(900, *logs, came, replace(raised, fields=raised.fields | {"job_id": job_id}), phone_left)
        assert ("LKD407" in codes(told)) is expected


@pytest.mark.parametrize(("sought", "code"), [(8.2, "LKD101"), (3, "LKD405")])
def test_a_dispatch_for_which_nobody_was_there_after_the_one_whose_job_raised(sought: float, code: str) -> None:
    """The server's log of the room's node has no request of the API. By two clocks it need not be the later."""
    logs = log_file("server", last=900), log_file("worker", last=900)
    raised = worker_line(1.2, "unhandled exception while running the job task")
    nobody = server_line(sought, "not dispatching agent job since no worker is available")
    told = judge(900, *logs, worker_line(0.7, "received job request"), raised, nobody)
    assert code in codes(told) or code in told.broken[0].candidates
    assert ("LKD405" in codes(told)) is (code == "LKD405")


def test_a_job_that_broke_down_before_the_agent_that_webhooks_show_last() -> None:
    first, second = (
        agent(t, identity=f"agent-AJ_{name}", sid=f"PA_{name}") for t, name in ((1, "first"), (18, "next"))
    )
    raised = worker_line(4, "unhandled exception while running the job task", job_id="AJ_first")
    callee = webhook(5, "participant_joined", phone("active", 5)), webhook(60, "participant_left", phone("active", 5))
    came = webhook(1, "participant_joined", first), webhook(18, "participant_joined", second)
    for joined, expected in ((came, False), (came[:1], True)):
        told = judge(900, *joined, *callee, raised, log_file("worker", last=900), settings=HERE)
        assert ("LKD407" in codes(told)) is expected


def test_a_job_that_hung_long_after_another_was_assigned() -> None:
    """Each was told of to its end, the first one's after the beginning of the second: it is of a dispatch before."""
    hung = server_line(61, "job ended", job_id="AJ_first", status="JS_FAILED")
    given = [
        server_line(t, "assigned job to worker", job_id=f"AJ_{name}") for t, name in ((0.3, "first"), (34, "next"))
    ]
    killed = worker_line(60.8, "process is unresponsive, killing process", job_id="AJ_first")
    logs = log_file("server", last=900), log_file("worker", last=900)
    assert codes(judge(900, *logs, *given, killed, hung, settings=HERE)) == []
    assert codes(judge(900, *logs, given[0], killed, hung, settings=HERE)) != []


def test_a_job_that_broke_down_before_rows_tell_of_another_ones_entrypoint() -> None:
    """The log is of another pod, and by its clock the row of the dispatch need not be a later one's."""
    failed = worker_line(0.2, "received job request"), worker_line(0.8, "process exited with non-zero exit code 3")
    rows = row(0.7, "agent_entrypoint_called", "agent"), row(5.2, "agent_dispatched")
    again = row(5.4, "agent_entrypoint_called", "agent")
    log = log_file("worker", last=0.8)
    assert judge(7, row(-1, "call_requested"), *rows, again, *failed, log, settings=HERE).verdict is Verdict.IN_PROGRESS
    assert codes(judge(7, row(-1, "call_requested"), *rows, *failed, log, settings=HERE)) == ["LKD405"]


@pytest.mark.parametrize(("heard", "expected"), [((), ["LKD105"]), (("somebody",), [])])
def test_a_pod_that_does_not_connect_where_the_phone_was_given_somebody_to_hear(
    heard: tuple[str, ...], expected: list[str]
) -> None:
    """It may be the agent, of a pod whose log is not here."""
    failing = [
        worker_line(t, "failed to connect to livekit, retrying in 6s", error="401, message='Invalid response status'",
                    job_id="", room="", room_id="")
        for t in (-5, 5, 15)
    ]  # fmt: skip
    given = [sip_line(8.1, "track subscribed", participant=who, kind="audio", track_id="TR_1") for who in heard]
    answered = sip_line(2, "Creating SIP participant"), sip_line(8, "Outbound SIP call established"), *given
    told = judge(900, log_file("worker"), *failing, log_file("sip"), *answered, settings=HERE)
    assert codes(told) == expected


def test_an_agent_that_livekit_sip_heard_had_come() -> None:
    died = worker_line(0.3, "received job request"), worker_line(20, "process exited with non-zero exit code -9")
    heard = sip_line(8.1, "track subscribed", participant="agent-AJ_uN4vB8sK1rTy", kind="audio", track_id="TR_1")
    phone_leg = sip_line(2, "Creating SIP participant"), sip_line(8, "Outbound SIP call established")
    over = sip_line(40, "Closing outbound call", reason="hangup")
    given = log_file("worker"), log_file("sip"), *died, *phone_leg, over
    assert found(judge(900, *given, heard, settings=HERE)) == [("agent_connected", "LKD407", "likely")]
    assert "LKD407" not in codes(judge(900, *given, settings=HERE))


@pytest.mark.parametrize(("broke", "expected"), [(1.5, [("agent_connected", "LKD407", "possible")]), (9, [])])
def test_an_agent_that_broke_down_as_soon_as_it_had_come(broke: float, expected: list[object]) -> None:
    """Before there was a phone, or who dials is the agent: nobody can have talked with it, so that it is no end of a
    call."""
    row_ = row(1, "agent_connected", "agent")
    raised = (
        worker_line(0.3, "received job request"),
        worker_line(broke, "unhandled exception while running the job task"),
    )
    assert found(judge(900, row(0, "call_requested"), row_, log_file("worker"), *raised, settings=HERE)) == expected


def test_a_dial_that_was_given_up_may_have_rung_out() -> None:
    """By livekit-sip's log, which begins after the dial did."""
    cancelled = sip_line(34, "SIP call failed", error="INVITE failed: sip status: 487: Request Terminated")
    told = judge(900, log_file("sip", first=20), cancelled, settings=HERE)
    assert [(one.code, one.confidence.value, one.candidates) for one in told.broken] == [
        ("LKD204", "possible", ("LKD206",))
    ]
