"""Phone numbers on the command line: masked in what is said, whole in what is to be typed."""

import json
from pathlib import Path

import pytest

from tests.cli.command_line import run

CALLED = "+15555550123"
NUMBERS = (CALLED, "555-0199", "5555550101")
STATES = ("call_requested", f"dialed {CALLED}", "asked for (555) 555-0199", "note for sip_+15555550101")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The rows of a call whose id is the number called; and the last of another's."""
    rows = [
        {"call_id": call_id, "created_at": f"2026-01-01T00:00:{second:02}Z", "source": "edge", "state": state}
        for call_id, states in ((CALLED, STATES), ("call-2", STATES[:2]))
        for second, state in enumerate(states)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


@pytest.mark.parametrize("form", ["console", "json"])
def test_recent_calls(folder: Path, form: str) -> None:
    told = ("trace", "--call-logs", "rows.jsonl", "-f", form)
    ran = run(*told, cwd=folder)
    assert f"dialed {CALLED[:2]}********23" in ran.stdout
    assert CALLED in ran.stdout, "the call's id, which is to be typed"
    assert f"dialed {CALLED}" not in ran.stdout
    assert "sip_+15555550101" not in ran.stdout
    assert f"dialed {CALLED}" in run(*told, "--show-numbers", cwd=folder).stdout


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_call_whose_id_is_a_number(folder: Path, form: str) -> None:
    ran = run("trace", CALLED, "--call-logs", "rows.jsonl", "-f", form, cwd=folder)
    assert f"livekit-doctor trace {CALLED}" in ran.stdout
    assert "livekit-doctor trace +1*" not in ran.stdout
    for number in NUMBERS[1:]:
        assert number not in ran.stdout
