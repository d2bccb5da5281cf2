"""The handle of a lab worker, for tests."""

import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from tests.lab.logs import Logged
from tests.lab.modes import SETTINGS_VARIABLE, Mode, WorkerSettings
from tests.lab.servers import LiveKitServer
from tests.lab.support import ChildProcess, until

_ROOT = Path(__file__).parents[2]
NO_MONITOR = {"LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS": "0"}
"""livekit-agents else wakes each of its processes, also an idle one, 20 to 50 times a second."""
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Worker(Logged):
    """A real livekit-agents worker process: started and registered on entering, ended on leaving."""

    def __init__(self, folder: Path, server: LiveKitServer, settings: WorkerSettings) -> None:
        self.settings = settings
        self.log_path = folder / f"worker-{settings.mode}-{secrets.token_hex(3)}.log"
        self._server = server
        self._process: ChildProcess | None = None

    @property
    def agent_name(self) -> str:
        return self.settings.agent_name

    @property
    def process(self) -> ChildProcess:
        assert self._process, "the worker is not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def worker_id(self) -> str:
        """The id that the server gave it: AW_..."""
        return self._found(r'registered worker.*?"id": ?"(AW_\w+)"')

    @property
    def http_url(self) -> str:
        """Its own HTTP endpoint."""
        return "http://" + self._found(r"HTTP server listening on (127\.0\.0\.1:\d+)")

    def log(self) -> str:
        return _ANSI_COLOUR.sub("", super().log())

    def start(self, environment: Mapping[str, str] | None = None) -> Self:
        """Starts its process; `environment` overrides, for example, LIVEKIT_URL."""
        program = Path(__file__).with_name("worker_main.py")
        command = [sys.executable, "-m", "livekit.agents", "start", str(program)]
        self._process = ChildProcess(
            [*command, "--log-format", self.settings.log_format],
            self.log_path,
            env={
                "LIVEKIT_URL": self._server.url,
                "LIVEKIT_API_KEY": self._server.api_key,
                "LIVEKIT_API_SECRET": self._server.api_secret,
                "LIVEKIT_AGENT_DEPLOYMENT": self.settings.deployment,
                "HTTP_PROXY": "",
                "HTTPS_PROXY": "",
                "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",
                **NO_MONITOR,
                SETTINGS_VARIABLE: self.settings.to_json(),
                **(environment or {}),
            },
            cwd=_ROOT,
        )
        return self

    def wait_until_registered(self) -> Self:
        assert self.worker_id.startswith("AW_")
        return self

    def freeze(self) -> None:
        self.process.freeze()

    def thaw(self) -> None:
        self.process.thaw()

    def stop(self) -> None:
        """Ends it and its job processes at once: a worker that is asked would drain first."""
        if self._process:
            self._process.stop(grace=0)

    def __enter__(self) -> Self:
        try:
            return self.start().wait_until_registered()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _found(self, pattern: str) -> str:
        def search() -> re.Match[str] | None:
            assert self.process.alive, f"the worker ended: {self.log()[-800:]}"
            return re.search(pattern, self.log())

        return until(search, what=f"{pattern!r} in {self.log_path}")[1]


class StartWorker(Protocol):
    """The `worker` fixture: starts a registered worker; `settings` are those of WorkerSettings."""

    def __call__(self, agent_name: str | None = None, mode: Mode = Mode.HEALTHY, **settings: Any) -> Worker: ...
