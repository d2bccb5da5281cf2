"""The rules by the components' logs: the smallest evidence that fires each, and the nearest that must not.

The texts of the lines are those of livekit-server 1.13.5 and livekit-agents 1.8.9; tests/lab has them
from the real ones.
"""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, Observation
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import Agent, Flow, LiveKit, Settings, Worker
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    SETTINGS,
    agent,
    audio,
    automatic,
    because,
    broken,
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
    status,
    the_room,
    warned,
    worker_line,
)
from tests.each import each

HERE = Settings(agent=Agent(name=AGENT), livekit=LiveKit(url="wss://calls.example.com"))
WITHOUT_ROOM = {"room": "", "room_id": ""}
OF_WORKER = {**WITHOUT_ROOM, "job_id": ""}

NO_WORKER = server_line(1, "not dispatching agent job since no worker is available")
ASKED = worker_line(0.2, "received job request", dispatch_id="AD_t8Xk2mQ9pLwz")
ASSIGNED = server_line(0.3, "assigned job to worker", job_id="AJ_uN4vB8sK1rTy", worker_id="AW_c5Dg7Hj2Lq9w")
RAISED = replace(
    worker_line(0.5, "unhandled exception while running the job task"),
    traceback="File \"agent.py\", line 42, in entrypoint\nKeyError: 'user_id'",
)
OPENED = server_line(0, "selected node for room", agent_name="", room_id="")
"""In the log of the node that the team's programs call."""
CLOSED = server_line(500, "room closed", agent_name="")
"""The end of the call, in the log of the node that had the room."""
LOGS = (log_file("server"), log_file("worker"))


def request_failed(error: str, seconds: float = 0.5, **fields: str) -> LogLine:
    return server_line(seconds, "failed to send job request", error=error, **WITHOUT_ROOM, **fields)


UNANSWERED = request_failed("no response from servers")


def registered(seconds: float, name: str = AGENT, url: str = "wss://calls.example.com", **fields: str) -> LogLine:
    known = {"agent_name": name, "worker_id": "AW_c5Dg7Hj2Lq9w", "url": url, "deployment": ""}
    message = worker_line(seconds, "registered worker", **OF_WORKER)
    return replace(message, fields=known | fields)


def server_registered(seconds: float, name: str = AGENT, job_type: str = "JT_ROOM", worker_id: str = "") -> LogLine:
    fields = {"agent_name": name, "job_type": job_type, "worker_id": worker_id, **WITHOUT_ROOM}
    return server_line(seconds, "worker registered", **fields)


def gone(seconds: float) -> LogLine:
    return server_line(seconds, "last worker deregistered", **WITHOUT_ROOM)


SAME_DRAINS = [registered(-60), worker_line(-5, "draining worker", **OF_WORKER)]


def stuck(*lines: Observation | Iterable[Observation], settings: Settings = HERE) -> Diagnosis:
    """A live call whose dispatch has no job, with the lines of its components."""
    return judge(30, look(30, dispatch(0), phone()), *LOGS, *lines, settings=settings)


def jobless(*lines: Observation | Iterable[Observation], settings: Settings = HERE) -> Diagnosis:
    """A live call whose job has no agent."""
    looks = [look(t, dispatch(0, job()), phone()) for t in (26, 30)]
    return judge(30, *looks, *LOGS, *lines, settings=settings)


def afterwards(*lines: Observation | Iterable[Observation]) -> Diagnosis:
    """Nothing but the logs, and the name of the room."""
    return judge(900, *LOGS, *lines, settings=HERE, subject=Subject(room=ROOM))


JOB = Step.JOB_ASSIGNED.value
ENTRYPOINT = Step.ENTRYPOINT_CALLED.value
CONNECTED = Step.AGENT_CONNECTED.value
DISPATCHED = Step.AGENT_DISPATCHED.value


NOT_TAKEN = server_line(
    0.3, "failed to assign job to worker", error="worker not available", retry="true", job_id="AJ_1"
)
"""The server asks another one then."""


@pytest.mark.parametrize(
    ("lines", "code", "confidence"),
    [
        ([gone(-90), NO_WORKER], "LKD101", "proven"),
        ([gone(-30), request_failed("no response from servers")], "LKD101", "likely"),
        ([NO_WORKER], "LKD402", "likely"),
        ([NO_WORKER, registered(-60, AGENT.upper())], "LKD102", "proven"),
        ([NO_WORKER, server_registered(-60, f"{AGENT} ")], "LKD102", "proven"),
        ([NO_WORKER, registered(-60, "Back Office 9")], "LKD402", "likely"),
        ([registered(-60), request_failed("no servers available (received 2 responses)")], "LKD103", "likely"),
        ([NO_WORKER, registered(-60, url="wss://staging.example.com")], "LKD104", "likely"),
        ([registered(-60, url="wss://staging.example.com")], "LKD104", "likely"),
        ([registered(-60, url="wss://staging.example.com:$PORT")], "LKD104", "likely"),
        ([NO_WORKER, worker_line(-9, "failed to connect to livekit, retrying in 2s", **OF_WORKER)], "LKD105", "proven"),
        ([server_registered(-60, worker_id="AW_c5Dg7Hj2Lq9w"), *SAME_DRAINS], "LKD108", "likely"),
        ([NO_WORKER, server_registered(2)], "LKD109", "proven"),
        ([NO_WORKER, server_registered(-99), gone(-90), registered(2)], "LKD109", "proven"),
        ([request_failed("no response from servers"), server_registered(-60, job_type="JT_PUBLISHER")], "LKD110", ""),
        ([registered(-60, deployment="blue"), request_failed("no response from servers")], "LKD110", "likely"),
        ([registered(-60.1), server_registered(-60, job_type="JT_PUBLISHER"), UNANSWERED], "LKD110", "likely"),
        ([server_line(3.2, "failed to assign job to worker", error="context deadline exceeded")], "LKD403", "likely"),
        (
            [ASKED, server_line(3.2, "failed to assign job to worker", error="context deadline exceeded")],
            "LKD403",
            "proven",
        ),
        ([server_line(0.3, "failed to assign job to worker", error="worker not available")], "LKD404", "likely"),
        ([ASKED, server_line(0.3, "failed to assign job to worker", error="worker not available")], "LKD404", "proven"),
        ([NOT_TAKEN], "LKD404", "likely"),
        ([ASKED, server_registered(-60)], "LKD404", "likely"),
    ],
)
def test_no_worker_has_the_job(lines: list[LogLine], code: str, confidence: str) -> None:
    diagnosis = stuck(lines)
    assert found(diagnosis) == [(JOB, code, confidence or "likely")], diagnosis.broken


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([replace(NO_WORKER, fields={**NO_WORKER.fields, "job_type": "JT_PARTICIPANT"})], id="other type"),
        pytest.param([replace(NO_WORKER, fields={**NO_WORKER.fields, "room": "another"})], id="other room"),
        pytest.param(
            [replace(NO_WORKER, fields={**NO_WORKER.fields, "room_id": "RM_before000000"})], id="earlier room"
        ),
        pytest.param([request_failed("no servers available (received 1 responses)", agent_name="")], id="no name"),
        pytest.param([request_failed("no servers available (received 1 responses)", 40)], id="too late"),
        pytest.param([request_failed("no servers available", agent_name="Back Office 9")], id="other agent"),
        pytest.param([worker_line(-50, "draining worker", **OF_WORKER)], id="nobody's drain"),
        pytest.param([registered(-60), worker_line(5, "draining worker", **OF_WORKER)], id="drained later"),
        pytest.param([server_registered(-60), server_registered(2)], id="registered again"),
        pytest.param([registered(-60), registered(-50, url="wss://staging.example.com")], id="also here"),
    ],
)
def test_lines_of_other_calls_and_noise(lines: list[LogLine]) -> None:
    """They leave it as the API has it."""
    assert stuck(lines).broken[0].code == stuck().broken[0].code == "LKD402"
    assert stuck(lines).broken[0].candidates == stuck().broken[0].candidates


@pytest.mark.parametrize(
    ("lines", "sure"),
    [
        ([], "possible"),
        (
            [server_line(0.6, "no worker available to handle job", error="no workers with sufficient capacity")],
            "likely",
        ),
    ],
)
def test_who_declined_was_not_the_last_to_be_asked(lines: list[LogLine], sure: str) -> None:
    """By a log of warnings, which does not say who took the job then; but that nobody did, it would."""
    assert [(item.code, item.confidence) for item in afterwards(NOT_TAKEN, *lines).broken] == [("LKD404", sure)]


def test_a_worker_that_has_the_job_makes_up_for_what_went_wrong_before() -> None:
    """Dispatched before its worker, and again after it (fact 7)."""
    again = dispatch(5, job(5.3), id="AD_again0000000")
    there = look(30, dispatch(0), again, phone(), agent(6, audio()))
    assert judge(30, there, *LOGS, NO_WORKER, registered(2)).verdict is Verdict.HEALTHY
    on_its_way = look(6, dispatch(0), dispatch(5, id="AD_again0000000"), phone())
    assert judge(6, on_its_way, *LOGS, NO_WORKER, registered(2)).verdict is Verdict.IN_PROGRESS


def test_the_servers_word_leaves_fewer_candidates() -> None:
    item = broken(stuck([NO_WORKER]), "LKD402")
    assert set(item.candidates) >= {"LKD101", "LKD104", "LKD105", "LKD109"}
    assert not {"LKD103", "LKD403", "LKD404"} & set(item.candidates)


@pytest.mark.parametrize(
    ("lines", "step", "code"),
    [
        ([ASKED, ASSIGNED, RAISED], ENTRYPOINT, "LKD405"),
        ([ASKED, ASSIGNED, worker_line(1, "process exited with non-zero exit code 3")], ENTRYPOINT, "LKD405"),
        (
            [ASKED, ASSIGNED, worker_line(0.5, "The job task completed without establishing a connection")],
            CONNECTED,
            "LKD415",
        ),
        (
            [ASKED, ASSIGNED, worker_line(10, "The room connection was not established within 10 seconds")],
            CONNECTED,
            "LKD415",
        ),
        (
            [
                ASKED,
                ASSIGNED,
                worker_line(20, "process is unresponsive, killing process"),
                worker_line(20.01, "process exited with non-zero exit code -10"),
            ],
            CONNECTED,
            "LKD415",
        ),
    ],
)
def test_a_job_without_an_agent(lines: list[LogLine], step: str, code: str) -> None:
    assert found(jobless(lines, CALLEE_ACTIVE)) == [(step, code, "proven")]
    assert found(afterwards(lines, OPENED, CLOSED)) == [(step, code, "proven")]
    assert found(afterwards(lines, CLOSED)) == [(step, code, "likely")], "another node may have dispatched again"


@pytest.mark.parametrize(
    ("message", "seconds", "expected"),
    [
        ("job_request_fnc failed", 0.3, [(JOB, "LKD404", "possible")]),
        ("no answer was given inside the job_request_fnc", 0.3, [(JOB, "LKD404", "possible")]),
        ("job_request_fnc failed", 4, []),
        ("job_request_fnc failed", 0.1, []),
    ],
)
def test_a_request_that_failed_by_the_workers_log_alone(
    message: str, seconds: float, expected: list[tuple[str, str, str]]
) -> None:
    """The line has no room: it is this call's right after its request, and may be another's later. The server asks
    another worker then; the log of the room's node would show its agent."""
    failed = worker_line(seconds, message, **OF_WORKER)
    for settings in (HERE, Settings()):
        diagnosis = judge(900, log_file("worker"), ASKED, failed, settings=settings, subject=Subject(room=ROOM))
        assert found(diagnosis) == expected
    missed = judge(900, *LOGS, OPENED, ASKED, failed, CLOSED, settings=HERE)
    assert found(missed) == [(*each[:2], "likely") for each in expected]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (RAISED, "raised"),
        (worker_line(0.5, "process exited with non-zero exit code -9"), "killed"),
        (worker_line(0.5, "process exited with non-zero exit code 3"), "exited"),
    ],
)
def test_how_the_entrypoint_failed(failure: LogLine, kind: str) -> None:
    """The fix is another where there is no traceback to read."""
    assert broken(jobless(failure), "LKD405").values["kind"] == kind


def test_the_traceback_is_attached() -> None:
    diagnosis = jobless([ASKED, RAISED])
    assert "KeyError: 'user_id'" in because(diagnosis, "LKD405")
    assert broken(diagnosis, "LKD405").values["detail"] == "KeyError: 'user_id'"


ACTIVE = server_line(0.9, "participant active", participant="agent-AJ_uN4vB8sK1rTy", agent_name="")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [ASKED, ASSIGNED, ACTIVE, worker_line(95, "process exited with non-zero exit code 1")], id="at end"
        ),
        pytest.param([ASKED, ACTIVE, worker_line(10, "The room connection was not established")], id="slow"),
        pytest.param(
            [ASSIGNED, ACTIVE, worker_line(9, "process exited with non-zero exit code 255", job_id="")], id="warm"
        ),
        pytest.param(
            [ASSIGNED, ACTIVE, server_line(90, "job ended", status="JS_FAILED", error="agent worker left the room")],
            id="hang-up",
        ),
    ],
)
def test_what_healthy_calls_leave_too(lines: list[LogLine]) -> None:
    """Fact 12."""
    diagnosis = afterwards(lines)
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN, diagnosis.broken
    assert status(diagnosis, Step.AGENT_CONNECTED) is Status.OK


def test_a_crash_at_the_end_is_no_break_where_nobody_saw_the_beginning() -> None:
    """Without the server's log the agent may well have been there."""
    late = [ASKED, replace(RAISED, at=worker_line(95, "").at)]
    diagnosis = judge(900, log_file("worker"), late, settings=HERE, subject=Subject(room=ROOM))
    assert diagnosis.verdict is Verdict.UNKNOWN


def test_a_crash_while_the_phone_is_on_the_line() -> None:
    left = server_line(40, "participant closing", participant="sip_1", kind="SIP", agent_name="")
    lines = [ASKED, ASSIGNED, ACTIVE, replace(RAISED, at=worker_line(12, "").at)]
    assert found(afterwards(lines, left)) == [(CONNECTED, "LKD407", "likely")]
    assert afterwards(lines, replace(left, at=worker_line(11.5, "").at)).verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize(
    ("reason", "sure"), [("SERVICE_REQUEST_DELETE_ROOM", "possible"), ("PEER_CONNECTION_DISCONNECTED", "likely")]
)
def test_an_entrypoint_that_raised_and_an_agent_that_stayed_until_the_end(reason: str, sure: str) -> None:
    """Older versions of livekit-agents log what the entrypoint raised, and the session goes on."""
    gone = [
        server_line(80, "participant closing", participant="sip_1", kind="SIP", agent_name=""),
        server_line(80.4, "participant closing", participant="agent-AJ_uN4vB8sK1rTy", kind="AGENT", reason=reason),
    ]
    lines = [ASKED, ASSIGNED, ACTIVE, replace(RAISED, at=worker_line(12, "").at), *gone]
    assert (CONNECTED, "LKD407", sure) in found(afterwards(lines))


LEFT = server_line(5, "participant closing", participant="agent-AJ_uN4vB8sK1rTy", kind="AGENT", agent_name="")
PHONE_LEFT = server_line(40, "participant closing", participant="sip_1", kind="SIP", agent_name="")


def test_an_agent_that_left_the_phone_alone() -> None:
    """Without a traceback: the entrypoint disconnected, or shut itself down."""
    lines = [ASKED, ASSIGNED, ACTIVE, LEFT]
    assert found(afterwards(lines, PHONE_LEFT)) == [(CONNECTED, "LKD407", "possible")]
    assert broken(afterwards(lines, PHONE_LEFT), "LKD407").candidates == ("LKD206",)
    answered = row(3, "sip_answered")
    assert found(afterwards(lines, PHONE_LEFT, answered)) == [(CONNECTED, "LKD407", "likely")]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([replace(PHONE_LEFT, at=LEFT.at)], id="both at once"),
        pytest.param([server_line(12, "participant closing", participant="sip_1", kind="SIP")], id="a hang-up"),
        pytest.param([replace(ACTIVE, at=server_line(9, "").at, number=99), PHONE_LEFT], id="another came"),
        pytest.param([server_line(4, "participant active", participant="supervisor"), PHONE_LEFT], id="handed over"),
        pytest.param([row(5, "call_ended"), PHONE_LEFT], id="the call had ended"),
    ],
)
def test_an_agent_that_may_leave(lines: list[Observation]) -> None:
    assert afterwards(ASKED, ASSIGNED, ACTIVE, LEFT, *lines).verdict is Verdict.NO_FAULT_SEEN


CALLEE_ACTIVE = server_line(1.5, "participant active", participant="sip_1", agent_name="")


def test_an_agent_that_left_while_the_phone_is_still_there() -> None:
    """The log goes on, and has no line of the phone leaving."""
    diagnosis = afterwards(ASKED, ASSIGNED, ACTIVE, CALLEE_ACTIVE, LEFT)
    assert found(diagnosis) == [(CONNECTED, "LKD407", "possible")]
    assert 'neither has "sip_1" left' in because(diagnosis, "LKD407")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([server_line(9, "room closed")], id="the room closed"),
        pytest.param([server_line(9, "closing idle room")], id="it was idle"),
        pytest.param([row(6, "call_ended")], id="the call had ended"),
        pytest.param([server_line(4, "participant active", participant="supervisor")], id="handed over"),
        pytest.param([server_line(5.1, "participant closing", participant="sip_1")], id="a hang-up"),
        pytest.param([replace(ACTIVE, at=server_line(9, "").at, number=99)], id="another came"),
    ],
)
def test_an_agent_that_may_leave_first(lines: list[Observation]) -> None:
    assert afterwards(ASKED, ASSIGNED, ACTIVE, CALLEE_ACTIVE, LEFT, *lines).verdict is Verdict.NO_FAULT_SEEN


def test_an_entrypoint_that_raised_once_the_agent_was_there() -> None:
    """As spans tell it."""
    came = worker_line(0.5, "room_connect returned")
    raised, before = (replace(RAISED, at=server_line(seconds, "").at) for seconds in (9, 0.3))
    assert found(afterwards(ASKED, ASSIGNED, came, raised, PHONE_LEFT))[0][:2] == (CONNECTED, "LKD407")
    assert found(afterwards(ASKED, ASSIGNED, before, PHONE_LEFT))[0][:2] == (ENTRYPOINT, "LKD405")


def transferred(seconds: float, status: str = "200", participant: str = "sip_1") -> LogLine:
    return server_line(
        seconds, "API SIP.TransferSIPParticipant", status=status, participant=participant, agent_name="", room_id=""
    )


BY_LIVEKIT_SIP = line("sip", 4, "outbound call transferred", room=ROOM, call_id="SCL_9xKd3Fh6")


@pytest.mark.parametrize("phone_left", [[PHONE_LEFT], [CALLEE_ACTIVE]], ids=["later", "not yet"])
@pytest.mark.parametrize(
    "done",
    [
        pytest.param(transferred(4), id="before"),
        pytest.param(transferred(30), id="it took until after"),
        pytest.param(BY_LIVEKIT_SIP, id="livekit-sip's word"),
        pytest.param(row(4, "transfer_completed", "agent"), id="the team's word"),
        pytest.param(row(4, "call_transferred_to_human", "agent"), id="in other words"),
    ],
)
def test_an_agent_that_left_a_phone_which_was_transferred(done: Observation, phone_left: list[LogLine]) -> None:
    lines = [ASKED, ASSIGNED, ACTIVE, LEFT, *phone_left]
    assert afterwards(lines, done).verdict is Verdict.NO_FAULT_SEEN
    assert codes(afterwards(lines)) == ["LKD407"]


@pytest.mark.parametrize(
    "not_done",
    [
        pytest.param(transferred(4, status="503"), id="failed"),
        pytest.param(transferred(38), id="long after"),
        pytest.param(transferred(4, participant="sip_2"), id="another phone"),
        pytest.param(row(4, "transfer_requested", "agent"), id="asked for"),
        pytest.param(row(4, "transfer_failed", "agent"), id="it failed, the team says"),
        pytest.param(row(4, "not_transferred", "agent"), id="not, the team says"),
    ],
)
def test_an_agent_that_left_a_phone_which_was_not_transferred(not_done: Observation) -> None:
    assert codes(afterwards(ASKED, ASSIGNED, ACTIVE, LEFT, PHONE_LEFT, not_done)) == ["LKD407"]


@pytest.mark.parametrize(
    ("state", "sure"),
    [("bridged_to_rep", "possible"), ("mailbox_blip", "possible"), ("user_speech", "likely"), ("llm_failed", "likely")],
)
def test_the_last_words_of_an_agent_that_left(state: str, sure: str) -> None:
    """Nobody knows all words for having nothing more to do: what is not known accuses nobody."""
    answered = row(3, "sip_answered")
    lines = [ASKED, ASSIGNED, ACTIVE, LEFT, PHONE_LEFT, answered, row(4, state, "agent")]
    assert (CONNECTED, "LKD407", sure) in found(afterwards(lines))


def test_a_crash_after_the_transfer() -> None:
    lines = [ASKED, ASSIGNED, ACTIVE, replace(RAISED, at=worker_line(12, "").at), PHONE_LEFT]
    assert afterwards(lines, transferred(11)).verdict is Verdict.NO_FAULT_SEEN
    assert codes(afterwards(lines, transferred(11, status="408"))) == ["LKD407"]


def test_an_open_room_whose_phone_was_transferred() -> None:
    there = look(10, dispatch(0, job()), phone(), agent(1, audio()))
    alone = [look(t, dispatch(0, job()), phone()) for t in (21, 31)]
    assert found(judge(31, there, *alone)) == [(CONNECTED, "LKD407", "proven")]
    for done in (transferred(20), row(20, "transferred", "agent")):
        assert judge(31, there, *alone, log_file("server"), done).verdict is Verdict.HEALTHY


def test_an_agent_that_left_as_the_log_ends() -> None:
    lines = [ASKED, ASSIGNED, ACTIVE, CALLEE_ACTIVE, LEFT]
    ending = log_file("server", last=9)
    diagnosis = judge(900, ending, log_file("worker"), lines, settings=HERE, subject=Subject(room=ROOM))
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (replace(RAISED, at=worker_line(3, "").at), "LKD405"),
        (worker_line(3, "process exited with non-zero exit code -9"), "LKD405"),
        (worker_line(60, "process is unresponsive, killing process"), "LKD415"),
    ],
)
def test_the_workers_log_alone_does_not_tell_whether_the_agent_was_there(failure: LogLine, code: str) -> None:
    diagnosis = judge(900, log_file("worker"), ASKED, failure, settings=HERE, subject=Subject(room=ROOM))
    assert [(item.code, item.confidence.value) for item in diagnosis.broken] == [(code, "possible")]
    assert "LKD407" in broken(diagnosis, code).candidates


def raised_by(frame: str, error: str) -> LogLine:
    return replace(RAISED, traceback=f'  File "agent.py", line 42, in entrypoint\n    await {frame}\n{error}')


REFUSED = row(0.4, "sip_call_failed", metadata='{"sip_status_code": 486}')
DIAL, EGRESS = "lkapi.sip.create_sip_participant(request)", "lkapi.egress.start_room_composite_egress(request)"
BUSY = "livekit.api.twirp_client.TwirpError: TwirpError(code=resource_exhausted, message=sip status: 486: Busy Here)"
LIMIT = "livekit.api.twirp_client.TwirpError: TwirpError(code=resource_exhausted, message=limit exceeded)"


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (DIAL, BUSY),
        (DIAL, LIMIT),
        ("dial(number)", BUSY),
        ("dial(number)", "livekit.api.SipCallError: SIP call failed: 486 Busy Here (resource_exhausted)"),
    ],
)
def test_a_refusal_that_the_entrypoint_raised_is_no_crash_of_its_own(frame: str, error: str) -> None:
    diagnosis = afterwards(ASKED, ASSIGNED, raised_by(frame, error), REFUSED)
    assert codes(diagnosis) == ["LKD204"]
    assert broken(diagnosis, "LKD204").consequences == ("LKD405",)


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (EGRESS, LIMIT),
        ("record(room)", LIMIT),
        (DIAL, BUSY.replace("486: Busy Here", "404: Not Found")),
        ("lkapi.sip.transfer_sip_participant(request)", BUSY),
        (DIAL, "KeyError: 'user_id'"),
    ],
)
def test_a_crash_beside_a_refusal_is_told_as_well(frame: str, error: str) -> None:
    """The edge function dialled. Every method of the API raises the same exceptions."""
    diagnosis = afterwards(ASKED, ASSIGNED, raised_by(frame, error), REFUSED)
    assert codes(diagnosis) == ["LKD405", "LKD204"]
    assert broken(diagnosis, "LKD204").consequences == ()


def test_where_the_agent_dials_its_error_need_not_name_the_method() -> None:
    dials = replace(HERE, flow=Flow(placed_by="agent"))
    for frame, expected in (("dial(number)", ["LKD204"]), (EGRESS, ["LKD405", "LKD204"])):
        lines = (ASKED, ASSIGNED, raised_by(frame, LIMIT), REFUSED)
        assert codes(judge(900, *LOGS, *lines, settings=dials)) == expected


def test_no_process_for_the_job() -> None:
    lines = [ASKED, ASSIGNED, worker_line(9, "error initializing process", **OF_WORKER)]
    assert found(jobless(lines)) == [(ENTRYPOINT, "LKD417", "likely")]
    before = [ASKED, worker_line(-9, "error initializing process", **OF_WORKER)]
    assert found(jobless(before)) == [(ENTRYPOINT, "LKD406", "likely")]


def test_no_process_for_the_job_after_all_attempts() -> None:
    gave_up = worker_line(9, "failed to acquire process for job after 3 attempts")
    assert found(jobless([ASKED, ASSIGNED, gave_up])) == [(ENTRYPOINT, "LKD417", "proven")]
    assert found(afterwards([OPENED, ASKED, ASSIGNED, CLOSED, gave_up])) == [(ENTRYPOINT, "LKD417", "proven")]
    assert found(afterwards([ASKED, gave_up])) == [(ENTRYPOINT, "LKD417", "likely")], "a later dispatch is not shown"
    again = worker_line(9, "failed to launch job on process, retrying with a new process")
    other = replace(gave_up, fields=gave_up.fields | {"job_id": "AJ_another", "room": "another"})
    for line_ in (again, other):
        assert "LKD417" not in [item.code for item in jobless([ASKED, ASSIGNED, line_]).broken]


MEDIA_TIMED_OUT = worker_line(
    15.5,
    'livekit::rtc_engine:562:livekit::rtc_engine - failed to connect: Connection("wait_pc_connection timed out"), '
    "retrying... (1/3)",
)


def session(seconds: float, message: str, **fields: str) -> LogLine:
    """A line about the agent's participant."""
    who = {"participant": "agent-AJ_uN4vB8sK1rTy", "participant_id": "PA_try1", "kind": "AGENT"}
    return server_line(seconds, message, **who, **fields)


def test_media_that_never_connects() -> None:
    """What the worker says after it, as that the entrypoint raised, follows from it."""
    began = session(0.6, "starting RTC session")
    removed = [session(15.6, "participant closing"), session(15.6, "removing participant without connection")]
    returned = worker_line(30, "The job task completed without establishing a connection")
    late = replace(RAISED, at=returned.at)
    slow = worker_line(10.5, "The room connection was not established within 10 seconds")
    for lines in ([MEDIA_TIMED_OUT], [began, *removed], [slow, MEDIA_TIMED_OUT, returned], [MEDIA_TIMED_OUT, late]):
        for diagnosis in (jobless([ASKED, ASSIGNED, *lines]), afterwards([ASKED, ASSIGNED, *lines], OPENED, CLOSED)):
            assert found(diagnosis) == [(CONNECTED, "LKD416", "proven")]


@pytest.mark.parametrize(
    ("seconds", "reason", "code"),
    [
        (15.6, "JOIN_TIMEOUT", "LKD416"),
        (0.9, "JOIN_TIMEOUT", "LKD405"),
        (15.6, "CLIENT_REQUEST_LEAVE", "LKD405"),
    ],
)
def test_why_the_server_closed_an_agent_that_never_was_active(seconds: float, reason: str, code: str) -> None:
    ended = server_line(15.8, "job ended", job_id="AJ_uN4vB8sK1rTy", status="JS_FAILED")
    lines = session(0.6, "starting RTC session"), session(seconds, "participant closing", reason=reason), ended
    assert codes(judge(900, log_file("server"), OPENED, ASSIGNED, *lines, CLOSED, settings=HERE)) == [code]


def test_media_that_connected_in_the_end() -> None:
    diagnosis = afterwards([ASKED, ASSIGNED, MEDIA_TIMED_OUT, replace(ACTIVE, at=worker_line(17, "").at)])
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN


def test_a_process_that_died_as_it_joined_is_no_failure_of_its_media() -> None:
    """The server removes its participant in the same words. The agent was never connected, and so has not left."""
    lines = [
        session(0.6, "starting RTC session"),
        session(0.9, "participant closing"),
        session(0.9, "removing participant without connection"),
    ]
    assert found(jobless([ASSIGNED, *lines])) == [(CONNECTED, "LKD406", "likely")]
    assert found(jobless([ASKED, ASSIGNED, *lines, RAISED])) == [(ENTRYPOINT, "LKD405", "proven")]


def test_the_servers_own_word_of_a_failed_job() -> None:
    failed = job(status="JS_FAILED", error="worker lost", identity="")
    assert found(judge(30, look(30, dispatch(0, failed), phone()))) == [(JOB, "LKD411", "proven")]
    left = job(status="JS_FAILED", error="agent worker left the room")
    assert "LKD411" not in [item.code for item in judge(30, look(30, dispatch(0, left), phone())).broken]


def test_a_stray_worker() -> None:
    own = registered(-60, worker_id="AW_ours00000000")
    assert "LKD111" in broken(jobless([own]), "LKD406").candidates
    one_worker = replace(HERE, workers=(Worker(url="http://192.0.2.8:8081"),))
    assert found(jobless([own], settings=one_worker)) == [(ENTRYPOINT, "LKD111", "likely")]
    assert "LKD406" in broken(jobless([own], settings=one_worker), "LKD111").candidates
    two_workers = replace(HERE, workers=(*one_worker.workers, Worker(url="http://192.0.2.9:8081")))
    assert found(jobless([own], settings=two_workers))[0][1] == "LKD406"
    assert found(jobless([own, ASKED], settings=one_worker))[0][1] == "LKD406"
    assert found(afterwards([created(0.1), own, ASSIGNED]))[0][1:] == ("LKD111", "possible")
    there = look(30, dispatch(0, job()), phone(), agent(1, audio()))
    assert "LKD111" in warned(judge(30, there, *LOGS, own))
    assert "LKD111" not in warned(judge(30, there, *LOGS, own, registered(-60)))
    assert "LKD111" not in warned(judge(30, there, *LOGS, own, ASKED))


def test_async_prewarm_is_a_warning() -> None:
    warning = worker_line(-60, "agent.py:9: RuntimeWarning: coroutine 'prewarm' was never awaited", **OF_WORKER)
    there = look(30, dispatch(0, job()), phone(), agent(1, audio()))
    diagnosis = judge(30, there, warning)
    assert (diagnosis.verdict, warned(diagnosis)) == (Verdict.HEALTHY, ["LKD701"])
    other = replace(warning, message="RuntimeWarning: coroutine 'fetch' was never awaited")
    assert warned(judge(30, there, other)) == []


# livekit-sip


def sip_line(seconds: float, message: str, **fields: str) -> LogLine:
    """As livekit-sip 1.11.0 writes it (from its source)."""
    return line("sip", seconds, message, room=ROOM, call_id="SCL_9xKd3Fh6", sip_trunk="ST_5Gh8Jk1L", **fields)


CREATING = sip_line(0.5, "Creating SIP participant")
RANG = sip_line(31, "signaling timestamps", invite_to_ringing_ms="812")


@pytest.mark.parametrize(
    ("error", "rang", "step", "code"),
    [
        ("unexpected status from INVITE response: sip status: 403: Forbidden", False, "sip_ringing", "LKD204"),
        ("INVITE failed: sip status: 486: Busy Here", False, "sip_ringing", "LKD204"),
        ("sip server required auth, but no username or password was provided", False, "sip_ringing", "LKD208"),
        ("dial tcp 192.0.2.1:5060: connect: connection refused", False, "sip_ringing", "LKD209"),
        ("no common crypto: encryption required", False, "sip_answered", "LKD210"),
        ("sip request timed out", False, "sip_ringing", "LKD205"),
        ("sip request timed out", True, "sip_answered", "LKD206"),
    ],
)
def test_a_call_that_livekit_sip_gave_up(error: str, rang: bool, step: str, code: str) -> None:
    """The room has closed; what the carrier said stands in livekit-sip's log alone."""
    lines = [CREATING, sip_line(30, "SIP invite failed", error=error), sip_line(30.1, "SIP call failed", error=error)]
    diagnosis = afterwards(lines, [RANG] if rang else [], log_file("sip"))
    assert (step, code) in [(item.step.value, item.code) for item in diagnosis.broken], diagnosis.broken


@pytest.mark.parametrize(("seconds", "others"), [(31, ("LKD206",)), (4, ())])
def test_how_long_livekit_sip_waited_for_a_refusal(seconds: float, others: tuple[str, ...]) -> None:
    """By which nobody picked up, or the phone is off."""
    failed = sip_line(seconds, "SIP call failed", error="INVITE failed: sip status: 480: Temporarily Unavailable")
    assert broken(afterwards(CREATING, failed, log_file("sip")), "LKD204").candidates == others


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reason": "busy", "status": "rejected"}, "LKD204"),
        ({"reason": "unavailable"}, "LKD204"),
        ({"reason": "global-decline-603"}, "LKD204"),
        ({"status": "486"}, "LKD204"),
        ({"reason": "auth-required"}, "LKD208"),
        ({"reason": "network-error"}, "LKD209"),
        ({"reason": "no-answer", "status": "480", "error": "context deadline exceeded"}, "LKD205"),
        ({"reason": "invite-failed"}, "LKD205"),
    ],
)
def test_why_livekit_sip_ended_a_dial_by_the_line_of_its_end_alone(fields: dict[str, str], code: str) -> None:
    over = sip_line(30, "Closing outbound call", **fields)
    assert code in codes(afterwards(CREATING, over, log_file("sip")))
    refused = sip_line(29.9, "SIP call failed", error="INVITE failed: sip status: 503: Service Unavailable")
    assert broken(afterwards(CREATING, refused, over, log_file("sip")), "LKD204").values["sip_status"] == "503"


@pytest.mark.parametrize(("reason", "status"), [("hangup", "0"), ("removed", "487"), ("bye", ""), ("rpc", "active")])
def test_the_end_of_a_call_is_no_refusal(reason: str, status: str) -> None:
    over = sip_line(30, "Closing outbound call", reason=reason, status=status)
    assert codes(afterwards(CREATING, over, log_file("sip"))) == codes(afterwards(CREATING, log_file("sip")))


def test_a_call_that_livekit_sip_established() -> None:
    diagnosis = afterwards(CREATING, sip_line(9, "Outbound SIP call established"), log_file("sip"))
    assert not diagnosis.broken
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.OK


def test_the_ringing_has_not_the_time_of_the_end() -> None:
    """livekit-sip writes that it rang once the call is over."""
    diagnosis = afterwards(CREATING, RANG, log_file("sip"))
    (ringing,) = (result for result in diagnosis.steps if result.step is Step.SIP_RINGING)
    assert ringing.status is Status.OK
    assert ringing.at is None


# Rooms and dispatches

PLACED = row(0.5, "sip_participant_created")


def asked_for(seconds: float, request: str) -> LogLine:
    return server_line(seconds, "API RoomService.CreateRoom", request=request, status="200", agent_name="")


def created(seconds: float, room: str = ROOM) -> LogLine:
    request = f'{{"agentName":"{AGENT}","room":"{room}"}}'
    return server_line(
        seconds, "API AgentDispatchService.CreateDispatch", request=request, status="200", room=room, room_id=""
    )


WITH_AGENT = f'{{"name":"{ROOM}","agents":[{{"agentName":"{AGENT}"}}]}}'


def undispatched(*lines: LogLine, until: float = 44) -> Diagnosis:
    looks = [look(t, automatic(), phone()) for t in (26, until)]
    return judge(until, *looks, log_file("server", last=until - 1), *lines, settings=HERE)


@pytest.mark.parametrize(
    ("lines", "code", "confidence"),
    [
        ([OPENED], "LKD401", "proven"),
        ([OPENED, asked_for(1, WITH_AGENT)], "LKD412", "proven"),
        ([OPENED, created(2, ROOM.upper())], "LKD409", "likely"),
        ([OPENED, created(2, "another-room")], "LKD401", "possible"),
        (
            [OPENED, created(2), server_line(3, "API AgentDispatchService.DeleteDispatch", status="200")],
            "LKD413",
            "proven",
        ),
    ],
)
def test_no_dispatch_in_the_room(lines: list[LogLine], code: str, confidence: str) -> None:
    assert found(undispatched(*lines)) == [(DISPATCHED, code, confidence)]


def test_a_dispatch_that_failed_in_the_server() -> None:
    """As without Redis; not one after which another was made, and no refusal of the request itself."""

    def made(seconds: float, status: str) -> LogLine:
        line = created(seconds)
        return replace(line, fields={**line.fields, "status": status, "error": "dial tcp 10.0.0.8:6379: refused"})

    def of(*lines: LogLine) -> list[tuple[str, str, str]]:
        return found(judge(300, log_file("server", last=290), *lines, settings=HERE))

    assert of(made(1, "500")) == [(DISPATCHED, "LKD401", "likely")]
    for lines in ((made(1, "500"), created(2)), (made(1, "400"),)):
        assert "LKD401" not in [code for _, code, _ in of(*lines)]


@each(
    "kept, confidence",
    [
        ((), "possible"),
        ((-200,), "possible"),
        ((200,), "possible"),
        ((-100, 100), "possible"),
        ((-200, 200), "proven"),
    ],
)
def test_dispatches_of_which_only_some_lines_were_kept(kept: tuple[int, ...], confidence: str) -> None:
    """It is known that none is missing where lines from well before and well after the room's opening were kept."""
    looks = [look(t, automatic(), phone()) for t in (26, 244)]
    others = [created(seconds, "another-room") for seconds in kept]
    file = replace(log_file("server"), left_out={"API AgentDispatchService.CreateDispatch": 3})
    diagnosis = judge(244, *looks, file, OPENED, *others, settings=HERE)
    assert found(diagnosis) == [(DISPATCHED, "LKD401", confidence)]


def test_what_dispatches_on_the_answer_has_its_time() -> None:
    assert found(undispatched(OPENED, until=30)) == [(DISPATCHED, "LKD401", "possible")]


def test_a_log_that_ended_before_says_nothing() -> None:
    looks = [look(t, automatic(), phone()) for t in (26, 30)]
    diagnosis = judge(30, *looks, log_file("server", last=5), OPENED, settings=HERE)
    assert found(diagnosis) == [(DISPATCHED, "LKD401", "possible")]


def test_agents_at_creation_are_a_dispatch() -> None:
    """CreateRoom is logged when it is done, a few milliseconds after the room is open."""
    lines = [OPENED, asked_for(0.01, WITH_AGENT)]
    assert "LKD412" not in [item.code for item in undispatched(*lines).broken]


def test_a_room_that_closed_by_itself() -> None:
    idle = server_line(300, "closing idle room", reason="empty timeout", agent_name="")
    assert found(afterwards(OPENED, idle)) == [("room_created", "LKD502", "possible")], "it had been there for long"
    early = server_line(12, "closing idle room", reason="empty timeout", agent_name="")
    assert found(afterwards(OPENED, early)) == [("room_created", "LKD502", "proven")]
    came = server_line(5, "participant active", participant="sip_1", agent_name="")
    assert "LKD502" not in [item.code for item in afterwards(OPENED, came, idle).broken]


def test_a_room_that_was_never_created() -> None:
    """Neither in the log, which may be that of a node that was not called, nor there so soon after it."""

    def never(now: float, *others: Observation, last: float = 900) -> list[tuple[str, str, str]]:
        log = log_file("server", last=last), server_registered(-60)
        return found(judge(now, *log, row(0, "call_requested"), *others, settings=SETTINGS))

    assert never(250, *closed(250)) == [("room_created", "LKD501", "likely")]
    for told in (never(250), never(900, *closed(900)), never(250, *closed(250), last=5)):
        assert told == [("room_created", "LKD501", "possible")]
    assert never(250, *closed(250), row(20, "summary_saved", "backend")) == [("room_created", "LKD501", "possible")]


def test_rooms_of_one_name() -> None:
    """A line of another room of this name is about another call."""
    other = the_room(sid="RM_other0000000", created=-500)
    line = replace(NO_WORKER, fields={**NO_WORKER.fields, "room_id": other.sid})
    assert found(stuck([gone(-900), line])) == [(JOB, "LKD402", "likely")]
