"""What the lines of an agent's session show, by a worker's log: that the agent was there, and whether it spoke."""

import pytest
from msgspec.structs import replace

from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import ROOM, broken, found, judge, line, log_file, status, worker_line
from tests.diagnosis.test_whose_attempt import HERE

LOGS = (log_file("worker"), log_file("sip"))
ASKED = worker_line(0.3, "received job request")
PICKED_UP = line("sip", 8, "Outbound SIP call established", room=ROOM, call_id="SCL_1")
HUNG_UP = line("sip", 60, "BYE from remote", room=ROOM, call_id="SCL_1")
CALL = (*LOGS, ASKED, PICKED_UP, HUNG_UP)
BROKE = "AgentSession is closing due to unrecoverable error"
SPOKE = worker_line(12, "TTS metrics")
HEARD = worker_line(14, "received user transcript")
SILENT = [("agent_audio", "LKD408", "possible")]


def of_job(seconds: float, message: str, level: str = "error") -> LogLine:
    return replace(worker_line(seconds, message), level=level)


def retried(seconds: float) -> LogLine:
    return of_job(seconds, "failed to synthesize speech, retrying in 0.1s", "warning")


@pytest.mark.parametrize(
    "words",
    [
        *("TTS metrics", "LLM metrics", "received user transcript", "failed to recognize speech, retrying in 0.1s"),
        *("failed to synthesize speech, retrying in 0.1s", "Error in _tts_inference_task", BROKE),
    ],
)
def test_an_agent_whose_session_runs_is_in_the_room(words: str) -> None:
    diagnosis = judge(900, *LOGS, ASKED, of_job(9, words), settings=HERE)
    assert status(diagnosis, Step.ENTRYPOINT_CALLED) is status(diagnosis, Step.AGENT_CONNECTED) is Status.OK
    elsewhere = replace(of_job(9, words), fields={"job_id": "AJ_another"})
    assert status(judge(900, *LOGS, ASKED, elsewhere, settings=HERE), Step.AGENT_CONNECTED) is not Status.OK


def test_an_agent_whose_session_runs_and_does_not_connect() -> None:
    """Its models fail beside its media: where it heard somebody, it was in the room before."""
    media = worker_line(16, "wait_pc_connection timed out")
    diagnosis = judge(900, *LOGS, ASKED, of_job(1, "Error in _tts_inference_task"), media, settings=HERE)
    assert found(diagnosis)[0][1] == "LKD416"
    assert found(judge(900, *LOGS, ASKED, HEARD, media, settings=HERE)) == []


def test_a_session_that_broke_while_the_phone_was_on_the_line() -> None:
    broke = of_job(20, BROKE)
    diagnosis = judge(900, *CALL, SPOKE, broke, settings=HERE)
    assert found(diagnosis) == [("agent_connected", "LKD407", "possible")]
    assert "LKD408" in broken(diagnosis, "LKD407").candidates
    assert found(judge(900, *CALL, SPOKE, of_job(61, BROKE), settings=HERE)) == []


@pytest.mark.parametrize(
    "lines",
    [
        (retried(9), retried(11)),
        (of_job(9, "Error in _tts_inference_task"),),
        (of_job(9, "failed to synthesize speech after 4 attempts"),),
        (retried(9), replace(of_job(20, BROKE), zoned=False)),
    ],
)
def test_what_the_agent_was_to_say_first_came_to_nothing(lines: tuple[LogLine, ...]) -> None:
    assert found(judge(900, *CALL, *lines, settings=HERE)) == SILENT
    assert found(judge(900, *CALL, *lines, SPOKE, settings=HERE)) == []
    assert found(judge(900, *CALL, replace(HEARD, at=PICKED_UP.at), *lines, settings=HERE)) == []
    assert found(judge(900, *LOGS, ASKED, *lines, settings=HERE)) == [], "nobody is known to have been there"


def test_what_the_agent_was_to_say_came_to_nothing_later() -> None:
    """By then it may have said much: a worker's log need not have a line of it."""
    for failed in ((of_job(40, "Error in _tts_inference_task"),), (retried(9),)):
        assert found(judge(900, *CALL, *failed, settings=HERE)) == []
    for other in ("failed to recognize speech", "Error in _forward_audio_task"):
        assert found(judge(900, *CALL, of_job(9, other), settings=HERE)) == [], "it may speak all the same"
    closed = worker_line(8.5, "closing agent session due to participant disconnect")
    assert found(judge(900, *CALL, closed, of_job(9, "Error in _tts_inference_task"), settings=HERE)) == []


def test_an_agent_that_heard_somebody_ask_whether_it_is_there() -> None:
    failed = of_job(9, "Error in _tts_inference_task")
    assert found(judge(900, *LOGS, ASKED, failed, HEARD, settings=HERE)) == SILENT
    assert found(judge(900, *LOGS, ASKED, HEARD, replace(failed, at=HUNG_UP.at), settings=HERE)) == []


def test_a_line_that_names_no_job() -> None:
    """It is the job's that was asked for above it, if any was."""
    picked = replace(of_job(9, "failed to recognize speech"), fields={})
    picked = replace(picked, read=replace(picked.read, source="evidence a.txt"))
    assert status(judge(900, LOGS[0], picked, settings=HERE), Step.AGENT_CONNECTED) is not Status.OK
    assert status(judge(900, LOGS[0], ASKED, picked, settings=HERE), Step.AGENT_CONNECTED) is Status.OK
