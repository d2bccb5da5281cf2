"""The embedded LiveKit API: an HTTP server on loopback that replays a recording.

It computes nothing: an answer is the recorded one of the same method and request, as protobuf,
with all times shifted by one offset, so that everything is as old now as it was when recorded.
`Date` is this machine's, as a real server's is. A request about a room that is not in the
recording gets what the real server answered for a room that did not exist; anything else, the
worker's WebSocket included, gets 501. Unlike the real server it knows nothing of grants, and
never takes its time.
"""

import asyncio
import base64
import datetime as dt
import hmac
import json
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Self

from aiohttp import web
from google.protobuf.message import DecodeError

from livekit_doctor.demo.recording import METHODS, Recording, to_bytes, to_json

HOST = "127.0.0.1"
LEEWAY = 60
"""Seconds by which a token's times may be off, as in livekit-server."""
PATIENCE = 10.0
"""Seconds for what takes milliseconds: to open the port, to close it."""
CLOSING = 0.5
"""Seconds that a request under way may still take when the server ends."""


class RecordedServer:
    """A context manager that serves in a thread, and has closed its port on leaving.

    It accepts tokens of this key and secret, and refuses others with the real server's words.
    Raises OSError where no port of loopback can be opened.
    """

    def __init__(self, recording: Recording, api_key: str, api_secret: str) -> None:
        self.port = 0
        self._recording, self._key, self._secret = recording, api_key, api_secret
        self._shift = dt.datetime.now(dt.UTC) - recording.recorded_at
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorded-server", daemon=True)
        app = web.Application()
        app.router.add_post("/twirp/livekit.{method:.*}", self._answer)
        app.router.add_route("*", "/{path:.*}", _not_recorded)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING)

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}"

    @property
    def shift(self) -> dt.timedelta:
        """What is added to every recorded time."""
        return self._shift

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._start())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    async def _start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.port = self._runner.addresses[0][1]

    def _close(self) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _run(self, work: Coroutine[object, object, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(PATIENCE)

    async def _answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        case = fault(token, self._key, self._secret)
        if case is not None:
            return self._refuse(case, token)
        method = request.match_info["method"]
        if method not in METHODS or request.content_type != "application/protobuf":
            return await _not_recorded(request)
        try:
            asked = to_json(METHODS[method][0].FromString(await request.read()))
        except DecodeError:
            return await _not_recorded(request)
        found = self._recording.find(method, asked)
        if found is None:
            return await _not_recorded(request)
        return web.Response(
            status=found.status,
            headers={"Content-Type": found.headers["Content-Type"]},
            body=to_bytes(found, self._shift),
        )

    def _refuse(self, case: str, token: str) -> web.Response:
        refusal = self._recording.refusal(case)
        body = refusal.body.replace("{token}", token).replace("{key}", str(_claims(token).get("iss", "")))
        return web.Response(
            status=refusal.status, headers={"Content-Type": refusal.headers["Content-Type"]}, body=body.encode()
        )


async def _not_recorded(request: web.Request) -> web.Response:
    """In Twirp's form, so that a client shows the message."""
    message = f"this is livekit-doctor's recording, not a LiveKit server: {request.method} {request.path} is not in it"
    return web.json_response({"code": "unimplemented", "msg": message}, status=501)


def fault(token: str, key: str, secret: str) -> str | None:
    """What is wrong with a token, as a case of the recorded refusals; None if it is good."""
    if not token:
        return "no token"
    claims = _claims(token)
    if not claims:
        return "malformed"
    if claims.get("iss") != key:
        return "unknown key"
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(hmac.digest(secret.encode(), signed.encode(), "sha256"), _decoded(signature)):
        return "wrong secret"
    now = time.time()
    if float(claims.get("exp", 0)) < now - LEEWAY:
        return "expired"
    return "too early" if float(claims.get("nbf", 0)) > now + LEEWAY else None


def _claims(token: str) -> dict[str, str | float]:
    """The claims of a JWT, whoever signed it; empty where it is none."""
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(_decoded(payload))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _decoded(part: str) -> bytes:
    """A part of a JWT; empty where it is not base64url."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""
