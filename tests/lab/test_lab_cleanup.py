"""`check` leaves no room, dispatch or worker behind, however it ends."""

import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.cli.command_line import COMPILED
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE, until
from tests.lab.worker import Worker

PREFIX = "livekit-doctor-"
SAFETY_NET = 60
"""Seconds within which the server itself closes what a killed check leaves."""
AT_ONCE = 4
"""Checks that run at the same time."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def proxy(livekit: LiveKitServer) -> Iterator[Proxy]:
    """Sees what the tool asks, so that a test knows how far it has got."""
    with Proxy(livekit) as proxy:
        yield proxy


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, agent: Worker) -> Doctor:
    """Its probe runs the session's agent, which takes a second to join."""
    doctor = Doctor(tmp_path, livekit)
    doctor.env |= COMPILED
    metadata = job_metadata("{call_id}", Mode.SLOW_JOIN, 1.0)
    doctor.configure({"agent": {"name": agent.agent_name}, "probe": {"metadata": metadata, "timeout": 8}})
    return doctor


@pytest.fixture
def start(doctor: Doctor) -> Iterator[Start]:
    """Starts checks; whatever a test leaves running is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, url: str | None = None) -> "subprocess.Popen[str]":
        env = {"LIVEKIT_URL": url} if url else {}
        started.append(doctor.popen("check", "--probe", "--skip", "room_presence", *arguments, env=env))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate(timeout=PATIENCE)


def scratch_rooms(edge: Edge) -> list[str]:
    return [room.name for room in edge.rooms() if room.name.startswith(PREFIX)]


def assert_nothing_left(edge: Edge, livekit: LiveKitServer) -> None:
    """No room, no dispatch, and every canary that ever registered has gone."""
    assert not edge.inventory()

    def canaries(message: str) -> set[str]:
        names = (entry["agentName"] for entry in livekit.logged(message))
        return {name for name in names if name.startswith(f"{PREFIX}canary-")}

    until(lambda: canaries("worker registered") == canaries("last worker deregistered"), what="the canaries to leave")


def assert_stays_away(edge: Edge, seconds: float) -> None:
    """An agent that joins late would make the room again: none does."""
    with pytest.raises(AssertionError):
        until(lambda: scratch_rooms(edge), timeout=seconds, what="no room, again")


def asked(proxy: Proxy, method: str) -> Callable[[], bool]:
    """Whether a method has been asked once more than now."""
    before = proxy.seen.count(method)
    return lambda: proxy.seen.count(method) > before


def test_when_it_ends_by_itself(start: Start, edge: Edge, livekit: LiveKitServer) -> None:
    process = start("--only", "worker", "--only", "agent_dispatch")
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, ""), stdout
    assert_nothing_left(edge, livekit)


MOMENTS = ("ListRooms", "CreateRoom", "CreateDispatch", "ListParticipants", "ListDispatch", "DeleteRoom")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_at_any_moment(
    start: Start, proxy: Proxy, edge: Edge, livekit: LiveKitServer, name: str
) -> None:
    """Right after each kind of request has been asked, and at a random moment after it."""
    random = Random(seed := secrets.token_hex(4))
    print(f"seed {seed}")
    number = getattr(signal, name)
    for methods in (MOMENTS[:3], MOMENTS[3:]):
        running = []
        for method in methods:
            reached = asked(proxy, method)
            process = start(url=proxy.url)
            until(lambda reached=reached, process=process: reached() or process.poll() is not None, what=method)  # type: ignore[misc]
            time.sleep(random.choice((0, random.uniform(0, 0.5))))
            process.send_signal(number)
            running.append((method, process))
        for method, process in running:
            stdout, stderr = process.communicate(timeout=PATIENCE)
            assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n"), method
        assert_nothing_left(edge, livekit)
    assert_stays_away(edge, 1.5)


def test_interrupted_many_at_once(start: Start, edge: Edge, livekit: LiveKitServer) -> None:
    """At random moments of their lives, some of them twice: whoever hits Ctrl-C again is not faster."""
    random = Random(seed := secrets.token_hex(4))
    print(f"seed {seed}")
    running = [start("--format", "json") for _ in range(AT_ONCE)]
    until(lambda: len(scratch_rooms(edge)) >= AT_ONCE, what="scratch rooms")
    began = time.monotonic()
    due = sorted((began + random.uniform(0, 2.5), process) for process in running * 2)
    for moment, process in due:
        until(lambda moment=moment: time.monotonic() >= moment, what="the moment")  # type: ignore[misc]
        process.send_signal(random.choice((signal.SIGINT, signal.SIGTERM)))
    for process in running:
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, stderr
        assert stderr == "interrupted\n"
        assert '"message": "interrupted"' in stdout
    assert_nothing_left(edge, livekit)
    assert_stays_away(edge, 1.5)


def test_killed(start: Start, edge: Edge, livekit: LiveKitServer) -> None:
    """Nobody can clean up after SIGKILL but the server: scratch rooms are made to be short-lived."""
    running = [start() for _ in range(AT_ONCE)]
    until(lambda: len(scratch_rooms(edge)) >= AT_ONCE, what="scratch rooms")
    for process in running:
        process.kill()
    for process in running:
        assert process.wait(PATIENCE) == -signal.SIGKILL
    rooms = edge.rooms(*scratch_rooms(edge))
    assert rooms
    assert all(room.empty_timeout <= SAFETY_NET and room.departure_timeout <= 5 for room in rooms)
    until(lambda: not scratch_rooms(edge), timeout=SAFETY_NET + 15, what="the server to close the scratch rooms")
    assert_nothing_left(edge, livekit)


def test_reader_goes_away(doctor: Doctor, edge: Edge, livekit: LiveKitServer) -> None:
    """`check | head -1`: 141 where head was gone before the last line, and never a traceback."""
    tool = f'"{sys.executable}" -m livekit_doctor check --skip room_presence'
    ran = subprocess.run(
        ["bash", "-c", f'{tool} | head -1; echo "${{PIPESTATUS[0]}}"'],
        cwd=doctor.folder,
        env=doctor.popen_env() if hasattr(doctor, "popen_env") else None,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert re.match(r"configuration: ", ran.stdout)
    assert ran.stdout.split("\n")[1] in ("0", "141")
    assert ran.stderr == ""
    assert_nothing_left(edge, livekit)
