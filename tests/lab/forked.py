"""The tool's command line without Python's start-up, for tests that run it many times.

A process that has imported the tool forks a process a run: the same command line, environment and
folder as a `Doctor` gives it, for a tenth of the time. test_lab_faults.py compares the two.
"""

import json
import os
import pkgutil
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from tests.lab.doctor import OWN_VARIABLES, Doctor, Ran
from tests.lab.support import LabError, until


class ForkServer:
    """Runs command lines of the tool; started on entering, ended on leaving. For several threads."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def wait_until_ready(self) -> Self:
        """Its imports take seconds, which the first run would take otherwise."""
        with self._lock:
            assert self._process.stdout
            if not self._ready and not self._process.stdout.readline():
                raise LabError("livekit_doctor cannot be imported")
            self._ready = True
        return self

    def run(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], timeout: float) -> Ran:
        """Runs `livekit-doctor` with these arguments to its end; `timeout` in seconds."""
        self.wait_until_ready()
        base = folder / f"run-{secrets.token_hex(6)}"
        request = {"arguments": arguments, "base": str(base), "env": dict(env), "timeout": int(timeout)}
        with self._lock:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        ended = base.with_suffix(".json")
        until(ended.exists, timeout + 60, f"livekit-doctor {' '.join(arguments)}")
        texts = [base.with_suffix(ending).read_text() for ending in (".stdout", ".stderr")]
        return Ran(json.loads(ended.read_text()), *texts)


class ForkedDoctor(Doctor):
    """A Doctor whose commands are forked; may be used by several threads at once."""

    def __init__(self, forks: ForkServer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._forks = forks

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 180) -> Ran:
        return self._forks.run(arguments, self.folder, {**self.env, **(env or {})}, timeout)


def serve() -> None:
    """Forks a run for each line of standard input."""
    import livekit_doctor

    for module in pkgutil.walk_packages(livekit_doctor.__path__, "livekit_doctor."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    print("ready", flush=True)
    os.nice(5)  # the looks shall not make the agents late that they look for
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                _watch(json.loads(line))
            finally:
                os._exit(0)


def _watch(request: Mapping[str, Any]) -> None:
    """Runs it in a child, and writes down the exit status last."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        try:
            _run(request)
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    base = Path(request["base"])
    unfinished = base.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(os.waitstatus_to_exitcode(status)))
    unfinished.rename(base.with_suffix(".json"))


def _run(request: Mapping[str, Any]) -> None:
    from livekit_doctor.cli.main import main

    signal.alarm(request["timeout"])
    base = Path(request["base"])
    for descriptor, target in enumerate((os.devnull, base.with_suffix(".stdout"), base.with_suffix(".stderr"))):
        os.dup2(os.open(target, os.O_RDWR | os.O_CREAT), descriptor)
    os.environ.update(request["env"])
    os.chdir(base.parent)
    sys.argv = ["livekit-doctor", *request["arguments"]]
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ended.code or 0))


if __name__ == "__main__":
    serve()
