"""Forked runs are what processes of their own are: each way to end, each stream."""

import re
from pathlib import Path

import pytest

from tests import forked
from tests.cli.command_line import CLEAN, run, run_process

ROWS = """[{"call_id": "c1", "created_at": "2026-11-01T10:00:00Z", "source": "edge_function", "state": "room_created"},
{"call_id": "c1", "created_at": "2026-11-01T10:00:02Z", "source": "edge_function", "state": "agent_dispatched"}]"""


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--version"], ""),
        ([], ""),
        (["trase"], ""),
        (["explain", "LKD401"], ""),
        (["explain", "LKD401", "-f", "json"], ""),
        (["explain", "LKD999"], ""),
        (["trace", "c1", "--call-logs", "-"], ROWS),
        (["trace", "c1", "--call-logs", "-"], ""),
        (["trace", "c1", "--call-logs", "none.json", "-f", "json"], ""),
        (["trace", "c1", "--call-logs", "-", "-o", "page.html", "-f", "html"], ROWS),
        (["check", "--only", "configuration"], ""),
        (["check", "--debug", "--config", "nothing.yaml"], ""),
    ],
)
def test_the_same_is_said(arguments: list[str], stdin: str, tmp_path: Path) -> None:
    seen = []
    for how in (run, run_process):
        folder = tmp_path / how.__name__
        folder.mkdir()
        ran = how(*arguments, cwd=folder, env={"COLUMNS": "70"}, stdin=stdin)
        seen.append((ran.status, _timeless(ran.stdout), ran.stderr, sorted(file.name for file in folder.iterdir())))
    assert seen[0] == seen[1]


def _timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:[\d.]+Z?|(?<=_ms\": )\d+", "then", text)


def test_a_run_has_the_environment_that_it_is_given_and_no_other(tmp_path: Path) -> None:
    arguments = ("check", "--only", "configuration", "-f", "json")
    env = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}
    given, without = (run(*arguments, cwd=tmp_path, env=one) for one in (env, {}))
    assert (given.json["server"], without.json["server"]) == ("ws://127.0.0.1:1", None)


def test_what_python_reads_when_it_starts_is_not_forked() -> None:
    assert forked.can_be_forked(CLEAN)
    assert not forked.can_be_forked({**CLEAN, "PYTHONIOENCODING": "ascii"})
    assert not forked.can_be_forked({**CLEAN, "PYTHONPATH": "."})


def test_a_long_text_can_be_typed(tmp_path: Path) -> None:
    ran = run("trace", "c1", "--evidence", "-", cwd=tmp_path, stdin="hello\n" * 20_000)
    assert ran.status in (2, 3), ran.stderr
