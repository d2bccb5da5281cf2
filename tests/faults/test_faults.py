"""A selection of the faults; all of them run by `make faults`."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.each import each
from tests.faults import FAULTS, certificates, runner
from tests.faults.declared import COMMANDS, Fault
from tests.faults.judge import judge
from tests.faults.proxy import Proxy, Wire
from tests.faults.scene import Met, Scene
from tests.lab.conftest import agent, lab_folder, livekit, postgres, redis
from tests.lab.doctor import Doctor
from tests.lab.servers import LiveKitServer, Postgres, Redis
from tests.lab.support import free_port
from tests.lab.worker import Worker

__all__ = ["agent", "lab_folder", "livekit", "postgres", "redis"]

REFUSED = next(fault for fault in FAULTS if fault.name == "connect refused")


def test_a_selection(tmp_path: Path, redis: Redis, livekit: LiveKitServer, postgres: Postgres, agent: Worker) -> None:
    scene = Scene(tmp_path, redis, livekit, livekit.port, postgres, agent, certificates.make(tmp_path))
    scene.place_call()
    try:
        scene.database = scene.filled()
        judged = runner.run(scene, (_short(fault) for fault in FAULTS if fault.selected))
    finally:
        scene.close()
    assert len(judged) >= 40
    wrong = [
        f"{item.met.fault.name}: {item.met.command.name}: {'; '.join(item.wrong)}" for item in judged if item.wrong
    ]
    assert not wrong, "\n".join(wrong)


def _short(fault: Fault) -> Fault:
    """With two commands: those that read the most."""
    return replace(fault, commands=fault.met_by()[:2])


def test_the_list() -> None:
    counted = {
        place: sum(fault.place == place and not fault.process for fault in FAULTS)
        for place in ("livekit", "postgres", "worker")
    }
    assert counted["livekit"] >= 70
    assert counted["postgres"] >= 25
    assert counted["worker"] >= 25
    names = [(fault.place, fault.name) for fault in FAULTS]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Met:
    """A real one, which is as it must be."""
    doctor = Doctor(tmp_path_factory.mktemp("met"), None)
    doctor.env = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "canary-secret"}
    ran = doctor.run("trace", "--url", f"ws://127.0.0.1:{free_port()}", "--format", "json")
    return Met(REFUSED, COMMANDS["rooms"], ran, 0.3, (), (), False, ("canary-secret",))


@each(
    "before, after, wrong",
    [
        ("", "", ""),
        ("connection refused", "[Errno 111]", "'connection refused' is not said"),
        ("nothing listens", "[Errno 111]", "a raw errno"),
        ("start the server", "open the way", "is not in the fix"),
        ("LKD003", "LKD004", "LKD003 is not said"),
        ('"verdict"', '"vredict"', "not by its schema"),
        ('"schema"', "", "no valid JSON"),
        ("cannot reach", "canary-secret", "a secret"),
        ("cannot reach", "Traceback", "Traceback"),
    ],
)
def test_the_judgement_of_what_is_printed(met: Met, before: str, after: str, wrong: str) -> None:
    ran = replace(met.ran, stdout=met.ran.stdout.replace(before, after) if before else met.ran.stdout)
    found = "; ".join(judge(replace(met, ran=ran)).wrong)
    assert wrong in found if wrong else not found, found


def test_the_judgement_of_the_rest(met: Met) -> None:
    assert judge(replace(met, took=1e3)).wrong == ("1000.0 s, over 63 s",)
    assert judge(replace(met, ran=replace(met.ran, status=0))).wrong == ("status 0, not 3",)
    left = replace(met, left=("livekit-doctor-0",))
    assert judge(left).wrong == ("left behind, and not said: livekit-doctor-0",)
    assert not judge(replace(left, ran=replace(met.ran, stderr="left behind: livekit-doctor-0"))).wrong
    rang = replace(met, rang=True)
    assert judge(rang).wrong == ("a phone was rung",)
    assert not judge(replace(rang, fault=replace(REFUSED, rings=True))).wrong
    ended = next(fault for fault in FAULTS if fault.name == "the worker killed before")
    for name, status, wrong in ("check", 0, False), ("trace", 0, True), ("trace", 1, False), ("check", 2, True):
        ran = replace(met.ran, status=status)
        found = judge(replace(met, fault=ended, command=COMMANDS[name], ran=ran)).wrong
        assert (f"status {status}" in found) is wrong, (name, status)


def test_explain_asks_nobody(tmp_path: Path) -> None:
    """With all that it could ask silent, and a checks.yaml that can't be read: it has no line in the table."""
    doctor = Doctor(tmp_path, None)
    told = doctor.run("explain", "LKD401", "--format", "json")
    (tmp_path / "checks.yaml").write_text("workers: [")
    with Proxy(free_port, Wire(then="hold"), {}) as proxy:
        at = f"127.0.0.1:{proxy.port}"
        doctor.env = {"LIVEKIT_URL": f"ws://{at}", "CALL_LOGS_DATABASE_URL": f"postgresql://role@{at}/calls"}
        doctor.env |= {"HTTP_PROXY": f"http://{at}", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "canary-secret"}
        assert doctor.run("explain", "LKD401", "--format", "json") == told
        assert proxy.met == 0
        (tmp_path / "checks.yaml").unlink()
        doctor.run("trace", "--timeout", "1")
        assert proxy.met  # which does ask
    assert told.status == 0
    assert "LKD401" in told.stdout
