"""`check` leaves no room, dispatch or worker behind, however it ends."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import pytest

from tests.cli.command_line import CLEAN, COMPILED
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
def proxies(livekit: LiveKitServer) -> Iterator[Callable[[], Proxy]]:
    """Each sees what one process asks, so that a test knows how far it has got."""
    with ExitStack() as entered:
        yield lambda: entered.enter_context(Proxy(livekit))


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, agent: Worker) -> Doctor:
    """Its probe dispatches the session's agent, which declines: many at once need no process each."""
    doctor = Doctor(tmp_path, livekit)
    doctor.env |= COMPILED
    configure(doctor, agent, Mode.REQUEST_REJECTS)
    return doctor


def configure(doctor: Doctor, agent: Worker, mode: Mode) -> None:
    """`seconds` of a mode are one."""
    probe = {"metadata": job_metadata("{call_id}", mode, 1.0), "timeout": 8}
    doctor.configure({"agent": {"name": agent.agent_name}, "probe": probe})


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


def test_when_it_ends_by_itself(
    start: Start, doctor: Doctor, agent: Worker, edge: Edge, livekit: LiveKitServer
) -> None:
    configure(doctor, agent, Mode.HEALTHY)
    process = start("--only", "worker", "--only", "agent_dispatch")
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, ""), stdout
    assert_nothing_left(edge, livekit)


def moment(seconds: float) -> Callable[[], bool]:
    """True once so many seconds have passed."""
    due = time.monotonic() + seconds
    return lambda: time.monotonic() >= due


MOMENTS = ("ListRooms", "CreateRoom", "CreateDispatch", "ListParticipants", "ListDispatch", "DeleteRoom")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_at_any_moment(
    start: Start, proxies: Callable[[], Proxy], edge: Edge, livekit: LiveKitServer, name: str
) -> None:
    """When each kind of request is asked for the first time, and a random while after it."""
    random = Random(seed := secrets.token_hex(4))
    print(f"seed {seed}")
    running = []
    for method in MOMENTS:
        proxy = proxies()
        process = start(url=proxy.url)
        until(lambda: method in proxy.seen or process.poll() is not None, what=method)  # noqa: B023
        until(moment(random.choice((0, random.uniform(0, 0.5)))), what="the moment")
        if process.poll() is None:
            process.send_signal(getattr(signal, name))
            running.append((method, process))
    assert len(running) > len(MOMENTS) // 2, "most moments come before the end"
    for method, process in running:
        stdout, stderr = process.communicate(timeout=PATIENCE)
        if method != MOMENTS[-1]:
            assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n"), method
        else:  # it may be at its last words
            assert process.returncode in (130, 0, 1), stderr
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_while_the_agent_is_on_its_way(
    start: Start, doctor: Doctor, agent: Worker, edge: Edge, livekit: LiveKitServer, name: str
) -> None:
    """It would make the room again by joining late: the removal waits for it."""
    configure(doctor, agent, Mode.SLOW_JOIN)
    jobs = len(agent.logged("received job request"))
    process = start("--only", "agent_dispatch.probe")
    until(lambda: len(agent.logged("received job request")) > jobs, what="the job")
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n")
    assert_nothing_left(edge, livekit)
    assert_stays_away(edge, 2)


def test_interrupted_many_at_once(
    start: Start, proxies: Callable[[], Proxy], edge: Edge, livekit: LiveKitServer
) -> None:
    """At random moments of their lives, some of them twice: whoever hits Ctrl-C again is not faster."""
    random = Random(seed := secrets.token_hex(4))
    print(f"seed {seed}")
    asked = [proxies() for _ in range(AT_ONCE)]
    running = [start("--format", "json", url=proxy.url) for proxy in asked]
    until(lambda: all("CreateRoom" in proxy.seen for proxy in asked), what="scratch rooms")
    moments = sorted((random.uniform(0, 0.6), number % AT_ONCE) for number in range(2 * AT_ONCE))
    begun = time.monotonic()
    for seconds, number in moments:
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        running[number].send_signal(random.choice((signal.SIGINT, signal.SIGTERM)))
    for process in running:
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, stderr
        assert stderr == "interrupted\n"
        assert '"message": "interrupted"' in stdout
    assert_nothing_left(edge, livekit)


def test_killed(start: Start, doctor: Doctor, edge: Edge, livekit: LiveKitServer) -> None:
    """Nobody can clean up after SIGKILL but the server, and `clean`: scratch rooms are made to be short-lived (that the
    server closes such rooms is in test_lab_facts_rooms.py)."""
    running = [start() for _ in range(AT_ONCE)]
    until(lambda: len(scratch_rooms(edge)) >= AT_ONCE, what="scratch rooms")
    for process in running:
        process.kill()
    for process in running:
        assert process.wait(PATIENCE) == -signal.SIGKILL
    rooms = edge.rooms(*scratch_rooms(edge))
    assert rooms
    assert all(room.empty_timeout <= SAFETY_NET and room.departure_timeout <= 5 for room in rooms)
    ran = doctor.run("clean", "--older-than", "0s")
    assert (ran.status, ran.stderr) == (0, ""), ran.stdout
    assert_nothing_left(edge, livekit)


def test_reader_goes_away(doctor: Doctor, edge: Edge, livekit: LiveKitServer) -> None:
    """`check | head -1`: 141 unless the last line was quicker than head's end, and no traceback."""
    tool = f'"{sys.executable}" -m livekit_doctor check --probe --skip room_presence'
    ran = subprocess.run(
        ["bash", "-c", f'{tool} | head -1; echo "${{PIPESTATUS[0]}}"'],
        cwd=doctor.folder,
        env=CLEAN | doctor.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    first, status, _ = ran.stdout.split("\n")
    assert first.startswith("configuration: ./checks.yaml")
    assert status in ("141", "1")
    assert ran.stderr == ""
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("form", ["console", "json"])
def test_reader_was_never_there(doctor: Doctor, edge: Edge, livekit: LiveKitServer, form: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "livekit_doctor", "check", "--skip", "room_presence", "--format", form],
        cwd=doctor.folder,
        env=CLEAN | doctor.env,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, b"")
    assert_nothing_left(edge, livekit)
