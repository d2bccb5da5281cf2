"""What failed beside the agent of the call: the second job of a room that was dispatched into twice, another agent."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.beside import beside_another
from livekit_doctor.diagnosis.core import calls_of
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import LogFile, LogLine, Observation
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    ROOM,
    agent,
    at,
    audio,
    codes,
    dispatch,
    evidence,
    found,
    job,
    judge,
    log_file,
    look,
    phone,
    read,
    row,
    server_line,
    warned,
    worker_line,
)
from tests.diagnosis.test_against import ASKED, HUNG_UP, LEFT, LIKELY, TOGETHER, WORDS, gone
from tests.diagnosis.test_component_logs import ASSIGNED, HERE, OPENED, afterwards, created
from tests.diagnosis.test_whose_attempt import of_job

SECOND = created(0.9), of_job(replace(ASSIGNED, at=at(1.1)), "AJ_second")
ASKED_AGAIN = of_job(worker_line(1.05, "received job request", dispatch_id="AD_2"), "AJ_second")
ENDS = [
    of_job(server_line(1.9, "job ended", status="JS_FAILED", room="", room_id=""), "AJ_second"),
    *(of_job(worker_line(1.9, words), "AJ_second") for words in WORDS),
]


def twice(*lines: LogLine) -> Diagnosis:
    """Of two jobs in one room, the second failed."""
    return judge(900, *TOGETHER, created(0.2), ASSIGNED, ASKED, *SECOND, ASKED_AGAIN, *lines, settings=HERE)


@pytest.mark.parametrize("end", ENDS)
def test_a_second_job_that_failed_beside_the_agent_of_the_first(end: LogLine) -> None:
    assert twice(end, HUNG_UP, *LEFT).verdict is Verdict.HEALTHY
    first = of_job(replace(end, at=at(20)), "AJ_uN4vB8sK1rTy")
    assert found(twice(first, HUNG_UP, LEFT[0])) == LIKELY
    # The first one's agent had gone, and left it to the second.
    assert codes(twice(gone(1.5, "agent-AJ_uN4vB8sK1rTy"), end, HUNG_UP, LEFT[0])) != []


def test_a_steps_time_and_its_first_line_are_of_one_fact() -> None:
    began = server_line(0.9, "starting RTC session", participant="agent-AJ_uN4vB8sK1rTy")
    diagnosis = judge(900, *TOGETHER, ASKED, began, worker_line(50, WORDS[2]), HUNG_UP, LEFT[0], settings=HERE)
    assert all(step.evidence[0].at == step.at for step in diagnosis.steps if step.at)


def test_a_second_job_that_failed_by_the_workers_word_alone() -> None:
    """Of the first one's agent it says, that the room in which it was is gone."""
    raised, exits = ENDS[3], worker_line(60.3, "process exiting", reason="room disconnected")
    assert codes(afterwards(ASKED, ASKED_AGAIN, raised)) == ["LKD405"]
    assert codes(afterwards(ASKED, ASKED_AGAIN, raised, exits)) == []
    declined = worker_line(1.06, "job_request_fnc failed", room="", room_id="", job_id="")
    assert codes(afterwards(ASKED, ASKED_AGAIN, declined)) == ["LKD404"]
    assert codes(afterwards(ASKED, ASKED_AGAIN, declined, exits)) == []


def test_two_agents_of_one_name_that_talked_at_once() -> None:
    """One that takes over from the other does so within a moment."""
    agent = "agent-AJ_second"
    came = server_line(1.6, "participant active", participant=agent, agent_name="")
    heard = server_line(1.7, "mediaTrack published", participant=agent, kind="audio", agent_name="")
    both = (came, heard, HUNG_UP, gone(60.5, agent))
    assert "LKD410" in warned(twice(*both, *LEFT))
    assert "LKD410" not in warned(twice(*both, LEFT[0], gone(2.4, "agent-AJ_uN4vB8sK1rTy")))
    assert "LKD410" not in warned(twice(HUNG_UP, *LEFT))


@pytest.mark.parametrize("words", [*WORDS, "AgentSession is closing due to unrecoverable error"])
def test_another_agent_that_broke_down_beside_the_calls_own(words: str) -> None:
    """It has a name of its own, and so have the lines of its job."""

    def other(line: LogLine) -> LogLine:
        return of_job(replace(line, fields=line.fields | {"agent_name": "Transcriber"}), "AJ_other")

    broke, call = worker_line(20, words), (*TOGETHER, created(0.2), ASKED, HUNG_UP, LEFT[0])
    assert judge(900, *call, LEFT[1], other(ASKED), other(broke), settings=HERE).verdict is Verdict.HEALTHY
    assert "LKD407" in codes(judge(900, *call, other(ASKED), broke, settings=HERE))


# The second job is told of by a log of another pod, and the agent of the first by another source

FIRST, SECOND_JOB = "AJ_uN4vB8sK1rTy", "AJ_second"
ASKED_LATE = of_job(worker_line(20.1, "received job request", dispatch_id="AD_2"), SECOND_JOB)
LOST = [
    [of_job(worker_line(27.6, f"assignment for job {SECOND_JOB} timed out"), SECOND_JOB)],
    [of_job(worker_line(25, "failed to acquire process for job after 3 attempts"), SECOND_JOB)],
    [of_job(worker_line(20.3, "unhandled exception while running the job task"), SECOND_JOB)],
    [of_job(worker_line(20.4, "process exited with non-zero exit code 1"), SECOND_JOB)],
]
ROWS = (
    row(0, "call_requested"),
    row(0.3, "agent_dispatched"),
    row(1, "agent_connected", "agent"),
    row(1.2, "agent_audio", "agent"),
    row(8, "sip_answered"),
    row(60.3, "call_ended"),
)
EXITS = worker_line(60.5, "process exiting", reason="room disconnected")


def pod(name: str, *lines: LogLine, first: float = -600) -> list[Observation]:
    """A log of its own."""
    log = lines[0].log
    source = read(3600, f"{log}_log {name}.log")
    file = replace(log_file(log, first=first), name=f"{name}.log", read=source)
    return [file, *(replace(line, file=f"{name}.log", read=source) for line in lines)]


@pytest.mark.parametrize("lost", LOST)
def test_a_second_job_that_another_pod_lost(lost: list[LogLine]) -> None:
    second = pod("pod-2", ASKED_LATE, *lost)
    by_worker = pod("pod-1", worker_line(0.3, "received job request", dispatch_id="AD_1"), EXITS)
    left_room = replace(ASSIGNED, at=at(60.5), message="job ended")
    ended = replace(left_room, fields=left_room.fields | {"status": "JS_FAILED", "error": "agent worker left the room"})
    by_server = pod("node-1", created(0.2), ASSIGNED, created(20), ended)
    begins_later = pod("node-2", created(20), *LEFT, first=5)
    for first in (by_worker, by_server, [*by_worker, *begins_later]):
        assert codes(judge(900, *ROWS, *first, *second, settings=HERE)) == []
    placed = *ROWS[:2], ROWS[-1]
    alone = judge(900, *placed, *second, settings=HERE)
    assert [sure for _, _, sure in found(alone)] == ["possible"], "the only row of a dispatch is 20 s before"
    if lost in LOST[:2]:  # of a process that broke down the worker's log alone is no proof
        again = judge(900, *placed, row(19.8, "agent_dispatched"), *second, settings=HERE)
        assert [sure for _, _, sure in found(again)] == ["proven"]


@pytest.mark.parametrize("broke", LOST[2:])
def test_a_second_job_that_failed_while_looks_show_the_agent_of_the_first(broke: list[LogLine]) -> None:
    who = agent(1, audio(), identity=f"agent-{FIRST}")
    sent = dispatch(0.2, job(identity=who.identity)), dispatch(20, job(20.3, id=SECOND_JOB), id="AD_2")
    seen = [look(seconds, *sent, who, phone("active", 2)) for seconds in (30, 60)]
    assert codes(judge(60, *seen, *pod("pod-2", ASKED_LATE, *broke), settings=HERE)) == []
    own = of_job(replace(ASKED_LATE, at=at(0.3)), FIRST), of_job(broke[0], FIRST)
    alone = look(30, sent[0], phone("active", 2)), look(60, sent[0], phone("active", 2))
    assert codes(judge(60, *look(15, sent[0], who, phone("active", 2)), *alone, *pod("pod-2", *own), settings=HERE))


@pytest.mark.parametrize("broke", LOST[2:])
def test_a_job_that_was_asked_for_after_the_agent_had_come(broke: list[LogLine]) -> None:
    """By its rows: whose it is, their component does not say."""
    assert "LKD407" not in codes(judge(900, *ROWS, *pod("pod-2", ASKED_LATE, *broke), settings=HERE))
    first = of_job(replace(ASKED_LATE, at=at(0.4)), FIRST), of_job(broke[0], FIRST)
    assert "LKD407" in codes(judge(900, *ROWS, *pod("pod-2", *first), settings=HERE))


def test_of_two_agents_the_one_that_left_first_by_design() -> None:
    """The log of the room's node ends before the phone leaves; or the worker's has no zone."""
    came = server_line(1.05, "participant active", participant=f"agent-{SECOND_JOB}", agent_name="")
    left = gone(5, f"agent-{SECOND_JOB}"), of_job(worker_line(5.2, "process exiting", reason="running"), SECOND_JOB)
    both = (*TOGETHER, created(0.2), ASSIGNED, ASKED, *SECOND, ASKED_AGAIN, came, *left, EXITS, HUNG_UP, *LEFT)
    cut = [one for one in both if not (one.log == "server" and isinstance(one, LogLine) and one.at and one.at > at(33))]
    cut = [log_file("server", last=33) if one == log_file("server") else one for one in cut]
    assert codes(judge(900, *cut, settings=HERE)) == []

    def without_zone(item: LogLine | LogFile) -> LogLine | LogFile:
        if item.log != "worker":
            return item
        hours = timedelta(hours=-8)
        if isinstance(item, LogLine):
            return replace(item, zoned=False, at=item.at and item.at + hours)
        return replace(item, zoned=False, first_at=item.first_at and item.first_at + hours)

    assert judge(900, *map(without_zone, both), settings=HERE).verdict is Verdict.HEALTHY


# By the order of one log, or by two clocks


def served(seconds: float = 60.5, came: float = 0.3, zoned: bool = True) -> list[Observation]:
    """The first job, by its pod's log: its agent was there until its room was gone."""
    asked = replace(worker_line(came, "received job request", dispatch_id="AD_1"), zoned=zoned)
    return pod(
        "pod-1", asked, replace(worker_line(seconds, "process exiting", reason="room disconnected"), zoned=zoned)
    )


def lost(asked: float = 20.1, seconds: float = 27.6) -> list[Observation]:
    """The second one, by another's."""
    given_up = of_job(worker_line(seconds, f"assignment for job {SECOND_JOB} timed out"), SECOND_JOB)
    return pod("pod-2", replace(ASKED_LATE, at=at(asked)), given_up)


def jobs_beside(*items: Observation | Iterable[Observation]) -> dict[str, str]:
    """Each with the one whose agent stayed."""
    call = calls_of(Setup(evidence(900, *items), HERE), Subject(room=ROOM))[-1]
    return beside_another(call.component_logs._own, call)


@pytest.mark.parametrize(
    ("first", "second", "beside"),
    [
        (served(), lost(), [SECOND_JOB]),
        (served(came=15), lost(asked=20.1), [SECOND_JOB]),
        (served(came=15.2), lost(asked=20.1), []),  # within the tolerance, of 5 s
        (served(came=30.2), lost(asked=20.1, seconds=40), []),
        (served(seconds=32.7), lost(), [SECOND_JOB]),
        (served(seconds=32.5), lost(), []),  # it may have left before that one was lost
        (served(zoned=False), lost(), []),
    ],
)
def test_which_of_two_pods_jobs_came_first_and_stayed(
    first: list[Observation], second: list[Observation], beside: list[str]
) -> None:
    assert [*jobs_beside(*first, *second)] == beside


@pytest.mark.parametrize(("seconds", "beside"), [(57.2, [SECOND_JOB]), (57.0, [])])
def test_an_agent_that_left_the_phone_alone_for_longer_than_a_moment_has_not_stayed(
    seconds: float, beside: list[str]
) -> None:
    agent_left = gone(seconds, f"agent-{FIRST}"), LEFT[0]
    assert [
        *jobs_beside(*TOGETHER, created(0.2), ASSIGNED, ASKED, created(20), *lost(), HUNG_UP, *agent_left)
    ] == beside
    by_another_clock = [*lost(), *pod("node-2", *agent_left[:1]), *pod("node-3", *agent_left[1:], first=50)]
    assert [*jobs_beside(*pod("node-1", OPENED, ASSIGNED), *by_another_clock)] == [SECOND_JOB]


@pytest.mark.parametrize(("last", "expected"), [(60, []), (22, ["LKD403"])])
def test_until_when_a_look_shows_the_agent(last: float, expected: list[str]) -> None:
    """Of several looks the last that has it."""
    who = agent(1, audio(), identity=f"agent-{FIRST}")
    sent = dispatch(0.2, job(identity=who.identity)), dispatch(20, id="AD_2")
    seen = [look(seconds, *sent, who, phone("active", 2)) for seconds in (21, last)]
    after = look(last + 20, *sent, phone("active", 2)), look(last + 23, *sent, phone("active", 2))
    assert [
        code for code in codes(judge(last + 23, *seen, *after, *lost(), settings=HERE)) if code == "LKD403"
    ] == expected
