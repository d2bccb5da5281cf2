"""An agent that is on its way when its scratch room is removed: it must not make the room again.

It would do so up to 15 s later, so all ways in which that could happen are tried at the same time.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable

import pytest
from livekit import api

from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import SCRATCH_PREFIX, Evidence, LeftBehind, Room
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments import placed_call, probe
from livekit_doctor.experiments.arrival import MAY_COME
from livekit_doctor.experiments.placed_call import Order
from livekit_doctor.experiments.scratch import ScratchRoom
from livekit_doctor.settings import Agent, LiveKit, Probe, Settings
from tests.experiments.proxy import Proxy
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE, until
from tests.lab.worker import StartWorker, Worker

AT_ONCE = 4
RECONNECTS = 17.0
"""Seconds within which an agent that was connecting has made its room again."""
JOINED, ACTIVE = api.ParticipantInfo.State.JOINED, api.ParticipantInfo.State.ACTIVE


def scratch_rooms(edge: Edge) -> set[str]:
    return {room.name for room in edge.rooms() if room.name.startswith(SCRATCH_PREFIX)}


def settings_of(agent: Worker, mode: Mode, seconds: float = 0.0) -> Settings:
    metadata = job_metadata("{call_id}", mode, seconds)
    return Settings(agent=Agent(name=agent.agent_name), probe=Probe(metadata=metadata, timeout=60.0))


async def cancelled(work: Awaitable[object]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await work


async def _seen(edge: Edge, room: str, state: int, meanwhile: "asyncio.Task[object] | None" = None) -> bool:
    """Whether the agent came to be in the room and in this state, or past it, before this was over: on a busy machine
    it may come and go between two looks."""
    async with asyncio.timeout(PATIENCE):
        while meanwhile is None or not meanwhile.done():
            agent = await asyncio.to_thread(edge.agent, room)
            if agent is not None and agent.state >= state:
                return True
            await asyncio.sleep(0.005)
    return False


def test_an_agent_that_is_on_its_way_does_not_make_the_room_again(
    edge: Edge, livekit: LiveKitServer, proxy: Proxy, agent: Worker
) -> None:
    """Cancelled as soon as it is JOINED, which is not ACTIVE yet; while its process starts; and where the answer of
    CreateRoom was lost. Looked at once more when it would have connected again."""
    lost, left = proxy, list[LeftBehind]()
    lost.hide = {"CreateRoom"}
    url = {"api_key": livekit.api_key, "api_secret": livekit.api_secret}

    async def cancelled_at(client: LiveKitClient, state: int, mode: Mode, seconds: float) -> bool:
        known = await asyncio.to_thread(scratch_rooms, edge)
        running = asyncio.create_task(probe.run(client, settings_of(agent, mode, seconds)))
        new = await asyncio.to_thread(until, lambda: scratch_rooms(edge) - known)
        if state and not await _seen(edge, new.pop(), state, running):
            await running
            return False
        running.cancel()
        await cancelled(running)
        return True

    async def lost_answer(client: LiveKitClient) -> None:
        reading = await probe.run(client, settings_of(agent, Mode.HEALTHY))
        assert [entry.status for entry in reading.coverage] == ["unread"]
        left.extend(item for item in reading.observations if isinstance(item, LeftBehind))

    async def work() -> None:
        async with (
            LiveKitClient(LiveKit(url=livekit.url, **url)) as client,
            LiveKitClient(LiveKit(url=lost.url, timeout=0.3, **url)) as without_answer,
        ):
            for state, mode, seconds in [(JOINED, Mode.HEALTHY, 0.0)] * AT_ONCE + [(0, Mode.SLOW_JOIN, 1.0)]:
                while not await cancelled_at(client, state, mode, seconds):
                    pass
            await asyncio.gather(*(lost_answer(without_answer) for _ in range(AT_ONCE)))

    asyncio.run(work())
    assert left == []
    assert scratch_rooms(edge) == set()
    with pytest.raises(AssertionError):
        until(lambda: scratch_rooms(edge), timeout=RECONNECTS, what="no room, again")


def test_an_agent_that_never_connects_is_said(
    edge: Edge, livekit: LiveKitServer, worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets no media through: it is JOINED, taken out of the room, and connects again till its worker is stopped.
    Also where that has gone on for longer than an agent takes that has not been seen yet."""
    agent = worker()

    late = f"{SCRATCH_PREFIX}{secrets.token_hex(6)}"
    metadata = job_metadata("late", Mode.NO_MEDIA)

    async def removed_late(client: LiveKitClient) -> str:
        edge.create_room(late, [api.RoomAgentDispatch(agent_name=agent.agent_name, metadata=metadata)])
        await _seen(edge, late, JOINED)
        found = Room(sid="", name=late, created_at=utc_now())
        return await ScratchRoom.found(client, found, age=MAY_COME + 1, ends=math.inf).remove()

    async def interrupted(client: LiveKitClient) -> str:
        running = asyncio.create_task(probe.run(client, settings_of(agent, Mode.NO_MEDIA)))
        (room,) = await asyncio.to_thread(until, lambda: scratch_rooms(edge) - {late})
        await _seen(edge, room, JOINED)
        running.cancel()
        await cancelled(running)
        return room

    async def work() -> None:
        settings = LiveKit(url=livekit.url, api_key=livekit.api_key, api_secret=livekit.api_secret)
        async with LiveKitClient(settings) as client:
            room, why = await asyncio.gather(interrupted(client), removed_late(client))
            for name, said in ((room, caplog.text), (late, why)):
                assert f"livekit-doctor clean {name}" in said
                assert "still connecting" in said

    asyncio.run(work())


def test_a_test_call_waits_for_its_agent_as_well(edge: Edge, livekit: LiveKitServer, agent: Worker) -> None:
    """Interrupted while the agent joins: there is no SIP service here, so the phone ends at once."""
    order = Order("+15555550123", "ST_none", agent.agent_name, job_metadata("{call_id}", Mode.SLOW_JOIN, 1.0))

    async def work() -> None:
        settings = LiveKit(url=livekit.url, api_key=livekit.api_key, api_secret=livekit.api_secret)
        async with LiveKitSource(settings) as client:
            calling = placed_call.run(client, order, Evidence(now=utc_now()), lambda *_: False)
            running = asyncio.create_task(calling)
            rooms = await asyncio.to_thread(until, lambda: scratch_rooms(edge))
            running.cancel()
            await cancelled(running)
            assert agent.logged("received job request"), rooms

    asyncio.run(work())
    with pytest.raises(AssertionError):
        until(lambda: scratch_rooms(edge), timeout=3, what="no room, again")
