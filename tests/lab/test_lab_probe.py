"""`probe` on a real server with a real worker: who got its agent, how the others ended, and what is left."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import run_in_terminal
from tests.cli.schemas import PROBE_KEYS
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE, free_port, until
from tests.lab.worker import Worker

PREFIX = "livekit-doctor-"


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, agent: Worker, edge: Edge) -> Iterator[Doctor]:
    """Probes the session's agent. However it ends, no room and no dispatch is left."""
    doctor = Doctor(tmp_path, livekit)
    configure(doctor, agent, Mode.SILENT)
    yield doctor
    assert not scratch_rooms(edge)


def configure(doctor: Doctor, agent: Worker, mode: Mode, seconds: float = 0.0) -> None:
    probe = {"metadata": job_metadata("{call_id}", mode, seconds), "timeout": PATIENCE}
    doctor.configure({"agent": {"name": agent.agent_name}, "probe": probe})


def probe(doctor: Doctor, *arguments: str, **options: Any) -> Ran:
    return doctor.run("probe", *arguments, "--format", "json", **options)


def counts(ran: Ran) -> dict[str, int]:
    """The endings that there were."""
    summary = ran.json["summary"]
    return {name: number for name, number in summary.items() if number and name not in ("count", "join_rate")}


def test_healthy_worker(doctor: Doctor, agent: Worker) -> None:
    """Each gets its own agent, in a room and by a dispatch of its own; the criteria decide."""
    jobs = len(agent.logged("received job request"))
    ran = probe(doctor, "--count", "4", "--concurrency", "2", "--max-p95", "0.01")
    assert counts(ran) == {"joined": 4}, ran.stdout
    assert ran.json.keys() == PROBE_KEYS
    assert len(agent.logged("received job request")) == jobs + 4
    for key in ("room", "dispatch_id", "number"):
        assert len({one[key] for one in ran.json["dispatches"]}) == 4
    latency = ran.json["latency"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p95"] == latency["max"] < PATIENCE
    assert latency["p95_is_max"] is True
    assert sum(bar["count"] for bar in ran.json["histogram"]) == 4
    assert [(one["name"], one["status"]) for one in ran.json["criteria"]] == [
        ("min_join_rate", "passed"),
        ("max_p95", "failed"),
    ]
    assert (ran.status, ran.json["ok"], ran.stderr) == (1, False, "")


def test_worker_that_declines_some(doctor: Doctor, agent: Worker) -> None:
    configure(doctor, agent, Mode.REQUEST_REJECTS_SOME)
    ran = doctor.run("probe", "--count", "4", "--min-join-rate", "50%")
    assert ran.status == 0, ran.stdout
    assert "got their agent       2 of 4" in ran.stdout
    assert "XX  2 declined   LKD404 job-declined   proven" in ran.stdout
    assert "of 2 the p95 is the slowest one" in ran.stdout
    assert ran.stdout.endswith("ok: 50 % got their agent; at least 50 % must\n")
    assert "\x1b" not in ran.stdout + ran.stderr
    ran = probe(doctor, "--count", "2", "--min-join-rate", "0.51")
    assert (ran.status, counts(ran)) == (1, {"joined": 1, "declined": 1})


def test_no_worker(doctor: Doctor, names: Names) -> None:
    """Every API call succeeds, and nobody comes."""
    ran = probe(doctor, "--agent-name", names.agent(), "--count", "3", "--timeout", "1")
    assert (ran.status, counts(ran)) == (1, {"no_job": 3}), ran.stdout
    assert ran.json["summary"]["join_rate"] == 0
    assert ran.json["latency"] is None
    (ending,) = ran.json["endings"]
    assert (ending["code"], ending["confidence"], ending["count"]) == ("LKD402", "likely", 3)
    assert {"LKD101", "LKD102", "LKD103"} <= set(ending["candidates"])
    assert ending["fix"]


def test_job_without_agent(doctor: Doctor, agent: Worker) -> None:
    configure(doctor, agent, Mode.ENTRYPOINT_RAISES)
    ran = probe(doctor, "--count", "1", "--timeout", "2")
    assert (ran.status, counts(ran)) == (1, {"job_without_agent": 1}), ran.stdout
    assert ran.json["endings"][0]["code"] == "LKD406"


def test_canary(doctor: Doctor, agent: Worker, livekit: LiveKitServer) -> None:
    """Nobody's agent is touched, and no configuration of one is needed."""
    doctor.configure({})
    jobs = len(agent.logged("received job request"))
    ran = probe(doctor, "--canary", "--count", "4")
    assert (ran.status, counts(ran)) == (0, {"joined": 4}), ran.stdout
    assert (ran.json["canary"], ran.json["agent_name"]) == (True, None)
    assert len(agent.logged("received job request")) == jobs
    of_own = [entry for entry in livekit.logged("worker registered") if entry["agentName"].startswith(PREFIX)]
    assert len(of_own) >= 4


def test_in_a_terminal(doctor: Doctor) -> None:
    """A bar while it runs, and the result when it is over."""
    status, seen = run_in_terminal("probe", "--canary", "--count", "2", cwd=doctor.folder, env=doctor.env)
    assert status == 0, seen
    assert "canaries" in seen
    assert "2 joined" in seen
    result = seen[seen.rindex("2 dispatches, a canary each") :]
    assert "2 of 2" in result
    assert "canaries" not in result


@pytest.fixture
def proxies(livekit: LiveKitServer) -> Iterator[Callable[[], Proxy]]:
    with ExitStack() as entered:
        yield lambda: entered.enter_context(Proxy(livekit))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_in_the_middle(doctor: Doctor, agent: Worker, edge: Edge, name: str) -> None:
    """Agents that are on their way would make their rooms again: the removal waits for them."""
    configure(doctor, agent, Mode.SLOW_JOIN, 1.0)
    jobs = len(agent.logged("received job request"))
    process = doctor.popen("probe", "--count", "6", "--concurrency", "2", "-f", "json")
    until(lambda: len(agent.logged("received job request")) > jobs + 1, what="jobs")
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert '"message": "interrupted"' in stdout
    assert not scratch_rooms(edge)
    with pytest.raises(AssertionError):
        until(edge.rooms, timeout=2, what="no room, again")
    assert len(agent.logged("received job request")) <= jobs + 3, "no further dispatch was made"


def scratch_rooms(edge: Edge) -> list[str]:
    """Rooms that are not the probe's own are no matter of its tests."""
    return [room.name for room in edge.rooms() if room.name.startswith(PREFIX)]


def test_interrupted_canaries(doctor: Doctor, edge: Edge) -> None:
    """What had ended by then is printed: of 5 at a time some have when there was a seventh room."""
    process: subprocess.Popen[str] = doctor.popen(
        "probe", "--canary", "--count", "50", "--concurrency", "5", "-f", "json"
    )
    seen: set[str] = set()

    def were_seven() -> bool:
        seen.update(scratch_rooms(edge))
        return len(seen) > 6

    until(were_seven, what="scratch rooms")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    document = json.loads(stdout)
    ended = len(document["dispatches"])
    assert (process.returncode, document["exit_status"], document["ok"]) == (130, 130, False)
    assert (document["summary"]["joined"], document["summary"]["undecided"]) == (ended, 50 - ended)
    assert 0 < ended < 50
    assert stderr == f"interrupted: {ended} of 50 dispatches had ended, and this is of those\n"
    assert not scratch_rooms(edge)


def test_rooms_that_cannot_be_watched(doctor: Doctor, proxies: Callable[[], Proxy]) -> None:
    """Dispatched, and nobody can see what became of it: undecided, and removed all the same."""
    proxy = proxies()
    proxy.fail = {"ListParticipants"}
    ran = probe(doctor, "--count", "2", env={"LIVEKIT_URL": proxy.url})
    assert len(ran.json["left_behind"]) == 2
    assert all("it was removed, but its agent may still join" in said for said in ran.json["left_behind"])
    assert (ran.status, counts(ran)) == (3, {"undecided": 2}), ran.stdout
    assert ran.json["criteria"][0]["status"] == "undecided"


def test_server_that_is_not_there(doctor: Doctor) -> None:
    """Nothing is dispatched, and it says why."""
    ran = probe(doctor, env={"LIVEKIT_URL": f"ws://127.0.0.1:{free_port()}"})
    assert (ran.status, counts(ran)) == (3, {"undecided": 5}), ran.stdout
    assert [(ending["code"], ending["outcome"]) for ending in ran.json["endings"]] == [("LKD003", "undecided")]
    assert ran.json["endings"][0]["fix"]


def test_rejected_credentials(doctor: Doctor) -> None:
    ran = probe(doctor, env={"LIVEKIT_API_SECRET": "0" * 40})
    assert (ran.status, ran.json["endings"][0]["code"]) == (2, "LKD004"), ran.stdout


def test_agent_that_dials_itself(doctor: Doctor, agent: Worker) -> None:
    """It could ring a real phone: refused, unless it is told what to give to the agent."""
    doctor.configure({"agent": {"name": agent.agent_name}, "flow": {"placed_by": "agent"}})
    jobs = len(agent.logged("received job request"))
    ran = probe(doctor, "--count", "1")
    assert ran.status == 2
    assert "could ring a real phone" in ran.json["error"]["message"]
    assert len(agent.logged("received job request")) == jobs
    ran = probe(doctor, "--count", "1", "--metadata", job_metadata("{call_id}", Mode.DIALS_ITSELF))
    assert (ran.status, counts(ran)) == (0, {"joined": 1}), ran.stdout
