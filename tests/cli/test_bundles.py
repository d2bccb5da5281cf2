"""`trace --save` and `trace --bundle` as a person types them; no server is asked, and none is needed."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.command_line import PATIENCE, run, run_and_list, start

CALLEE = "+15555550123"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A broken call in an exported log, and a configuration."""
    (tmp_path / "checks.yaml").write_text("agent: {name: Front Desk}\n")
    at = "2021-02-03T04:05:0{}Z"
    metadata = {"phone_number": CALLEE, "api_key": "hunter2hunter2"}
    rows = [
        {"call_id": "call-1", "created_at": at.format(1), "source": "edge", "state": "room_created"},
        {"call_id": "call-1", "created_at": at.format(2), "source": "edge", "state": f"dialled {CALLEE}"},
        {
            "call_id": "call-1",
            "created_at": at.format(3),
            "source": "edge",
            "state": "agent_dispatched",
            "metadata": metadata,
        },
    ]
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


TRACE = ("trace", "call-1", "--call-logs", "export.jsonl")


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing in it, and a configuration above that can't be used."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "checks.yaml").write_text("not: [valid\n")
    return folder


def without_export(printed: str) -> str:
    """What is to be typed next has the export that was given; who has the bundle has no such file."""
    return printed.replace(" --call-logs export.jsonl", "")


@pytest.mark.parametrize("name", ["call.json", "call.json.gz"])
def test_prints_what_the_run_printed(folder: Path, elsewhere: Path, name: str) -> None:
    """On another machine, without configuration: the same text and the same status, and a line about the bundle."""
    online = run(*TRACE, "--save", name, cwd=folder)
    assert online.status == 1, online.stderr
    size = -(-(folder / name).stat().st_size // 1024)
    assert online.stderr == f"saved {name}: {size} KB, phone numbers masked\n"
    offline = run("trace", "--bundle", str(folder / name), cwd=elsewhere)
    first, rest = offline.stdout.split("\n", 1)
    assert first.startswith(f"bundle {folder / name}, saved 20")
    assert first.endswith("phone numbers masked")
    assert (offline.status, rest, offline.stderr) == (1, without_export(online.stdout), "")


def test_the_same_json(folder: Path, elsewhere: Path) -> None:
    online = run(*TRACE, "--save", "call.json", "-f", "json", cwd=folder)
    content = (folder / "call.json").read_text()
    assert "hunter2" not in content
    assert CALLEE not in content
    offline = run("trace", "--bundle", "-", "-f", "json", cwd=elsewhere, stdin=content)
    assert offline.json["bundle"].keys() == {"name", "created_at", "version", "numbers"}
    assert offline.json["bundle"]["name"] == "standard input"
    assert json.loads(without_export(online.stdout)) == {**offline.json, "bundle": None}
    assert offline.status == online.status == 1


@pytest.mark.parametrize("saved", [(), ("--show-numbers",)])
@pytest.mark.parametrize("shown", [(), ("--show-numbers",)])
def test_numbers(folder: Path, saved: tuple[str, ...], shown: tuple[str, ...]) -> None:
    """A bundle that was saved without them can't show them; one with them masks them all the same."""
    run(*TRACE, "--save", "call.json", *saved, cwd=folder)
    assert (CALLEE in (folder / "call.json").read_text()) is bool(saved)
    offline = run("trace", "--bundle", "call.json", *shown, cwd=folder).stdout
    assert (f"dialled {CALLEE}" in offline) is bool(saved and shown)
    assert ("dialled +1********23" in offline) is not bool(saved and shown)


def test_undecided_is_saved_as_well(folder: Path) -> None:
    """LiveKit down, and a call that the log does not know."""
    env = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}
    arguments = ("trace", "call-9", "--call-logs", "export.jsonl", "--save", "call.json", "-f", "json")
    online = run(*arguments, cwd=folder, env=env)
    assert online.status == 3, online.stderr
    offline = run("trace", "--bundle", "call.json", "-f", "json", cwd=folder)
    assert json.loads(without_export(online.stdout)) == {**offline.json, "bundle": None}
    assert offline.status == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bundle", "call.json", "--room", "r"), "leave out --room"),
        (("call-1", "--bundle", "call.json"), "leave out CALL_ID"),
        (("--bundle", "call.json", "--wait", "5", "--url", "ws://x"), "leave out --wait and --url"),
        (("--bundle", "call.json", "--call-logs", "export.jsonl"), "leave out --call-logs"),
        (("--bundle", "call.json", "--config", "checks.yaml"), "leave out --config"),
        (("--bundle", "call.json", "--save", "x.json"), "leave out --save"),
        (("--bundle", "missing.json"), "missing.json: no such file"),
        (("--bundle", "export.jsonl"), "export.jsonl: not a bundle"),
        (("--call-logs", "export.jsonl", "--save", "x.json"), "--save needs a call"),
        (("call-1", "--call-logs", "export.jsonl", "--save", "no/x.json"), "no/x.json: there is no folder"),
        (("call-1", "--call-logs", "export.jsonl", "--save", "export.jsonl"), "exists already, and is not overwritten"),
        (("call-1", "--call-logs", "export.jsonl", "--force"), "--force goes with --save"),
    ],
)
def test_wrong_usage(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """Status 2 and one clear line, and nothing is left behind."""
    before = sorted(os.listdir(folder))
    ran = run("trace", *arguments, "-f", "json", cwd=folder)
    assert ran.status == 2, ran.stderr
    assert words in ran.stderr
    assert ran.stderr.startswith("LKD001 ")
    assert ran.json["error"]["message"] in ran.stderr
    assert sorted(os.listdir(folder)) == before


def test_refused_before_the_evidence_is_gathered(folder: Path) -> None:
    """A log that blocks whoever reads it is not opened."""
    os.mkfifo(folder / "endless.csv")
    ran = run("trace", "call-1", "--call-logs", "endless.csv", "--save", "no/x.json", cwd=folder)
    assert ran.status == 2


def test_interrupted(folder: Path) -> None:
    """Nothing half done is left in the folder."""
    os.mkfifo(folder / "endless.csv")
    before = sorted(os.listdir(folder))
    process = start("trace", "call-1", "--call-logs", "endless.csv", "--save", "call.json", cwd=folder)
    writing = open_when_it_is_read(folder / "endless.csv")
    assert sorted(os.listdir(folder)) != before, "it has made sure that the folder can be written to"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    os.close(writing)
    assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n")
    assert sorted(os.listdir(folder)) == before


def open_when_it_is_read(pipe: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_disk_full(folder: Path) -> None:
    """The answer is printed all the same, and the status says that something went wrong."""
    (folder / "sitecustomize.py").write_text(
        "import os\n\ndef fsync(_):\n    raise OSError(28, 'No space left')\n\nos.fsync = fsync\n"
    )
    ran = run(*TRACE, "--save", "call.json", "-f", "json", cwd=folder, env={"PYTHONPATH": str(folder)})
    assert (ran.status, ran.json["exit_status"], ran.json["verdict"]) == (2, 2, "broken")
    assert ran.stderr.startswith("LKD001 call.json: not saved: No space left\n")
    assert not (folder / "call.json").exists()


def test_edited(folder: Path) -> None:
    run(*TRACE, "--save", "call.json", cwd=folder)
    file = folder / "call.json"
    file.write_text(file.read_text().replace("agent_dispatched", "agent_connected"))
    ran = run("trace", "--bundle", "call.json", cwd=folder)
    assert (ran.status, ran.stdout) == (2, "")
    assert "edited or damaged" in ran.stderr


def test_offline_means_offline(folder: Path) -> None:
    """Neither HTTP nor Postgres nor YAML configuration is even loaded."""
    run(*TRACE, "--save", "call.json", cwd=folder)
    ran = run_and_list({"aiohttp", "psycopg", "livekit", "asyncio"}, "trace", "--bundle", "call.json", cwd=folder)
    assert ran.status == 1
    assert ran.stderr == "\n"
