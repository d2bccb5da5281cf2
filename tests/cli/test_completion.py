"""Completion, typed at bash, zsh and fish themselves; and what answers them."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from livekit_doctor import catalogue
from livekit_doctor.cli.app import app
from livekit_doctor.cli.completion import COMPLETERS, FILES
from livekit_doctor.demo import recording
from livekit_doctor.demo.stage import Stage
from tests.cli.command_line import CLEAN, Ran, run
from tests.cli.install_shells import SHELLS, how_to_get, missing
from tests.cli.terminal import Terminal
from tests.each import each

HOSTILE = "call $(touch pwned) `touch pwned`;'\"\\ *"
FREE_TEXT = {
    *("ROOM", "SECONDS", "NAME", "WSS_URL", "SPARK_URL", "NUMBER", "TEXT", "SHARE", "N", "K", "HOST:PORT"),
    *("WHEN", "OUTCOME", "KEY", "SIZE", "DURATION"),
}
"""Metavars of what only the person at the keyboard knows."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    assert not missing(), how_to_get()
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with an export of call logs in it."""
    ids = ["call-0001", "run:7", HOSTILE, "--room", "bell\x07", "=ls"]
    rows = [
        {"call_id": id_, "created_at": f"2026-11-24T08:0{n}:00Z", "source": "edge_function", "state": "room_created"}
        for n, id_ in enumerate(ids)
    ]
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "checks.yaml").write_text("call_logs:\n  file: calls.jsonl\n")
    (tmp_path / "worker.log").write_text("")
    return tmp_path


def ask(*words: str, cwd: Path, shell: str = "fish", env: dict[str, str] | None = None) -> list[str]:
    """The candidates that a script is answered, without what they are."""
    ran = answer(*words, cwd=cwd, shell=shell, env=env)
    assert (ran.status, ran.stderr) == (0, "")
    kind, *candidates = ran.stdout.splitlines()
    return [kind] if kind == "files" else [line.partition("\t")[0] for line in candidates]


def answer(*words: str, cwd: Path, shell: str = "fish", env: dict[str, str] | None = None) -> Ran:
    return run("__complete", shell, *words, cwd=cwd, env=env)


@pytest.fixture
def terminal(shell: str, folder: Path) -> Iterator[Terminal]:
    with Terminal(shell, folder, {}) as terminal:
        yield terminal


@each(
    "typed, completed",
    [
        ("chec", ["check"]),
        ("test-", ["test-call"]),
        ("check --onl", ["check", "--only"]),
        ("check --only worker.c", ["check", "--only", "worker.canary"]),
        ("check --skip=room_", ["check", "--skip=room_presence"]),
        ("check --format=js", ["check", "--format=json"]),
        ("watch --output work", ["watch", "--output", "worker.log"]),
        ("trace call-", ["trace", "call-0001"]),
        ("trace run", ["trace", "run:7"]),
        ("trace run:", ["trace", "run:7"]),
        ("trace run\\:", ["trace", "run:7"]),
        ("trace \\=", ["trace", "=ls"]),
        ("trace \\=l", ["trace", "=ls"]),
        ("trace --worker-log work", ["trace", "--worker-log", "worker.log"]),
        ("trace --call-logs calls.jsonl call-", ["trace", "--call-logs", "calls.jsonl", "call-0001"]),
        ("trace --worker-log=./work", ["trace", "--worker-log=./worker.log"]),
        ("trace 'call-", ["trace", "call-0001"]),
        ('trace "call-', ["trace", "call-0001"]),
        ("check nothing-of-the-kind", ["check", "nothing-of-the-kind"]),
    ],
)
def test_what_a_tab_makes_of_it(terminal: Terminal, typed: str, completed: list[str]) -> None:
    assert terminal.completed(f"livekit-doctor {typed}") == ["livekit-doctor", *completed]


@each(
    "words, found",
    [
        (("check", "--format", "js"), ["json"]),
        (("explain", "--format", "ht"), ["html"]),
        (("watch", "--format", "js"), ["json"]),
        (("completion", "fi"), ["fish"]),
        (("init", "--output", "work"), ["files"]),
    ],
)
def test_what_each_command_takes(folder: Path, words: tuple[str, ...], found: list[str]) -> None:
    """What a shell makes of it does not depend on the command."""
    assert ask(*words, cwd=folder) == found


def test_an_id_is_typed_and_not_run(shell: str, folder: Path) -> None:
    """It comes from a database, and may hold anything: the command gets it to the letter."""
    with Terminal(shell, folder, {}) as terminal:
        assert terminal.completed("livekit-doctor trace call\\ ") == ["livekit-doctor", "trace", HOSTILE]
        assert not (folder / "pwned").exists()


def test_two_tabs_list_what_there_is(shell: str, folder: Path) -> None:
    with Terminal(shell, folder, {}) as terminal:
        shown = terminal.listed("livekit-doctor check --only worker", until="worker.endpoint")
        assert shell == "bash" or "all checks of worker" in shown


def test_a_link_completes_by_its_own_name(shell: str, folder: Path) -> None:
    link = folder / "lkd"
    link.symlink_to(Path(sys.executable).with_name("livekit-doctor"))
    script = subprocess.run([link, "completion", shell], capture_output=True, text=True, check=True, env=CLEAN).stdout
    (folder / "script").write_text(script)
    with Terminal(shell, folder, {"PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"}) as terminal:
        terminal.type("source ./script\r")
        assert terminal.completed("lkd chec") == ["lkd", "check"]
        assert terminal.completed("livekit-doctor prob") == ["livekit-doctor", "probe"]


def test_a_file_in_the_folder_of_completions(folder: Path) -> None:
    """As zsh loads it by itself: the script is the function's file."""
    assert not missing(), how_to_get()
    script = run("completion", "zsh", cwd=folder).stdout
    assert script.startswith("#compdef livekit-doctor\n")
    (folder / "_livekit-doctor").write_text(script)
    with Terminal("zsh", folder, {}) as terminal:
        terminal.type("unfunction _livekit-doctor; compdef -d livekit-doctor\r")
        terminal.type(f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; echo again-$((40 + 2))\r")
        terminal.wait_for("again-42")
        assert terminal.completed("livekit-doctor chec") == ["livekit-doctor", "check"]


def test_recent_calls_come_newest_first_and_only_those_that_can_be_typed(folder: Path) -> None:
    assert ask("trace", "", cwd=folder) == ["=ls", HOSTILE, "run:7", "call-0001"]
    assert "2026-11-24 08:00:00 edge_function: room_created" in answer("trace", "call-0", cwd=folder).stdout


@pytest.mark.parametrize("words", [("trace", ""), ("test-call", "--trunk", ""), ("check", "--only", "nothing")])
def test_nothing_is_said_where_nothing_is_known(tmp_path: Path, silent_port: int, words: tuple[str, ...]) -> None:
    """No configuration, a wrong one, a server and a database that are not there or do not answer."""
    nowhere = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}
    assert ask(*words, cwd=tmp_path) == []
    for port in (9, silent_port):
        env = nowhere | {
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "CALL_LOGS_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{port}/d",
        }
        begun = time.monotonic()
        assert ask(*words, cwd=tmp_path, env=env) == []
        assert time.monotonic() - begun < 10
    (tmp_path / "checks.yaml").write_text("calllogs: [\n")
    assert ask(*words, cwd=tmp_path) == []


@pytest.mark.parametrize("words", [(), ("trace",), ("nothing", ""), ("--", ""), ("check", "--timeout", "x", "")])
def test_an_odd_question_has_an_empty_answer(tmp_path: Path, words: tuple[str, ...]) -> None:
    for shell in ("bash", "zsh", "fish", "tcsh"):
        ran = answer(*words, cwd=tmp_path, shell=shell)
        assert (ran.status, ran.stderr, ran.stdout.splitlines()[0]) == (0, "", "words")
    assert run("__complete", cwd=tmp_path) == Ran(0, "words\n", "")


def test_standard_input_is_left_alone(folder: Path) -> None:
    ran = run("__complete", "fish", "trace", "--call-logs", "-", "", cwd=folder, stdin="call_id,created_at,state\n")
    assert ran == Ran(0, "words\n", "")


def test_trunks_are_asked_for() -> None:
    with Stage(recording.load()) as stage:
        process = stage.start("__complete", "fish", "test-call", "--trunk", "")
        assert process.communicate()[0].startswith("words\nST_zLDCZanpHupi\t")


def test_codes_by_number_and_by_name() -> None:
    found = dict(COMPLETERS["CODE"]({}))
    for code in catalogue.codes():
        page = catalogue.get(code)
        assert found[code] == page.title
        assert found[page.name] == f"{code} {page.title}"
    assert len(found) == 2 * len(catalogue.codes())


def test_every_parameter_is_decided() -> None:
    """A new one says by its metavar what it takes: one that is completed, a file, or free text."""
    known = {*COMPLETERS, *FILES, *FREE_TEXT}
    commands = get_command(app).commands  # type: ignore[attr-defined]
    metavars = {param.metavar for command in commands.values() for param in command.params if param.metavar}
    assert {metavar.strip("[]") for metavar in metavars} <= known
    assert {"ID", "CALL_ID", "ST_...", "FILE"} <= {metavar.strip("[]") for metavar in metavars}


@pytest.mark.parametrize(
    "words", [("che",), ("check", "--on"), ("check", "--only", "work"), ("check", "--format", "j")]
)
def test_what_is_known_beforehand_needs_nothing_slow(tmp_path: Path, words: tuple[str, ...]) -> None:
    code = (
        "import sys; from livekit_doctor.cli.main import run; "
        f"run(['__complete', 'fish', *{list(words)!r}]); print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=CLEAN, capture_output=True, text=True)
    assert len(ran.stdout.splitlines()) > 1
    slow = {"livekit", "aiohttp", "psycopg", "jinja2", "rich", "yaml", "asyncio"} & set(ran.stderr.split())
    assert not slow


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_is_right_for_its_shell(name: str, tmp_path: Path) -> None:
    assert not missing(), how_to_get()
    script = run("completion", name, cwd=tmp_path).stdout
    assert not re.search(r"@\w+@", script)
    assert subprocess.run([name, "-n"], input=script, text=True, capture_output=True).stderr == ""
