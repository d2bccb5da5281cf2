"""Design section 3, facts 24 and 26: the SIP API's refusals and the server's 401s, measured again."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from livekit import api

from tests.lab import twirp
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer
from tests.lab.tokens import access_token

EVERYTHING = api.VideoGrants(room_create=True, room_list=True, room_admin=True)


@dataclass(frozen=True)
class Key:
    """Credentials that are not the server's."""

    api_key: str
    api_secret: str


def list_rooms(server: LiveKitServer, token: str | None) -> twirp.Answer:
    return twirp.call(server, "RoomService/ListRooms", {}, token)


def assert_plain_401(answer: twirp.Answer, body: str) -> None:
    assert (answer.status, answer.body) == (401, body)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_unknown_key(livekit: LiveKitServer) -> None:
    key = Key(f"API{secrets.token_hex(6)}", livekit.api_secret)
    answer = list_rooms(livekit, access_token(key, EVERYTHING))
    assert_plain_401(answer, f"invalid API key: {key.api_key}")


def test_wrong_secret(livekit: LiveKitServer) -> None:
    token = access_token(Key(livekit.api_key, secrets.token_urlsafe(32)), EVERYTHING)
    error = "token signature is invalid: signature is invalid"
    assert_plain_401(list_rooms(livekit, token), f"invalid token: {token}, error: {error}")


def test_expired_token(livekit: LiveKitServer) -> None:
    """A minute of leeway: only then is it expired."""
    token = access_token(livekit, EVERYTHING, valid_for=timedelta(seconds=-90))
    error = "token has invalid claims: token is expired"
    assert_plain_401(list_rooms(livekit, token), f"invalid token: {token}, error: {error}")
    token = access_token(livekit, EVERYTHING, valid_for=timedelta(seconds=-30))
    assert list_rooms(livekit, token).status == 200


def test_token_of_the_future(livekit: LiveKitServer) -> None:
    """A minute of leeway here too."""
    token = access_token(livekit, EVERYTHING, starts_in=timedelta(seconds=120))
    error = "token has invalid claims: token is not valid yet"
    assert_plain_401(list_rooms(livekit, token), f"invalid token: {token}, error: {error}")
    token = access_token(livekit, EVERYTHING, starts_in=timedelta(seconds=30))
    assert list_rooms(livekit, token).status == 200


def test_no_token_at_all(livekit: LiveKitServer) -> None:
    """Without Authorization the answer is that of a missing grant."""
    assert_plain_401(list_rooms(livekit, "nonsense"), "invalid authorization token")
    assert list_rooms(livekit, None).json == {"code": "unauthenticated", "msg": "permissions denied"}


@pytest.mark.parametrize(
    ("method", "grants"),
    [
        ("RoomService/ListRooms", api.VideoGrants(room_create=True)),
        ("RoomService/CreateRoom", api.VideoGrants(room_list=True)),
        ("AgentDispatchService/CreateDispatch", api.VideoGrants(room_list=True)),
        ("AgentDispatchService/ListDispatch", api.VideoGrants(room_admin=True, room="another")),
        ("SIP/ListSIPOutboundTrunk", api.VideoGrants(room_admin=True)),
    ],
)
def test_missing_grant(method: str, grants: api.VideoGrants, livekit: LiveKitServer, names: Names) -> None:
    request = {"room": names.room()} if method.startswith("AgentDispatchService/") else {}
    answer = twirp.call(livekit, method, request, access_token(livekit, grants))
    assert answer.status == 401
    assert answer.json == {"code": "unauthenticated", "msg": "permissions denied"}


def test_answers_carry_the_servers_clock(livekit: LiveKitServer) -> None:
    """The root answers OK to anybody; it and every API answer, errors too, have a Date."""
    root = twirp.get(livekit.http_url)
    assert (root.status, root.body) == (200, "OK")
    good = list_rooms(livekit, access_token(livekit, EVERYTHING))
    for answer in (root, good, list_rooms(livekit, None), list_rooms(livekit, "nonsense")):
        assert parsedate_to_datetime(answer.headers["Date"]).tzinfo


@pytest.fixture
def edge_without_redis(livekit_without_redis: LiveKitServer) -> Iterator[Edge]:
    edge = Edge(livekit_without_redis)
    yield edge
    edge.close()


def refusal(call: Callable[[], object]) -> tuple[int, str, str]:
    """HTTP status, code and message with which the server refuses."""
    with pytest.raises(api.ServerError) as caught:
        call()
    return caught.value.status, caught.value.code, caught.value.message


def dial(room: str, trunk_id: str, number: str) -> api.CreateSIPParticipantRequest:
    return api.CreateSIPParticipantRequest(room_name=room, sip_trunk_id=trunk_id, sip_call_to=number)


def outbound_trunk(*numbers: str) -> api.SIPOutboundTrunkInfo:
    return api.SIPOutboundTrunkInfo(name="carrier", address="127.0.0.1:5099", numbers=numbers)


def test_sip_needs_redis(edge_without_redis: Edge, names: Names) -> None:
    """Also to list. Rooms and dispatches work without it."""
    edge, room = edge_without_redis, names.room()
    refused = (500, "internal", "twirp error unknown: sip not connected (redis required)")
    for call in (
        edge.outbound_trunks,
        edge.inbound_trunks,
        edge.rules,
        lambda: edge.create_outbound_trunk(outbound_trunk(names.number())),
        lambda: edge.dial(dial(room, "ST_none", names.number())),
    ):
        assert refusal(call) == refused
    edge.create_dispatch(room, names.agent())
    assert edge.inventory().rooms == (room,)
    edge.delete_room(room)


def test_sip_service_is_not_running(edge: Edge, names: Names) -> None:
    """Trunks can be made and listed; dialing fails after 1 s, and makes no room."""
    room, number = names.room(), names.number()
    trunk = edge.create_outbound_trunk(outbound_trunk(number))
    assert [one.sip_trunk_id for one in edge.outbound_trunks()] == [trunk.sip_trunk_id]
    answer = refusal(lambda: edge.dial(dial(room, trunk.sip_trunk_id, names.number())))
    assert answer == (503, "unavailable", "twirp error unknown: no response from servers")
    assert not edge.rooms(room)


def test_no_request_that_dials_nobody_reaches_livekit_sip(edge: Edge, names: Names) -> None:
    """What could not ring anybody the server refuses by itself, with livekit-sip or without (as `unknown-trunk` of
    the recordings, where one ran): whether livekit-sip runs, only a call shows."""
    number = names.number()
    trunk = edge.create_outbound_trunk(outbound_trunk(number))
    refused_by_server = (
        (dial(names.room(), "ST_unknown", number), 404),
        (dial(names.room(), "", number), 400),
        (dial(names.room(), trunk.sip_trunk_id, ""), 400),
        (dial("", trunk.sip_trunk_id, number), 400),
    )
    for request, status in refused_by_server:
        answer = refusal(lambda request=request: edge.dial(request))
        assert answer[0] == status, (request, answer)
        assert "no response from servers" not in answer[2]


def test_unknown_trunk(edge: Edge, names: Names) -> None:
    answer = refusal(lambda: edge.dial(dial(names.room(), "ST_unknown", names.number())))
    assert answer == (404, "not_found", "requested sip trunk does not exist")


def test_trunks_that_are_refused_at_creation(edge: Edge) -> None:
    answer = refusal(lambda: edge.create_outbound_trunk(outbound_trunk()))
    assert answer == (400, "invalid_argument", "no trunk numbers specified")
    status, code, message = refusal(lambda: edge.create_inbound_trunk(api.SIPInboundTrunkInfo(name="open")))
    assert (status, code) == (400, "invalid_argument")
    assert message.startswith("for security, one of the fields must be set")
