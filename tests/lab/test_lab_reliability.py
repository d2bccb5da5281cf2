"""A selection of what docs/reliability.md has in full: time bounds, interrupted commands, a soak of `watch`."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.experiments.proxy import Proxy
from tests.lab import moments, soak
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE, until
from tests.lab.time_bounds import COMMANDS, LATENCY, Endless
from tests.lab.worker import Worker

TIMEOUT = 5.0
BUSY = 2.0
"""Seconds that a command may be late on a machine that does all of it at the same time; the exact bound is measured by
`python -m tests.lab.time_bounds`, one command after the other."""


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, agent: Worker) -> Doctor:
    doctor = Doctor(tmp_path, livekit)
    probe = {"metadata": job_metadata("{call_id}", Mode.HEALTHY), "timeout": 20}
    doctor.configure({"agent": {"name": agent.agent_name}, "probe": probe})
    return doctor


@pytest.mark.parametrize("fault", ["slow", "endless"])
def test_timeout_bounds_the_whole(doctor: Doctor, livekit: LiveKitServer, edge: Edge, fault: str) -> None:
    """All commands at the same time. What is left at the end is said with the command that removes it."""

    def run(command: str, url: str) -> tuple[str, float, str]:
        began = time.monotonic()
        ran = doctor.run(*COMMANDS[command](f"{TIMEOUT:g}"), env={"LIVEKIT_URL": url})
        assert ran.status in (0, 1, 2, 3), ran.stderr
        return command, time.monotonic() - began, ran.stdout + ran.stderr

    with Proxy(livekit) as proxy, Endless() as endless, ThreadPoolExecutor(len(COMMANDS)) as pool:
        proxy.delay = LATENCY / 2
        url = {"slow": proxy.url, "endless": endless.url}[fault]
        doctor.run("--version")  # what runs are forked from is there, and has imported all, before any is timed
        ran = list(pool.map(lambda command: run(command, url), COMMANDS))
    late = {command: round(took, 1) for command, took, _ in ran if took > TIMEOUT + BUSY}
    assert late == {}
    said = {name for _, _, text in ran for name in moments.SAID.findall(text)}
    left = {room.name for room in edge.rooms() if moments.SCRATCH.fullmatch(room.name)}
    assert left <= said


@pytest.fixture
def rooms(edge: Edge) -> Iterator[moments.Rooms]:
    with moments.Rooms(edge) as rooms:
        yield rooms


@pytest.mark.parametrize("command", ["check --probe", "probe", "watch --probe"])
def test_signals_at_random_moments(doctor: Doctor, livekit: LiveKitServer, rooms: moments.Rooms, command: str) -> None:
    """`make moments` tries 200 of each command."""
    seed = secrets.token_hex(4)
    print(f"seed {seed}")
    result = moments.tried(doctor, livekit, command, 8, Random(seed))
    assert result.odd == []
    until(lambda: rooms.now <= result.said, timeout=PATIENCE, what="nothing left that is not said")
    assert rooms.again <= result.said


def test_watch_does_not_grow() -> None:
    """`make soak` runs 10,000 rounds."""
    samples, faults, status = soak.soaked(60, canary=False, seed=secrets.token_hex(4))
    assert status in (0, 1, 3)
    assert sum(faults.values()) > 20
    memory, files = soak.grown(samples)
    assert memory <= soak.MORE_MEMORY, samples
    assert files <= 2 * soak.MORE_FILES, samples
