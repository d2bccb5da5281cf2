"""A reverse proxy in front of a lab server, with the faults that such proxies have."""

import asyncio
from typing import Self

import aiohttp
from aiohttp import web
from livekit.protocol import agent

from tests.lab.servers import LiveKitServer
from tests.lab.support import BackgroundLoop


class Proxy:
    """Forwards everything, until one of its faults is switched on."""

    def __init__(self, server: LiveKitServer) -> None:
        self.drop_availability = False
        """Job requests do not reach the worker."""
        self.close_after_register = False
        self.forward_upgrade = True
        self.delay = 0.0
        """Seconds before an API request is forwarded, and again before its answer is."""
        self.fail: set[str] = set()
        """API methods, such as DeleteRoom, that get HTTP 502 and are not forwarded."""
        self.hide: set[str] = set()
        """API methods that are forwarded, but whose answer is never given."""
        self.seen: list[str] = []
        self._server = server
        self._loop = BackgroundLoop()
        self._runner: web.AppRunner

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    def __enter__(self) -> Self:
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._stop())
        self._loop.close()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/agent" and self.forward_upgrade:
            return await self._forward_socket(request)
        method = request.path.rpartition("/")[2]
        self.seen.append(method)
        if method in self.fail:
            return web.Response(status=502, text="Bad Gateway")
        await asyncio.sleep(self.delay)
        headers = {key: request.headers[key] for key in ("Authorization", "Content-Type") if key in request.headers}
        url = f"{self._server.http_url}{request.path}"
        try:
            asked = await request.read()
        except ConnectionError:
            return web.Response(status=499)  # who asked has gone
        async with self._session.request(request.method, url, headers=headers, data=asked) as answer:
            body = await answer.read()
        await asyncio.sleep(3600 if method in self.hide else self.delay)
        kept = {key: answer.headers[key] for key in ("Content-Type", "Date") if key in answer.headers}
        return web.Response(status=answer.status, body=body, headers=kept)

    async def _forward_socket(self, request: web.Request) -> web.StreamResponse:
        headers = {"Authorization": request.headers["Authorization"]}
        outside = web.WebSocketResponse()
        async with self._session.ws_connect(f"{self._server.url}/agent", headers=headers) as inside:
            await outside.prepare(request)
            forwarding = asyncio.create_task(_forward(outside, inside))
            async for frame in inside:
                kind = agent.ServerMessage.FromString(frame.data).WhichOneof("message")
                if kind == "availability" and self.drop_availability:
                    continue
                await outside.send_bytes(frame.data)
                if kind == "register" and self.close_after_register:
                    break
            await outside.close()
            forwarding.cancel()
        return outside


async def _forward(source: web.WebSocketResponse, target: aiohttp.ClientWebSocketResponse) -> None:
    async for frame in source:
        await target.send_bytes(frame.data)
    await target.close()
