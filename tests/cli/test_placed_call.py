"""test-call's command line by itself: no server is asked."""

from pathlib import Path

import pytest

from livekit_doctor.cli.placed_call import callee
from livekit_doctor.errors import UserError
from tests.cli.command_line import run, run_and_list

KEYS = {
    "schema",
    "exit_status",
    "number",
    "trunk_id",
    "agent_name",
    "verdict",
    "answer",
    "left_behind",
    "trace",
    "next",
    "error",
}


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("+15555550123", "+15555550123"),
        (" +15555550123 ", "+15555550123"),
        ("sip:front-desk", "front-desk"),
        ("sip:1001", "1001"),
    ],
)
def test_what_is_dialled(typed: str, dialled: str) -> None:
    assert callee(typed) == dialled


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("+1 555 555-0123", "+15555550123"),
        ("0015555550123", "+15555550123"),
        ("(+1) 555.555.0123", "+15555550123"),
        ("sip:desk@carrier.example", "sip:desk"),
        ("5555550123", "+15555550123"),
        ("", "sip:USER"),
        ("sip:", "sip:USER"),
        ("sip:a b", "sip:USER"),
        ("+05555550123", "sip:USER"),
        ("+1555555012３", "sip:USER"),
        ("+1555555012\n3", "+15555550123"),
    ],
)
def test_what_cannot_be_dialled(typed: str, better: str) -> None:
    with pytest.raises(UserError) as refused:
        callee(typed)
    assert (refused.value.code, refused.value.exit_status) == ("LKD001", 2)
    assert better in refused.value.fix


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["12", "--yes"], "can't be dialled"),
        (["+15555550123"], "no terminal"),
        (["+15555550123", "--yes", "--read-only"], "--read-only"),
        (["+15555550123", "--yes", "--no-agent"], "LIVEKIT_URL"),
        (["+15555550123", "--yes", "--ringing-timeout", "76"], "--ringing-timeout"),
        ([], "NUMBER"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], words: str) -> None:
    """One line each, and a valid document with every key."""
    (tmp_path / "checks.yaml").write_text("agent: {name: Front Desk}\n")
    ran = run("test-call", *arguments, "--format", "json", cwd=tmp_path)
    assert ran.status == 2
    assert ran.json.keys() == KEYS
    assert (ran.json["schema"], ran.json["exit_status"]) == ("livekit-doctor/test-call/v1", 2)
    assert words in ran.json["error"]["message"]
    assert ran.json["error"]["fix"]
    assert words in ran.stderr.splitlines()[0]


def test_help_imports_nothing_slow(tmp_path: Path) -> None:
    heavy = {"livekit", "aiohttp", "psycopg", "google.protobuf", "msgspec", "yaml", "rich.console", "asyncio"}
    ran = run_and_list(heavy, "test-call", "--help", cwd=tmp_path)
    assert (ran.status, ran.stderr) == (0, "\n")
    assert "Exit status: 0" in ran.stdout
