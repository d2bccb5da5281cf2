"""Python programs without Python's start-up, for tests whose subject is what they do and not how they start.

A process that has imported a program forks one a run: with the arguments, folder, environment and streams that a shell
would give it, in a tenth of the time. A run of the tests has one such server a program: the tool, and
livekit-agents, whose import takes two seconds. tests/cli/test_forked.py compares runs of the tool with real ones.
"""

import atexit
import fcntl
import gc
import json
import os
import pkgutil
import re
import runpy
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import arbitrary_address
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, Self

from livekit_doctor import lazy_re

TOOL = "livekit_doctor"
NICE = 5
"""Runs of the tool are this much nicer than servers and agents: a look shall not make those late that it looks for."""

PRELOADED: Mapping[str, Sequence[str]] = {
    TOOL: (
        "duckdb",
        "email.utils",
        "encodings.utf_8_sig",
        "importlib.resources.readers",
        "jinja2",
        "sqlglot.dialects.duckdb",
        "sqlglot.dialects.postgres",
        "stringprep",
        "typer._click.decorators",
    ),
    "livekit.agents": (
        "livekit.agents.cli.cli",
        "livekit.agents.ipc._preload",
        "livekit.agents.ipc.job_proc_lazy_main",
        "livekit.rtc",
        "psycopg",
        "tests.lab.audio",
        "tests.lab.modes",
    ),
}
"""What is imported before a program is forked: of the tool what it imports where it is used, and each of its modules
but for these."""
_SELDOM_RUN = ("livekit_doctor.mcp.server",)
"""It imports more than all others together, and who tests it starts it as a process."""

_OF_SERVERS = {
    "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
    "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",  # models of 250 MB, whose pages each fork would have to list
}
_OF_STARTING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED")


class Finished(NamedTuple):
    """The exit status (a signal's number below zero, as in subprocess), and what was printed."""

    status: int
    stdout: str
    stderr: str


class Forked:
    """A forked program that runs: as much of subprocess.Popen as is needed."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        streams: Sequence[int],
        *,
        own_session: bool = False,
    ) -> None:
        request = {"program": program, "arguments": list(arguments), "folder": str(folder), "env": dict(env)}
        self._to_server = socket.socket(socket.AF_UNIX)
        self._to_server.connect(_server(program))
        socket.send_fds(self._to_server, [b"."], streams)
        self._to_server.sendall(json.dumps({**request, "own_session": own_session}).encode() + b"\n")
        self._answers = self._to_server.makefile()
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """The exit status; raises subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None:
            self._to_server.settimeout(timeout or 0.000_001)
            try:
                self.returncode = int(self._answers.readline())
            except TimeoutError:
                # What a file object of a socket has timed out on, it does not read any more.
                self._answers = self._to_server.makefile()
                raise subprocess.TimeoutExpired(str(self.pid), timeout) from None
        return self.returncode

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._to_server.close()


def can_be_forked(env: Mapping[str, str]) -> bool:
    """Whether a run in this environment is the same when it is forked. What Python itself reads of it, it reads when it
    starts."""
    ours = {name: value for name, value in env.items() if name.startswith(("PYTHON", "LC_", "LANG"))}
    return all(os.environ.get(name) == value or name in _OF_STARTING for name, value in ours.items())


def run(arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str, timeout: float) -> Finished:
    """Runs `livekit-doctor` with these arguments to its end, in this environment and no other; in a process of its own
    where the environment is Python's business.

    `timeout` in seconds; raises subprocess.TimeoutExpired after it.
    """
    if not can_be_forked(env):
        return run_process(arguments, folder, env, stdin, timeout)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        read, write = os.pipe()
        with Forked(TOOL, arguments, folder, env, [read, stdout.fileno(), stderr.fileno()]) as forked:
            os.close(read)
            threading.Thread(target=_type, args=(write, stdin.encode()), daemon=True).start()
            try:
                status = forked.wait(timeout)
            except subprocess.TimeoutExpired:
                os.kill(forked.pid, signal.SIGKILL)
                raise
        return Finished(status, _text(stdout), _text(stderr))


_COMMAND = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({server!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    run = {{"program": {program!r}, "arguments": sys.argv[1:], "folder": os.getcwd(), "env": dict(os.environ)}}
    run["own_session"] = False
    server.sendall(json.dumps(run).encode() + b"\\n")
    sys.exit(int(server.makefile().read().split()[1]))
"""


def command(folder: Path) -> Path:
    """`livekit-doctor` in this folder, made for PATH: each run of it is forked, and no signal reaches it. It asks as
    `Forked` does, and imports nothing of ours: that takes longer than the run."""
    folder.mkdir(exist_ok=True)
    path = folder / "livekit-doctor"
    path.write_text(_COMMAND.format(python=sys.executable, server=_server(TOOL), program=TOOL))
    path.chmod(0o755)
    return path


def run_process(arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str, timeout: float) -> Finished:
    """The same, always in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", TOOL, *arguments],
        cwd=folder,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )
    return Finished(ran.returncode, ran.stdout, ran.stderr)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def _type(descriptor: int, text: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as typed:
        typed.write(text)


@cache
def _server(program: str) -> str:
    """The socket of this run's server. Whoever needs it first starts it, and it ends with the last that uses it: the
    processes of a run with pytest-xdist share one."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
    path = Path(tempfile.gettempdir()) / f"lkd-forks-{run[:12]}-{program}"
    with _starting():
        if _users(path).exists():
            _kept.append(os.open(_users(path), os.O_WRONLY))
        else:
            _start(program, path)
    return str(path)


_kept: list[int | subprocess.Popen[bytes]] = []


def _users(path: Path) -> Path:
    """What each user of a server holds open for as long as it lives."""
    return path.with_name(f"{path.name}.users")


@contextmanager
def _starting() -> Iterator[None]:
    """While a server is started, or ends."""
    with (Path(tempfile.gettempdir()) / f"lkd-forks-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(program: str, path: Path) -> None:
    os.mkfifo(_users(path), 0o600)
    users = os.open(_users(path), os.O_RDONLY | os.O_NONBLOCK)
    _kept.append(os.open(_users(path), os.O_WRONLY))
    os.set_blocking(users, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", program, str(path)],
        stdin=users,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **_OF_SERVERS},
    )
    os.close(users)
    assert process.stdout
    assert process.stdout.readline(), f"{program} cannot be imported"
    _kept.append(process)


def serve(program: str, path: str) -> None:
    """Forks a run for each connection, until nobody holds the other end of standard input."""
    gc.disable()  # what is imported stays
    package = import_module(program)
    modules = list(PRELOADED[program])
    if program == TOOL:
        lazy_re.compile = re.compile  # once, and not once a run
        modules += [module.name for module in pkgutil.walk_packages(package.__path__, f"{program}.")]
    for name in modules:
        if not name.endswith("__main__") and name not in _SELDOM_RUN:
            import_module(name)
    if program == TOOL:
        from livekit_doctor.cli.app import built

        built()
    else:
        resource_tracker.ensure_running()  # one for all workers, each of which would else start its own
    gc.freeze()  # what a run collects must not touch, and so copy, what it shares with this process
    gc.enable()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        threading.Thread(target=_end_with_users, args=(Path(path),), daemon=True).start()
        print("ready", flush=True)
        _serve_all(listener)


def _serve_all(listener: socket.socket) -> None:
    """Forks each run, says its process id, and its exit status when it has ended."""
    ended, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            for pid, status in _ended():
                with suppress(BrokenPipeError), running.pop(pid) as connection:
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        if listener in ready:
            connection, _ = listener.accept()
            _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
            request = json.loads(connection.makefile().readline())
            child = os.fork()
            if child == 0:
                _run_and_end(request, descriptors, (listener, connection, ended, wakes, *running.values()))
            for descriptor in descriptors:
                os.close(descriptor)
            running[child] = connection
            with suppress(BrokenPipeError):
                connection.sendall(f"{child}\n".encode())


def _ended() -> Iterator[tuple[int, int]]:
    """The children that have ended, and how."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def _end_with_users(path: Path) -> None:
    """Whoever came between the last and the lock is a user again."""
    users = select.poll()
    users.register(0)
    while True:
        os.read(0, 1)  # until the last is gone
        with _starting():
            if any(happened & select.POLLHUP for _, happened in users.poll(0)):
                path.unlink()
                _users(path).unlink()
                os._exit(0)


def _run_and_end(
    request: Mapping[str, Any], descriptors: Sequence[int], inherited: Sequence[socket.socket]
) -> NoReturn:
    """In the forked process, which has nothing to do with other runs."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in inherited:
            other.close()
        _run(request, descriptors)
    finally:
        os._exit(99)


def _run(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    if request["own_session"]:
        os.setsid()
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv = [request["program"], *request["arguments"]]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    status = 0
    try:
        if request["program"] == TOOL:
            os.nice(NICE)
            from livekit_doctor.cli.main import main

            sys.argv[0] = "livekit-doctor"
            main()
        else:
            sys.path[0] = request["folder"]
            _fork_jobs()
            runpy.run_module(request["program"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = int(ended.code or 0)
    if request["program"] != TOOL:
        atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _fork_jobs() -> None:
    """A worker's job processes come from a fork server of Python's, which would import livekit-agents once more, a
    worker: here it is a fork of the worker itself, made while that has no threads."""
    listener = socket.socket(socket.AF_UNIX)
    address = arbitrary_address("AF_UNIX")
    listener.bind(address)
    listener.listen()
    alive_read, alive_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(alive_write)
        try:
            forkserver.main(listener.fileno(), alive_read, [])
        finally:
            os._exit(0)
    listener.close()
    os.close(alive_read)
    own: Any = forkserver._forkserver  # type: ignore[attr-defined]
    own._forkserver_address, own._forkserver_alive_fd, own._forkserver_pid = address, alive_write, pid


if __name__ == "__main__":
    serve(*sys.argv[1:])
