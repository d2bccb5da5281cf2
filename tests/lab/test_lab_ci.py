"""The gate of a pipeline on a real server: it opens where the agent comes, and closes once its worker is gone."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.ci.act import Act
from tests.ci.files import PREDEPLOY, WORKFLOW
from tests.ci.installed import Installed
from tests.ci.runner import PATIENCE, Runner, path_with, read_outputs
from tests.ci.test_action import HOSTILE
from tests.ci.test_examples import SCRIPTS
from tests.cli.command_line import CLEAN
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker, Worker

CHECKS = "agent: {{name: {name}}}\nprobe: {{timeout: 5, metadata: {metadata}}}\n"


def configure(folder: Path, agent_name: str, mode: Mode = Mode.SILENT, seconds: float = 0.0) -> None:
    metadata = job_metadata("{call_id}", mode, seconds)
    (folder / "checks.yaml").write_text(CHECKS.format(name=json.dumps(agent_name), metadata=json.dumps(metadata)))


@pytest.fixture
def secrets(livekit: LiveKitServer) -> dict[str, str]:
    return {
        "LIVEKIT_URL": livekit.url,
        "LIVEKIT_API_KEY": livekit.api_key,
        "LIVEKIT_API_SECRET": livekit.api_secret,
    }


def commit(folder: Path) -> None:
    for arguments in (("add", "-A"), ("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "x")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)


def test_the_example_workflow(
    tmp_path: Path, worker: StartWorker, secrets: dict[str, str], edge: Edge, installed: Installed
) -> None:
    """Run by act from the push to the probe after the deploy; then the worker stops."""
    act = Act(tmp_path / "act", installed.python(tmp_path / "python"))
    running: Worker = worker()
    configure(act.project, running.agent_name)
    text = WORKFLOW.read_text()
    commit(act.project)
    opened = act.run(text, secrets=secrets)
    steps = ("Would a call work?", "Does the agent come, each time?", "Keep the reports", "Deploy")
    assert {name: opened.conclusion(name) for name in steps} == dict.fromkeys(steps, "success"), opened.log
    assert opened.conclusion("Does the new agent come?") == "success", opened.log
    assert opened.conclusion("Say what to do") is None
    assert opened.status == 0
    for name in ("check", "probe"):
        suite = JUnitXml.fromfile(str(opened.kept / f"{name}.xml"))
        assert (suite.errors, suite.failures) == (0, 0)
    assert secrets["LIVEKIT_API_SECRET"] not in opened.log

    running.stop()
    closed = act.run(text, secrets=secrets)
    assert closed.status != 0
    assert closed.conclusion("Would a call work?") == "success", closed.log
    assert closed.conclusion("Does the agent come, each time?") == "failure", closed.log
    assert closed.conclusion("Keep the reports") == "success", closed.log
    assert closed.conclusion("Deploy") is None
    assert "exit-status=1" in closed.log
    assert JUnitXml.fromfile(str(closed.kept / "probe.xml")).failures > 0
    assert not edge.rooms()


def test_predeploy(tmp_path: Path, worker: StartWorker, secrets: dict[str, str], edge: Edge) -> None:
    running: Worker = worker()
    configure(tmp_path, running.agent_name)
    assert deploy(tmp_path, secrets).returncode == 0
    assert (tmp_path / "deployed").exists()
    assert JUnitXml.fromfile(str(tmp_path / "reports" / "probe.xml")).failures == 0
    (tmp_path / "deployed").unlink()
    running.stop()
    ran = deploy(tmp_path, secrets)
    assert (ran.returncode, (tmp_path / "deployed").exists()) == (1, False), ran.stderr
    assert "probe says that a call would not work" in ran.stderr
    assert JUnitXml.fromfile(str(tmp_path / "reports" / "probe.xml")).failures > 0
    ran = deploy(tmp_path, {**secrets, "LIVEKIT_API_SECRET": "0" * 40})
    assert (ran.returncode, (tmp_path / "deployed").exists()) == (2, False), ran.stderr


def deploy(folder: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PREDEPLOY, "touch", "deployed"],
        cwd=folder,
        env={**CLEAN, **env, "PATH": path_with(SCRIPTS), "COUNT": "2", "PAUSE": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_hostile_agent_name_reaches_livekit_as_it_is(
    tmp_path: Path, secrets: dict[str, str], edge: Edge, names: Names
) -> None:
    runner = Runner(tmp_path)
    runner.install_here()
    name = f"{names.agent()} {HOSTILE[0]} {HOSTILE[2]} {HOSTILE[3]}"
    inputs = {"command": "probe", "agent-name": name, "arguments": "--count 1 --timeout 1"}
    ran = runner.run("run", inputs, secrets)
    assert (ran.status, ran.outputs["ok"]) == (1, "false"), ran.log
    document = json.loads(Path(ran.outputs["json"]).read_text())
    assert document["agent_name"] == name
    assert not list(tmp_path.rglob("HACKED*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_leaves_no_room(
    tmp_path: Path, agent: Worker, secrets: dict[str, str], edge: Edge, number: signal.Signals
) -> None:
    """The runner signals the shell only, and gives it 7.5 s (SIGINT), then 2.5 s (SIGTERM)."""
    runner = Runner(tmp_path)
    runner.install_here()
    configure(runner.workspace, agent.agent_name, Mode.SLOW_JOIN, 1.0)
    jobs = len(agent.logged("received job request"))
    process, output, _ = runner.start("run", {"command": "probe", "arguments": "--count 6"}, secrets)
    until(lambda: len(agent.logged("received job request")) > jobs, what="a job")
    os.kill(process.pid, number)
    log, _ = process.communicate(timeout=7.5)
    assert (process.returncode, read_outputs(output)["exit-status"]) == (130, "130"), log
    assert not edge.rooms()
