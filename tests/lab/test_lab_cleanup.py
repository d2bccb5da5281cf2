"""`check` leaves no room, dispatch or worker behind, also when it is interrupted in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.lab.doctor import OWN_VARIABLES, Doctor
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker

SCRATCH = "livekit-doctor-"


def scratch(edge: Edge) -> list[str]:
    """The rooms of experiments that are there now."""
    return [room.name for room in edge.rooms() if room.name.startswith(SCRATCH)]


def canaries(livekit: LiveKitServer, message: str) -> set[str]:
    """The agent names of canaries in the server's log."""
    names = (entry.get("agentName", "") for entry in livekit.logged(message))
    return {name for name in names if name.startswith(SCRATCH)}


def assert_nothing_left(edge: Edge, livekit: LiveKitServer) -> None:
    assert not edge.inventory()
    registered = canaries(livekit, "worker registered")
    until(lambda: registered <= canaries(livekit, "last worker deregistered"), what="the canaries to be gone")


def test_after_a_check_that_ran_to_its_end(
    edge: Edge, livekit: LiveKitServer, worker: StartWorker, tmp_path: Path
) -> None:
    doctor = Doctor(tmp_path, livekit)
    doctor.configure({"agent": {"name": worker().agent_name}})
    ran = doctor.check("--probe")
    assert ran.status == 0, ran.stdout
    assert ran.check("worker.canary")["status"] == "passed"
    assert ran.check("agent_dispatch.probe")["status"] == "passed"
    assert ran.json["left_behind"] == []
    assert canaries(livekit, "worker registered"), "a canary was registered"
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_after_an_interrupt_at_any_moment(
    name: str, edge: Edge, livekit: LiveKitServer, names: Names, tmp_path: Path
) -> None:
    """No worker runs under the agent's name, so that the probe waits and there is time to interrupt."""
    doctor = Doctor(tmp_path, livekit)
    doctor.configure({"agent": {"name": names.agent()}})
    moments = Random(names.call_id())
    for _ in range(3):
        process = doctor.popen("check", "--probe", "--format", "json")
        until(lambda: scratch(edge), what="a scratch room")
        time.sleep(moments.uniform(0, 1.5))  # the moment is what is tested
        process.send_signal(getattr(signal, name))
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        assert stdout == "" or stdout.startswith("{")
        assert not edge.inventory(), stderr
        assert_nothing_left(edge, livekit)


def test_after_a_kill_the_room_closes_by_itself(
    edge: Edge, livekit: LiveKitServer, names: Names, tmp_path: Path
) -> None:
    """Nothing can clean up after SIGKILL: the scratch room's own short timeouts do."""
    doctor = Doctor(tmp_path, livekit)
    doctor.configure({"agent": {"name": names.agent()}, "probe": {"timeout": 9}})
    process = doctor.popen("check", "--probe", "--only", "agent_dispatch.probe")
    until(lambda: scratch(edge), what="a scratch room")
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not scratch(edge), timeout=120, what="the scratch room to close")


def test_a_closed_pipe(livekit: LiveKitServer, tmp_path: Path) -> None:
    """`livekit-doctor check | head -1` ends with 141, quietly."""
    doctor = Doctor(tmp_path, livekit)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
    command = f'"{sys.executable}" -m livekit_doctor check --read-only; echo $? > status'
    ran = subprocess.run(
        ["bash", "-c", f"({command}) | head -n 0"],
        cwd=tmp_path,
        env={**clean, **doctor.env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (tmp_path / "status").read_text().strip() == "141"
    assert "Traceback" not in ran.stderr
    assert ran.stderr == ""
