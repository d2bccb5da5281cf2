"""Whatever is named to be read, reading it ends: plain files, pipes of every kind, and no device."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from livekit_doctor import input_file
from livekit_doctor.input_file import open_input, open_stdin, read_all
from tests.cli.command_line import CLEAN
from tests.each import each

LINE = '{"level":"info","ts":1926000000,"msg":"job ended","room":"call-7","jobID":"AJ_1"}\n'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "WRITER_WITHIN", 0.2)
    monkeypatch.setattr(input_file, "IDLE", 0.4)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_plain_file_and_what_is_no_more_than_a_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_all(open_input(tmp_path / "x"), 10) == b"12345"
    assert read_all(open_input(str(tmp_path / "x")), 3) == b"1234"


@each("device", ["/dev/zero", "/dev/full", "/dev/urandom"])
def test_a_device_is_not_read(device: str) -> None:
    with pytest.raises(OSError, match="device, and not a file"):
        open_input(device)


def test_the_one_that_is_empty_is() -> None:
    assert read_all(open_input(os.devnull), 10) == b""


def test_a_pipe_that_nobody_writes_to(fifo: Path) -> None:
    with pytest.raises(OSError, match="nobody writes to this pipe"):
        read_all(open_input(fifo), 10)


def test_one_whose_writer_says_nothing(fifo: Path) -> None:
    file = open_input(fifo)
    writer = os.open(fifo, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="wrote nothing for"):
            read_all(file, 10)
    finally:
        os.close(writer)


def test_one_whose_writer_comes_late(fifo: Path) -> None:
    timer = threading.Timer(0.05, lambda: fifo.write_bytes(b"late"))
    timer.start()
    assert read_all(open_input(fifo), 10) == b"late"
    timer.join()


def test_one_without_end(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "MOST_OF_PIPE", 1 << 20)
    file = open_input(fifo)
    with subprocess.Popen(["cat", "/dev/zero"], stdout=fifo.open("wb")) as writer:
        with pytest.raises(OSError, match="there is no end of it"):
            list(iter(lambda: file.read(1 << 16), b""))
        file.close()
        writer.kill()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Writes to what is standard input then."""
    read, write = os.pipe()
    with os.fdopen(read) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield write


def test_standard_input(stdin: int) -> None:
    os.write(stdin, b"typed")
    os.close(stdin)
    assert read_all(open_stdin(), 10) == b"typed"


def test_standard_input_that_says_nothing(stdin: int) -> None:
    with pytest.raises(OSError, match="wrote nothing for"):
        read_all(open_stdin(), 10)
    os.close(stdin)


@pytest.mark.parametrize(
    "read", ["<(cat server.log)", "- < server.log", "- < <(cat server.log)", "/dev/stdin < server.log", "server.log"]
)
def test_as_a_shell_gives_it(read: str, tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(LINE)
    command = f"exec {sys.executable} -m livekit_doctor trace --room call-7 --server-log {read}"
    ran = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=CLEAN, capture_output=True, text=True, timeout=60)
    assert "1 livekit-server log line" in ran.stdout, ran.stdout + ran.stderr


OPTIONS = {
    "log": ["trace", "--room", "r", "--worker-log", "{}"],
    "rows": ["trace", "c", "--call-logs", "{}"],
    "pasted": ["trace", "--evidence", "{}"],
    "bundle": ["trace", "--bundle", "{}"],
    "configuration": ["check", "--config", "{}"],
    "triage": ["triage", "--call-logs", "{}"],
}


@each("option", OPTIONS)
@each("place", ["/dev/zero", "pipe"])
def test_each_option_says_so_in_a_line(option: str, place: str, fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    from livekit_doctor.cli.main import run

    printed = StringIO()
    monkeypatch.chdir(fifo.parent)
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "stderr", printed)
    status = run([argument.format(place) for argument in OPTIONS[option]])
    assert status in (2, 3)
    said = ("device", "nobody writes", "no file", "not read", "NOT READ")
    assert any(word in printed.getvalue() for word in said), printed.getvalue()
