"""A LiveKit API that gives answers which no lab server can be brought to give."""

from collections.abc import Callable
from typing import Self

from aiohttp import web
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, models, sip
from livekit.protocol import room as room_service

from livekit_doctor.settings import LiveKit
from tests.lab.support import BackgroundLoop

ROOM = "call-7"
SID = "RM_oddoddodd"
Answer = Message | Callable[[], web.StreamResponse]


def room(**fields: object) -> room_service.ListRoomsResponse:
    """The one room of this server."""
    return room_service.ListRoomsResponse(rooms=[models.Room(sid=SID, name=ROOM, **fields)])  # type: ignore[arg-type]


class OddServer:
    """Answers each API method with what `answers` has for it, else with an empty list."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"ListRooms": room(creation_time=1_700_000_000)}
        self.seen: list[str] = []
        self.authorization = ""
        """The header of the request that is being answered."""
        self._loop = BackgroundLoop()
        self._runner: web.AppRunner

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    @property
    def environment(self) -> dict[str, str]:
        return {"LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}

    @property
    def settings(self) -> LiveKit:
        return LiveKit(url=self.url, api_key="key", api_secret="s" * 32)

    def __enter__(self) -> Self:
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/{before:.*}twirp/{service}/{method}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.seen.append(method)
        self.authorization = request.headers.get("Authorization", "")
        answer = self.answers.get(method, _EMPTY.get(method))
        if answer is None:
            return refusal(404, "bad_route", f"no handler for path {request.path}")
        return protobuf(answer) if isinstance(answer, Message) else answer()


def protobuf(message: Message, **headers: str) -> web.Response:
    return web.Response(body=message.SerializeToString(), content_type="application/protobuf", headers=headers)


def refusal(status: int, code: str, message: str) -> web.Response:
    """An error in Twirp's form."""
    return web.json_response({"code": code, "msg": message}, status=status)


def down(server: OddServer) -> None:
    server.answers["ListRooms"] = lambda: refusal(500, "internal", "no")


_EMPTY: dict[str, Message] = {
    "ListParticipants": room_service.ListParticipantsResponse(),
    "ListDispatch": agent_dispatch.ListAgentDispatchResponse(),
    "ListSIPOutboundTrunk": sip.ListSIPOutboundTrunkResponse(),
    "ListSIPInboundTrunk": sip.ListSIPInboundTrunkResponse(),
    "ListSIPDispatchRule": sip.ListSIPDispatchRuleResponse(),
    "DeleteRoom": room_service.DeleteRoomResponse(),
}
