"""The logs of real components, in each of their formats: what they say is found, and is one thing in all of them."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import LogFile, LogLine
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.modes import LogFormat, Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import Worker

RAISED = "RuntimeError: the lab's entrypoint raises"


@dataclass(frozen=True)
class Stage:
    """A server and a worker of it, both of one log format."""

    server: LiveKitServer
    worker: Worker
    edge: Edge
    formats: tuple[str, str]

    @property
    def options(self) -> tuple[str, ...]:
        return ("--server-log", str(self.server.log_path), "--worker-log", str(self.worker.log_path))

    def lines(self, **known: Any) -> list[LogLine]:
        logs = [LogSource("server", str(self.server.log_path)), LogSource("worker", str(self.worker.log_path))]
        reading = read(logs, Needles(**known), datetime.now(UTC))
        files = [item for item in reading.observations if isinstance(item, LogFile)]
        assert tuple(file.formats[0] for file in files) == self.formats
        return [item for item in reading.observations if isinstance(item, LogLine)]


@pytest.fixture(scope="module", params=["json", "text"])
def stage(request: pytest.FixtureRequest, lab_folder: Path, livekit: LiveKitServer, agent: Worker) -> Iterator[Stage]:
    with ExitStack() as stack:
        if request.param == "json":
            server, worker, formats = livekit, agent, ("livekit-server JSON", "livekit-agents Python JSON")
        else:
            formats = ("livekit-server console", "livekit-agents Python text")
            server = stack.enter_context(LiveKitServer(lab_folder, log_format="console"))
            settings = WorkerSettings("Text Agent", log_format=LogFormat.TEXT)
            worker = stack.enter_context(Worker(lab_folder, server, settings))
        edge = stack.enter_context(closing(Edge(server)))
        stack.callback(edge.delete_everything)
        yield Stage(server, worker, edge, formats)


@pytest.fixture
def raised(stage: Stage, names: Names) -> str:
    """The room of a call whose agent's entrypoint raised."""
    room = names.room()
    stage.edge.create_dispatch(room, stage.worker.agent_name, metadata=job_metadata("", Mode.ENTRYPOINT_RAISES))
    job = stage.edge.wait_for_job(room)
    until(lambda: len(_with(stage.server.log(), "job ended", job.id)) > 0, what="the job's end")
    until(lambda: len(_with(stage.worker.log(), "process exiting", job.id)) > 0, what="the process's end")
    return room


def _with(log: str, *texts: str) -> list[str]:
    return [line for line in log.splitlines() if all(text in line for text in texts)]


def test_what_the_logs_say_of_a_crash(stage: Stage, raised: str) -> None:
    began = datetime.now(UTC)
    lines = stage.lines(rooms=(raised,))
    own = {line.message: line for line in lines if line.by_id}
    request, assigned = own["received job request"], own["assigned job to worker"]
    assert request.fields["room"] == assigned.fields["room"] == raised
    assert request.fields["job_id"] == assigned.fields["job_id"] == own["job ended"].fields["job_id"]
    assert request.fields["dispatch_id"].startswith("AD_")
    assert request.fields["agent_name"] == assigned.fields["agent_name"] == stage.worker.agent_name
    assert assigned.fields["worker_id"] == stage.worker.worker_id
    crash = own["unhandled exception while running the job task"]
    assert crash.level == "error"
    assert crash.traceback.splitlines()[-1] == RAISED
    assert "in entrypoint" in crash.traceback
    assert "... 1 frame of libraries" in crash.traceback
    assert crash.traceback.count(RAISED) == 1
    for line in own.values():
        assert line.at is not None
        assert abs(line.at - began) < timedelta(minutes=2), line
    assert own["process exiting"].fields["reason"] == "job crashed"
    registered = [line for line in lines if line.message in ("registered worker", "worker registered")]
    assert {line.log for line in registered} == {"server", "worker"}
    assert stage.worker.worker_id in {line.fields["worker_id"] for line in registered}
    assert not any(line.by_id for line in registered)


def test_a_job_leads_to_the_room(stage: Stage, raised: str) -> None:
    job = stage.edge.wait_for_job(raised)
    assert {line.log for line in stage.lines(ids=(job.id,)) if line.by_id} == {"server", "worker"}
    doctor = Doctor(stage.server.log_path.parent, None)
    ran = doctor.trace(job.id, *stage.options)
    assert ran.json["room"] == raised


def test_a_refused_request_names_no_call(stage: Stage, names: Names) -> None:
    """What the request function raised stands in a line without any id: it counts by agent and time."""
    room = names.room()
    stage.edge.create_dispatch(room, stage.worker.agent_name, metadata=job_metadata("", Mode.REQUEST_RAISES))
    until(lambda: len(_with(stage.server.log(), "no worker available to handle job", room)) > 0, what="the refusal")
    lines = stage.lines(rooms=(room,), agent_name=stage.worker.agent_name)
    failed = [line for line in lines if line.message == "job_request_fnc failed"]
    assert failed
    assert not failed[-1].by_id
    assert failed[-1].fields["agent_name"] == stage.worker.agent_name
    assert failed[-1].traceback.splitlines()[-1] == "RuntimeError: the lab's request function raises"
    messages = {line.message for line in lines if line.by_id}
    assert {"failed to assign job to worker", "no worker available to handle job"} <= messages


def test_trace_without_anything_else(stage: Stage, raised: str, tmp_path: Path) -> None:
    """Neither LiveKit nor a database: the logs alone, plain or compressed or piped."""
    ran = Doctor(tmp_path, None).trace("--room", raised, *stage.options)
    events = [(entry["source"], entry["event"]) for entry in ran.json["timeline"]]
    assert ("worker log", "received job request") in events
    assert ("server log", "assigned job to worker") in events
    assert {entry["status"] for entry in ran.json["coverage"] if "_log " in entry["source"]} == {"read"}
    packed = tmp_path / "worker.log.gz"
    packed.write_bytes(gzip.compress(stage.worker.log_path.read_bytes()))
    again = Doctor(tmp_path, None).trace("--room", raised, "--worker-log", packed.name)
    of_worker = [event for event in events if event[0] == "worker log"]
    assert [(entry["source"], entry["event"]) for entry in again.json["timeline"]] == of_worker


def test_trace_of_a_live_call_with_logs(
    edge: Edge, agent: Worker, livekit: LiveKitServer, phone: JoinPhone, names: Names, tmp_path: Path
) -> None:
    """The logs go with what LiveKit says; what healthy calls have too is kept out of the timeline."""
    room = names.room()
    edge.create_room(room)
    edge.create_dispatch(room, agent.agent_name)
    edge.wait_for_agent(room, audio=True)
    phone(room, status="active")
    until(lambda: edge.phone(room, audio=True), what="the phone's audio")
    doctor = Doctor(tmp_path, livekit)
    ran = doctor.trace(
        "--room", room, "--agent-name", agent.agent_name, "--server-log", str(livekit.log_path),
        "--worker-log", str(agent.log_path), "--wait", "1",
    )  # fmt: skip
    assert (ran.status, ran.json["verdict"]) == (0, "healthy")
    events = [entry["event"] for entry in ran.json["timeline"] if entry["source"].endswith(" log")]
    assert len(events) == len(set(events)) or events.count("participant active") == 2
    assert "assigned job to worker" in events
    assert not any(event.startswith(("failed to send", "API RoomService.List", "not dispatching")) for event in events)
