"""However it ends: interrupted while nobody reads what it writes, and where nothing can be printed."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livekit_doctor.render.formats import FormatName
from tests.cli.command_line import CLEAN, PATIENCE, run, wait_for
from tests.forked import TOOL, Forked

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROW = {"call_id": "call-1", "created_at": "2021-02-03T04:05:06Z", "source": "edge", "state": "room_created"}
TRACE = ("trace", "call-1", "--call-logs", "export.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "export.jsonl").write_text(json.dumps(ROW) + "\n")
    return tmp_path


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a command, and kills what does not end by itself."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "livekit_doctor", *arguments],
            cwd=folder,
            env=CLEAN,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_waits_for_who_reads_a_pipe(folder: Path, start: Start, number: signal.Signals) -> None:
    """The files before the pipe are written; then it waits."""
    os.mkfifo(folder / "pipe.xml")
    process = start(*TRACE, "-o", "before.json", "-o", "pipe.xml", "-o", "after.json")
    wait_for(lambda: (folder / "before.json").exists())
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert stderr.startswith("interrupted\nLKD001 pipe.xml: not saved: nobody reads it\n")
    assert json.loads((folder / "after.json").read_text())["error"]["message"] == "interrupted"


def test_a_pipe_that_is_read_late(folder: Path, start: Start) -> None:
    os.mkfifo(folder / "pipe.json")
    process = start(*TRACE, "-o", "before.json", "-o", "pipe.json")
    wait_for(lambda: (folder / "before.json").exists())
    assert json.loads((folder / "pipe.json").read_text())["call_id"] == "call-1"
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_while_nobody_takes_what_it_prints(start: Start, number: signal.Signals) -> None:
    reading, writing = os.pipe()
    try:
        room = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
        process = start("explain", "--all", "-f", "json", stdout=writing)
        wait_for(lambda: _waiting_in(reading) == room)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        os.close(reading)
        os.close(writing)
    assert (process.returncode, stderr) == (130, "interrupted\n")


def _waiting_in(pipe: int) -> int:
    found: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    return found


@pytest.mark.parametrize("form", FormatName)
@pytest.mark.parametrize("command", [TRACE, ("explain", "--all"), ("explain", "--list"), ("check",), ("init",)])
def test_nothing_can_be_printed(folder: Path, command: tuple[str, ...], form: FormatName) -> None:
    if command == ("init",) and form is FormatName.CONSOLE:
        command = ("init", "--help")  # what it comes to without credentials is on standard error alone
    # In a process of its own once a command: what Python writes itself at the end is the same for each format.
    status, stderr = _with("stdout", folder, *command, "-f", form, forks=form is not FormatName.CONSOLE)
    assert status == 2
    assert stderr.splitlines()[-1] == "standard output: No space left on device"
    assert "Traceback" not in stderr


@pytest.mark.parametrize("command", [("--help",), ("completion", "bash"), ("demo",)])
def test_nothing_else_can_be_printed_either(folder: Path, command: tuple[str, ...]) -> None:
    assert _with("stdout", folder, *command) == (2, "standard output: No space left on device\n")


def test_the_files_are_written_all_the_same(folder: Path) -> None:
    assert _with("stdout", folder, *TRACE, "-o", "a.json")[0] == 2
    assert json.loads((folder / "a.json").read_text())["exit_status"] == 1


@pytest.mark.parametrize(("command", "status"), [(("explain", "LKD000"), 2), (TRACE, 1), (("explain", "401"), 0)])
def test_what_cant_be_said_on_stderr_changes_no_status(folder: Path, command: tuple[str, ...], status: int) -> None:
    assert run(*command, cwd=folder).status == status
    assert _with("stderr", folder, *command, "--debug")[0] == status


def _with(full: str, folder: Path, *arguments: str, forks: bool = False) -> tuple[int, str]:
    """The exit status and the other stream where this one takes nothing."""
    other = "stderr" if full == "stdout" else "stdout"
    with open("/dev/full", "w") as nowhere, open(os.devnull) as nothing, tempfile.TemporaryFile("w+") as said:
        streams = {full: nowhere, other: said}
        if forks:
            numbers = [stream.fileno() for stream in (nothing, streams["stdout"], streams["stderr"])]
            with Forked(TOOL, arguments, folder, CLEAN, numbers) as process:
                status = process.wait(PATIENCE)
        else:
            command = [sys.executable, "-m", TOOL, *arguments]
            status = subprocess.run(command, cwd=folder, env=CLEAN, timeout=PATIENCE, **streams).returncode  # type: ignore[call-overload]
        said.seek(0)
        return status, said.read()
