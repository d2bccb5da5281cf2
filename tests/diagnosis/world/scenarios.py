"""The wrong verdicts A to T of the second design and U to Z of issue 12, each with the smallest evidence."""

from collections.abc import Iterable, Iterator
from typing import cast

from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import ApiRefusal, Evidence, LogLine, Observation, Read, SipCallResult
from livekit_doctor.flow import Status, Step
from livekit_doctor.settings import Agent, CallLogs, LiveKit, Settings
from tests.diagnosis import factories as f
from tests.diagnosis.world.scenario import UNDECIDED, Right, Scenario, broken

SECOND = "AD_second0000x"


def seen(now: float, *items: object) -> Evidence:
    """All that was observed by `now`, however it is nested."""
    return f.evidence(now, *_flat(items))


def _flat(items: object) -> Iterator[Observation]:
    if isinstance(items, Iterable):
        for item in items:
            yield from _flat(item)
    else:
        yield cast(Observation, items)


ASKED = f.worker_line(0.2, "received job request", dispatch_id="AD_t8Xk2mQ9pLwz")
ASSIGNED = f.server_line(0.3, "assigned job to worker", job_id="AJ_uN4vB8sK1rTy", worker_id="AW_c5Dg7Hj2Lq9w")
NO_WORKER = "not dispatching agent job since no worker is available"
UNNAMED = Settings(agent=Agent(name=None))
ROOM = Subject(room=f.ROOM)
OPENED = f.server_line(0, "selected node for room", agent_name="", room_id="", job_type="")


def of_room(seconds: float, message: str, **fields: str) -> LogLine:
    """A line of livekit-server's about the room or one in it."""
    return f.server_line(seconds, message, agent_name="", job_type="", **fields)


def of_agent(seconds: float, message: str, **fields: str) -> LogLine:
    return of_room(seconds, message, participant="agent-AJ_uN4vB8sK1rTy", participant_id="PA_agent1", **fields)


def of_phone(seconds: float, message: str, **fields: str) -> LogLine:
    return of_room(seconds, message, participant="sip_1", participant_id="PA_phone1", **fields)


def of_sip(seconds: float, message: str, **fields: str) -> LogLine:
    return f.line("sip", seconds, message, room=f.ROOM, call_id="SCL_9xKd3Fh6", sip_trunk="ST_5Gh8Jk1L", **fields)


def told_deleted(seconds: float) -> tuple[LogLine, ...]:
    deleted = of_room(seconds, "API RoomService.DeleteRoom", status="200", room_id="")
    return of_room(seconds, "closing room"), of_room(seconds + 0.01, "room closed"), deleted


def timed_out(seconds: float, job: str = "AJ_first000000") -> LogLine:
    fields = {"job_id": job, "worker_id": "AW_c5Dg7Hj2Lq9w", "error": "context deadline exceeded", "retry": "false"}
    return f.server_line(seconds, "failed to assign job to worker", **fields)


def a() -> Scenario:
    looked = f.look(5.5, f.dispatch(0), f.dispatch(5, id=SECOND), f.phone())
    evidence = seen(5.5, looked, OPENED, timed_out(3.2), f.log_file("server", last=5.4))
    title = "the first dispatch timed out; a second one is 0.5 s old"
    return Scenario("A", title, (evidence,), Right(("in_progress",)))


def b() -> Scenario:
    raised = replace(f.worker_line(1, "unhandled exception while running the job task"), traceback="KeyError: 'x'")
    lines = [ASKED, raised, f.worker_line(1.1, "process exiting", reason="job crashed"), f.log_file("worker", last=11)]
    looked = f.look(11.2, f.dispatch(0, f.job()), f.dispatch(10, id=SECOND), f.phone())
    title = "job 1 raised; dispatched again 1.2 s ago"
    return Scenario("B", title, (seen(11.2, looked, lines),), Right(("in_progress",)))


def c() -> Scenario:
    slow = f.worker_line(10.3, "The room connection was not established within 10 seconds after calling job_entry.")
    looked = f.look(11, f.dispatch(0, f.job()), f.phone())
    evidence = seen(11, looked, ASKED, slow, f.log_file("worker", last=11))
    title = "an agent that connects at 12 s, looked at after 11 s"
    return Scenario("C", title, (evidence,), Right(("in_progress",)))


def d() -> Scenario:
    older = f.dispatch(0, f.job(status="JS_FAILED", error="job failed", ended_at=f.at(1)))
    newer = f.dispatch(10, id=SECOND)
    orders = tuple(seen(11, f.look(11, *each, f.phone())) for each in ((older, newer), (newer, older)))
    title = "the older dispatch's job failed, the newer is young, listed in either order"
    return Scenario("D", title, orders, Right(("in_progress",)))


def e() -> Scenario:
    refused = ApiRefusal(
        read=Read(source="evidence e.txt", at=f.at(60) + f.AHEAD),
        at=f.at(-3 * 86400),
        method="CreateDispatch",
        status=401,
        twirp_code="unauthenticated",
        message="invalid API key: APIx",
    )
    evidence = seen(60, f.row(0, "call_requested"), f.row(0.1, "room_created"), refused)
    right = Right(("broken", *UNDECIDED), {"LKD004": "possible", "LKD401": "possible", "LKD402": "possible"})
    return Scenario("E", "a refusal of CreateDispatch three days before the call", (evidence,), right)


def f_() -> Scenario:
    lines = [
        f.line("server", -300, "worker registered", agent_name=f.AGENT, worker_id="AW_1", job_type="JT_ROOM"),
        f.line("server", -90, "last worker deregistered", agent_name=f.AGENT, worker_id="AW_1", job_type="JT_ROOM"),
        f.server_line(2, NO_WORKER),
        f.log_file("server", last=60),
    ]
    looks = [f.look(10, f.dispatch(0), f.phone()), f.look(40, f.phone()), f.look(44, f.phone())]
    title = "a dispatch without a job that was tidied up later; the last worker had gone"
    return Scenario("F", title, (seen(44, looks, lines),), broken("LKD101"))


def g() -> Scenario:
    rows = [f.row(0, "room_created"), f.row(1.5, "call_ended")]
    lines = [OPENED, told_deleted(1.6), f.log_file("server")]
    return Scenario("G", "the caller cancels after 1.5 s", (seen(60, lines, rows, f.closed(60)),), Right(UNDECIDED))


def h() -> Scenario:
    lines = [
        of_room(0, "selected node for room", room_id=""),
        f.server_line(2, NO_WORKER),
        of_room(300, "closing idle room", reason="empty timeout"),
        of_room(300.1, "room closed"),
        f.log_file("server"),
    ]
    title = "no worker, by the log of a node that did not get CreateDispatch, of a room that closed idle"
    return Scenario("H", title, (seen(900, lines),), broken("LKD101"), UNNAMED, ROOM)


def i() -> Scenario:
    lost = f.line(
        "worker", -650, "failed to connect to livekit, retrying in 2s", retry_count="2", max_retry="16", error="refused"
    )
    looks = [f.look(t, f.dispatch(0), f.phone()) for t in (20, 24)]
    known = [f.server_line(2, NO_WORKER), f.log_file("server", last=24)]
    evidence = seen(24, looks, lost, f.log_file("worker", first=-700, last=-650), known)
    right = Right(("broken",), {"LKD105": "likely", "LKD101": "likely", "LKD402": "likely"})
    return Scenario("I", "a worker log that ended 650 s before with a failed connection", (evidence,), right)


def j() -> Scenario:
    there = f.line(
        "worker", 2, "registered worker", agent_name=f.AGENT, worker_id="AW_1", url="ws://x", deployment="staging"
    )
    sought = f.line(
        "server",
        1,
        "failed to send job request",
        agent_name=f.AGENT,
        job_type="JT_ROOM",
        error="no response from servers",
    )
    looks = [f.look(t, f.dispatch(0), f.phone()) for t in (20, 24)]
    files = [f.log_file("server", last=24), f.log_file("worker", last=24)]
    title = "a worker of another deployment that registered 3 s before, by a clock 5 s fast"
    return Scenario("J", title, (seen(24, looks, there, sought, files),), broken("LKD110", "likely", "likely"))


def k() -> Scenario:
    there = f.line("worker", -60, "registered worker", agent_name=f.AGENT, worker_id="AW_1", url="wss://b.example.com")
    settings = Settings(agent=Agent(name=f.AGENT), livekit=LiveKit(url="wss://a.example.com"))
    looks = [f.look(t, f.dispatch(0), f.phone()) for t in (20, 24)]
    lines = [there, f.log_file("worker", last=-30), f.server_line(2, NO_WORKER), f.log_file("server", last=24)]
    right = Right(("broken",), {"LKD104": "likely", "LKD101": "likely", "LKD402": "likely"})
    title = "a worker under another public name of the same server, killed since"
    return Scenario("K", title, (seen(24, looks, lines),), right, settings)


def l_() -> Scenario:
    lines = [
        of_sip(0.5, "Creating SIP participant"),
        of_sip(6, "SIP invite failed", error="INVITE failed: sip status: 487: Request Terminated"),
        f.log_file("sip"),
    ]
    evidence = seen(60, lines, f.row(0.5, "sip_participant_created"), f.row(5.9, "call_ended"), f.closed(60))
    right = Right(("broken", *UNDECIDED), {"LKD204": "possible", "LKD205": "possible", "LKD402": "possible"})
    return Scenario("L", "487, the answer to our own CANCEL", (evidence,), right)


def m() -> Scenario:
    rows = [f.row(0, "room_created"), f.row(0.5, "sip_participant_created"), f.row(30, "sip_answered", "webhooks")]
    looked = f.look(30.3, f.automatic(), f.phone("active"))
    right = Right(("broken", *UNDECIDED), {"LKD401": "possible"})
    return Scenario("M", "a webhook dispatches on the answer; 0.3 s after it", (seen(30.3, looked, rows),), right)


def n() -> Scenario:
    looks = [f.look(t, f.dispatch(0), f.dispatch(10, id=SECOND), f.phone()) for t in (30, 34)]
    lines = [OPENED, timed_out(3.2), f.server_line(12, NO_WORKER), f.log_file("server", last=34)]
    title = "the first dispatch timed out, the second found no worker"
    return Scenario("N", title, (seen(34, looks, lines),), broken("LKD101"))


def _served(left: float, reason: str, closes: float, *extra: Observation) -> tuple[Observation, ...]:
    """All logs and rows of a call that was answered at 6 s, and whose agent left at `left`."""
    return (
        OPENED,
        ASKED,
        ASSIGNED,
        of_phone(0.6, "participant active"),
        of_phone(0.7, "mediaTrack published", kind="audio"),
        of_agent(1, "starting RTC session"),
        of_agent(1.1, "participant active"),
        of_agent(left, "participant closing", reason=reason, kind="AGENT"),
        of_phone(closes - 0.1, "participant closing", reason="SERVICE_REQUEST_DELETE_ROOM", kind="SIP"),
        *told_deleted(closes),
        of_sip(0.5, "Creating SIP participant"),
        of_sip(6, "Outbound SIP call established"),
        f.row(0, "room_created"),
        f.row(0.1, "agent_dispatched"),
        f.row(0.6, "sip_participant_created"),
        f.row(0.9, "agent_entrypoint_called", "agent"),
        f.row(1.2, "agent_connected", "agent"),
        f.row(6.1, "sip_answered"),
        f.log_file("server"),
        f.log_file("worker"),
        f.log_file("sip"),
        *extra,
    )


SPOKE = of_agent(1.3, "mediaTrack published", kind="audio")


def o() -> Scenario:
    ended = of_sip(15.1, "Closing outbound call", status="0", result="success", reason="removed")
    items = _served(6.1, "CLIENT_REQUEST_LEAVE", 15, SPOKE, ended, f.row(15, "call_ended"))
    title = "the agent leaves 0.1 s after the answer; the phone is alone for 9 s"
    return Scenario("O", title, (seen(300, items, f.closed(300)),), broken("LKD407"))


def p() -> Scenario:
    request = '{"dispatchID": "AD_t8Xk2mQ9pLwz"}'
    deleted = of_room(30, "API AgentDispatchService.DeleteDispatch", status="200", room_id="", request=request)
    items = _served(32, "SERVICE_REQUEST_REMOVE_PARTICIPANT", 35, SPOKE, deleted, f.row(35, "call_ended"))
    title = "the dispatch is deleted, and the server removes the agent 3 s before the end"
    return Scenario("P", title, (seen(300, items, f.closed(300)),), broken("LKD413"))


def q() -> Scenario:
    items = [item for item in _served(25, "SERVICE_REQUEST_DELETE_ROOM", 25) if _is_of_server(item)]
    title = "24 s with an agent, and the phone's track alone in the server's log"
    return Scenario("Q", title, (seen(300, items, f.closed(300)),), broken("LKD408", "likely"))


def _is_of_server(item: Observation) -> bool:
    return getattr(item, "log", "server") == "server"


def r() -> Scenario:
    rows = [
        f.row(0, "room_created"),
        f.row(0.1, "agent_dispatched"),
        f.row(0.6, "sip_participant_created"),
        f.row(0.9, "agent_entrypoint_called", "agent"),
        f.row(1.2, "agent_connected", "agent"),
    ]
    title = "rows alone, and nothing of the phone after it was created"
    return Scenario("R", title, (seen(600, rows),), Right(UNDECIDED), subject=Subject(call_id=f.CALL))


def s() -> Scenario:
    lost = f.line(
        "worker", 4500, "failed to connect to livekit, retrying in 0s", retry_count="1", max_retry="16", error="refused"
    )
    evidence = seen(5000, ASKED, lost, f.log_file("worker", last=4500))
    title = "asked, and a connection lost over an hour later"
    return Scenario("S", title, (evidence,), Right(UNDECIDED), subject=ROOM)


def t() -> Scenario:
    def queued(status: str) -> Evidence:
        waits = f.job(None, "", status=status, reason="JSR_NO_CAPACITY", worker_id="")
        return seen(24, [f.look(at, f.dispatch(0, waits), f.phone()) for at in (20, 24)])

    forms = (queued("JS_PENDING"), queued("JS_CANCELLED"))
    title = "a job that waits for a worker with room for it"
    return Scenario("T", title, forms, broken("LKD103"))


def u() -> Scenario:
    full = f.line("worker", -0.4, "worker is at full capacity, marking as unavailable", load="0.83", threshold="0.7")
    there = f.line("worker", -60, "registered worker", agent_name=f.AGENT, worker_id="AW_1", url="ws://x")
    error = "no workers with sufficient capacity"
    sought = f.line("server", 0.21, "failed to send job request", agent_name=f.AGENT, job_type="JT_ROOM", error=error)
    nobody = f.server_line(0.2, "no worker available to handle job", job_id="AJ_uN4vB8sK1rTy", error=error)
    known = f.line("server", -60, "worker registered", agent_name=f.AGENT, worker_id="AW_1", job_type="JT_ROOM")
    lines = [there, full, known, OPENED, nobody, sought, f.log_file("server", last=60), f.log_file("worker", last=60)]
    looks = [f.look(at, f.dispatch(0), f.phone()) for at in (20, 24)]
    evidence = seen(24, looks, lines)
    return Scenario("U", "the worker was full, and nobody was asked", (evidence,), broken("LKD103", "proven"))


def v() -> Scenario:
    looks = [f.look(at, f.dispatch(0, f.job()), f.agent(1, f.audio())) for at in (20, 24)]
    words = {"status": 503, "twirp_code": "unavailable", "message": "cpu exhausted"}
    own = SipCallResult(read=f.read(2, "CreateSIPParticipant"), room=f.ROOM, **words)  # type: ignore[arg-type]
    pasted = SipCallResult(read=Read(source="evidence e.txt", at=f.at(24) + f.AHEAD), room=f.ROOM, **words)  # type: ignore[arg-type]
    row = f.row(2, "sip_participant_failed", metadata='{"error": "twirp error unavailable: cpu exhausted"}')
    fields = {"status": "503", "error": "cpu exhausted", "room_id": ""}
    line = of_room(2, "API SIP.CreateSIPParticipant", **fields)
    logged = [OPENED, line, f.log_file("server", last=24)]
    forms = tuple(seen(24, looks, form) for form in ([own], [pasted], [row], logged))
    return Scenario("V", "livekit-sip refuses while its CPU is busy", forms, broken("LKD203"))


def w() -> Scenario:
    failed = of_sip(40, "Closing outbound call with error", error="media-timeout")
    items = _served(60, "ROOM_CLOSED", 60, SPOKE, failed, f.row(40.5, "call_ended"))
    return Scenario("W", "media-timeout ends an answered call", (seen(300, items, f.closed(300)),), broken("LKD210"))


def x() -> Scenario:
    items = _served(40, "SERVICE_REQUEST_DELETE_ROOM", 40, f.row(40, "call_ended"))
    title = "a silent agent by all three logs"
    return Scenario("X", title, (seen(300, items, f.closed(300)),), broken("LKD408", "likely"))


def y() -> Scenario:
    rows = [
        f.row(0, "room_created"),
        f.row(0.1, "agent_dispatched"),
        f.row(0.2, "lead_locked", "crm"),
        f.row(0.6, "sip_participant_created"),
    ]

    def listed(diagnosis: Diagnosis) -> str:
        named = any("lead_locked" in warning.message for warning in diagnosis.warnings)
        return "" if named else "the state that stands for no step is not listed"

    right = Right(("broken",), {"LKD402": "possible"}, ("LKD402", "possible"), listed)
    title = "one row of a source that has unmapped states only"
    return Scenario("Y", title, (seen(600, rows),), right, subject=Subject(call_id=f.CALL))


def z() -> Scenario:
    room, sid = "livekit-doctor-scratch-1", "RM_scratch00001"

    def line(seconds: float, message: str, **fields: str) -> LogLine:
        return f.line("server", seconds, message, room=room, **fields)

    request = f'{{"name": "{room}", "agents": [{{"agentName": "{f.AGENT}"}}]}}'
    lines = [
        line(0, "selected node for room"),
        line(0.01, "API RoomService.CreateRoom", request=request, status="200"),
        line(20, "closing room", room_id=sid),
        line(20.01, "room closed", room_id=sid),
        line(20.02, "API RoomService.DeleteRoom", status="200"),
        f.line("server", 0.3, "failed to send job request", agent_name=f.AGENT, job_type="JT_ROOM",
               error="no servers available (received 1 responses)"),
        f.line("worker", -60, "registered worker", agent_name=f.AGENT, worker_id="AW_1", url="ws://x"),
        f.line("worker", -5, "worker is at full capacity, marking as unavailable", load="0.9", threshold="0.7"),
        f.log_file("server"),
        f.log_file("worker"),
    ]  # fmt: skip
    title = "the worker was full; the logs of a scratch room that the tool deleted"
    right = Right(("broken", *UNDECIDED), {"LKD103": "proven", "LKD402": "likely"})
    return Scenario("Z", title, (seen(300, lines),), right, subject=Subject(room=room))


def always_logged() -> Scenario:
    settings = Settings(agent=Agent(name=f.AGENT), call_logs=CallLogs(always_logged=("agent_audio",)))
    rows = [f.row(0, "room_created"), f.row(0.1, "agent_dispatched"), f.row(0.6, "sip_participant_created")]
    right = Right(("broken", *UNDECIDED), dict.fromkeys(("LKD402", "LKD406", "LKD408", "LKD401"), "possible"))
    title = "always_logged: [agent_audio], and no agent"
    return Scenario("always-audio", title, (seen(600, rows),), right, settings, Subject(call_id=f.CALL))


def hung_up_well() -> Scenario:
    """What must stay: a call that went well by all sources."""
    items = _served(34.92, "SERVICE_REQUEST_DELETE_ROOM", 35, SPOKE, f.row(35, "call_ended"))
    still = Right(("healthy",), also=lambda said: "" if _answered(said) else "the answer is not seen")
    return Scenario("well", "a call that went well, by all sources", (seen(300, items, f.closed(300)),), still)


def _answered(diagnosis: Diagnosis) -> bool:
    return any(item.step is Step.SIP_ANSWERED and item.status is Status.OK for item in diagnosis.steps)


_ALL = (a, b, c, d, e, f_, g, h, i, j, k, l_, m, n, o, p, q, r, s, t, u, v, w, x, y, z, always_logged, hung_up_well)
SCENARIOS = tuple(each() for each in _ALL)
