"""What failed beside the agent of the call: the second job of a room that was dispatched into twice, another agent."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import at, codes, found, judge, server_line, warned, worker_line
from tests.diagnosis.test_against import ASKED, HUNG_UP, LEFT, LIKELY, TOGETHER, WORDS, gone
from tests.diagnosis.test_component_logs import ASSIGNED, HERE, afterwards, created
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
