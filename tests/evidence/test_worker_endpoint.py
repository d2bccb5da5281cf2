"""The HTTP endpoint of real workers, and of things that are not workers."""

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.evidence import worker_endpoint
from livekit_doctor.evidence.observations import Problem, Reading, WorkerEndpoint
from livekit_doctor.settings import Worker as WorkerSetting
from tests.lab.conftest import agent, lab_folder, livekit, redis
from tests.lab.modes import WorkerSettings
from tests.lab.servers import LiveKitServer
from tests.lab.support import ChildProcess, free_port, until
from tests.lab.worker import Worker

__all__ = ["agent", "lab_folder", "livekit", "redis"]

REAL = {
    "agent_name": "Amber",
    "worker_type": "JT_ROOM",
    "sdk_version": "1.8.9",
    "active_jobs": 2.0,
    "worker_load": 0.5,
    "protocol_version": 1,
}

NOT_WORKERS = {
    "404": (404, b"Not Found", "HTTP 404"),
    "redirect": (302, b"", "HTTP 302, which leads to http://127.0.0.1:9/"),
    "html": (200, b"<!doctype html><title>Welcome</title>", "not a LiveKit worker's JSON"),
    "other JSON": (200, b'{"status": "up"}', "not a LiveKit worker's JSON"),
    "a list": (200, b"[]", "not a LiveKit worker's JSON"),
    "wrong types": (200, json.dumps(REAL | {"agent_name": {}}).encode(), "not a LiveKit worker's JSON"),
    "deep": (200, b"[" * 60_000, "not a LiveKit worker's JSON"),
    "not UTF-8": (200, b'{"agent_name": "\xff"}', "not a LiveKit worker's JSON"),
    "huge": (200, b'{"agent_name": "' + b"a" * 50_000_000 + b'"}', "not a LiveKit worker's JSON"),
}

Serve = Callable[..., str]


def read(url: str, seconds: float = 5.0) -> Reading:
    return asyncio.run(worker_endpoint.read_all([WorkerSetting(url=url, timeout=seconds)]))


def endpoint(reading: Reading, url: str) -> WorkerEndpoint:
    assert [(entry.source, entry.status) for entry in reading.coverage] == [(f"worker_endpoint {url}", "read")]
    (found,) = reading.observations
    assert isinstance(found, WorkerEndpoint)
    assert found.url == url
    return found


def problem(reading: Reading, url: str) -> Problem:
    assert reading.observations == ()
    (entry,) = reading.coverage
    assert (entry.source, entry.status) == (f"worker_endpoint {url}", "unread")
    assert entry.problem is not None
    assert entry.problem.code == "LKD106"
    assert entry.problem.values == {"worker_url": url}
    assert "\n" not in entry.problem.message
    assert len(entry.problem.message) < 400
    return entry.problem


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves `/worker` with a status and a body, and `/` with HTTP 200 OK; returns the URL."""
    with contextlib.ExitStack() as running:

        def start(status: int, body: bytes, health: tuple[int, bytes] = (200, b"OK")) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    code, answer = health if self.path == "/" else (status, body)
                    self.send_response(code)
                    self.send_header("Location", "http://127.0.0.1:9/")
                    self.end_headers()
                    with contextlib.suppress(OSError):
                        self.wfile.write(answer)

                def log_message(self, *_: Any) -> None:
                    pass

            server = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            running.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}"

        yield start


# Real workers


def test_healthy_worker(agent: Worker) -> None:
    found = endpoint(read(agent.http_url + "/"), agent.http_url)
    assert (found.status, found.message) == (200, "")
    assert found.agent_name == agent.agent_name
    assert found.worker_type == "JT_ROOM"
    assert found.sdk_version
    assert (found.load, found.active_jobs) == (0.0, 0)


def test_worker_whose_server_is_down(livekit: LiveKitServer, lab_folder: Path) -> None:
    """It answers 200 while it fails to connect (fact 14); having no name is not an unknown name."""
    agent = Worker(lab_folder, livekit, WorkerSettings(agent_name=""))
    agent.start({"LIVEKIT_URL": f"ws://127.0.0.1:{free_port()}"})
    try:
        until(lambda: "failed to connect to livekit" in agent.log(), what="a failed connection")
        found = endpoint(read(agent.http_url), agent.http_url)
        assert (found.status, found.agent_name) == (200, "")
    finally:
        agent.stop()


GIVES_UP_AT_ONCE = """
import asyncio
from livekit.agents import AgentServer, JobContext
server = AgentServer(host="127.0.0.1", port={port}, num_idle_processes=0, max_retry=0, load_fnc=lambda: 0.0)
@server.rtc_session(agent_name="Gives Up")
async def entrypoint(job: JobContext) -> None: ...
async def main() -> None:
    try:
        await server.run(devmode=False)
    except RuntimeError as error:
        print(error, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_worker_that_gave_up_connecting(tmp_path: Path) -> None:
    """Run by the command line of livekit-agents 1.8.9, it would now end its jobs and then itself."""
    port = free_port()
    program = tmp_path / "gives_up.py"
    program.write_text(GIVES_UP_AT_ONCE.format(port=port))
    environment = {
        "LIVEKIT_URL": f"ws://127.0.0.1:{free_port()}",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret" * 8,
    }
    process = ChildProcess([sys.executable, program], tmp_path / "log", env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: "failed to connect to livekit after" in process.log.text(), what="the worker to give up")
        found = endpoint(read(url), url)
        assert (found.status, found.message) == (503, "failed to connect to livekit")
        assert found.agent_name == "Gives Up"
    finally:
        process.stop(grace=0)


def test_frozen_worker(agent: Worker) -> None:
    agent.freeze()
    try:
        assert "no answer within 0.5 s" in problem(read(agent.http_url, seconds=0.5), agent.http_url).message
    finally:
        agent.thaw()


# Everything else


def test_full_answer(serve: Serve) -> None:
    url = serve(200, json.dumps(REAL | {"new_field": [1]}).encode(), health=(503, b"inference process\nnot running"))
    found = endpoint(read(url), url)
    assert (found.status, found.message) == (503, "inference process not running")
    assert (found.agent_name, found.load, found.active_jobs) == ("Amber", 0.5, 2)


def test_older_worker_has_no_load(serve: Serve) -> None:
    older = {key: REAL[key] for key in ("agent_name", "worker_type", "sdk_version", "active_jobs")}
    url = serve(200, json.dumps(older).encode())
    assert endpoint(read(url), url).load is None


@pytest.mark.parametrize("what", NOT_WORKERS)
def test_something_else_answers(serve: Serve, what: str) -> None:
    status, body, said = NOT_WORKERS[what]
    url = serve(status, body)
    message = problem(read(url), url).message
    assert what == "redirect" or "something else answers there" in message
    assert said in message


def test_nothing_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert problem(read(url), url).message == f"worker {url}: connection refused: nothing listens on that port"


def test_no_such_host() -> None:
    url = "http://worker.invalid:8081"
    assert "does not resolve" in problem(read(url), url).message


def test_tls_to_a_plain_port(serve: Serve) -> None:
    url = serve(200, b"").replace("http://", "https://")
    message = problem(read(url), url).message
    assert "plain http://" in message
    assert "ws://" not in message


def test_another_protocol() -> None:
    """Something that talks first, and not HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.sendall(b"220 mail.example.com ESMTP\r\n")
                    connection.close()

        threading.Thread(target=talk, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert problem(read(url), url).message


@pytest.mark.parametrize(
    "url", ["10.0.0.7:8081", "localhost", "ws://127.0.0.1:8081", "http://", "http://a:b", "http://[::1"]
)
def test_bad_url(url: str) -> None:
    assert "this is not an HTTP URL" in problem(read(url), url.rstrip("/")).message


def test_password_in_url_is_not_shown() -> None:
    password = "correct-horse"
    reading = read(f"http://user:{password}@127.0.0.1:{free_port()}")
    assert password not in repr(reading)
