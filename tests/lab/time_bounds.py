"""How long commands take with --timeout where LiveKit is slow, frozen, or answers without end.

`python -m tests.lab.time_bounds [--timeout 10]` measures it on a lab of real servers, and prints a table.
"""

import argparse
import asyncio
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from aiohttp import web

from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.modes import Mode, WorkerSettings, job_metadata
from tests.lab.servers import LiveKitServer, Redis
from tests.lab.support import BackgroundLoop, until
from tests.lab.worker import Worker

LATENCY = 2.0
"""Seconds for each request, of the slow server."""
MORE = 1.0
"""Seconds beyond --timeout that a command may take."""
COMMANDS: Mapping[str, Callable[[str], list[str]]] = {
    "check": lambda seconds: ["check", "--timeout", seconds],
    "check --probe": lambda seconds: ["check", "--probe", "--timeout", seconds],
    "watch": lambda seconds: ["watch", "--count", "1", "--listen", "off", "--probe", "--timeout", seconds],
    "trace ID": lambda seconds: ["trace", "call-1", "--timeout", seconds],
    "trace": lambda seconds: ["trace", "--timeout", seconds],
    "probe": lambda seconds: ["probe", "--count", "4", "--total-timeout", seconds],
    "probe --canary": lambda seconds: ["probe", "--canary", "--count", "4", "--total-timeout", seconds],
    "test-call": lambda seconds: ["test-call", "+15555550123", "--trunk", "ST_x", "--yes", "--timeout", seconds],
    "init": lambda seconds: ["init", "--file", f"{secrets.token_hex(4)}.yaml", "--timeout", seconds],
    "clean": lambda seconds: ["clean", "--timeout", seconds],
}


class Measured(NamedTuple):
    took: float
    status: int
    stdout: str
    stderr: str


class Endless:
    """An API whose every answer begins, and has no end."""

    def __enter__(self) -> Self:
        self._loop = BackgroundLoop()
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._runner.cleanup())
        self._loop.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/protobuf"})
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"\x0a\x00" * 8)
                await asyncio.sleep(0.05)
        return answer


@contextmanager
def slow(livekit: LiveKitServer) -> Iterator[str]:
    with Proxy(livekit) as proxy:
        proxy.delay = LATENCY / 2
        yield proxy.url


@contextmanager
def frozen(livekit: LiveKitServer) -> Iterator[str]:
    """From the start on."""
    livekit.process.freeze()
    try:
        yield livekit.url
    finally:
        livekit.process.thaw()


@contextmanager
def frozen_at_work(livekit: LiveKitServer) -> Iterator[str]:
    """As soon as the first scratch room has been asked for."""
    done = threading.Event()

    def freeze() -> None:
        while not done.is_set():
            if "CreateRoom" in proxy.seen:
                livekit.process.freeze()
                return
            time.sleep(0.01)

    with Proxy(livekit) as proxy:
        thread = threading.Thread(target=freeze)
        thread.start()
        try:
            yield proxy.url
        finally:
            done.set()
            thread.join()
            livekit.process.thaw()


@contextmanager
def endless(_: LiveKitServer) -> Iterator[str]:
    with Endless() as server:
        yield server.url


FAULTS = {"slow": slow, "frozen": frozen, "frozen at work": frozen_at_work, "endless": endless}


def measured(doctor: Doctor, command: str, timeout: float, url: str) -> Measured:
    """One command, from its start as a process to its end."""
    began = time.monotonic()
    process = doctor.popen(*COMMANDS[command](f"{timeout:g}"), env={"LIVEKIT_URL": url})
    try:
        stdout, stderr = process.communicate(timeout=timeout + 60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        stdout, stderr = process.communicate()
    return Measured(time.monotonic() - began, process.returncode, stdout, stderr)


@contextmanager
def lab(folder: Path) -> Iterator[tuple[LiveKitServer, Doctor]]:
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(folder))
        livekit = stack.enter_context(LiveKitServer(folder, redis))
        agent = stack.enter_context(Worker(folder, livekit, WorkerSettings("Bounded Agent")))
        doctor = Doctor(folder, livekit)
        probe = {"metadata": job_metadata("{call_id}", Mode.SLOW_JOIN, 1.0), "timeout": 20}
        doctor.configure({"agent": {"name": agent.agent_name}, "probe": probe})
        yield livekit, doctor


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timeout", type=float, default=10.0)
    timeout = parser.parse_args().timeout
    late = 0
    print(f"--timeout {timeout:g}; seconds from the process's start to its end, and its exit status", flush=True)
    with lab(Path(tempfile.mkdtemp(prefix="time-bounds-"))) as (livekit, doctor):
        for fault, faulty in FAULTS.items():
            for command in COMMANDS:
                with faulty(livekit) as url:
                    seen = measured(doctor, command, timeout, url)
                is_late = seen.took > timeout + MORE
                late += is_late
                left = (
                    "left behind, said" if "livekit-doctor clean livekit-doctor-" in seen.stdout + seen.stderr else ""
                )
                print(
                    f"{fault:15} {command:15} {seen.took:5.1f} {seen.status:4d}  {left}{' LATE' * is_late}", flush=True
                )
                if is_late or seen.status not in (0, 1, 2, 3):
                    print(seen.stdout[-500:], seen.stderr[-500:])
            until(lambda: not doctor.run("clean", "--older-than", "0s").status)
    print(f"{len(FAULTS) * len(COMMANDS)} measured, {late} took more than {timeout + MORE:g} s")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
