"""Near misses on the command line: what was meant, and the command line to type."""

import shlex
from pathlib import Path

import pytest

from tests.cli.command_line import run

CASES = [
    ("chekc --only worker", 'no command "chekc"; did you mean "check"?', "check --only worker"),
    ("CHECK", 'no command "CHECK"; did you mean "check"?', "check"),
    ("test-cal +15555550123", 'no command "test-cal"; did you mean "test-call"?', "test-call +15555550123"),
    ("check --ony worker", '"check" has no option --ony; did you mean --only?', "check --only worker"),
    ("check --ony=worker", '"check" has no option --ony; did you mean --only?', "check --only=worker"),
    ("trace 'a b' --bundl x", '"trace" has no option --bundl; did you mean --bundle?', "trace 'a b' --bundle x"),
    ("trace --worker-lgo x", '"trace" has no option --worker-lgo; did you mean --worker-log?', "trace --worker-log x"),
    ("--versoin", "no option --versoin; did you mean --version?", "--version"),
    ("check --format jsno", "'jsno' is not one of", "check --format json"),
    ("check --format=jsno", "Did you mean 'json'?", "check --format=json"),
    ("check -fjsno", "Did you mean 'json'?", "check -fjson"),
    ("completion bsah", "Did you mean 'bash'?", "completion bash"),
]


@pytest.mark.parametrize(("typed", "says", "fix"), CASES, ids=[case[0] for case in CASES])
def test_what_was_meant_is_said_and_can_be_typed(tmp_path: Path, typed: str, says: str, fix: str) -> None:
    ran = run(*shlex.split(typed), cwd=tmp_path)
    assert ran.status == 2
    assert says in ran.stderr
    assert ran.stderr.splitlines()[-1] == f"  fix: livekit-doctor {fix}"
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("check --room x", '"check" has no option --room; trace has it'),
        ("--strict check", "--strict belongs after the command: livekit-doctor COMMAND --strict"),
        ("init --timeout abc", "'abc' is no number"),
        ("probe --count 1.5", "'1.5' is no whole number"),
        ("check --xyzzy", '"check" has no option --xyzzy\n'),
        ("xyzzy", 'no command "xyzzy"; there are init, lint, check, trace, triage, probe, '),
    ],
)
def test_nothing_is_guessed_where_nothing_is_near(tmp_path: Path, typed: str, says: str) -> None:
    ran = run(*shlex.split(typed), cwd=tmp_path)
    assert ran.status == 2
    assert says in ran.stderr
    assert "did you mean" not in ran.stderr.lower()
    assert ran.stderr.splitlines()[-1].endswith("--help")


def test_checks_and_categories(tmp_path: Path) -> None:
    for typed, meant in {"wroker": "worker", "worker.canray": "worker.canary"}.items():
        assert f'"{typed}"; did you mean "{meant}"?' in run("check", "--only", typed, cwd=tmp_path).stderr


def test_call_ids(tmp_path: Path) -> None:
    row = '{"call_id": "call-0001", "created_at": "2026-11-24T08:00:00Z", "source": "agent", "state": "room_created"}\n'
    (tmp_path / "calls.jsonl").write_text(row)
    ran = run("trace", "call-001", "--call-logs", "calls.jsonl", cwd=tmp_path)
    assert ran.status == 3
    assert "LKD601" in ran.stdout
    assert "livekit-doctor trace call-0001" in ran.stdout
