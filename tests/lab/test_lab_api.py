"""The public API and its example against real servers."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_doctor import Settings, Step, TraceRun, Verdict, check, diagnose, load_settings, trace
from tests.lab.edge import Edge, log_row
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.worker import Worker

pytestmark = pytest.mark.xdist_group("lab_api")

EXAMPLE = Path(__file__).parents[2] / "examples" / "predeploy.py"


@pytest.fixture
def environ(livekit: LiveKitServer, database: Database) -> dict[str, str]:
    return {
        "LIVEKIT_URL": livekit.url,
        "LIVEKIT_API_KEY": livekit.api_key,
        "LIVEKIT_API_SECRET": livekit.api_secret,
        "CALL_LOGS_DATABASE_URL": database.dsn,
    }


@pytest.fixture
def settings(environ: dict[str, str], agent: Worker, tmp_path: Path) -> Settings:
    (tmp_path / "checks.yaml").write_text(f'agent:\n  name: "{agent.agent_name}"\n')
    return load_settings(tmp_path / "checks.yaml", environ=environ)


def test_check_proves_that_the_agent_is_there(settings: Settings, edge: Edge) -> None:
    run = asyncio.run(check(settings=settings, only=["connection", "worker", "agent_dispatch"], probe=True))
    found = {result.id: result.status for result in run.results}
    assert found["worker.canary"] == found["agent_dispatch.probe"] == "passed", run
    assert (run.ok, run.left_behind, edge.rooms()) == (True, (), [])


def test_calls_at_once_each_get_their_own_verdict(
    settings: Settings, database: Database, edge: Edge, agent: Worker, names: Names, phone: JoinPhone
) -> None:
    healthy, declined = (names.call_id(), names.room()), (names.call_id(), names.room())
    for (call_id, room), mode in ((healthy, Mode.HEALTHY), (declined, Mode.REQUEST_REJECTS)):
        edge.create_room(room)
        log_row(database, call_id, "room_created", metadata={"room_name": room})
        edge.create_dispatch(room, agent.agent_name, metadata=job_metadata(call_id, mode))
        phone(room, status="active")
    edge.wait_for_agent(healthy[1], audio=True)
    edge.wait_for_job(declined[1])

    async def both() -> list[TraceRun]:
        return await asyncio.gather(*(trace(call, settings=settings, wait=20) for call, _ in (healthy, declined)))

    good, bad = asyncio.run(both())
    assert (good.verdict, good.ok) == (Verdict.HEALTHY, True)
    assert [run.diagnosis.room and run.diagnosis.room.name for run in (good, bad)] == [healthy[1], declined[1]]
    assert (bad.verdict, bad.ok) == (Verdict.BROKEN, False)
    assert (bad.diagnosis.broken[0].step, bad.diagnosis.broken[0].code) == (Step.JOB_ASSIGNED, "LKD404")
    assert diagnose(bad.evidence, bad.settings, bad.subject) == bad.diagnosis


def test_the_example_is_a_gate(
    environ: dict[str, str], settings: Settings, tmp_path: Path, edge: Edge, names: Names
) -> None:
    """It lets a deploy go on, until a call is there that no agent was dispatched to."""

    def gate(*calls: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLE), "--json", "results.json", *calls],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
        )

    ran = gate()
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert "check: ok" in ran.stdout
    ran = gate("no-such-call")
    assert ran.returncode == 3, ran.stdout
    (checked, traced) = json.loads((tmp_path / "results.json").read_text())
    assert (checked["ok"], traced["verdict"]) == (True, "unknown")
