"""Lines of the components' logs in a diagnosis: what is looked for, what the timeline shows, what is noise."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.core import calls_of
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.log_lines import is_noise, lines_of, needles_of
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Component, Coverage, Evidence, LogLine, Observation
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    ROOM,
    SETTINGS,
    SID,
    agent,
    at,
    diagnose,
    dispatch,
    evidence,
    job,
    look,
    phone,
    read,
    row,
)

JOB = "AJ_uN4vB8sK1rTy"


def line(message: str, log: Component = "server", seconds: float | None = 1, number: int = 7, **fields: str) -> LogLine:
    return LogLine(
        read=read(30, f"{log}_log x.log"),
        log=log,
        file="x.log",
        number=number,
        at=None if seconds is None else at(seconds),
        level="info",
        logger="livekit.agents",
        message=message,
        fields={"room": ROOM, **fields},
    )


def timeline(*lines: LogLine) -> list[tuple[str, str]]:
    found = diagnose(Evidence(now=at(60), observations=lines), SETTINGS, Subject(room=ROOM))
    return [(entry.source, entry.event) for entry in found.timeline]


def test_what_is_looked_for() -> None:
    known = evidence(20, look(20, dispatch(0, job()), agent(), phone()), [row(-5, "agent_connected")])
    (call,) = calls_of(Setup(known, SETTINGS), Subject(call_id=CALL, room=ROOM))
    needles = needles_of(call)
    assert (needles.rooms, needles.call_ids, needles.agent_name) == ((ROOM,), (CALL,), AGENT)
    assert {SID, JOB, "AD_t8Xk2mQ9pLwz", "PA_agent1"} <= set(needles.ids)
    assert needles.worker_ids == ("AW_c5Dg7Hj2Lq9w",)
    assert needles.start == at(-5)
    assert needles.end == known.now


def test_lines_go_into_the_timeline_by_their_time() -> None:
    assert timeline(
        line("job ended", seconds=9, number=2),
        line("received job request", "worker", seconds=2),
        line("assigned job to worker", seconds=3, number=1),
        line("SIP invite failed", "sip", seconds=1),
    ) == [
        ("sip log", "SIP invite failed"),
        ("worker log", "received job request"),
        ("server log", "assigned job to worker"),
        ("server log", "job ended"),
    ]


@pytest.mark.parametrize(
    "noise",
    [
        line("failed to send job request", job_id=JOB, error="failed sending TerminateJob RPC"),
        line("failed to send job request", error="no response from servers"),
        line("not dispatching agent job since no worker is available", job_type="JT_PARTICIPANT", agent_name=AGENT),
        line("job ended", status="JS_FAILED", error="agent worker left the room"),
        line("process exited with non-zero exit code 255", "worker"),
    ],
)
def test_noise_of_healthy_calls_is_kept_out(noise: LogLine) -> None:
    assert is_noise(noise)
    assert timeline(noise) == []


@pytest.mark.parametrize(
    "fault",
    [
        line("failed to send job request", agent_name=AGENT, error="no response from servers"),
        line("not dispatching agent job since no worker is available", job_type="JT_ROOM", agent_name=AGENT),
        line("job ended", status="JS_FAILED", error="process exited"),
        line("process exited with non-zero exit code 255", "worker", job_id=JOB),
    ],
)
def test_the_nearest_lines_that_are_no_noise(fault: LogLine) -> None:
    assert not is_noise(fault)
    assert timeline(fault) == [(f"{fault.log} log", fault.message)]


@pytest.mark.parametrize(
    "other",
    [
        line("selected node for room"),
        line("received job request", "worker", seconds=None),
        replace(line("registered worker", "worker"), by_id=False),
        replace(line("dropping pass-through signal", "worker"), logger="livekit"),
        replace(line("job started", "worker"), level="debug"),
    ],
)
def test_what_else_has_no_place_in_the_timeline(other: LogLine) -> None:
    assert timeline(other) == []


def test_a_line_that_was_read_twice_is_one() -> None:
    twice = (line("job ended"), replace(line("job ended"), read=read(40, "server_log x.log")))
    (call,) = calls_of(Setup(Evidence(now=at(60), observations=twice), SETTINGS), Subject(room=ROOM))
    assert len(lines_of(call)) == 1
    assert timeline(*twice) == [("server log", "job ended")]


def test_time_without_a_zone_is_marked() -> None:
    lines = tuple(replace(line("received job request", "worker", number=n), zoned=False, at=at(n)) for n in (1, 2))
    first, second = diagnose(Evidence(now=at(60), observations=lines), SETTINGS, Subject(room=ROOM)).timeline
    assert "have no zone" in first.detail
    assert "zone" not in second.detail, "once a log"


def test_blanks_at_the_ends_of_a_name_are_seen() -> None:
    asked = line("received job request", "worker", agent_name=f"{AGENT} ", job_id=JOB)
    (entry,) = diagnose(Evidence(now=at(60), observations=(asked,)), SETTINGS, Subject(room=ROOM)).timeline
    assert f'agent_name "{AGENT} ", job_id {JOB}' in entry.detail


def test_a_step_is_not_dated_by_what_only_tells_that_it_had_happened() -> None:
    """A job's process exits at the end of a call: its assignment did not take as long as the call."""
    ended = line("closing agent session due to participant disconnect", "worker", job_id=JOB)
    lines = (
        line("received job request", "worker", job_id=JOB, agent_name=AGENT),
        replace(ended, at=at(200)),
        replace(line("process exiting", "worker", job_id=JOB), at=at(201)),
    )
    diagnosis = diagnose(Evidence(now=at(260), observations=lines), SETTINGS, Subject(room=ROOM))
    steps = {result.step: result for result in diagnosis.steps}
    for step in (Step.JOB_ASSIGNED, Step.AGENT_CONNECTED):
        assert (steps[step].status, steps[step].at) == (Status.OK, None), step
    assert diagnosis.warnings == ()


@pytest.mark.parametrize("subject", [Subject(call_id=CALL), Subject(livekit_id=JOB)])
def test_logs_lead_to_the_room(subject: Subject) -> None:
    def room(*lines: Observation) -> tuple[str, str] | None:
        found = diagnose(Evidence(now=at(60), observations=lines), SETTINGS, subject).room
        return (found.name, found.how) if found else None

    assert room(line("dialing", "worker")) == (ROOM, "the worker log, line 7")
    assert room(line("dialing", "worker"), line("a", "worker", number=8, room="another")) is None
    assert room(replace(line("failed to send job request"), by_id=False)) is None


def test_a_log_that_was_read_is_not_asked_for() -> None:
    def hints(*coverage: Coverage) -> str:
        stuck = evidence(60, look(59, dispatch(), phone()), look(60, dispatch(), phone()))
        known = replace(stuck, coverage=(*stuck.coverage, *coverage))
        return " ".join(diagnose(known, SETTINGS, Subject(room=ROOM)).would_settle)

    assert "--worker-log FILE" in hints()
    given = hints(Coverage(source="worker_log x.log", status="empty"))
    assert "--worker-log FILE" not in given
    assert "--server-log FILE" in given


def test_ages_are_not_counted_from_logs() -> None:
    """Their clocks are their own: a line alone neither breaks nor proves a step."""
    late = line("received job request", "worker", seconds=-timedelta(days=9).total_seconds())
    found = diagnose(Evidence(now=at(60), observations=(late,)), SETTINGS, Subject(room=ROOM))
    assert not found.broken
