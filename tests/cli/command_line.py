"""The command line as a process, without any server."""

import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests import forked
from tests.documents import validated

COMPILED = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "livekit-doctor-pycache"),
}
"""Lets Python compile the tool once for all processes, outside of the checkout."""

COMPILES_NOTHING = {"PYTHONDONTWRITEBYTECODE": "1"}
"""For a process that can't write large files: Python 3.11 would keep what it compiles cut off, and not look how much
was written, and every later process would fail."""

CLEAN = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("LIVEKIT_", "CALL_LOGS_", "DATABASE_URL", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_"))
} | {**COMPILED, "TERM": "xterm-256color"}
PATIENCE = 60


@dataclass(frozen=True)
class Ran:
    status: int
    stdout: str
    stderr: str

    @cached_property
    def json(self) -> Any:
        """What was printed, which keeps to the schema that it names."""
        return validated(self.stdout)


def start(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    """Starts one command with pipes, and does not wait for its end."""
    return subprocess.Popen(
        [sys.executable, "-m", "livekit_doctor", *arguments],
        cwd=cwd,
        env=CLEAN,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Ran:
    """Runs one command to its end; forked, unless its environment is Python's business."""
    return Ran(*forked.run(arguments, cwd, {**CLEAN, **(env or {})}, stdin, PATIENCE))


def run_process(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Ran:
    """Runs one command with pipes, in a process of its own."""
    return Ran(*forked.run_process(arguments, cwd, {**CLEAN, **(env or {})}, stdin, PATIENCE))


def run_and_list(modules: Collection[str], *arguments: str, cwd: Path) -> Ran:
    """Runs one command in a process of its own, whose standard error ends with a line of those of these modules that
    it has imported."""
    program = (
        "import sys\n"
        "from livekit_doctor.cli.main import run\n"
        f"status = run({list(arguments)!r})\n"
        f"print(*sorted({set(modules)!r} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env=CLEAN, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; fails where it does not come to."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run_in_terminal(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, typed: str = ""
) -> tuple[int, str]:
    """Runs one command in a pseudo-terminal: its exit status, and what a person would see. `typed` is
    what that person types."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "livekit_doctor", *arguments],
        cwd=cwd,
        env={**CLEAN, **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says EIO where the other side has closed
                break
            if not part:
                break
            seen += part
        os.close(ours)
        status = process.wait(PATIENCE)
    return status, seen.decode().replace("\r\n", "\n")
