"""The probe with real workers of livekit-agents, healthy and not."""

import asyncio
import json
from typing import Any

import pytest

from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.evidence.observations import LeftBehind, ProbeResult, Reading
from livekit_doctor.experiments import probe
from livekit_doctor.experiments.probe import ProbeRefused, fill_in
from livekit_doctor.progress import Doing, Progress, beginnings
from livekit_doctor.settings import Agent, Flow, Probe, Settings
from tests.experiments.proxy import Proxy
from tests.experiments.support import WithClient, of_kind
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.support import PATIENCE, free_port, until
from tests.lab.worker import StartWorker, Worker


def settings_of(name: str | None, metadata: str | None = None, timeout: float = PATIENCE, **agent: Any) -> Settings:
    return Settings(agent=Agent(name=name, **agent), probe=Probe(metadata=metadata, timeout=timeout))


def in_mode(mode: Mode, seconds: float = 0.0) -> str:
    """Metadata that makes a lab worker behave so for this job: JSON, with a place to fill in."""
    return job_metadata("{call_id}", mode, seconds)


def probing(with_client: WithClient, settings: Settings, **changed: Any) -> Reading:
    return with_client(lambda client: probe.run(client, settings), **changed)


def result_of(reading: Reading) -> ProbeResult:
    assert [(entry.source, entry.status) for entry in reading.coverage] == [("probe", "read")]
    assert len(reading.observations) == 1
    return of_kind(reading, ProbeResult)


def test_healthy_worker(edge: Edge, with_client: WithClient, agent: Worker) -> None:
    """The agent joins; its dispatch carries the metadata and the mark; nobody else is dispatched."""
    template = '{"call_id": "{call_id}", "to": {"room": "{room}", "other": "{other}"}}'
    listed: list[Any] = []
    told: list[str] = []

    def tell(doing: Doing) -> None:
        told.append(doing.what)
        if not listed:
            listed.extend(edge.dispatches(edge.rooms()[0].name))

    async def work(client: LiveKitClient) -> Reading:
        return await probe.run(client, settings_of(agent.agent_name, template), progress=Progress(beginnings(tell)))

    seen = result_of(with_client(work))
    assert seen.agent_name == agent.agent_name
    assert seen.joined_after is not None
    assert 0 < seen.joined_after <= seen.waited < PATIENCE
    assert seen.participant_identity.startswith("agent-")
    assert not seen.job_declined
    (dispatch,) = listed
    assert dispatch.id == seen.dispatch_id
    assert dispatch.agent_name == agent.agent_name
    assert dict(dispatch.attributes) == {"livekit_doctor.probe": "true"}
    metadata = json.loads(dispatch.metadata)
    assert metadata["call_id"].startswith("livekit-doctor-probe-")
    assert metadata["to"] == {"room": seen.room, "other": "{other}"}
    assert seen.room in told[0]
    assert "joined" in told[-1]
    assert edge.rooms() == []


def test_unnamed_worker(edge: Edge, with_client: WithClient, worker: StartWorker) -> None:
    worker(agent_name="")
    seen = result_of(probing(with_client, settings_of("", in_mode(Mode.SILENT))))
    assert seen.agent_name == ""
    assert seen.joined_after is not None
    assert edge.rooms() == []


def test_no_worker(edge: Edge, with_client: WithClient, names: Names) -> None:
    """That there is no job can be said only when the dispatch is old enough, whatever the timeout."""
    seen = result_of(probing(with_client, settings_of(names.agent(), timeout=1.0)))
    assert seen.dispatch_id.startswith("AD_")
    assert seen.joined_after is None
    assert 1 <= seen.waited < 3
    assert (seen.job_status, seen.job_declined, seen.participant_identity) == ("", False, "")
    assert edge.rooms() == []


def test_rejecting_worker(edge: Edge, with_client: WithClient, agent: Worker) -> None:
    """Known before the time is up."""
    seen = result_of(probing(with_client, settings_of(agent.agent_name, in_mode(Mode.REQUEST_REJECTS))))
    assert seen.joined_after is None
    assert seen.waited < PATIENCE
    assert (seen.job_status, seen.job_declined, seen.participant_identity) == ("JS_SUCCESS", True, "")
    assert edge.rooms() == []


def test_entrypoint_raises(edge: Edge, with_client: WithClient, agent: Worker) -> None:
    """Nobody can see that it will not join after all, until it is too late for that: so much is said."""
    settings = settings_of(agent.agent_name, in_mode(Mode.ENTRYPOINT_RAISES), timeout=2.0)
    reading = probing(with_client, settings)
    seen = of_kind(reading, ProbeResult)
    assert "was taken, and it has not come" in of_kind(reading, LeftBehind).error
    assert seen.joined_after is None
    assert (seen.job_status, seen.job_declined) == ("JS_RUNNING", False)
    assert seen.participant_identity.startswith("agent-")
    assert edge.rooms() == []


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6, 1.5])
def test_cancelled_while_the_agent_is_on_its_way(
    edge: Edge, with_client: WithClient, agent: Worker, moment: float
) -> None:
    """An agent that joins after the room was deleted would make it again."""
    metadata = in_mode(Mode.SLOW_JOIN, seconds=2.0)
    jobs = len(agent.logged("received job request"))

    async def cancelled(client: LiveKitClient) -> None:
        running = asyncio.create_task(probe.run(client, settings_of(agent.agent_name, metadata)))
        await asyncio.to_thread(until, edge.rooms, 10, "the scratch room")
        await asyncio.wait([running], timeout=moment)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with_client(cancelled)
    assert len(agent.logged("received job request")) == jobs + 1
    with pytest.raises(AssertionError):
        until(edge.rooms, timeout=2.0, what="no room, again")


def test_server_down(with_client: WithClient, names: Names) -> None:
    reading = probing(with_client, settings_of(names.agent()), url=f"ws://127.0.0.1:{free_port()}")
    (entry,) = reading.coverage
    assert (entry.source, entry.status) == ("probe", "unread")
    assert entry.problem is not None
    assert entry.problem.code == "LKD003"
    assert reading.observations == ()


def test_room_that_cannot_be_watched(edge: Edge, with_client: WithClient, names: Names, proxy: Proxy) -> None:
    proxy.fail = {"ListParticipants"}
    (entry,) = probing(with_client, settings_of(names.agent()), url=proxy.url).coverage
    assert entry.status == "unread"
    assert edge.rooms() == []


REFUSED = {
    "agent.name": settings_of(None),
    "agent.job_type": settings_of("x", job_type="participant"),
    "probe.metadata": Settings(agent=Agent(name="x"), flow=Flow(placed_by="agent")),
}


@pytest.mark.parametrize("key", REFUSED)
def test_refused(edge: Edge, with_client: WithClient, key: str) -> None:
    with pytest.raises(ProbeRefused) as refused:
        probing(with_client, REFUSED[key])
    assert refused.value.key == key
    assert key in refused.value.fix
    assert "\n" not in str(refused.value)
    assert edge.rooms() == []


def test_agent_that_dials_is_probed_with_metadata_of_its_own(with_client: WithClient, agent: Worker) -> None:
    settings = Settings(
        agent=Agent(name=agent.agent_name),
        flow=Flow(placed_by="agent"),
        probe=Probe(metadata=in_mode(Mode.SILENT), timeout=PATIENCE),
    )
    assert result_of(probing(with_client, settings)).joined_after is not None


def test_fill_in_only_the_two_names() -> None:
    template = '{"id": "{call_id}", "nested": {"room": "{room}", "rooms": [{}]}, "x": "{ room } {rooms} {{room}}"}'
    filled = fill_in(template, call_id="{room}", room="R")
    expected = '{"id": "{room}", "nested": {"room": "R", "rooms": [{}]}, "x": "{ room } {rooms} {R}"}'
    assert filled == expected
