"""The logs of livekit-server 1.13.11, livekit-sip 1.11.0 and a livekit-agents 1.8.9 worker, as they were written."""

from pathlib import Path

import pytest

from tests.cli.command_line import run

CASES = Path(__file__).parents[1] / "recordings" / "server-1.13.11"
VERDICTS = {
    "healthy-with-noise": (0, "Healthy"),
    "deleted": (1, "LKD413 dispatch-deleted   likely"),
    "lower-case": (1, "LKD102 agent-name-mismatch   proven"),
    "request-hangs": (1, "LKD403 job-request-too-slow   proven"),
    "staging-deployment": (1, "LKD110 worker-kind-mismatch   likely"),
    "too-late": (1, "LKD109 dispatched-before-worker   proven"),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_all_logs_of_a_call(name: str, tmp_path: Path) -> None:
    ran = run("trace", *_options(name), cwd=tmp_path)
    status, shown = VERDICTS[name]
    assert ran.status == status, ran.stdout + ran.stderr
    assert shown in ran.stdout


@pytest.mark.parametrize("name", VERDICTS)
def test_the_servers_log_alone_says_nothing_else(name: str, tmp_path: Path) -> None:
    ran = run("trace", *_options(name, "server"), cwd=tmp_path)
    _, shown = VERDICTS[name]
    codes = {word for word in ran.stdout.split("Broke at:")[-1].split() if word.startswith("LKD")}
    assert ran.status in (0, 1, 3)
    assert "Broke at:" not in ran.stdout or shown.split()[0] in codes


def _options(name: str, *only: str) -> list[str]:
    folder = CASES / name
    room = next(line.split('"room":"')[1].split('"')[0] for line in _lines(folder / "server.log") if '"room":"' in line)
    logs = {"server": folder / "server.log", "sip": folder / "sip.log", "worker": next(folder.glob("worker-*.log"))}
    given = [text for log, file in logs.items() if log in (only or logs) for text in (f"--{log}-log", str(file))]
    return ["--room", room, "--agent-name", "SW Telephony Agent", *given]


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_the_fix_names_the_deployment(tmp_path: Path) -> None:
    ran = run("trace", *_options("staging-deployment"), cwd=tmp_path)
    assert 'deployment="staging"' in ran.stdout
