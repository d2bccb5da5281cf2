"""Raw API calls, for what livekit-api hides: an error's exact body, headers, and how long it took."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer and the seconds until it came."""

    status: int
    headers: Mapping[str, str]
    body: str
    took: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str) -> Answer:
    return _send(urllib.request.Request(url))


def call(server: LiveKitServer, method: str, request: Mapping[str, Any], token: str | None) -> Answer:
    """Posts to a method such as "RoomService/ListRooms"; without Authorization if `token` is None."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{server.http_url}/twirp/livekit.{method}"
    return _send(urllib.request.Request(url, json.dumps(request).encode(), headers))


def _send(request: urllib.request.Request) -> Answer:
    begun = time.monotonic()
    try:
        with _OPENER.open(request, timeout=PATIENCE) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, headers, body = error.code, error.headers, error.read()
    return Answer(status, dict(headers.items()), body.decode(), time.monotonic() - begun)
