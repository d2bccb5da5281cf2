"""Design section 3, facts 17 to 19: rooms, and who holds them, measured again."""

import time

from livekit import api

from tests.lab import twirp
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.tokens import access_token
from tests.lab.worker import Worker


def test_missing_room(livekit: LiveKitServer, names: Names) -> None:
    """Fact 17: only ListDispatch takes 3 s, and fails."""
    room = names.room()
    admin = access_token(livekit, api.VideoGrants(room_admin=True, room_list=True, room=room))
    rooms = twirp.call(livekit, "RoomService/ListRooms", {"names": [room]}, admin)
    participants = twirp.call(livekit, "RoomService/ListParticipants", {"room": room}, admin)
    dispatches = twirp.call(livekit, "AgentDispatchService/ListDispatch", {"room": room}, admin)
    print(f"ListRooms took {rooms.took:.3f} s, ListDispatch {dispatches.took:.3f} s")
    assert (rooms.status, rooms.json) == (200, {"rooms": []})
    assert (participants.status, participants.json) == (200, {"participants": []})
    assert dispatches.status == 503
    assert dispatches.json == {
        "code": "unavailable",
        "msg": "twirp error unknown: no response from servers",
    }
    assert rooms.took < 1
    assert participants.took < 1
    assert 2.9 < dispatches.took < 10


def test_room_closes_after_the_phone_left_although_the_agent_stays(
    edge: Edge, agent: Worker, phone: JoinPhone, livekit: LiveKitServer, names: Names
) -> None:
    """Fact 18: the agent is closed out with ROOM_CLOSED once the departure timeout is over."""
    room = names.room()
    edge.create_room(room, [agent.agent_name], departure_timeout=1)
    call = phone(room)
    identity = edge.wait_for_agent(room, audio=True).identity
    until(lambda: edge.rooms(room)[0].num_participants == 1, what="num_participants without the agent")
    call.leave()
    begun = time.monotonic()
    edge.wait_until_closed(room)
    print(f"departure timeout of 1 s: closed after {time.monotonic() - begun:.1f} s")
    livekit.wait_for_log("participant closing", room=room, participant=identity, reason="ROOM_CLOSED")
    livekit.wait_for_log("closing idle room", room=room, reason="departure timeout")


def test_agent_alone_does_not_hold_the_room(edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    """Fact 18: the empty timeout closes it, and `num_participants` never counted the agent."""
    room = names.room()
    edge.create_room(room, [agent.agent_name], empty_timeout=5)
    edge.wait_for_agent(room)
    assert [one.num_participants for one in edge.rooms(room)] == [0]
    edge.wait_until_closed(room)
    livekit.wait_for_log("closing idle room", room=room, reason="empty timeout")


def test_server_logs_what_the_api_was_asked(edge: Edge, livekit: LiveKitServer, names: Names) -> None:
    """Beyond the design: each call is a line at INFO, with its request, save metadata."""
    room, agent = names.room(), names.agent()
    edge.create_room(room, [agent])
    dispatch = edge.create_dispatch(room, agent, metadata="anything")
    edge.delete_dispatch(dispatch)
    edge.delete_room(room)
    (created,) = livekit.logged("API RoomService.CreateRoom", room=room)
    assert created["request"]["agents"] == [{"agentName": agent, "restartPolicy": "JRP_ON_FAILURE"}]
    (dispatched,) = livekit.logged("API AgentDispatchService.CreateDispatch", room=room)
    assert dispatched["request"]["agentName"] == agent
    assert dispatched["request"]["metadata"] == "<redacted>"
    (deleted,) = livekit.logged("API AgentDispatchService.DeleteDispatch", room=room)
    assert deleted["request"]["dispatchID"] == dispatch.id
    assert livekit.logged("API RoomService.DeleteRoom", room=room)
