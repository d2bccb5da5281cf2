"""One worker's log where the agent has several: what it tells of its own pod, and of a job that another took over."""

import pytest

from livekit_doctor.evidence.observations import Job, LogLine, Observation, Sighting
from livekit_doctor.flow import Status, Step
from livekit_doctor.settings import LiveKit, Settings
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    SETTINGS,
    agent,
    at,
    because,
    closed,
    declined_job,
    dispatch,
    found,
    job,
    judge,
    log_file,
    look,
    phone,
    read,
    row,
    server_line,
    status,
    worker_line,
)
from tests.diagnosis.test_component_logs import HERE, created

OF_WORKER = {"room": "", "room_id": "", "job_id": ""}
CLOUD = Settings(agent=SETTINGS.agent, livekit=LiveKit(url="wss://acme-x1.livekit.cloud"))
PLACED = (row(0, "call_requested"), row(0.1, "room_created"), row(0.3, "agent_dispatched"))
ENDED = row(60, "call_ended")
ANSWERED = row(6, "sip_answered")
JOB, NEXT = "AJ_uN4vB8sK1rTy", "AJ_next00000001"


def lost(seconds: float, error: str = "401, message='Invalid response status'") -> LogLine:
    return worker_line(seconds, "failed to connect to livekit, retrying in 2s", error=error, **OF_WORKER)


def asked(seconds: float, job_id: str = JOB, dispatch_id: str = "AD_1") -> LogLine:
    return worker_line(seconds, "received job request", job_id=job_id, dispatch_id=dispatch_id)


def no_process(seconds: float) -> LogLine:
    return worker_line(seconds, "failed to acquire process for job after 3 attempts", room="", room_id="")


def told(*items: Observation, settings: Settings = HERE, now: float = 900) -> list[tuple[str, str]]:
    diagnosis = judge(now, log_file("worker", last=900), *items, settings=settings)
    return [(code, sure) for _, code, sure in found(diagnosis)]


FAILING = (lost(-20), lost(-10), lost(0), lost(10), lost(20))
NO_JOB = tuple(look(t, dispatch(0.3), phone()) for t in (5, 15, 25))
REFUSED = server_line(0.4, "not dispatching agent job since no worker is available", agent_name=AGENT)


def test_a_pod_that_does_not_connect_is_why_where_livekit_says_that_nobody_has_the_job() -> None:
    """By rows alone another pod may have taken it."""
    assert told(*FAILING, *PLACED, ENDED) == [("LKD105", "possible")]
    assert told(*FAILING, *PLACED, *NO_JOB, now=26) == [("LKD105", "likely")]


def test_a_pod_on_another_server() -> None:
    elsewhere = worker_line(-60, "registered worker", url="wss://staging.example.com", **OF_WORKER)
    assert told(elsewhere, *PLACED, ENDED) == [("LKD104", "possible")]
    assert told(elsewhere, *PLACED, log_file("server"), REFUSED, ENDED) == [("LKD104", "likely")]


def test_a_pod_that_does_not_connect_does_not_explain_a_mistyped_name() -> None:
    """The server knew no worker of the name that was dispatched: this one has another."""
    unreached = [lost(at, "Cannot connect to host 10.0.0.5:7880") for at in (-10, 0, 10)]
    mistyped = [look(t, dispatch(0.3, name=AGENT.swapcase()), phone()) for t in (5, 15, 25)]
    refused = server_line(
        0.4, "not dispatching agent job since no worker is available", agent_name=AGENT.swapcase(), job_type="JT_ROOM"
    )
    proven = told(*unreached, *NO_JOB, log_file("server"), REFUSED, now=26)
    assert proven == [("LKD105", "proven")]
    assert ("LKD105", "proven") not in told(*unreached, *mistyped, log_file("server"), refused, now=26)


# A job that LiveKit Cloud restarts


def test_a_restarted_job_decides() -> None:
    """In the same dispatch, and the list need not have it yet."""
    first, restarted = (asked(0.5), no_process(4.5)), asked(7.5, NEXT)
    listed = look(9, dispatch(0.3, id="AD_1"), phone())
    assert told(*first, listed, now=9) == [("LKD417", "proven")]
    assert told(*first, restarted, listed, now=9) == []
    job_failed = job(0.6, id=JOB, status="JS_FAILED", error="it did not start")
    failed = look(40, dispatch(0.3, job_failed, id="AD_1"), phone())
    assert told(asked(0.6), failed, now=40) == [("LKD411", "proven")]
    assert told(asked(0.6), asked(7.5, NEXT), failed, now=40) == [("LKD411", "possible")]


@pytest.mark.parametrize("waits", [job(None, id=NEXT, status="JS_PENDING", worker_id=""), job(4.6, id=NEXT)])
def test_a_job_that_is_listed_beside_the_one_that_failed_is_its_next(waits: Job) -> None:
    """LiveKit lists when each began: one that no worker has yet is the later, and so is one that began right after."""
    first = asked(0.5), no_process(4.5)
    both = look(9, dispatch(0.3, job(0.6, id=JOB), waits, id="AD_1"), phone())
    alone = look(9, dispatch(0.3, job(0.6, id=JOB), id="AD_1"), phone())
    assert told(*first, alone, now=9) == [("LKD417", "proven")]
    assert "LKD417" not in dict(told(*first, both, now=9))


def test_a_later_row_of_a_dispatch_where_the_worker_log_has_no_request() -> None:
    """It has warnings and errors alone: of which dispatch they are, nobody knows."""
    returned = worker_line(1, "The job task completed without establishing a connection", job_id=JOB)
    one, another = row(0.3, "agent_dispatched"), row(3, "agent_dispatched")
    rows = [row(-1, "call_requested"), one, row(1.2, "sip_participant_created"), row(6, "sip_answered")]
    assert "LKD415" in dict(told(returned, *rows, row(60, "call_ended")))
    assert "LKD415" not in dict(told(returned, *rows, another, row(60, "call_ended")))


@pytest.mark.parametrize(("settings", "sure"), [(HERE, "proven"), (CLOUD, "likely")])
def test_on_cloud_a_failed_job_may_have_been_restarted(settings: Settings, sure: str) -> None:
    """By the log of one pod; another server does not do so."""
    assert told(asked(0.5), no_process(4.5), *PLACED, row(20, "call_ended"), settings=settings) == [("LKD417", sure)]


def test_a_long_call_is_a_doubt() -> None:
    """Few stay on a silent line: another pod's agent may have come."""
    calls = {at: told(asked(0.5), no_process(4.5), *PLACED, ANSWERED, row(at, "call_ended")) for at in (20, 60)}
    assert calls == {20: [("LKD417", "proven")], 60: [("LKD417", "possible")]}


def test_of_the_jobs_in_a_list_the_latest_decides() -> None:
    failed = job(0.6, id=JOB, status="JS_FAILED", error="it did not start")
    declined = declined_job(9, id=NEXT, started_at=at(9))
    assert told(look(40, dispatch(0.3, failed, id="AD_1"), phone()), now=40) == [("LKD411", "proven")]
    assert told(look(40, dispatch(0.3, failed, declined, id="AD_1"), phone()), now=40) == [("LKD404", "proven")]


def test_the_agent_of_an_earlier_job_does_not_show_that_the_latest_one_came() -> None:
    """By a webhook, by a row of its own, by a look: the second raised before it was there."""
    raised = worker_line(22.5, "unhandled exception while running the job task", job_id=NEXT)
    lines = asked(0.5), no_process(18), asked(22, NEXT, "AD_2"), raised
    came = Sighting(read=read(3600, "evidence"), room=ROOM, at=at(3), event="participant_joined",
                    participants=(agent(2, identity=f"agent-{JOB}"),))  # fmt: skip
    logged = (*PLACED, row(1, "agent_entrypoint_called", "agent"), row(3, "agent_connected", "agent"),
              row(22.1, "agent_entrypoint_called", "agent"))  # fmt: skip
    for shown in ((came, *PLACED), logged):
        assert [code for code, _ in told(*lines, *shown, ENDED)] == ["LKD405"]


def test_what_an_earlier_agent_was_heard_of_says_nothing_of_the_latest() -> None:
    """By its own rows, whose clock is one: it was called again, as a webhook shows, and never was heard."""

    def came(seconds: float, identity: str) -> Sighting:
        return Sighting(read=read(3600, "evidence"), room=ROOM, at=at(seconds), event="participant_joined",
                        participants=(agent(seconds, identity=identity, sid=f"PA_{identity}"),))  # fmt: skip

    first = [row(when, state, "agent") for when, state in ((1, "agent_entrypoint_called"), (2, "agent_audio"))]
    again = [row(when, state, "agent") for when, state in ((40, "agent_entrypoint_called"), (41, "agent_connected"))]
    ends = ANSWERED, row(60, "call_ended", "agent")
    once = judge(900, *PLACED, *first, *ends, came(1.5, "agent-AJ_1"))
    twice = judge(900, *PLACED, *first, *again, *ends, came(1.5, "agent-AJ_1"), came(41, "agent-AJ_2"))
    assert status(once, Step.AGENT_AUDIO) is Status.OK
    assert status(twice, Step.AGENT_AUDIO) is not Status.OK


def test_a_room_that_was_deleted_when_its_agent_was_dispatched_elsewhere() -> None:
    """Of the dispatch a row tells, and not the log of the server that was called for the room."""
    opened = server_line(0, "selected node for room", agent_name="")
    gone = server_line(14, "deleting room", agent_name=""), server_line(14.1, "room closed", agent_name="")
    lines = (log_file("server"), opened, *gone, row(-1, "call_requested"), row(0.1, "room_created"))
    assert told(*lines) == [("LKD502", "proven")]
    assert ("LKD502", "proven") not in told(*lines, row(0.8, "agent_dispatched"))


def test_a_job_that_began_below_the_failure_of_another_is_the_later_one() -> None:
    """In one worker's log: the agent of the first never had media, and nothing tells of the second's end."""
    lost_media = 'livekit::rtc_engine - failed to connect: Connection("wait_pc_connection timed out")'
    first = asked(0.5), worker_line(16, lost_media)
    listed = look(11, dispatch(0.3, id="AD_1"), phone()), closed(900)[0]
    later = worker_line(22, "no warmed process available for job, waiting for one to be created", job_id=NEXT)
    assert [code for code, _ in told(*first, *listed[0], listed[1])] == ["LKD416"]
    assert told(*first, later, *listed[0], listed[1]) == []


def test_another_deployments_worker_is_not_why_where_the_own_one_had_been_there() -> None:
    """By the log of a server that names deployments: the production's registered, and left before the dispatch."""

    def here(seconds: float, worker: str, **fields: str) -> LogLine:
        return server_line(seconds, "worker registered", worker_id=worker, job_type="JT_ROOM", **OF_WORKER, **fields)

    sought = row(0.3, "agent_dispatched"), REFUSED, log_file("server", first=-2000)
    canary = here(-900, "AW_canary", deployment="canary")
    gone = server_line(-300, "closing worker", worker_id="AW_own", **OF_WORKER)
    assert [code for code, _ in told(canary, *sought)] == ["LKD110"]
    assert "LKD110" not in [code for code, _ in told(here(-1000, "AW_own"), canary, gone, *sought)]


@pytest.mark.parametrize(("last", "doubted"), [(39.5, False), (40.5, True)])
def test_a_job_that_raised_a_moment_before_the_last_dispatch(last: float, doubted: bool) -> None:
    """By the worker's clock, which is another than the server's: it may be of the dispatch before."""
    raised = (
        worker_line(39.6, "received job request"),
        worker_line(39.9, "unhandled exception while running the job task"),
    )
    came = server_line(1, "participant active", participant="sip_1")
    opened = server_line(0, "selected node for room", agent_name=""), came
    made = [created(when) for when in (37, last)]
    given = (log_file("server", last=900), *opened, *made, *raised, server_line(90, "room closed", agent_name=""))
    told = judge(900, log_file("worker", last=900), *given, settings=HERE)
    assert ("may be an earlier dispatch's" in because(told, "LKD405")) is doubted


def test_who_has_the_job_is_no_fault_where_no_look_shows_that_its_agent_did_not_come() -> None:
    """LKD111, of one pod's log: the job is with another one, and its agent may be there."""
    registered = worker_line(-60, "registered worker", worker_id="AW_this_pod", url=HERE.livekit.url or "", **OF_WORKER)
    rooms_, inside, sent = look(30, dispatch(0.3, job(0.6)), phone())
    before = look(25, dispatch(0.3, job(0.6)), phone())
    left = look(25, dispatch(0.3, job(0.6))), look(30, dispatch(0.3, job(0.6)))
    logs = log_file("worker", last=900), registered

    def named(*seen: Observation) -> set[str]:
        diagnosis = judge(30, *logs, *seen, settings=HERE)
        return {code for item in diagnosis.broken for code in (item.code, *item.candidates)}

    assert "LKD111" in named(*before, rooms_, inside, sent)
    assert "LKD111" not in named(rooms_, sent)
    assert "LKD111" not in named(*left[0], *left[1]), "both may have been there, and left"
    assert "LKD111" not in named(*left[0], *left[1], *closed(40)), "the room is closed since"
