"""Who was registered at the dispatch, and in which state: by all the logs, not by one line of any of them."""

from datetime import UTC, datetime
from functools import partial

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.core import calls_of
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.workers_over_time import State, Worker, workers_of
from livekit_doctor.evidence.observations import LogLine
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    SETTINGS,
    at,
    because,
    broken,
    evidence,
    found,
    judge,
    log_file,
    row,
    server_line,
    worker_line,
)
from tests.diagnosis.test_component_logs import (
    CLOSED,
    HERE,
    JOB,
    NO_WORKER,
    OF_WORKER,
    WITHOUT_ROOM,
    afterwards,
    created,
    gone,
    registered,
    request_failed,
    server_registered,
    stuck,
)
from tests.diagnosis.timing import timed

OLD, NEW = "AW_old000000000", "AW_new000000000"
BUSY = request_failed("no servers available (received 2 responses)")


def says(seconds: float, message: str, worker_id: str = "") -> LogLine:
    """A line of the worker's about itself; most name no worker."""
    return worker_line(seconds, message, worker_id=worker_id, agent_name="", **OF_WORKER)


def drains(seconds: float, worker_id: str = "") -> LogLine:
    return says(seconds, "draining worker", worker_id)


def full(seconds: float) -> LogLine:
    return says(seconds, "worker is at full capacity, marking as unavailable")


def free(seconds: float) -> LogLine:
    return says(seconds, "worker is below capacity, marking as available")


def fails(seconds: float) -> LogLine:
    return says(seconds, "failed to connect to livekit, retrying in 2s")


def closed(seconds: float, worker_id: str) -> LogLine:
    return server_line(seconds, "closing worker", worker_id=worker_id, **WITHOUT_ROOM)


def in_file(name: str, *lines: LogLine) -> list[LogLine]:
    return [replace(line, file=name) for line in lines]


# The state of a worker


def workers(*lines: LogLine) -> tuple[Worker, ...]:
    return calls_of(Setup(evidence(30, lines), HERE), Subject(room=ROOM))[-1].workers


def states(worker: Worker, *seconds: float) -> list[State | None]:
    changes = [worker.at(at(each)) for each in seconds]
    return [change and change.state for change in changes]


def test_a_worker_from_its_registration_to_its_end() -> None:
    lines = [registered(-60), full(-50), free(-40), drains(-30), full(-25), says(-20, "shutting down worker")]
    (worker,) = workers(*lines)
    assert (worker.name, worker.id) == (AGENT, lines[0].fields["worker_id"])
    assert states(worker, -61, -60, -50, -40, -30, -25, -20, 0) == [
        None,
        State.REGISTERED,
        State.FULL,
        State.REGISTERED,
        State.DRAINING,
        State.DRAINING,
        State.GONE,
        State.GONE,
    ]


def test_the_server_and_the_worker_write_of_one_registration() -> None:
    """By the server's clock, which dates the dispatches too; and the server's word of its end counts."""
    lines = [registered(-57, worker_id=OLD), replace(server_registered(-60), fields={"worker_id": OLD})]
    (worker,) = workers(*lines, closed(-30, OLD))
    assert states(worker, -58, -30) == [State.REGISTERED, State.GONE]


def test_a_worker_that_connects_again_is_another_registration() -> None:
    first, second = workers(registered(-60, worker_id=OLD), fails(-40), registered(-30, worker_id=NEW), full(-20))
    assert states(first, -41, -40, 0) == [State.REGISTERED, State.GONE, State.GONE]
    assert states(second, -40, -30, -20) == [None, State.REGISTERED, State.FULL]


def test_in_a_log_of_several_a_line_without_an_id_is_about_one_of_them() -> None:
    both = workers(registered(-60, worker_id=OLD), registered(-50, worker_id=NEW), drains(-5))
    assert [states(worker, 0) for worker in both] == [[State.REGISTERED], [State.REGISTERED]]
    assert all(worker.may_have_been(State.DRAINING, at(0)) for worker in both)
    named = workers(registered(-60, worker_id=OLD), registered(-50, worker_id=NEW), drains(-5, OLD))
    assert [states(worker, 0) for worker in named] == [[State.DRAINING], [State.REGISTERED]]
    assert not any(worker.may_have_been(State.DRAINING, at(0)) for worker in named)


def test_where_all_others_of_a_log_are_gone_it_is_about_the_one_that_is_left() -> None:
    first, second = workers(
        registered(-60, worker_id=OLD), registered(-50, worker_id=NEW), closed(-40, OLD), drains(-5)
    )
    assert (states(first, 0), states(second, 0)) == ([State.GONE], [State.DRAINING])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, State.GONE),
        ({"agent_name": "Back Office 9"}, State.REGISTERED),
        ({"job_type": "JT_PUBLISHER"}, State.REGISTERED),
    ],
)
def test_the_last_of_a_name_and_kind_left(fields: dict[str, str], expected: State) -> None:
    left = server_line(-30, "last worker deregistered", **{**WITHOUT_ROOM, **fields})
    (worker,) = workers(server_registered(-60), left)
    assert states(worker, 0) == [expected]


def test_the_last_of_another_node_left() -> None:
    (worker,) = workers(*in_file("node-1.log", server_registered(-60)), *in_file("node-2.log", gone(-30)))
    assert states(worker, 0) == [State.REGISTERED]


def test_where_the_moment_is_not_known_all_lines_count() -> None:
    (worker,) = workers(registered(-60), drains(40))
    assert [change and change.state for change in (worker.at(None), worker.at(at(0)))] == [
        State.DRAINING,
        State.REGISTERED,
    ]


# LKD103 and LKD108: the deploy in which the new worker is there before the old one drains


OLD_DRAINS = in_file("old.log", registered(-600, worker_id=OLD), drains(-5, OLD))
NEW_IS_THERE = in_file("new.log", registered(-60, worker_id=NEW))
NEW_IS_KNOWN = [server_registered(-60, worker_id=NEW), *NEW_IS_THERE]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*OLD_DRAINS, *NEW_IS_THERE], id="two logs"),
        pytest.param([registered(-600, worker_id=OLD), registered(-60, worker_id=NEW), drains(-5, OLD)], id="one log"),
        pytest.param(
            [registered(-600, worker_id=OLD), registered(-592, worker_id=NEW), drains(-5)], id="without an id"
        ),
        pytest.param(
            [registered(-600, worker_id=OLD), registered(-60, worker_id=NEW), drains(-5), closed(20, OLD)],
            id="the server knew both",
        ),
    ],
)
def test_a_worker_that_did_not_drain_may_have_been_full(lines: list[LogLine]) -> None:
    item = broken(stuck(*lines, BUSY), "LKD402")
    assert {"LKD103", "LKD108"} <= set(item.candidates)
    ((_, code, confidence),) = found(afterwards(created(0), CLOSED, *lines, BUSY))
    assert (code, confidence) in [("LKD103", "possible"), ("LKD108", "possible")]
    other = {"LKD103": "LKD108", "LKD108": "LKD103"}[code]
    assert other in broken(afterwards(created(0), CLOSED, *lines, BUSY), code).candidates
    assert "LKD108" not in [one.code for one in stuck(*lines).broken], "nobody says that none was free"


def test_a_worker_that_was_full_beside_one_that_drained() -> None:
    diagnosis = stuck(*OLD_DRAINS, *NEW_IS_THERE, *in_file("new.log", full(-3)), BUSY)
    assert found(diagnosis) == [(JOB, "LKD103", "likely")]
    assert "LKD108" in broken(diagnosis, "LKD103").candidates


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="no other"),
        pytest.param([*NEW_IS_KNOWN, *in_file("new.log", drains(-3, NEW))], id="all drain"),
        pytest.param([*NEW_IS_KNOWN, closed(-30, NEW)], id="the other had gone"),
        pytest.param(
            [server_registered(2, worker_id=NEW), *in_file("new.log", registered(2, worker_id=NEW))],
            id="the other came later",
        ),
        pytest.param(in_file("new.log", registered(-60, "Back Office 9", worker_id=NEW)), id="another agent's"),
        pytest.param(
            in_file("new.log", registered(-60, worker_id=NEW, url="wss://staging.example.com")), id="another server's"
        ),
    ],
)
def test_all_that_were_there_drained(others: list[LogLine]) -> None:
    assert found(stuck(server_registered(-600, worker_id=OLD), *OLD_DRAINS, *others, BUSY)) == [
        (JOB, "LKD108", "proven")
    ]


def test_one_pod_of_a_rolling_deploy() -> None:
    """Its log tells of no other: the new one may be full, or be asked and hang."""
    for alone in (stuck(*OLD_DRAINS), stuck(*OLD_DRAINS, BUSY)):
        assert found(alone)[0][1:] in [("LKD402", "likely"), ("LKD103", "likely")]
        assert "LKD108" in alone.broken[0].candidates


def test_a_drained_worker_that_the_server_did_not_know_any_more() -> None:
    """The server's own word comes before the last that a killed worker wrote."""
    assert found(stuck(*OLD_DRAINS, NO_WORKER)) == [(JOB, "LKD402", "likely")]
    assert "LKD108" not in broken(stuck(*OLD_DRAINS, NO_WORKER), "LKD402").candidates


def test_the_workers_logs_alone_say_that_all_were_full() -> None:
    called = (created(0), *NEW_IS_THERE, *in_file("new.log", full(-3)))
    assert found(afterwards(*called)) == [(JOB, "LKD103", "possible")]
    second = in_file("second.log", registered(-60, worker_id=OLD))
    assert "LKD103" not in [one.code for one in afterwards(*called, *second).broken]


@pytest.mark.parametrize(
    ("name", "line", "code"), [("", full(-3), "LKD103"), ("", free(-3), "LKD402"), (AGENT, full(-3), "LKD401")]
)
def test_an_unnamed_worker_that_was_full(name: str, line: LogLine, code: str) -> None:
    """The room's opening dispatches its agent: nothing else has to tell of a dispatch, as of one with a name."""
    rows = row(0, "room_created"), row(1, "sip_answered", "webhook")
    settings = replace(HERE, agent=replace(SETTINGS.agent, name=name))
    diagnosis = judge(900, *rows, log_file("worker"), registered(-60, name), line, settings=settings)
    assert found(diagnosis)[0][1:] == (code, "possible")
    assert "LKD103" in (code, *diagnosis.broken[0].candidates)


@pytest.mark.parametrize(("name", "expected"), [("", [(JOB, "LKD101", "possible")]), (AGENT, [])])
def test_no_unnamed_worker(name: str, expected: list[tuple[str, str, str]]) -> None:
    """For an agent with a name the same line says nothing: it is of the automatic dispatch."""
    settings = replace(HERE, agent=replace(SETTINGS.agent, name=name))
    none = server_line(1, "not dispatching agent job since no worker is available", agent_name="")
    assert found(judge(900, log_file("server"), none, settings=settings, subject=Subject(room=ROOM))) == expected


# A worker that was killed, and the one that follows it in the same log


FOLLOWED = [registered(-7200, worker_id=OLD), registered(-3600, worker_id=NEW)]


def test_a_successor_in_the_same_log() -> None:
    first, second = workers(*FOLLOWED, drains(-5))
    assert states(first, -7200, -3601, -3600) == [State.REGISTERED, State.REGISTERED, State.REPLACED]
    assert states(second, -3600, -5) == [State.REGISTERED, State.DRAINING]


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(full(-50), id="a line without an id"),
        pytest.param(closed(-4000, OLD), id="closed before"),
    ],
)
def test_no_sign_that_both_were_there(sign: LogLine) -> None:
    first, _ = workers(*FOLLOWED, sign)
    assert states(first, 0)[0] in (State.REPLACED, State.GONE)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*FOLLOWED, says(-60, "received job request", OLD)], id="its own line"),
        pytest.param([*FOLLOWED, closed(20, OLD)], id="the server closed it later"),
        pytest.param([FOLLOWED[0], replace(FOLLOWED[1], file="new.log")], id="two logs"),
        pytest.param([FOLLOWED[0], registered(-3600, "Back Office 9", worker_id=NEW)], id="another name"),
        pytest.param([FOLLOWED[0], registered(-7195, worker_id=NEW)], id="started together"),
    ],
)
def test_signs_that_both_were_there(lines: list[LogLine]) -> None:
    first, _ = workers(*lines)
    assert states(first, 0) == [State.REGISTERED]


def test_a_log_from_the_end_of_time() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    both = workers(*(replace(line, at=last) for line in FOLLOWED))
    assert [worker.at(None) and states(worker, 0) for worker in both] == [[None], [None]]


def test_a_successor_drains() -> None:
    told = (server_registered(-7200, worker_id=OLD), server_registered(-3600, worker_id=NEW), *FOLLOWED)
    assert found(stuck(*told, drains(-5))) == [(JOB, "LKD108", "likely")]
    assert found(stuck(*told, drains(-5), BUSY)) == [(JOB, "LKD108", "likely")]
    assert found(stuck(*told, closed(-4000, OLD), drains(-5), BUSY)) == [(JOB, "LKD108", "proven")]


# LKD105: a worker that does not reach its server


OWN_IS_THERE = in_file("own.log", registered(-600))
NOT_CONNECTED = in_file("other.log", fails(-9))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*OWN_IS_THERE, *NOT_CONNECTED], id="one of the own is there"),
        pytest.param([*OWN_IS_THERE, *NOT_CONNECTED, NO_WORKER], id="and the server does not know it"),
        pytest.param([*NOT_CONNECTED, *in_file("other.log", registered(-900, "Back Office 9"))], id="another agent's"),
    ],
)
def test_anothers_failing_connection(lines: list[LogLine]) -> None:
    assert found(stuck(*lines)) == [(JOB, "LKD402", "likely")]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="never registered"),
        pytest.param([registered(-900)], id="lost its connection"),
        pytest.param([registered(-900, worker_id=OLD), registered(-90, worker_id=NEW)], id="restarted, and killed"),
    ],
)
def test_an_own_failing_connection(before: list[LogLine]) -> None:
    assert found(stuck(*before, fails(-9), NO_WORKER)) == [(JOB, "LKD105", "proven")]


def test_a_failing_connection_after_the_last_worker_had_left() -> None:
    """Whose worker it is the log does not say: it may be another agent's, and the own not started."""
    diagnosis = stuck(*OWN_IS_THERE, gone(-60), *NOT_CONNECTED, NO_WORKER)
    assert found(diagnosis) == [(JOB, "LKD105", "possible")]
    assert "LKD101" in broken(diagnosis, "LKD105").candidates


# LKD109 and LKD101: the worker came after the dispatch


def called(*lines: LogLine) -> list[tuple[str, str, str]]:
    return found(afterwards(created(0), NO_WORKER, *lines))


@pytest.mark.parametrize(("seconds", "code"), [(1, "LKD109"), (59, "LKD109"), (61, "LKD101"), (10800, "LKD101")])
def test_a_worker_that_came_soon_had_been_on_its_way(seconds: float, code: str) -> None:
    sure = "proven" if code == "LKD109" else "possible"
    assert called(registered(seconds)) == [(JOB, code, sure)]
    assert called(gone(-86400), registered(seconds)) == [(JOB, code, "proven")]
    assert called(server_registered(-99999), gone(-86400), registered(seconds)) == [(JOB, code, "proven")]


def test_a_worker_that_may_have_been_there_with_another_server() -> None:
    """Its own log alone says when it registered, by another clock, and with an address of the private network."""
    private = registered(3, url="ws://10.0.0.5:7880")
    assert called(registered(3)) == called(replace(private, at=at(20))) == [(JOB, "LKD109", "proven")]
    diagnosis = afterwards(created(0), NO_WORKER, private)
    assert found(diagnosis) == [(JOB, "LKD104", "possible")]
    assert {"LKD101", "LKD109"} <= set(diagnosis.broken[0].candidates)


def test_a_worker_that_came_late_leaves_its_code_as_a_candidate() -> None:
    assert "LKD109" in broken(afterwards(created(0), NO_WORKER, registered(10800)), "LKD101").candidates


def test_a_worker_that_came_soon_beside_one_that_was_there() -> None:
    there = in_file("own.log", registered(-60, worker_id=OLD))
    still = in_file("own.log", says(30, "shutting down worker"))
    assert called(*there, *still, registered(2, worker_id=NEW)) == [(JOB, "LKD101", "possible")]
    assert called(*there, closed(20, OLD), registered(2, worker_id=NEW)) == [(JOB, "LKD101", "possible")]
    assert called(*there, closed(-30, OLD), registered(2, worker_id=NEW)) == [(JOB, "LKD109", "proven")]


KILLED = registered(-3600, worker_id=OLD)


@pytest.mark.parametrize("before", [[KILLED], in_file("own.log", KILLED)])
def test_a_killed_worker_hides_no_successor(before: list[LogLine]) -> None:
    """It leaves no line of its going, and the server says that it knows none."""
    assert called(*before, registered(5, worker_id=NEW)) == [(JOB, "LKD109", "proven")]


def test_a_killed_worker_of_which_another_node_wrote() -> None:
    there = in_file("node-2.log", replace(server_registered(-3600), fields={"agent_name": AGENT, "worker_id": OLD}))
    assert called(*there, registered(5, worker_id=NEW)) == [(JOB, "LKD101", "possible")]


@pytest.mark.parametrize("fields", [{"job_type": "JT_PUBLISHER"}, {"deployment": "blue"}])
def test_the_server_says_nothing_of_workers_for_other_jobs(fields: dict[str, str]) -> None:
    other = in_file("own.log", registered(-3600, worker_id=OLD, **fields))
    assert "LKD109" not in [code for _, code, _ in called(*other, registered(5, worker_id=NEW))]


def test_the_server_closed_the_last_worker() -> None:
    assert called(KILLED, closed(-30, OLD)) == [(JOB, "LKD101", "proven")]
    assert called(KILLED) == [(JOB, "LKD101", "possible")]
    assert called(KILLED, closed(30, OLD)) == [(JOB, "LKD101", "possible")]


# LKD102: a worker under a name that is almost the dispatched one


NEAR = AGENT.upper()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [server_registered(-6000, NEAR), server_line(-5000, "last worker deregistered", agent_name=NEAR, room="")],
            id="had left",
        ),
        pytest.param([registered(-60, NEAR, worker_id=OLD), closed(-30, OLD)], id="had been closed"),
        pytest.param([registered(-60, NEAR), says(-30, "shutting down worker")], id="had ended"),
        pytest.param([registered(20, NEAR)], id="came later"),
    ],
)
def test_a_near_name_that_was_not_there(lines: list[LogLine]) -> None:
    assert found(stuck(NO_WORKER, *lines)) == [(JOB, "LKD402", "likely")]


@pytest.mark.parametrize(
    "later",
    [
        [],
        [server_line(20, "last worker deregistered", agent_name=NEAR, **WITHOUT_ROOM)],
        [server_line(-90, "last worker deregistered", agent_name=NEAR, **WITHOUT_ROOM)],
    ],
)
def test_a_near_name_that_was_there(later: list[LogLine]) -> None:
    diagnosis = stuck(NO_WORKER, registered(-60, NEAR), *later)
    assert found(diagnosis) == [(JOB, "LKD102", "proven")]
    assert NEAR in because(diagnosis, "LKD102")


def test_a_near_name_at_a_time_without_a_zone() -> None:
    undated = replace(registered(-60, NEAR), zoned=False)
    assert found(stuck(NO_WORKER, undated)) == [(JOB, "LKD102", "likely")]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param([], id="killed"),
        pytest.param([says(-3700, "shutting down worker")], id="ended"),
        pytest.param([gone(-3700)], id="the server's last"),
    ],
)
def test_a_deploy_that_renamed_the_agent(end: list[LogLine]) -> None:
    renamed = [registered(-7200, worker_id=OLD), *end, registered(-3600, NEAR, worker_id=NEW)]
    assert found(stuck(NO_WORKER, *renamed)) == [(JOB, "LKD102", "proven")]


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([registered(-60, worker_id=OLD)], id="the near one was there beside it"),
        pytest.param([replace(registered(-7200, worker_id=OLD), zoned=False)], id="nobody knows when"),
        pytest.param([registered(-7200, worker_id=OLD), closed(20, OLD)], id="not killed"),
        pytest.param([registered(90, worker_id=OLD)], id="came later"),
    ],
)
def test_a_near_name_beside_the_own_one(own: list[LogLine]) -> None:
    near = in_file("near.log", registered(-3600, NEAR, worker_id=NEW))
    assert "LKD102" not in [code for _, code, _ in found(stuck(NO_WORKER, *own, *near))]


def test_a_near_name_that_was_mended_after_the_dispatch() -> None:
    """The worker ends, and comes again under the right name: that it came late is what mended it, and not the fault."""
    near = registered(-60, NEAR, worker_id=OLD)
    for came in (8, 46, 90):
        mended = [near, says(came - 5, "shutting down worker", OLD), registered(came, worker_id=NEW)]
        assert found(stuck(NO_WORKER, *mended)) == [(JOB, "LKD102", "likely")]
        assert "LKD109" in broken(stuck(NO_WORKER, *mended), "LKD102").candidates


# Large logs


def by_the_thousand(count: int) -> dict[str, list[LogLine]]:
    each = range(count)
    ids = [f"AW_{number:012}" for number in each]
    return {
        "connections": [
            *(registered(-count + i, worker_id=ids[i]) for i in each),
            *(replace(fails(-count + i + 0.5), number=count + i) for i in each),
        ],
        "closed": [
            *(server_line(-count + i, "worker registered", worker_id=ids[i], **WITHOUT_ROOM) for i in each),
            *(closed(-count + i + 0.5, ids[i]) for i in each),
        ],
        "names": [*(registered(-60, f"Desk {i}", worker_id=ids[i]) for i in each), *(fails(-5) for _ in each)],
    }


@pytest.mark.parametrize("kind", ["connections", "closed", "names"])
def test_a_log_of_many_workers_is_read_in_about_the_time_of_its_lines(kind: str) -> None:
    """Eight times the lines take about eight times as long, where each against each would take 64 times."""
    took = {}
    for count in (250, 2000):
        lines = by_the_thousand(count)[kind]
        numbered = [replace(line, number=number) for number, line in enumerate(lines, 1)]
        logs = calls_of(Setup(evidence(30, numbered), HERE), Subject(room=ROOM))[-1].component_logs
        logs.anywhere()
        took[count], workers = timed(partial(workers_of, logs))
        assert len(workers) == count
    assert took[2000] < 24 * max(took[250], 0.002)
