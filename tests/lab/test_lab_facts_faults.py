"""Design section 3, fact 11: what each fault of a worker leaves, measured again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from tests.lab.edge import Edge
from tests.lab.modes import Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.servers import NO_MEDIA, LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker, Worker

RUNNING = api.JobStatus.JS_RUNNING
ACTIVE = api.ParticipantInfo.State.ACTIVE
REQUEST_FAILED = "failed to send job request"
ASSIGNMENT_FAILED = "failed to assign job to worker"
LATE_ANSWER = "received availability response for unknown job"


def test_no_worker_under_this_name(edge: Edge, livekit: LiveKitServer, names: Names) -> None:
    name, room = names.agent(), names.room()
    edge.create_dispatch(room, name)
    not_dispatched = "not dispatching agent job since no worker is available"
    entry = livekit.wait_for_log(not_dispatched, room=room, agentName=name)
    assert (entry["level"], entry["jobType"]) == ("info", "JT_ROOM")
    assert not edge.jobs(room)
    assert not edge.participants(room)


def test_worker_that_just_vanished(edge: Edge, worker: StartWorker, livekit: LiveKitServer, names: Names) -> None:
    """Its name is still cached: another log line than for a name that nobody had."""
    gone, room = worker(mode=Mode.REQUEST_REJECTS), names.room()
    edge.create_dispatch(names.room(), gone.agent_name)
    gone.wait_for_log("received job request")
    gone.stop()
    livekit.wait_for_log("last worker deregistered", agentName=gone.agent_name)
    edge.create_dispatch(room, gone.agent_name)
    entry = livekit.wait_for_log(REQUEST_FAILED, agentName=gone.agent_name, error="no response from servers")
    assert not {"room", "roomID", "jobID"} & entry.keys()
    assert not edge.jobs(room)


def test_worker_at_capacity(edge: Edge, worker: StartWorker, livekit: LiveKitServer, names: Names) -> None:
    full, room = worker(mode=Mode.AT_CAPACITY), names.room()
    full.wait_for_log("worker is at full capacity, marking as unavailable")
    edge.create_dispatch(room, full.agent_name)
    error = "no servers available (received 1 responses)"
    livekit.wait_for_log(REQUEST_FAILED, agentName=full.agent_name, error=error)
    assert not edge.jobs(room)
    assert not full.logged("received job request")


def test_rejected_request(edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    """A job that succeeded at once, without a participant; the server's log says nothing about it."""
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", Mode.REQUEST_REJECTS))
    job = edge.wait_for_job(room)
    assert job.state.status == api.JobStatus.JS_SUCCESS
    assert job.state.ended_at == job.state.started_at == job.state.updated_at
    assert job.state.worker_id == agent.worker_id
    assert (job.state.participant_identity, job.state.error) == ("", "")
    assert agent.logged("received job request", job_id=job.id, room=room)
    assert not livekit.logged(jobID=job.id)


@pytest.mark.parametrize("mode", [Mode.REQUEST_REJECTS_NO_TERMINATE, Mode.REQUEST_RAISES])
def test_declined_request(mode: Mode, edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", mode))
    gave_up = livekit.wait_for_log("no worker available to handle job", room=room, level="warn")
    assert gave_up["error"] == "no workers with sufficient capacity"
    (declined,) = livekit.logged(ASSIGNMENT_FAILED, room=room, level="warn")
    assert (declined["error"], declined["retry"]) == ("worker not available", True)
    assert agent.logged("received job request", room=room, job_id=gave_up["jobID"])
    livekit.wait_for_log(REQUEST_FAILED, agentName=agent.agent_name, error=gave_up["error"])
    assert not edge.jobs(room)


@pytest.mark.parametrize("mode", [Mode.REQUEST_HANGS, Mode.REQUEST_SLOW])
def test_request_that_takes_over_three_seconds(
    mode: Mode, edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names
) -> None:
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", mode, seconds=4))
    failed = livekit.wait_for_log(ASSIGNMENT_FAILED, room=room, level="warn")
    assert (failed["error"], failed["retry"]) == ("context deadline exceeded", False)

    def timed_out() -> set[str]:
        errors = {entry["error"] for entry in livekit.logged(REQUEST_FAILED, agentName=agent.agent_name)}
        return errors & {"request timed out", "context deadline exceeded"}

    until(timed_out, what="the request's end")
    if mode is Mode.REQUEST_SLOW:
        livekit.wait_for_log(LATE_ANSWER, jobID=failed["jobID"], level="warn")
        agent.wait_for_log(f"assignment for job {failed['jobID']} timed out")
    assert not edge.jobs(room)
    assert not edge.participants(room)


def test_hanging_requests_use_up_the_capacity(edge: Edge, worker: StartWorker, names: Names) -> None:
    """Beyond the design: each keeps its slot, so that the worker says it is full at a load of 0."""
    hanging = worker(mode=Mode.REQUEST_HANGS, load_threshold=0.7)
    edge.create_dispatch(names.room(), hanging.agent_name)
    full = hanging.wait_for_log("worker is at full capacity, marking as unavailable")
    assert full["load"] >= full["threshold"]


def test_frozen_worker(edge: Edge, worker: StartWorker, livekit: LiveKitServer, names: Names) -> None:
    frozen, room = worker(mode=Mode.REQUEST_REJECTS), names.room()
    frozen.freeze()
    edge.create_dispatch(room, frozen.agent_name)
    failed = livekit.wait_for_log(ASSIGNMENT_FAILED, room=room, level="warn")
    assert failed["error"] == "context deadline exceeded"
    frozen.thaw()
    livekit.wait_for_log(LATE_ANSWER, jobID=failed["jobID"], level="warn")
    assert not edge.jobs(room)


@dataclass(frozen=True)
class EntrypointFault:
    """A fault after the job was taken, with what the two logs say about it."""

    mode: Mode
    worker_says: str
    worker_fields: Mapping[str, Any] = field(default_factory=dict)
    server_says_ended: str | None = None


ENTRYPOINT_FAULTS = [
    EntrypointFault(Mode.ENTRYPOINT_RAISES, "process exiting", {"reason": "job crashed"}, "JS_SUCCESS"),
    EntrypointFault(Mode.ENTRYPOINT_CRASHES, "process exited with non-zero exit code 3", {}, "JS_FAILED"),
    EntrypointFault(Mode.ENTRYPOINT_RETURNS, "The job task completed without establishing a connection"),
    EntrypointFault(Mode.NEVER_CONNECTS, "The room connection was not established within 10 seconds"),
    EntrypointFault(Mode.BLOCKS_LOOP, "received job request"),
]


@pytest.mark.parametrize("fault", ENTRYPOINT_FAULTS, ids=lambda fault: fault.mode)
def test_entrypoint_fault(
    fault: EntrypointFault, edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names
) -> None:
    """The job is listed as running, with a participant identity, for ever; nobody joins."""
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", fault.mode))
    job_id = edge.wait_for_job(room).id
    agent.wait_for_log(fault.worker_says, job_id=job_id, **fault.worker_fields)
    assert livekit.logged("assigned job to worker", jobID=job_id, room=room, workerID=agent.worker_id)
    if fault.server_says_ended:
        ended = livekit.wait_for_log("job ended", jobID=job_id)
        assert (ended["status"], ended["error"]) == (fault.server_says_ended, "")
    (job,) = edge.jobs(room)
    assert (job.state.status, job.state.ended_at, job.state.error) == (RUNNING, 0, "")
    assert job.state.participant_identity == f"agent-{job_id}"
    assert not edge.participants(room)


def test_agent_that_left(edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    """Its participant is gone at once, without a state in between; its job stays running. In the log it has failed, or
    succeeded where the worker's word of its end came before the server saw it leave."""
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", Mode.LEAVES_EARLY, seconds=0.5))
    edge.wait_for_agent(room)
    states: set[str] = set()
    while participant := edge.agent(room):
        states.add(api.ParticipantInfo.State.Name(participant.state))
    assert states <= {"JOINED", "ACTIVE"}
    job = edge.wait_for_job(room)
    assert job.state.status == RUNNING
    ended = livekit.wait_for_log("job ended", jobID=job.id)
    assert (ended["status"], ended["error"]) in [("JS_FAILED", "agent worker left the room"), ("JS_SUCCESS", "")]
    left = {"room": room, "participant": job.state.participant_identity}
    assert livekit.wait_for_log("participant closing", **left)["reason"] == "CLIENT_REQUEST_LEAVE"


def test_silent_agent(edge: Edge, agent: Worker, names: Names) -> None:
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", Mode.SILENT))
    until(lambda: (one := edge.agent(room)) and one.state == ACTIVE, what="the agent")
    edge.wait_for_job(room)
    assert not edge.wait_for_agent(room).tracks


def test_muted_agent(edge: Edge, agent: Worker, names: Names) -> None:
    room = names.room()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", Mode.MUTED))
    until(lambda: edge.wait_for_agent(room, audio=True).tracks[0].muted, what="the muted track")


def test_agent_that_joins_slowly(edge: Edge, agent: Worker, names: Names) -> None:
    room = names.room()
    begun = time.monotonic()
    edge.create_dispatch(room, agent.agent_name, metadata=job_metadata("", Mode.SLOW_JOIN, seconds=3))
    edge.wait_for_agent(room, audio=True)
    assert time.monotonic() - begun > 3


def test_agent_without_media_stays_joined(lab_folder: Path, names: Names) -> None:
    """A JOINED participant that never becomes ACTIVE: media does not get through."""
    settings, room = WorkerSettings(names.agent()), names.room()
    with (
        LiveKitServer(lab_folder, config=NO_MEDIA) as server,
        Worker(lab_folder, server, settings) as worker,
    ):
        edge = Edge(server)
        edge.create_dispatch(room, settings.agent_name)
        edge.wait_for_agent(room)
        worker.wait_for_log("The room connection was not established within 10 seconds")
        states = {one.state for one in edge.participants(room)}
        edge.close()
    assert states <= {api.ParticipantInfo.State.JOINED}
