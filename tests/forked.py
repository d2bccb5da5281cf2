"""The tool's command line without Python's start-up, for tests whose subject is what it does and not the process.

A process that has imported the tool forks one a run: with the arguments, folder, environment and standard input
that a shell would give it, in a tenth of the time. There is one such server for each process of the tests.
test_forked.py compares its runs with real ones.
"""

import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

NICE = 5
"""Runs are this much nicer than servers and agents: a look shall not make those late that it looks for."""


class Finished(NamedTuple):
    """The exit status (a signal's number below zero, as in subprocess), and what was printed."""

    status: int
    stdout: str
    stderr: str


def can_be_forked(env: Mapping[str, str]) -> bool:
    """Whether a run in this environment is the same when it is forked. What Python itself reads of it, it reads when it
    starts."""
    ours = {name: value for name, value in env.items() if name.startswith(("PYTHON", "LC_", "LANG"))}
    return all(os.environ.get(name) == value or name in _OF_COMPILING for name, value in ours.items())


_OF_COMPILING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED")


def run(arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str, timeout: float) -> Finished:
    """Runs `livekit-doctor` with these arguments to its end, in this environment and no other.

    `timeout` in seconds; raises subprocess.TimeoutExpired after it.
    """
    request = {"arguments": list(arguments), "folder": str(folder), "env": dict(env)}
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        socket.socket(socket.AF_UNIX) as to_server,
    ):
        read, write = os.pipe()
        to_server.settimeout(timeout)
        to_server.connect(_server())
        socket.send_fds(to_server, [b"."], [read, stdout.fileno(), stderr.fileno()])
        os.close(read)
        threading.Thread(target=_type, args=(write, stdin.encode()), daemon=True).start()
        to_server.sendall(json.dumps(request).encode() + b"\n")
        answers = to_server.makefile()
        pid = int(answers.readline())
        try:
            status = int(answers.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["livekit-doctor", *arguments], timeout) from None
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return Finished(status, *texts)


@cache
def _server() -> str:
    """The socket of this process's server, which is started for its first run and ends with this process."""
    path = str(Path(tempfile.mkdtemp(prefix="livekit-doctor-forks-")) / "socket")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout
    assert process.stdout.readline(), "livekit_doctor cannot be imported"
    _kept.append(process)
    return path


_kept: list[subprocess.Popen[bytes]] = []


def serve(path: str) -> None:
    """Forks a run for each connection, until standard input ends."""
    import livekit_doctor

    for module in pkgutil.walk_packages(livekit_doctor.__path__, "livekit_doctor."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        threading.Thread(target=_end_with_input, args=(path,), daemon=True).start()
        print("ready", flush=True)
        os.nice(NICE)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                try:
                    listener.close()
                    _serve_one(connection)
                finally:
                    os._exit(0)
            connection.close()


def _end_with_input(path: str) -> None:
    sys.stdin.read()
    Path(path).unlink()
    Path(path).parent.rmdir()
    os._exit(0)


def _serve_one(connection: socket.socket) -> None:
    """Runs it in a child; says the child's process id, and its exit status when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile().readline())
    child = os.fork()
    if child == 0:
        try:
            _run(request, descriptors)
        finally:
            os._exit(99)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _run(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    from livekit_doctor.cli.main import main

    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv = ["livekit-doctor", *request["arguments"]]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ended.code or 0))


def _type(descriptor: int, text: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as typed:
        typed.write(text)


if __name__ == "__main__":
    serve(sys.argv[1])
