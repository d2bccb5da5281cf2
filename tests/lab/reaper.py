"""Ends the lab's processes when the tests are killed and can't: one reaper for each test process.

It reads `+GROUP` and `-GROUP` lines; when its input ends, it kills the process groups that are left.
"""

import atexit
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path


def watch(group: int) -> None:
    """From now on that process group shall not outlive this process."""
    _tell(f"+{group}")


def forget(group: int) -> None:
    """It has ended: its number may come to mean another group."""
    _tell(f"-{group}")


def _tell(line: str) -> None:
    stdin = _reaper().stdin
    assert stdin
    stdin.write(f"{line}\n".encode())


@cache
def _reaper() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", str(Path(__file__))],
        stdin=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    atexit.register(process.communicate)
    return process


def _reap() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _reap()
