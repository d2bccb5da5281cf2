"""Records what `livekit-doctor demo` replays: `python -m tests.lab.record_demo` (2 minutes).

It sets up the incidents and a healthy outbound call in one real livekit-server, with a real
worker and the lab's phones, waits until every allowance has passed, lets the real `check` and
`trace` ask that server through a proxy that writes down each exchange, and fails unless they say
what `livekit_doctor.demo.story` says that they say. Then it replaces the files in
livekit_doctor/demo/recordings. Record again when a version moves; tests/lab/test_lab_demo.py says
when the real server's answers have changed shape.
"""

import asyncio
import datetime as dt
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from livekit import api

from livekit_doctor.demo import recording, story
from livekit_doctor.demo.recording import METHODS, UNKNOWN_ROOM, About, Exchange, Recording, Refusal, Row
from tests.lab.edge import Edge
from tests.lab.modes import WorkerSettings
from tests.lab.phone import Call, Phone
from tests.lab.servers import LiveKitServer, Redis
from tests.lab.support import BackgroundLoop, until
from tests.lab.tokens import access_token
from tests.lab.worker import Worker

RECORDINGS = Path(recording.__file__).with_name("recordings")

AGENT = "SW Telephony Agent"
UNREGISTERED_ROOM = "outbound-77873635-1761672393000"
REQUEST_FNC_ROOM = "outbound-77873635-1761685549000"
PREFIX_ROOM = "call-outbound-77873635-1761756949631"
INBOUND_ROOM = "call-_15555550123_aB3dE5"
HEALTHY_ROOM = "outbound-77873635-1761758041000"
ROOMS = (UNREGISTERED_ROOM, REQUEST_FNC_ROOM, PREFIX_ROOM, INBOUND_ROOM, HEALTHY_ROOM)

CALLEE, CALLER_ID, INBOUND_NUMBER = "+15555550123", "+15555550100", "+15555550199"

OLD_ENOUGH = timedelta(seconds=25)
"""The age of the youngest call when it is recorded: past all allowances that count in the demo."""

CHECKS_YAML = """\
# What a team would have in its project; livekit-doctor finds it in the current folder.
agent:
  name: {agent}
sip:
  outbound_trunks:
    - id: {outbound}
      numbers: ["{caller_id}"]
  inbound_trunks: [{inbound}]
  dispatch_rules:
    - id: {rule}
      agent: {agent}
call_logs:
  columns:
    room: metadata.room_name
"""


@dataclass
class Scene:
    """The five calls, live in one server."""

    server: LiveKitServer
    edge: Edge
    outbound_trunk: str = ""
    inbound_trunk: str = ""
    rule: str = ""
    rows: list[Row] = field(default_factory=list)

    def log(self, call_id: str, room: str, state: str, *, source: str = "edge_function", at: float = 0.0) -> None:
        """Logs a row, now or at a time of the server in seconds."""
        moment = dt.datetime.fromtimestamp(at, dt.UTC) if at else dt.datetime.now(dt.UTC)
        self.rows.append(
            Row(call_id=call_id, created_at=moment, source=source, state=state, metadata={"room_name": room})
        )

    def log_of_agent(self, call_id: str, room: str) -> None:
        """The rows that an agent writes, at the times that the server has of its job."""
        job, agent = self.edge.wait_for_job(room), self.edge.wait_for_agent(room)
        joined = agent.joined_at_ms / 1e3
        self.log(call_id, room, "agent_entrypoint_called", source="agent", at=min(job.state.started_at / 1e9, joined))
        self.log(call_id, room, "agent_connected", source="agent", at=joined)

    @property
    def checks_yaml(self) -> str:
        return CHECKS_YAML.format(
            agent=AGENT,
            outbound=self.outbound_trunk,
            inbound=self.inbound_trunk,
            rule=self.rule,
            caller_id=CALLER_ID,
        )


@contextmanager
def live_scene(folder: Path) -> Iterator[Scene]:
    """Sets up the incidents, each as its file in ../shared/incidents says, and a healthy call."""
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(folder))
        server = stack.enter_context(LiveKitServer(folder, redis))
        edge = Edge(server)
        stack.callback(edge.close)
        scene = Scene(server, edge)
        _set_up_sip(scene)

        def dial(room: str) -> None:
            call = Call(number=CALLEE, caller_id=CALLER_ID, trunk_id=scene.outbound_trunk)
            phone = stack.enter_context(Phone(server, room, call=call))
            phone.ring()
            phone.answer()

        _dispatch_without_worker(scene, dial)
        stack.enter_context(Worker(folder, server, WorkerSettings(AGENT)))
        _wait_for_the_agent_to_join_by_itself(scene, dial)
        _use_the_prefix_of_the_rule(scene, dial)
        stack.enter_context(_answer_an_inbound_call(scene))
        _place_a_healthy_call(scene, dial)
        for room in ROOMS:
            until(lambda room=room: edge.phone(room, audio=True), what=f"the phone's audio in {room}")
        yield scene


def _set_up_sip(scene: Scene) -> None:
    edge = scene.edge
    outbound = api.SIPOutboundTrunkInfo(name="carrier", address="sip.example.com", numbers=[CALLER_ID])
    scene.outbound_trunk = edge.create_outbound_trunk(outbound).sip_trunk_id
    inbound = api.SIPInboundTrunkInfo(name="carrier-in", numbers=[INBOUND_NUMBER], allowed_addresses=["203.0.113.0/24"])
    scene.inbound_trunk = edge.create_inbound_trunk(inbound).sip_trunk_id
    scene.rule = edge.create_rule(
        api.SIPDispatchRuleInfo(
            name="inbound",
            trunk_ids=[scene.inbound_trunk],
            rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix="call-")),
            room_config=api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=AGENT)]),
        )
    ).sip_dispatch_rule_id


def _dispatch_without_worker(scene: Scene, dial: Callable[[str], None]) -> None:
    """Incident 1. No worker is registered yet; one that comes later never gets this dispatch (fact 7)."""
    call_id, room = "call-0001", UNREGISTERED_ROOM
    scene.edge.create_room(room)
    dial(room)
    scene.log(call_id, room, "sip_participant_created")
    scene.edge.create_dispatch(room, AGENT, metadata=json.dumps({"user_id": "77873635", "direction": "outbound"}))
    scene.log(call_id, room, "agent_dispatched")
    scene.server.wait_for_log("not dispatching agent job since no worker is available", room=room, agentName=AGENT)


def _wait_for_the_agent_to_join_by_itself(scene: Scene, dial: Callable[[str], None]) -> None:
    """Incident 2. The lab's worker has an `on_request` that accepts everything."""
    call_id, room = "call-0002", REQUEST_FNC_ROOM
    scene.edge.create_room(room)
    dial(room)
    scene.log(call_id, room, "sip_participant_created")
    scene.log(call_id, room, "waiting_for_agent")


def _use_the_prefix_of_the_rule(scene: Scene, dial: Callable[[str], None]) -> None:
    """Incident 3."""
    room = PREFIX_ROOM
    scene.edge.create_room(room)
    dial(room)
    scene.log("call-0003", room, "sip_participant_created")


@contextmanager
def _answer_an_inbound_call(scene: Scene) -> Iterator[None]:
    """Incident 4. livekit-sip joins with the rule's room configuration, and so does this phone."""
    room = INBOUND_ROOM
    call = Call(
        number=CALLEE,
        caller_id=INBOUND_NUMBER,
        trunk_id=scene.inbound_trunk,
        hostname="203.0.113.7",
        rule_id=scene.rule,
    )
    configuration = api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=AGENT)])
    with Phone(
        scene.server, room, status="ringing", identity=f"sip_{CALLEE}", call=call, room_config=configuration
    ) as phone:
        scene.edge.wait_for_agent(room, audio=True)
        phone.answer()
        scene.log_of_agent("call-0004", room)
        yield


def _place_a_healthy_call(scene: Scene, dial: Callable[[str], None]) -> None:
    """What the incidents lack: a dispatch under the name of a registered worker."""
    call_id, room = "call-0005", HEALTHY_ROOM
    scene.log(call_id, room, "call_requested")
    scene.edge.create_room(room)
    scene.edge.create_dispatch(room, AGENT, metadata=json.dumps({"call_id": call_id}))
    scene.log(call_id, room, "agent_dispatched")
    dial(room)
    scene.log(call_id, room, "sip_participant_created")
    scene.edge.wait_for_agent(room, audio=True)
    scene.log_of_agent(call_id, room)


# The proxy


class Proxy:
    """Passes requests on to a server and keeps the exchanges, of equal requests the last one."""

    def __init__(self, server: LiveKitServer) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self._server = server
        self._loop = BackgroundLoop()

    def __enter__(self) -> "Proxy":
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._runner.cleanup())
        self._loop.run(self._session.close())
        self._loop.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/twirp/livekit.{method:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def _pass_on(self, request: web.Request) -> web.Response:
        method, body = request.match_info["method"], await request.read()
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        url = f"{self._server.http_url}/twirp/livekit.{method}"
        async with self._session.post(url, data=body, headers=headers) as answer:
            exchange = await _exchange(method, body, answer)
            self.exchanges[exchange.asked] = exchange
            return web.Response(status=answer.status, headers=_kept(answer), body=await answer.read())


async def _exchange(method: str, body: bytes, answer: aiohttp.ClientResponse) -> Exchange:
    request_type, response_type = METHODS[method]
    content = await answer.read()
    response = recording.to_json(response_type.FromString(content)) if answer.status == 200 else json.loads(content)
    return Exchange(
        method=method,
        request=recording.to_json(request_type.FromString(body)),
        status=answer.status,
        headers=_kept(answer),
        response=without_secrets(response),
    )


def _kept(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("Content-Type", "Date")}


def without_secrets(response: Any) -> Any:
    """The response without its TURN passwords; nothing else in these is secret."""
    if isinstance(response, list):
        return [without_secrets(item) for item in response]
    if not isinstance(response, dict):
        return response
    return {key: "REDACTED" if key == "turn_password" else without_secrets(value) for key, value in response.items()}


# What is asked


async def ask(url: str, token: str, method: str, request: dict[str, Any]) -> Exchange:
    """One request, as the tool would send it."""
    request_type, _ = METHODS[method]
    body = recording.ParseDict(request, request_type()).SerializeToString()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/protobuf"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/twirp/livekit.{method}", data=body, headers=headers) as answer,
    ):
        return await _exchange(method, body, answer)


def token_for(server: LiveKitServer, method: str, request: dict[str, Any]) -> str:
    """A token with the grants that the method needs."""
    room_admin = {"room_admin": True, "room": request["room"]} if "room" in request else {"room_list": True}
    token = api.AccessToken(server.api_key, server.api_secret).with_grants(api.VideoGrants(**room_admin))
    return token.with_sip_grants(api.SIPGrants(admin=True)).to_jwt()


def every_question() -> list[tuple[str, dict[str, Any]]]:
    """What the tool may ask in the demo, whatever it is asked to trace: each method for each room,
    and for one that is not there."""
    questions: list[tuple[str, dict[str, Any]]] = [("RoomService/ListRooms", {})]
    for room in (*ROOMS, UNKNOWN_ROOM):
        questions.append(("RoomService/ListRooms", {"names": [room]}))
        questions.append(("RoomService/ListParticipants", {"room": room}))
        questions.append(("AgentDispatchService/ListDispatch", {"room": room}))
    return [*questions, *((method, {}) for method in METHODS if method.startswith("SIP/"))]


@dataclass(frozen=True, slots=True)
class BadToken:
    """A token that a server refuses, and how; None is no Authorization at all."""

    case: str
    key: str
    token: str | None


def bad_tokens(api_key: str, api_secret: str) -> list[BadToken]:
    """One for each way in which a server with this key and secret refuses a token."""
    grants = api.VideoGrants(room_list=True)

    @dataclass(frozen=True)
    class Pair:
        api_key: str
        api_secret: str

    own, stranger = Pair(api_key, api_secret), Pair("APIstranger", api_secret)
    forger = Pair(api_key, secrets.token_urlsafe(32))
    hour = timedelta(hours=1)
    return [
        BadToken("no token", api_key, None),
        BadToken("malformed", api_key, "not-a-token"),
        BadToken("unknown key", stranger.api_key, access_token(stranger, grants)),
        BadToken("wrong secret", api_key, access_token(forger, grants)),
        BadToken("expired", api_key, access_token(own, grants, valid_for=-hour)),
        BadToken("too early", api_key, access_token(own, grants, starts_in=hour)),
    ]


async def refused(url: str, bad: BadToken) -> Refusal:
    """What the server answers; the token and its key are taken out of it."""
    headers = {"Content-Type": "application/protobuf"}
    if bad.token is not None:
        headers["Authorization"] = f"Bearer {bad.token}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/twirp/livekit.RoomService/ListRooms", data=b"", headers=headers) as answer,
    ):
        body = await answer.text()
        if bad.token is not None:
            body = body.replace(bad.token, "{token}").replace(bad.key, "{key}")
        return Refusal(case=bad.case, status=answer.status, headers=_kept(answer), body=body)


# The recorder


def record(scene: Scene, folder: Path) -> Recording:
    """Lets the real commands ask the scene's server, and asks the rest."""
    until(lambda: _age(scene) > OLD_ENOUGH, what="the calls to be old enough")
    (folder / "checks.yaml").write_text(scene.checks_yaml)
    (folder / story.CALL_LOGS).write_bytes(recording.shifted_rows(tuple(scene.rows), timedelta()))
    with Proxy(scene.server) as proxy:
        for part in story.PARTS:
            _tell(part, proxy, scene, folder)
        for method, request in every_question():
            asyncio.run(
                ask(proxy.url.replace("ws", "http", 1), token_for(scene.server, method, request), method, request)
            )
    bad = bad_tokens(scene.server.api_key, scene.server.api_secret)
    refusals = [asyncio.run(refused(scene.server.http_url, one)) for one in bad]
    about = About(
        livekit_server=scene.server.version,
        livekit_agents=version("livekit-agents"),
    )
    return Recording(
        about=about,
        exchanges=tuple(sorted(proxy.exchanges.values(), key=lambda exchange: exchange.asked)),
        refusals=tuple(refusals),
        rows=tuple(sorted(scene.rows, key=lambda row: row.created_at)),
        checks_yaml=scene.checks_yaml,
    )


def _age(scene: Scene) -> timedelta:
    youngest = max(room.creation_time_ms for room in scene.edge.rooms())
    return dt.datetime.now(dt.UTC) - dt.datetime.fromtimestamp(youngest / 1e3, dt.UTC)


def _tell(part: story.Part, proxy: Proxy, scene: Scene, folder: Path) -> None:
    environment = {
        **os.environ,
        "LIVEKIT_URL": proxy.url,
        "LIVEKIT_API_KEY": scene.server.api_key,
        "LIVEKIT_API_SECRET": scene.server.api_secret,
    }
    command = [sys.executable, "-m", "livekit_doctor", *part.arguments]
    ran = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if wrong := part.unexpected(ran.returncode, ran.stdout):
        raise SystemExit(f"{' '.join(part.arguments)}: {wrong}\n{ran.stdout}{ran.stderr}")


def write(made: Recording, folder: Path = RECORDINGS) -> None:
    """Replaces the files of the recording."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    encoder = msgspec.json.Encoder()
    (folder / "about.json").write_bytes(msgspec.json.format(encoder.encode(made.about)) + b"\n")
    (folder / "livekit_api.jsonl").write_bytes(encoder.encode_lines(made.exchanges))
    (folder / "refusals.jsonl").write_bytes(encoder.encode_lines(made.refusals))
    (folder / "call_state_logs.jsonl").write_bytes(encoder.encode_lines(made.rows))
    (folder / "checks.yaml").write_text(made.checks_yaml)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="livekit-doctor-record-") as name:
        folder = Path(name)
        with live_scene(folder) as scene:
            made = record(scene, folder)
    write(made)
    print(f"{len(made.exchanges)} exchanges, {len(made.rows)} rows in {RECORDINGS}")


if __name__ == "__main__":
    main()
