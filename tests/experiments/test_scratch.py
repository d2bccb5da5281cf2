"""Scratch rooms: what they have, and what becomes of them when their removal fails."""

import asyncio
import logging

import pytest
from aiohttp import web
from livekit.protocol import room as room_service
from livekit.protocol.agent_dispatch import RoomAgentDispatch

from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.experiments.scratch import ScratchRoom, uninterrupted
from tests.evidence.odd_server import OddServer, refusal
from tests.experiments.proxy import Proxy
from tests.experiments.support import WithClient
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.support import free_port


def a_room(client: LiveKitClient, names: Names) -> ScratchRoom:
    return ScratchRoom(client, [RoomAgentDispatch(agent_name=names.agent())], lifetime=3)


def test_is_short_lived_and_has_no_automatic_dispatch(edge: Edge, with_client: WithClient, names: Names) -> None:
    async def work(client: LiveKitClient) -> ScratchRoom:
        async with a_room(client, names) as room:
            (made,) = edge.rooms(room.name)
            assert (made.name, made.sid) == (room.name, room.room.sid)
            assert room.name.startswith("livekit-doctor-")
            assert 0 < made.departure_timeout <= 10
            assert 3 < made.empty_timeout <= 60
            assert [dispatch.agent_name != "" for dispatch in edge.dispatches(room.name)] == [True]
        return room

    room = with_client(work)
    assert room.left_behind == ()
    assert edge.rooms(room.name) == []


def test_without_agents_is_refused(with_client: WithClient) -> None:
    async def work(client: LiveKitClient) -> None:
        ScratchRoom(client, [], lifetime=1)

    with pytest.raises(ValueError, match="unnamed workers"):
        with_client(work)


def test_removed_by_someone_else(edge: Edge, with_client: WithClient, names: Names) -> None:
    async def work(client: LiveKitClient) -> ScratchRoom:
        async with a_room(client, names) as room:
            edge.delete_room(room.name)
        return room

    assert with_client(work).left_behind == ()


def test_left_behind_says_what_to_type(
    edge: Edge, with_client: WithClient, names: Names, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fail = {"DeleteRoom"}

    async def work(client: LiveKitClient) -> ScratchRoom:
        async with a_room(client, names) as room:
            pass
        return room

    room = with_client(work, url=proxy.url)
    (left,) = room.left_behind
    assert left.what == f"scratch room {room.name}"
    assert "answered DeleteRoom with HTTP 502" in left.error
    assert f"livekit-doctor clean {room.name}" in left.error
    assert [made.name for made in edge.rooms()] == [room.name]
    assert caplog.text == ""


def test_left_behind_is_logged_where_an_exception_ends_it(
    edge: Edge, with_client: WithClient, names: Names, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fail = {"DeleteRoom"}

    async def work(client: LiveKitClient) -> None:
        async with a_room(client, names):
            raise asyncio.CancelledError

    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        with_client(work, url=proxy.url)
    (left,) = edge.rooms()
    assert caplog.text.count(f"livekit-doctor clean {left.name}") == 1


def test_error_in_the_body_removes_the_room_and_goes_on(edge: Edge, with_client: WithClient, names: Names) -> None:
    async def work(client: LiveKitClient) -> None:
        async with a_room(client, names):
            raise LookupError("the experiment's own")

    with pytest.raises(LookupError, match="own"):
        with_client(work)
    assert edge.rooms() == []


def test_server_down_leaves_nothing_to_report(with_client: WithClient, names: Names) -> None:
    rooms: list[ScratchRoom] = []

    async def work(client: LiveKitClient) -> None:
        rooms.append(a_room(client, names))
        async with rooms[0]:
            pass

    with pytest.raises(ApiError):
        with_client(work, url=f"ws://127.0.0.1:{free_port()}")
    assert rooms[0].left_behind == ()


@pytest.mark.parametrize(
    ("status", "code", "may_exist"),
    [
        (408, "deadline_exceeded", True),
        (408, "canceled", True),
        (429, "resource_exhausted", True),
        (499, "", True),
        (403, "", True),
        (504, "", True),
        (401, "", False),
        (400, "invalid_argument", False),
        (403, "permission_denied", False),
    ],
)
def test_a_room_that_may_have_been_made_is_removed(status: int, code: str, may_exist: bool) -> None:
    """No lab server gives up half-way, which is what Twirp says with 408."""
    with OddServer() as server:
        server.answers["ListRooms"] = room_service.ListRoomsResponse()
        server.answers["CreateRoom"] = lambda: refusal(status, code, "no") if code else web.Response(status=status)
        assert making(server) == ""
        assert ("DeleteRoom" in server.seen) is may_exist


def test_a_room_that_may_have_been_made_is_reported_where_it_cannot_be_removed() -> None:
    with OddServer() as server:
        server.answers["CreateRoom"] = lambda: refusal(408, "deadline_exceeded", "no")
        server.answers["DeleteRoom"] = lambda: refusal(500, "internal", "no")
        assert "livekit-doctor clean livekit-doctor-" in making(server)


def making(server: OddServer) -> str:
    """What was left behind by a room that could not be made."""

    async def work() -> str:
        async with LiveKitClient(server.settings) as client:
            room = ScratchRoom(client, [RoomAgentDispatch(agent_name="canary")], lifetime=1)
            with pytest.raises(ApiError):
                await room.__aenter__()
            return "".join(item.error for item in room.left_behind)

    return asyncio.run(work())


def test_cancelled_twice_still_finishes() -> None:
    finished: list[bool] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        finished.append(True)

    async def main() -> None:
        task = asyncio.create_task(uninterrupted(work()))
        for _ in range(2):
            await asyncio.sleep(0.01)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert finished == [True]
