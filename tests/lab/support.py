"""Waiting, ports, locks and child processes: what every part of the lab needs."""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from tests import forked
from tests.lab import reaper
from tests.lab.log_file import LogFile

Value = TypeVar("Value")

PATIENCE = 120.0
"""Seconds that a step which normally takes a second or two may take on a busy machine."""


class LabError(Exception):
    """A part of the lab could not be installed or started; the message says what to do."""


def until(condition: Callable[[], Value | None], timeout: float = PATIENCE, what: str = "the condition") -> Value:
    """Returns the first truthy value of `condition`; raises AssertionError after `timeout` seconds.

    `what` names the awaited thing in that error.
    """
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - begun
        if waited > timeout:
            raise AssertionError(f"{what}: still {value!r} after {timeout:g} s")
        time.sleep(min(0.05 + waited / 10, 0.3))  # what takes long is asked for less often


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nothing uses now; another process may still take it first."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds a lock that other processes, such as pytest-xdist workers, wait for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class ChildProcess:
    """A program in a process group of its own, its output in a file, stopped by process id. A Python program that
    tests.forked has imported already is forked."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log_path: Path,
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
    ) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log = LogFile(log_path)
        self._process: subprocess.Popen[bytes] | forked.Forked
        words = [str(word) for word in command]
        environment = {**os.environ, **(env or {})}
        with log_path.open("wb") as log, open(os.devnull, "rb") as nothing:
            imported = words[:2] == [sys.executable, "-m"] and words[2] in forked.PRELOADED
            if imported and cwd and forked.can_be_forked(environment):
                streams = [nothing.fileno(), log.fileno(), log.fileno()]
                self._process = forked.Forked(words[2], words[3:], cwd, environment, streams, own_session=True)
            else:
                self._process = subprocess.Popen(
                    words,
                    stdin=nothing,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    user=user,
                    cwd=cwd,
                    start_new_session=True,
                )
        reaper.watch(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def freeze(self) -> None:
        """Stops it and its children from running, without ending them."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def stop(self, *, grace: float = 10.0, first: signal.Signals = signal.SIGTERM) -> None:
        """Ends it and its children: `first`, and after `grace` seconds SIGKILL; without grace that alone, so that what
        was frozen says nothing more."""
        if grace and self.alive:
            self.thaw()
            self._process.send_signal(first)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        reaper.forget(self.pid)


class BackgroundLoop:
    """Runs coroutines on an event loop in a thread, so that plain tests can call async clients."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Value], timeout: float = PATIENCE) -> Value:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def close(self) -> None:
        self.run(_cancel_other_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _cancel_other_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
