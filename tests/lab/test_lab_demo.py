"""The demo's embedded server against the real one: the same requests get answers of the same shape.

The scene is the one that the recording was made of, set up anew in a server of its own. When this
fails after a version has moved, record again: `python -m tests.lab.record_demo`.
"""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.demo import recording as recordings
from livekit_doctor.demo.recording import Exchange, Recording
from livekit_doctor.demo.server import RecordedServer
from tests.lab.record_demo import Scene, ask, bad_tokens, every_question, live_scene, refused, token_for
from tests.lab.support import until

pytestmark = pytest.mark.xdist_group("lab_demo")  # the scene takes longer than the tests


@dataclass(frozen=True)
class Embedded:
    """The embedded server, as the lab's helpers want a server."""

    http_url: str
    api_key: str
    api_secret: str


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recordings.load()


@pytest.fixture(scope="module")
def scene(lab_folder: Path) -> Iterator[Scene]:
    with live_scene(lab_folder) as scene:
        yield scene


@pytest.fixture(scope="module")
def embedded(recording: Recording) -> Iterator[Embedded]:
    key, secret = f"API{secrets.token_hex(6)}", secrets.token_urlsafe(32)
    with RecordedServer(recording, key, secret) as server:
        yield Embedded(server.url.replace("ws:", "http:"), key, secret)


def answer(server: Any, method: str, request: dict[str, Any]) -> Exchange:
    return asyncio.run(ask(server.http_url, token_for(server, method, request), method, request))


def shape(exchange: Exchange) -> dict[str, Any]:
    """Status, type, and which fields are set: `field: type`, in lists the fields of any item."""
    content = exchange.headers["Content-Type"]
    return {"status": exchange.status, "content": content, "response": dict(_fields(exchange.response))}


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _fields(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, f"{path}[]")
    else:
        yield path, type(value).__name__


def test_same_requests_get_answers_of_the_same_shape(scene: Scene, embedded: Embedded) -> None:
    """Some fields appear a while after the calls have begun, such as the number of participants."""
    for method, request in every_question():
        recorded = shape(answer(embedded, method, request))

        def same(method: str = method, request: dict[str, Any] = request, recorded: dict[str, Any] = recorded) -> bool:
            real = shape(answer(scene.server, method, request))
            if real != recorded:
                print(f"{method} {request}: real {real}, recorded {recorded}")
            return real == recorded

        until(same, timeout=20, what=f"the real answer to {method} {request} to have the recorded shape")


def test_every_recorded_request_is_one_that_is_compared(recording: Recording) -> None:
    compared = {recordings.asked(method, request) for method, request in every_question()}
    assert {exchange.asked for exchange in recording.exchanges} == compared


def test_tokens_are_refused_in_the_same_words(scene: Scene, embedded: Embedded) -> None:
    def refusals(server: Any) -> list[tuple[str, int, str, str]]:
        answers = [asyncio.run(refused(server.http_url, bad)) for bad in bad_tokens(server.api_key, server.api_secret)]
        return [(one.case, one.status, one.headers["Content-Type"], one.body) for one in answers]

    assert refusals(embedded) == refusals(scene.server)


def test_the_recording_is_of_this_version(scene: Scene, recording: Recording) -> None:
    assert recording.about.livekit_server == scene.server.version
