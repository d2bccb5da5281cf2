"""The command line by itself: no server is asked, and none is needed."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor import __version__
from livekit_doctor.checks import CHECK_IDS
from tests.cli.command_line import CLEAN, PATIENCE, run, run_and_list, run_in_terminal, start, wait_for

HEAVY = {
    "livekit",
    "aiohttp",
    "psycopg",
    "google.protobuf",
    "msgspec",
    "yaml",
    "rich.console",
    "asyncio",
    "prometheus_client",
}
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def export(folder: Path) -> str:
    """A broken call in an exported log: the agent was dispatched and never came."""
    at = "2021-02-03T04:05:0{}Z"
    rows = [
        {"call_id": "call-1", "created_at": at.format(1), "source": "edge_function", "state": "room_created"},
        {"call_id": "call-1", "created_at": at.format(2), "source": "edge_function", "state": "agent_dispatched"},
    ]
    (folder / "export.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "export.jsonl"


# Start-up


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["--version"],
        ["check", "--help"],
        ["trace", "--help"],
        ["probe", "--help"],
        ["watch", "--help"],
        ["init", "--help"],
        [],
    ],
)
def test_help_and_version_import_nothing_slow(folder: Path, arguments: list[str]) -> None:
    ran = run_and_list(HEAVY, *arguments, cwd=folder)
    assert ran.stderr == "\n"
    assert ran.status == (0 if arguments else 2)
    assert ran.stdout.startswith("Usage: livekit-doctor" if "--version" not in arguments else "livekit-doctor ")


NETWORK = {"aiohttp", "h11", "websockets", "livekit", "google.protobuf", "psycopg", "jinja2", "yaml"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["explain", "LKD401", "486"], 0),
        (["explain", "--all", "-f", "json"], 0),
        (["trace", "call-1", "--call-logs", "export.csv"], 1),
        (["trace", "call-1", "--call-logs", "export.csv", "--worker-log", "worker.log"], 1),
        (["trace", "--bundle", "call.json"], 1),
    ],
)
def test_what_is_in_files_needs_no_network_library(tmp_path: Path, arguments: list[str], status: int) -> None:
    """Nor a reader of YAML, as long as there is no checks.yaml."""
    rows = ("call_id,created_at,source,state", "call-1,2026-11-01T10:00:00Z,edge,room_created")
    (tmp_path / "export.csv").write_text("\n".join(rows))
    (tmp_path / "worker.log").write_text(
        '{"message": "registered worker", "level": "INFO", "agent_name": "Front Desk"}\n'
    )
    run("trace", "call-1", "--call-logs", "export.csv", "--save", "call.json", cwd=tmp_path)
    ran = run_and_list(NETWORK, *arguments, cwd=tmp_path)
    assert (ran.stderr, ran.status) == ("\n", status)


def test_importing_the_entry_point_is_next_to_nothing() -> None:
    """Until `main` runs nobody handles Ctrl-C."""
    program = "import sys, livekit_doctor.cli.main; print('typer' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], env=CLEAN, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.stdout == "False\n"


def test_version(folder: Path) -> None:
    ran = run("--version", cwd=folder)
    assert (ran.status, ran.stdout, ran.stderr) == (0, f"livekit-doctor {__version__}\n", "")


def test_every_command_has_help_with_its_exit_statuses(folder: Path) -> None:
    overview = run("--help", cwd=folder).stdout
    for command in ("check", "trace", "probe", "watch", "demo"):
        assert re.search(rf"^  {command} +[A-Z]", overview, re.MULTILINE)
        ran = run(command, "--help", cwd=folder)
        assert ran.status == 0
        assert "Exit status: 0" in ran.stdout


def test_the_installed_script_is_the_module(folder: Path) -> None:
    script = Path(sys.executable).with_name("livekit-doctor")
    ran = subprocess.run([script, "--version"], env=CLEAN, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.stdout == run("--version", cwd=folder).stdout


# Wrong usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--only", "zzz"], ['no check or category "zzz"', "one of the categories configuration, connection"]),
        (["check", "--only", "worker", "--skip", "worker"], ["leave no check to run"]),
        (["check", "extra"], ["unexpected extra argument", "extra"]),
        (["check", "--timeout", "soon"], ["'--timeout'", "'soon'"]),
        (["check", "--timeout", "0"], ["'--timeout'", "0.1"]),
        (["trace", "x", "--wait", "-1"], ["'--wait'", "0"]),
        (["check", "--config"], ["'--config' requires an argument"]),
        (["check", "--config", "missing.yaml"], ["missing.yaml: no such file", "correct --config"]),
        (["probe", "--min-join-rate", "95"], ["'--min-join-rate'", "did you mean 95%?"]),
        (["probe", "--min-join-rate", "some"], ["'some' is neither between 0 and 1 nor a percentage"]),
        (["probe", "--count", "0"], ["'--count'", "1"]),
        (["probe", "--timeout", "100000"], ["probe.timeout", "86400"]),
        (["probe", "--read-only"], ["--read-only forbids"]),
        (["probe"], ["LIVEKIT_URL", "not set"]),
        (["trace"], ["nothing to read", "LIVEKIT_URL", "--call-logs FILE"]),
        (["trace", "call-1"], ["nothing to read", "LIVEKIT_API_SECRET"]),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], words: list[str]) -> None:
    """Status 2: one line with what is wrong, then what to type; nothing on stdout."""
    ran = run(*arguments, cwd=folder)
    assert ran.status == 2, ran.stderr
    assert ran.stdout == ""
    for word in words:
        assert word in ran.stderr
    assert re.match(r"LKD00[12] \S", ran.stderr)
    assert "\n  fix: " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "internal error" not in ran.stderr


@pytest.mark.parametrize("command", ["check", "trace", "probe"])
@pytest.mark.parametrize("form", [["--format", "json"], ["--format=json"], ["-f", "json"], ["-fjson"]])
def test_wrong_usage_as_json(folder: Path, command: str, form: list[str]) -> None:
    """A valid document with every key of the schema, an `error` and the exit status."""
    ran = run(command, *form, "--config", "missing.yaml", cwd=folder)
    assert ran.status == 2
    document = ran.json
    assert document["schema"] == f"livekit-doctor/{command}/v1"
    assert document["exit_status"] == 2
    assert document["error"]["code"] == "LKD001"
    assert "missing.yaml" in document["error"]["message"]
    assert document["error"]["fix"]
    if command == "check":
        assert document["ok"] is False
        assert document["summary"] == dict.fromkeys(("passed", "warned", "failed", "skipped", "errored"), 0)
    elif command == "trace":
        assert document["verdict"] == "unknown"
        assert document["warnings"][0]["code"] == "LKD001"


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--only", "zzz"], ["check", "--nope"], ["trace", "--wait"]])
def test_every_error_is_valid_json(folder: Path, arguments: list[str]) -> None:
    ran = run(*arguments, "--format", "json", cwd=folder)
    assert ran.status == 2
    assert ran.json["error"]["message"] in ran.stderr


# Tracebacks


def raising(folder: Path, error: str = "RuntimeError('the reason\\nin two lines')") -> dict[str, str]:
    """An environment in which trace fails with a fault of the tool's own."""
    (folder / "sitecustomize.py").write_text(
        "import livekit_doctor.render.masking as module\n"
        "def mask_of(*_, **__):\n"
        f"    raise {error}\n"
        "module.mask_of = mask_of\n"
    )
    return {"PYTHONPATH": str(folder)}


def test_internal_error(folder: Path, export: str) -> None:
    env = raising(folder)
    ran = run("trace", "call-1", "--call-logs", export, cwd=folder, env=env)
    assert ran.status == 70
    assert ran.stdout == ""
    assert ran.stderr.startswith("internal error: RuntimeError: the reason")
    assert "--debug" in ran.stderr
    assert "Traceback" not in ran.stderr
    ran = run("trace", "call-1", "--call-logs", export, "--format", "json", cwd=folder, env=env)
    assert (ran.status, ran.json["exit_status"], ran.json["error"]["code"]) == (70, 70, None)
    ran = run("trace", "call-1", "--call-logs", export, "--debug", cwd=folder, env=env)
    assert ran.status == 70
    assert "Traceback (most recent call last)" in ran.stderr
    assert "in mask_of" in ran.stderr


def test_no_secret_in_an_internal_error(folder: Path, export: str) -> None:
    env = raising(folder, "ValueError('postgresql://me:hunter2hunter2@db/x')")
    for debug in ([], ["--debug"]):
        ran = run("trace", "call-1", "--call-logs", export, *debug, cwd=folder, env=env)
        assert "db/x" in ran.stderr
        assert "hunter2" not in ran.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_traceback_of_a_users_error_only_with_debug(folder: Path, debug: bool) -> None:
    ran = run("check", "--config", "missing.yaml", *(["--debug"] if debug else []), cwd=folder)
    assert ran.status == 2
    assert ("Traceback" in ran.stderr) is debug
    assert "missing.yaml: no such file" in ran.stderr


# What is printed


def test_json_has_every_check(folder: Path, export: str) -> None:
    check = run("check", "--call-logs", export, "--format", "json", cwd=folder)
    assert [item["id"] for item in check.json["checks"]] == list(CHECK_IDS)
    assert all(item["category"] == item["id"].partition(".")[0] for item in check.json["checks"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", ["check", "trace"])
def test_width_of_a_terminal(folder: Path, export: str, command: str, columns: int) -> None:
    """Nothing but code to paste is wider than the terminal, and no word is lost by wrapping."""
    arguments = [command, *(["call-1"] if command == "trace" else []), "--call-logs", export]
    _, seen = run_in_terminal(*arguments, cwd=folder, env={"COLUMNS": str(columns), "NO_COLOR": "1"})
    lines = [line for line in ESCAPE.sub("", seen).split("\n") if not re.match(r" {15}", line)]
    lines = [line.rpartition("\r")[2] for line in lines]
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns // 2
    piped = run(*arguments, cwd=folder).stdout
    dates = re.compile(r"\d[\d:.-]+")
    assert words(ESCAPE.sub("", seen), dates) >= words(piped, dates)


def words(text: str, without: re.Pattern[str]) -> set[str]:
    return set(without.sub("", text).split())


def test_colour_in_a_terminal_unless_told_otherwise(folder: Path, export: str) -> None:
    arguments = ["trace", "call-1", "--call-logs", export]
    assert "\x1b[1;31mBroke at" in run_in_terminal(*arguments, cwd=folder)[1]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, seen = run_in_terminal(*arguments, cwd=folder, env=env)
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", seen), "no colour"
        assert "Broke at: job assigned" in ESCAPE.sub("", seen)


@pytest.mark.parametrize("env", [{}, {"COLUMNS": "40"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_piped_output_is_plain_and_stable(folder: Path, export: str, env: dict[str, str]) -> None:
    ran = run("check", "--call-logs", export, cwd=folder, env=env)
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "\r" not in ran.stdout + ran.stderr
    assert ran.stdout == run("check", "--call-logs", export, cwd=folder).stdout
    assert re.search(r"^  XX  configuration\.credentials +LKD002  LIVEKIT_URL.+", ran.stdout, re.MULTILINE)


HOSTILE = "\x1b[2J\x1b]0;title\x07[bold red]x[/] \x9b31m \u202e \r\b\0:boom: [link=https://example.com]"


@pytest.mark.parametrize("command", ["trace", "recent", "check"])
def test_hostile_text_of_the_log_does_nothing(folder: Path, command: str) -> None:
    """Escape sequences do not reach the terminal; markup is text."""
    row = {
        "call_id": f"call-1{HOSTILE if command == 'recent' else ''}",
        "created_at": "2021-02-03T04:05:06Z",
        "source": HOSTILE,
        "state": HOSTILE,
        "metadata": {"note": HOSTILE},
    }
    (folder / "export.jsonl").write_text(json.dumps(row) + "\n")
    arguments = {"trace": ["trace", "call-1"], "recent": ["trace"], "check": ["check"]}[command]
    ran = run(*arguments, "--call-logs", "export.jsonl", cwd=folder)
    assert all(char.isprintable() or char == "\n" for char in ran.stdout + ran.stderr)
    assert "[bold red]x[/]" in ran.stdout
    assert ":boom:" in ran.stdout
    _, seen = run_in_terminal(*arguments, "--call-logs", "export.jsonl", cwd=folder)
    for sequence in ("\x1b[2J", "\x1b]0", "\x9b", "\u202e", "\x07", "\b"):
        assert sequence not in seen
    ran = run(*arguments, "--call-logs", "export.jsonl", "--format", "json", cwd=folder)
    assert all(char.isprintable() or char == "\n" for char in ran.stdout)
    if command != "check":
        assert "\x1b[2J" in str_of(ran.json), "JSON keeps the text itself"


def str_of(value: Any) -> str:
    """All strings of a JSON document."""
    if isinstance(value, dict):
        return " ".join(map(str_of, value.values()))
    return " ".join(map(str_of, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(
    "arguments",
    [["check", "--only", HOSTILE.replace("\0", "")], [HOSTILE.replace("\0", "")], ["check", "--format", "\x1b[2J"]],
)
def test_hostile_text_of_the_command_line_does_nothing(folder: Path, arguments: list[str]) -> None:
    ran = run(*arguments, cwd=folder)
    assert ran.status == 2
    assert all(char.isprintable() or char == "\n" for char in ran.stderr)


def test_arguments_that_are_not_text(folder: Path, export: str) -> None:
    """Bytes that are no UTF-8, as a shell passes them on."""
    ran = subprocess.run(
        [sys.executable, "-m", "livekit_doctor", "trace", b"call-\xff\xfe", "--call-logs", export, "-f", "json"],
        cwd=folder,
        env=CLEAN,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 3, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == "unknown"


@pytest.mark.parametrize("form", ["console", "json"])
def test_any_encoding_of_the_terminal(folder: Path, form: str) -> None:
    row = {"call_id": "call-1", "created_at": "2021-02-03T04:05:06Z", "source": "ed\u011fe", "state": "room_created"}
    (folder / "export.jsonl").write_text(json.dumps(row) + "\n")
    arguments = ["trace", "call-1", "--call-logs", "export.jsonl", "-f", form]
    ran = run(*arguments, cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert ran.status in (1, 3), ran.stderr
    assert "ed\\u011fe" in ran.stdout
    if form == "json":
        assert any(entry["source"] == "ed\u011fe" for entry in ran.json["timeline"])


# Closed streams


def test_closed_pipe(folder: Path, export: str) -> None:
    """Who reads has gone before the first line: 141, and no complaint."""
    for form in ("console", "json"):
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(
            [sys.executable, "-m", "livekit_doctor", "trace", "call-1", "--call-logs", export, "-f", form],
            cwd=folder,
            env=CLEAN,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
        )
        os.close(writing)
        assert (ran.returncode, ran.stderr) == (141, b"")


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("form", ["console", "json"])
def test_closed_streams(folder: Path, export: str, closing: str, form: str) -> None:
    """The exit status is the same as ever, and nothing is printed where it does not belong."""
    program = f'"{sys.executable}" -m livekit_doctor trace call-1 --call-logs {export} -f {form} {closing}'
    ran = subprocess.run(["sh", "-c", program], cwd=folder, env=CLEAN, capture_output=True, timeout=PATIENCE)
    assert ran.returncode == 1
    assert ran.stderr == b""
    if ">&-" in closing.replace("2>&-", ""):
        assert ran.stdout == b""
    elif form == "json":
        assert json.loads(ran.stdout)["verdict"] == "broken"


def test_error_with_closed_stderr(folder: Path) -> None:
    program = f'"{sys.executable}" -m livekit_doctor check --config missing.yaml -f json 2>&-'
    ran = subprocess.run(["sh", "-c", program], cwd=folder, env=CLEAN, capture_output=True, timeout=PATIENCE)
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"]["code"] == "LKD001"


# Recent calls


def test_recent_calls(folder: Path, export: str) -> None:
    ran = run("trace", "--call-logs", export, cwd=folder)
    assert ran.status == 0
    assert re.search(
        r"^call-1 +2021-02-03 04:05:02  broken at job assigned: LKD\d{3}  edge_function: agent_dispatched$",
        ran.stdout,
        re.MULTILINE,
    )
    calls = run("trace", "--call-logs", export, "--format", "json", cwd=folder).json["calls"]
    assert [call["call_id"] for call in calls] == ["call-1"]


def test_recent_calls_have_the_verdict_of_their_rows_the_broken_ones_first(folder: Path, export: str) -> None:
    """It is what `trace` says of each; the options lead the next command to the same file."""
    joined = ("call_requested", "agent_dispatched", "agent_connected", "sip_answered", "agent_audio", "call_ended")
    later = [
        {"call_id": "call-2", "created_at": f"2021-02-03T05:0{minute}:00Z", "source": "edge", "state": state}
        for minute, state in enumerate(joined)
    ]
    (folder / export).open("a").write("".join(json.dumps(row) + "\n" for row in later))
    told = run("trace", "--call-logs", export, "--format", "json", cwd=folder).json
    assert [(call["call_id"], call["verdict"]) for call in told["calls"]] == [
        ("call-1", "broken"),
        ("call-2", "healthy"),
    ]
    for call in told["calls"]:
        alone = run("trace", call["call_id"], "--call-logs", export, "--format", "json", cwd=folder).json
        assert call["verdict"] == alone["verdict"]
        assert call["code"] == (alone["broken"][0]["code"] if alone["broken"] else None)
    assert told["next"]["command"] == f"livekit-doctor trace call-1 --call-logs {export}"
    assert told["triage"]["command"] == f"livekit-doctor triage --call-logs {export}"


def test_recent_calls_of_a_file_with_a_malformed_line(folder: Path, export: str) -> None:
    with (folder / export).open("a") as file:
        file.write("{broken\n")
    ran = run("trace", "--call-logs", export, cwd=folder)
    assert ran.status == 0
    assert "call-1  " in ran.stdout
    assert re.match(r"LKD602 skipped line 3: ", ran.stderr)


@pytest.mark.parametrize(
    ("name", "words"), [("exprot.jsonl", 'did you mean "export.jsonl"?'), ("x/y.csv", "no folder")]
)
def test_recent_calls_of_a_file_that_is_not_there(folder: Path, export: str, name: str, words: str) -> None:
    ran = run("trace", "--call-logs", name, "--format", "json", cwd=folder)
    assert ran.status == 2
    assert ran.json["error"]["code"] == "LKD602"
    assert words in ran.stderr
    assert "fix:" in ran.stderr
    if "exprot" in name:
        assert f"--call-logs {export}" in ran.json["error"]["fix"]


# A source that never answers


class Endless:
    """A named pipe that nobody writes to: reading it blocks a thread for ever."""

    name = "endless.csv"

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.name
        os.mkfifo(self._path)
        self._writing: int | None = None

    def is_read(self) -> bool:
        """Whether somebody has opened it. From then on it is held open, since closing ends the file."""
        if self._writing is None:
            with suppress(OSError):
                self._writing = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        return self._writing is not None

    def close(self) -> None:
        if self._writing is not None:
            os.close(self._writing)


@pytest.fixture
def endless(folder: Path) -> Iterator[Endless]:
    pipe = Endless(folder)
    yield pipe
    pipe.close()


def test_timeout_ends_it_all(folder: Path, endless: Endless) -> None:
    ran = run("check", "--only", "call_logs", "--call-logs", endless.name, "--timeout", "0.5", "-f", "json", cwd=folder)
    assert ran.status == 3
    assert [(item["status"], item["message"]) for item in ran.json["checks"]] == [
        ("errored", "not done within --timeout 0.5 s"),
        ("skipped", "because call_logs.readable errored"),
    ]
    assert ran.stderr == ""


def test_an_export_without_end_ends_a_trace_in_time(folder: Path, endless: Endless) -> None:
    """Whatever is still asked of it: the call, and which calls' ids begin so."""
    ran = run("trace", "c1", "--call-logs", endless.name, "--timeout", "0.5", "-f", "json", cwd=folder)
    assert ran.status == 3
    (error,) = [one["error"] for one in ran.json["coverage"] if one["source"] == "call_logs"]
    assert (error["code"], error["message"]) == ("LKD602", "not read within --timeout 0.5 s")
    assert "livekit-doctor triage" in error["fix"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("form", ["console", "json"])
def test_signals_interrupt(folder: Path, endless: Endless, name: str, form: str) -> None:
    """Status 130 and one word, whatever a thread still waits for."""
    process = start("trace", "call-1", "--call-logs", endless.name, "-f", form, cwd=folder)
    wait_for(lambda: endless.is_read() or process.poll() is not None)
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, "interrupted\n")
    if form == "json":
        assert json.loads(stdout)["error"]["message"] == "interrupted"
    else:
        assert stdout == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_signals_that_the_parent_ignores_stay_ignored(folder: Path, export: str, name: str) -> None:
    """As with nohup, or in the background of a script."""
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)
    process = start("trace", "call-1", "--call-logs", export, cwd=folder)
    signal.signal(number, before)

    def sent_until_it_ends() -> bool:
        process.send_signal(number)
        return process.poll() is not None

    wait_for(sent_until_it_ends)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (1, "")


def test_where_all_was_skipped_nothing_is_known_to_be_well(tmp_path: Path) -> None:
    """A pipeline that asks for the call logs alone, where none are configured, has checked nothing."""
    ran = run("check", "--only", "call_logs", cwd=tmp_path)
    assert (ran.status, ran.stdout.splitlines()[-1]) == (3, "not ok: 2 skipped")


def test_an_unknown_call_is_said_to_be_that(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "call_id,created_at,source,state\nc-1,2031-02-03T04:05:06Z,edge,call_requested\n"
    )
    ran = run("trace", "c-2", "--call-logs", "rows.csv", cwd=tmp_path)
    assert (ran.status, "Unknown: call c-2 is not known in rows.csv" in ran.stdout) == (3, True)
