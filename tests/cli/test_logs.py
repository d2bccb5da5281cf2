"""The options for the components' logs, by the command line alone."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.command_line import CLEAN, run, run_in_terminal
from tests.evidence.logs.support import AT, Ids, python_json, zap_json

CALL = Ids(23)
WORKER = python_json("received job request", **CALL.fields) + "\n"
SERVER = zap_json("assigned job to worker", jobID=CALL.job_id, room=CALL.room) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two logs, and its own checks.yaml, so that none is found upwards."""
    (tmp_path / "worker.log").write_text(WORKER)
    (tmp_path / "server.log").write_text(SERVER)
    (tmp_path / "checks.yaml").write_text("agent: {name: Front Desk}\n")
    return tmp_path


def events(json: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(entry["source"], entry["event"]) for entry in json["timeline"]]


OF_BOTH = [("server log", "assigned job to worker"), ("worker log", "received job request")]


def test_logs_alone_are_enough(folder: Path) -> None:
    logs = ("--worker-log", "worker.log", "--server-log", "server.log")
    ran = run("trace", "--room", CALL.room, *logs, "-f", "json", cwd=folder)
    assert sorted(events(ran.json)) == OF_BOTH
    assert ran.stderr == ""


def test_a_log_without_a_line_of_the_call_is_not_called_empty(folder: Path) -> None:
    ran = run("trace", "--room", "another", "--worker-log", "worker.log", cwd=folder)
    assert "worker_log worker.log: read, no line names this call" in ran.stdout


def test_one_option_several_times(folder: Path) -> None:
    (folder / "older.log").write_text("\n".join((WORKER, WORKER.replace("received job request", "process exiting"))))
    logs = ("--worker-log", "worker.log", "--worker-log", "older.log")
    ran = run("trace", "--room", CALL.room, *logs, "-f", "json", cwd=folder)
    sources = [entry["source"] for entry in ran.json["coverage"] if entry["status"] == "read"]
    assert sources == ["worker_log worker.log", "worker_log older.log"]
    assert ("worker log", "process exiting") in events(ran.json)


def test_from_standard_input(folder: Path) -> None:
    logs = ("--worker-log", "-", "--server-log", "server.log")
    ran = run("trace", "--room", CALL.room, *logs, "-f", "json", cwd=folder, stdin=WORKER)
    assert sorted(events(ran.json)) == OF_BOTH


def test_from_the_configuration(folder: Path) -> None:
    """Relative to its file; an option takes the place of the files of its kind."""
    (folder / "checks.yaml").write_text("logs: {worker: [worker.log], server: [gone.log]}\n")
    below = folder / "below"
    below.mkdir()
    ran = run("trace", "--room", CALL.room, "--server-log", "../server.log", "-f", "json", cwd=below)
    assert sorted(events(ran.json)) == OF_BOTH


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--worker-log", "gone.log"), "--worker-log: there is no file gone.log"),
        (("--server-log", "."), "--server-log: . is a folder, not a file"),
        (("--sip-log", ""), "logs.sip[0]: is empty"),
        (("--worker-log", "-", "--sip-log", "-"), "standard input can be read once, and - is given 2 times"),
        (("--worker-log", "-", "--call-logs", "-"), "standard input can be read once, and - is given 2 times"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    ran = run("trace", "--room", CALL.room, *arguments, "-f", "json", cwd=folder)
    assert ran.status == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.json["error"]["code"] == "LKD001"


def test_a_log_that_breaks_midway_is_said(folder: Path) -> None:
    (folder / "worker.log.gz").write_bytes(b"\x1f\x8b" + bytes(20))
    ran = run("trace", "--room", CALL.room, "--worker-log", "worker.log.gz", "--server-log", "server.log", cwd=folder)
    assert ran.status == 3
    assert "worker.log.gz can't be read to its end" in ran.stdout
    assert "worker_log worker.log.gz: NOT READ" in ran.stdout
    assert "assigned job to worker" in ran.stdout


def test_progress_is_for_those_who_watch(folder: Path) -> None:
    status, seen = run_in_terminal("trace", "--room", CALL.room, "--worker-log", "worker.log", cwd=folder)
    assert status == 3
    assert re.search(r"reading worker\.log\x1b\[2m  \[#", seen)
    ran = run("trace", "--room", CALL.room, "--worker-log", "worker.log", cwd=folder)
    assert ran.stderr == ""


def test_phone_numbers_and_secrets_of_a_log_are_not_printed(folder: Path) -> None:
    text = python_json("dialing +15555550123 with token=abcdef123456", level="ERROR", **CALL.fields)
    (folder / "worker.log").write_text(text)
    ran = run("trace", "--room", CALL.room, "--worker-log", "worker.log", cwd=folder)
    assert "+15555550123" not in ran.stdout
    assert "abcdef123456" not in ran.stdout
    assert "dialing +1*" in ran.stdout
    assert "+15555550123" in run(
        "trace", "--room", CALL.room, "--worker-log", "worker.log", "--show-numbers", cwd=folder
    ).stdout  # fmt: skip


def test_process_substitution(folder: Path) -> None:
    """`--worker-log <(kubectl logs ...)` is a pipe under /dev/fd."""
    reading, writing = os.pipe()
    os.write(writing, WORKER.encode())
    os.close(writing)
    os.set_inheritable(reading, True)
    command = [sys.executable, "-m", "livekit_doctor", "trace", "--room", CALL.room]
    ran = subprocess.run(
        [*command, "--worker-log", f"/dev/fd/{reading}"],
        cwd=folder, env=CLEAN, pass_fds=(reading,), capture_output=True, text=True,
    )  # fmt: skip
    os.close(reading)
    assert "worker log: received job request" in ran.stdout


ROOM_OPENED = (
    '2026-11-27T11:52:10.206Z\tINFO\tlivekit\tservice/roomallocator.go:168\tselected node for room\t{"room": "%s"}\n'
)


def test_a_log_without_a_call_is_about_its_only_room(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(ROOM_OPENED % "coll-48120")
    ran = run("trace", "--server-log", "server.log", cwd=tmp_path)
    assert ran.stdout.startswith("room coll-48120 ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROOM_OPENED % "coll-1" + ROOM_OPENED % "coll-2", 'the log is about 2 rooms: "coll-1", "coll-2"'),
        ("2026-11-27T11:52:10Z INFO livekit a.go:1 starting LiveKit server {}\n", "no line of the log names a room"),
        (" " * (11 << 20), "more than 10 MB"),
    ],
)
def test_where_it_is_not_one_room_it_says_what_to_type(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(text)
    ran = run("trace", "--server-log", "server.log", cwd=tmp_path)
    assert ran.status == 2
    assert says in ran.stderr
    assert "livekit-doctor trace --room" in ran.stderr


def test_an_id_of_a_call_whose_room_s_name_was_used_again(folder: Path) -> None:
    """The rows are those of the call that was in the room then."""
    later = Ids(24)
    again = python_json("received job request", AT + timedelta(hours=2), **later.fields | {"room": CALL.room})
    (folder / "worker.log").write_text(WORKER + again + "\n")
    rows = [
        f"{AT + timedelta(hours=hours, seconds=seconds)},call-{hours},{state},{CALL.room}\n"
        for hours in (0, 2)
        for seconds, state in enumerate(("call_requested", "agent_dispatched"), -2)
    ]
    (folder / "rows.csv").write_text("created_at,call_id,state,room_name\n" + "".join(rows))
    (folder / "checks.yaml").write_text("call_logs: {columns: {room: room_name}}\n")
    for job, id in ((CALL.job_id, "call-0"), (later.job_id, "call-2")):
        ran = run("trace", job, "--worker-log", "worker.log", "--call-logs", "rows.csv", "-f", "json", cwd=folder)
        assert ran.json["call_id"] == id
        assert [source for source, _ in events(ran.json)].count("worker log") == 1


def test_a_room_that_one_log_names_is_looked_for_in_all_of_them(folder: Path) -> None:
    """Also above the line that names it, and in a log that was read before: what is not in a log would count."""
    (folder / "server.log").write_text(zap_json("selected node for room", room=CALL.room) + "\n" + SERVER)
    dispatch = CALL.fields["dispatch_id"]
    ran = run("trace", dispatch, "--worker-log", "worker.log", "--server-log", "server.log", "-f", "json", cwd=folder)
    by_room = run(
        "trace",
        "--room",
        CALL.room,
        "--worker-log",
        "worker.log",
        "--server-log",
        "server.log",
        "-f",
        "json",
        cwd=folder,
    )
    assert events(ran.json) == events(by_room.json)
    assert ("server log", "assigned job to worker") in events(ran.json)
    assert [step["status"] for step in ran.json["steps"]] == [step["status"] for step in by_room.json["steps"]]
