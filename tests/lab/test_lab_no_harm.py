"""Commands that say they change nothing send no call that changes anything; a recorder in front of a real server tells.

Every token is decoded as well: it has the grants that its call needs, no others, and lives for two minutes.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from livekit import api

from livekit_doctor.evidence.observations import SCRATCH_PREFIX
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import Database, LiveKitServer

READS = {
    *("ListRooms", "ListParticipants", "ListDispatch"),
    *("ListSIPInboundTrunk", "ListSIPOutboundTrunk", "ListSIPDispatchRule"),
}
LIVES = 120
"""Seconds."""
GRANTS: Mapping[str, set[str]] = {
    "ListRooms": {"roomList"},
    "CreateRoom": {"roomCreate"},
    "DeleteRoom": {"roomCreate"},
    "ListParticipants": {"roomAdmin", "room"},
    "ListDispatch": {"roomAdmin", "room"},
    "CreateDispatch": {"roomAdmin", "room"},
    "DeleteDispatch": {"roomAdmin", "room"},
    "ListSIPInboundTrunk": {"sip.admin"},
    "ListSIPOutboundTrunk": {"sip.admin"},
    "ListSIPDispatchRule": {"sip.admin"},
    "agent": {"agent"},
}
"""By the last part of a request's path: what its token may do."""


class Recorder(Proxy):
    """Forwards everything, and keeps each request's method with the token that it had."""

    def __init__(self, server: LiveKitServer) -> None:
        super().__init__(server)
        self.tokens: list[tuple[str, dict[str, Any]]] = []

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        self.tokens.append((request.path.rpartition("/")[2], claims))
        return await super()._handle(request)

    @property
    def changes(self) -> set[str]:
        """What was asked that changes something; `agent` is a worker that registers."""
        return {method for method, _ in self.tokens} - READS


@pytest.fixture
def recorder(livekit: LiveKitServer) -> Iterator[Recorder]:
    with Recorder(livekit) as recorder:
        yield recorder


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, recorder: Recorder, database: Database) -> Doctor:
    doctor = Doctor(tmp_path, livekit, database)
    doctor.env["LIVEKIT_URL"] = recorder.url
    doctor.configure({"agent": {"name": "nobody-has-this-name"}})
    return doctor


def stuck_call(edge: Edge, names: Names) -> str:
    """A live room whose dispatch no worker takes: where `trace` would run a canary."""
    room = names.room()
    edge.create_room(room, [api.RoomAgentDispatch(agent_name="nobody-has-this-name")])
    return room


def test_what_reads_changes_nothing(doctor: Doctor, recorder: Recorder, edge: Edge, names: Names) -> None:
    room = stuck_call(edge, names)
    commands = [
        ["check", "--read-only"],
        ["trace", "--room", room, "--read-only"],
        ["trace", "call-1", "--read-only"],
        ["trace"],
        ["triage"],
        ["explain", "LKD401"],
        ["init", "--no-check", "--file", "made.yaml"],
        ["watch", "--count", "1", "--listen", "off", "--read-only"],
        ["clean", "--dry-run"],
    ]
    for command in commands:
        ran = doctor.run(*command)
        assert ran.status in (0, 1, 3), (command, ran.stderr)
        assert recorder.changes == set(), command
    assert {method for method, _ in recorder.tokens} == READS, "the recorder saw every kind of reading"
    rooms = {each.name for each in edge.rooms()}
    assert room in rooms
    assert not [name for name in rooms if name.startswith(SCRATCH_PREFIX)]


def test_what_an_experiment_may_do(doctor: Doctor, recorder: Recorder, edge: Edge) -> None:
    """Without --read-only `check` makes a canary's room, and nothing outside of it; each token fits its call."""
    doctor.check("--only", "worker", "--only", "agent_dispatch", "--only", "sip_trunks", "--only", "sip_dispatch_rules")
    assert recorder.changes == {"CreateRoom", "DeleteRoom", "CreateDispatch", "DeleteDispatch", "agent"}
    for method, claims in recorder.tokens:
        video, sip = claims["video"], claims.get("sip", {})
        granted = {name for name, may in video.items() if may} | {f"sip.{name}" for name, may in sip.items() if may}
        assert granted == GRANTS[method], method
        assert claims["exp"] - claims["nbf"] == LIVES, method
        assert claims.keys() <= {"iss", "nbf", "exp", "video", "sip"}, method
        assert video.get("room", "livekit-doctor-").startswith("livekit-doctor-"), method
    assert [room.name for room in edge.rooms() if room.name.startswith(SCRATCH_PREFIX)] == []
