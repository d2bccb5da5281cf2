"""`init` at the command line: what it refuses, what it asks, what it leaves behind. No real server is needed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from junitparser import JUnitXml
from livekit.protocol import agent_dispatch, models, sip

from livekit_doctor.config import load
from livekit_doctor.render.formats import FormatName
from tests.cli.command_line import CLEAN, PATIENCE, run, run_in_terminal
from tests.evidence.odd_server import OddServer, room
from tests.lab.support import free_port

SECRET = "s" * 32
KEYS = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": SECRET}


@pytest.fixture
def server() -> Iterator[OddServer]:
    """One live room with one agent; no SIP objects."""
    with OddServer() as server:
        server.answers["ListRooms"] = room(creation_time=1_700_000_000)
        in_room(server, "Night Agent")
        yield server


def in_room(server: OddServer, *names: str) -> None:
    server.answers["ListParticipants"] = models_of(*names)


def models_of(*names: str) -> object:
    from livekit.protocol.room import ListParticipantsResponse

    kind = models.ParticipantInfo.Kind.AGENT
    return ListParticipantsResponse(
        participants=[
            models.ParticipantInfo(sid=f"PA_{name}", identity=name, kind=kind, attributes={"lk.agent_name": name})
            for name in names
        ]
    )


def trunks(server: OddServer, *ids: str) -> None:
    items = [
        sip.SIPOutboundTrunkInfo(sip_trunk_id=key, address="sip.example.com", numbers=["+15555550100"]) for key in ids
    ]
    server.answers["ListSIPOutboundTrunk"] = sip.ListSIPOutboundTrunkResponse(items=items)


def agent_in(folder: Path, name: str = "checks.yaml") -> str | None:
    return load(folder / name, environ={}, cwd=folder).settings.agent.name


# What keeps it from starting


@pytest.mark.parametrize("given", [[], ["LIVEKIT_URL"], ["LIVEKIT_URL", "LIVEKIT_API_KEY"]], ids=str)
def test_missing_credentials_say_what_to_put_into_the_env_file(tmp_path: Path, given: list[str]) -> None:
    ran = run("init", cwd=tmp_path, env={name: KEYS[name] for name in given})
    assert ran.status == 2
    assert ran.stdout == ""
    first, *fix = ran.stderr.splitlines()
    missing = [name for name in KEYS if name not in given]
    assert first.startswith("LKD002 ")
    assert all(name in first for name in missing)
    assert "put into .env in this folder" in fix[0]
    assert [line.split("=")[0].strip() for line in fix[1:]] == missing
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_stays_also_with_yes(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text("agent: {name: Mine}\n")
    ran = run("init", "--yes", cwd=tmp_path, env=KEYS)
    assert ran.status == 2
    assert "checks.yaml: exists already, and is not overwritten" in ran.stderr
    assert "--force" in ran.stderr
    assert agent_in(tmp_path) == "Mine"


def test_the_one_that_is_there_need_not_be_valid_to_be_replaced(tmp_path: Path, server: OddServer) -> None:
    (tmp_path / "checks.yaml").write_text("agent: [\n")
    ran = run("init", "--force", "--no-check", cwd=tmp_path, env=server.environment)
    assert ran.status == 0, ran.stderr
    assert agent_in(tmp_path) == "Night Agent"


@pytest.mark.parametrize(("file", "message"), [(".", "a folder"), ("no/where.yaml", "there is no folder")])
def test_places_where_no_file_can_be(tmp_path: Path, file: str, message: str) -> None:
    ran = run("init", "--file", file, cwd=tmp_path, env=KEYS)
    assert ran.status == 2
    assert message in ran.stderr
    assert os.listdir(tmp_path) == []


def test_a_server_that_does_not_answer_leaves_no_file(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    ran = run("init", "--yes", cwd=tmp_path, env={**KEYS, "LIVEKIT_URL": url})
    assert ran.status == 3
    assert ran.stderr.startswith("LKD003 ")
    assert url in ran.stderr
    assert "nothing was written" in ran.stderr
    assert os.listdir(tmp_path) == []


# What it writes


def test_without_a_terminal_it_takes_the_likeliest_and_says_why(tmp_path: Path, server: OddServer) -> None:
    in_room(server, "Night Agent", "Day Agent")
    trunks(server, "ST_one", "ST_two")
    ran = run("init", "--no-check", cwd=tmp_path, env=server.environment)
    assert ran.status == 0, ran.stderr
    assert 'agent.name is "Day Agent"' in ran.stdout
    assert 'and not "Night Agent"' in ran.stdout
    assert "nothing tells which one the calls use" in ran.stdout
    assert "no database is configured" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "next: livekit-doctor check"
    settings = load(tmp_path / "checks.yaml", environ={}, cwd=tmp_path).settings
    assert [trunk.id for trunk in settings.sip.outbound_trunks] == ["ST_one", "ST_two"]
    assert "\x1b" not in ran.stdout + ran.stderr


def test_caller_numbers_are_in_the_file_and_not_on_the_screen(tmp_path: Path, server: OddServer) -> None:
    trunks(server, "ST_one")
    ran = run("init", "--no-check", cwd=tmp_path, env=server.environment)
    assert "+15555550100" in (tmp_path / "checks.yaml").read_text()
    assert "5555550100" not in ran.stdout + ran.stderr


def test_no_secret_is_written_and_no_database_address(tmp_path: Path, server: OddServer) -> None:
    dsn = f"postgresql://me:{'p' * 20}@127.0.0.1:{free_port()}/calls"
    ran = run("init", "--no-check", cwd=tmp_path, env={**server.environment, "CALL_LOGS_DATABASE_URL": dsn})
    assert ran.status == 0, ran.stderr
    assert "start Postgres, or correct host and port in CALL_LOGS_DATABASE_URL" in ran.stdout
    assert "no table that looks like" not in ran.stdout
    written = (tmp_path / "checks.yaml").read_text()
    assert "dsn: ${CALL_LOGS_DATABASE_URL}" in written
    for secret in (SECRET, "p" * 20, "postgresql://", dsn):
        assert secret not in written + ran.stdout + ran.stderr


def test_a_secret_in_a_name_that_was_found_is_not_written_either(tmp_path: Path, server: OddServer) -> None:
    in_room(server, f"agent {SECRET}")
    ran = run("init", "--no-check", cwd=tmp_path, env=server.environment)
    assert ran.status == 2
    assert "has one of your secrets in it" in ran.stderr
    assert os.listdir(tmp_path) == []


def test_a_url_that_may_hold_a_secret_stays_in_the_environment(tmp_path: Path, server: OddServer) -> None:
    url = f"{server.url}/?access_token=abcdefghijklmnop"
    ran = run("init", "--no-check", cwd=tmp_path, env={**server.environment, "LIVEKIT_URL": url})
    assert ran.status == 0, ran.stderr
    written = (tmp_path / "checks.yaml").read_text()
    assert "url: ${LIVEKIT_URL}" in written
    assert "abcdefghijklmnop" not in written + ran.stdout + ran.stderr


def test_a_source_that_can_not_be_read_breaks_no_other(tmp_path: Path, server: OddServer) -> None:
    server.answers["ListSIPOutboundTrunk"] = agent_dispatch.AgentDispatch(id="no list of trunks")
    server.answers["ListDispatch"] = models.Room(name="no list of dispatches")
    ran = run("init", "--no-check", cwd=tmp_path, env=server.environment)
    assert ran.status == 0, ran.stderr
    assert "not read" in ran.stdout
    assert agent_in(tmp_path) == "Night Agent"


def test_check_runs_on_the_file_and_gives_the_status(tmp_path: Path, server: OddServer) -> None:
    """This server has no worker's WebSocket, so the check fails, and what is next is the fix."""
    ran = run("init", "--file", "ops/my checks.yaml", cwd=_with_folder(tmp_path), env=server.environment)
    assert ran.status == 1
    assert "configuration: ops/my checks.yaml" in ran.stdout
    assert "worker.canary" in ran.stdout
    last = ran.stdout.splitlines()[-1]
    assert last == "next: do what the fixes above say, then livekit-doctor check --config 'ops/my checks.yaml'"


def _with_folder(folder: Path) -> Path:
    (folder / "ops").mkdir()
    return folder


def test_what_is_given_needs_not_be_found(tmp_path: Path, server: OddServer) -> None:
    environment = {**server.environment, "LIVEKIT_AGENT_NAME": "From Outside"}
    ran = run("init", "--no-check", cwd=tmp_path, env=environment)
    assert ran.status == 0, ran.stderr
    assert '"From Outside"  (LIVEKIT_AGENT_NAME)' in ran.stdout
    assert 'nothing that was found has this name; seen: "Night Agent"' in ran.stdout
    assert agent_in(tmp_path) == "From Outside"
    ran = run("init", "--no-check", "--force", "--agent-name", "007", cwd=tmp_path, env=environment)
    assert agent_in(tmp_path) == "007"


# In other formats


@pytest.mark.parametrize("form", FormatName)
@pytest.mark.parametrize("more", [(), ("--no-check",)], ids=["check", "no check"])
def test_every_format_has_what_was_found_and_what_is_next(
    tmp_path: Path, server: OddServer, form: FormatName, more: tuple[str, ...]
) -> None:
    """With the exit status of the check, and nothing else on standard output."""
    ran = run("init", "--format", form, *more, cwd=tmp_path, env=server.environment)
    assert (ran.status, ran.stderr) == (0 if more else 1, "")
    assert agent_in(tmp_path) == "Night Agent"
    assert ("worker.canary" in ran.stdout) is (not more and form is not FormatName.MARKDOWN)
    match form:
        case FormatName.JSON:
            assert ran.json["file"] == "checks.yaml"
            assert {item["label"]: item["status"] for item in ran.json["found"]}["agent"] == "ok"
            assert ran.json["next"]["command"] == "livekit-doctor check"
            assert ran.json["check"] is None if more else ran.json["check"]["exit_status"] == ran.status
        case FormatName.PROMETHEUS:
            assert f'livekit_doctor_exit_status{{command="init"}} {ran.status:.1f}' in ran.stdout
        case FormatName.JUNIT:
            (suite,) = JUnitXml.fromstring(ran.stdout.encode())
            assert (suite.failures + suite.errors > 0) is (not more)
            assert 'agent: "Night Agent"' in ran.stdout
        case FormatName.SARIF:
            assert "Night Agent" in ran.stdout
            assert "livekit-doctor check" in ran.stdout
        case _:
            text = unescape(ran.stdout)
            assert '"Night Agent"' in text
            assert "livekit-doctor check" in text


def test_a_file_for_each_format_and_the_console_as_without(tmp_path: Path, server: OddServer) -> None:
    names = ("a.json", "a.xml", "a.md", "a.html", "a.prom", "a.txt")
    options = [word for name in names for word in ("--output", name)]
    ran = run("init", "--no-check", *options, cwd=tmp_path, env=server.environment)
    assert ran.status == 0, ran.stderr
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "checks.yaml"])
    assert (tmp_path / "a.txt").read_text() == ran.stdout
    assert ran.stdout == run("init", "--no-check", "--force", cwd=tmp_path, env=server.environment).stdout


def test_what_was_found_is_read_while_the_check_runs(tmp_path: Path, server: OddServer) -> None:
    """On the console it is there before the check says what it does; in another format all comes at the end."""
    for form in ("console", "markdown"):
        ran = subprocess.run(
            [sys.executable, "-m", "livekit_doctor", "init", "--force", "--verbose", "--format", form],
            cwd=tmp_path,
            env={**CLEAN, **server.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert (ran.stdout.rindex("\n… ") > ran.stdout.index("wrote checks.yaml")) is (form == "console")
        assert ran.stdout.count("wrote checks.yaml") == 1


@pytest.mark.parametrize("form", [FormatName.JSON, FormatName.HTML, FormatName.JUNIT, FormatName.MARKDOWN])
def test_why_nothing_was_written_is_in_each_format(tmp_path: Path, form: FormatName) -> None:
    ran = run("init", "-f", form, cwd=tmp_path)
    assert ran.status == 2
    assert "are not set" in ran.stdout
    assert os.listdir(tmp_path) == []
    if form is FormatName.JSON:
        assert (ran.json["schema"], ran.json["file"]) == ("livekit-doctor/init/v1", None)


def test_a_report_does_not_take_the_files_place(tmp_path: Path, server: OddServer) -> None:
    """Nor does the refusal."""
    (tmp_path / "checks.yaml").write_text("agent: {name: precious}\n")
    ran = run("init", "-f", "json", "-o", "./checks.yaml", cwd=tmp_path, env=server.environment)
    assert ran.status == 2
    assert (tmp_path / "checks.yaml").read_text() == "agent: {name: precious}\n"
    assert "--output ./checks.yaml would take the place of --file checks.yaml" in ran.stderr


def test_questions_are_no_part_of_the_document(tmp_path: Path, server: OddServer) -> None:
    in_room(server, "Night Agent", "Day Agent")
    arguments = ("init", "--no-check", "--format", "json", "--output", "init.json")
    status, seen = run_in_terminal(*arguments, cwd=tmp_path, env=server.environment, typed="2\n")
    assert status == 0, seen
    assert "Which agent takes your outbound calls?" in seen
    document = json.loads((tmp_path / "init.json").read_text())
    assert document["taken"] == []
    assert agent_in(tmp_path) == "Night Agent"


# What it asks


def test_quiet_says_only_what_is_open_and_what_is_next(tmp_path: Path, server: OddServer) -> None:
    ran = run("init", "--no-check", "--quiet", cwd=tmp_path, env=server.environment)
    lines = [line for line in ran.stdout.splitlines() if line]
    assert [line.split()[0] for line in lines] == ["??", "??", "wrote", "next:"]


def test_in_a_terminal_it_asks_which_of_several(tmp_path: Path, server: OddServer) -> None:
    in_room(server, "Night Agent", "Day Agent")
    trunks(server, "ST_one", "ST_two")
    status, seen = run_in_terminal("init", "--no-check", cwd=tmp_path, env=server.environment, typed="7\n2\n1\n")
    assert status == 0, seen
    assert '1) "Day Agent"' in seen
    assert '2) "Night Agent"' in seen
    assert "There is no 7 in the list." in seen
    settings = load(tmp_path / "checks.yaml", environ={}, cwd=tmp_path).settings
    assert settings.agent.name == "Night Agent"
    assert settings.agent.others == ("Day Agent",)
    assert [trunk.id for trunk in settings.sip.outbound_trunks] == ["ST_one"]


def test_a_name_that_was_not_found_is_asked_for(tmp_path: Path, server: OddServer) -> None:
    in_room(server)
    status, seen = run_in_terminal("init", "--no-check", cwd=tmp_path, env=server.environment, typed="Ägent: 7\n")
    assert status == 0, seen
    where, asked = seen.index('"registered worker"'), seen.index("What is the agent_name of your worker?")
    assert where < asked, "it is said where to look before it is asked"
    assert agent_in(tmp_path) == "Ägent: 7"


def test_nothing_is_asked_where_nothing_is_open(tmp_path: Path, server: OddServer) -> None:
    trunks(server, "ST_one")
    status, seen = run_in_terminal("init", "--no-check", cwd=tmp_path, env=server.environment)
    assert status == 0, seen
    assert not re.search(r"Which|What|Replace|Number|\[y/N\]", seen), seen


@pytest.mark.parametrize(
    ("answer", "status", "name"), [("n\n", 2, "Mine"), ("\n", 2, "Mine"), ("y\n", 0, "Night Agent")]
)
def test_it_asks_before_it_replaces_a_file(
    tmp_path: Path, server: OddServer, answer: str, status: int, name: str
) -> None:
    (tmp_path / "checks.yaml").write_text("agent: {name: Mine}\n")
    ended, seen = run_in_terminal("init", "--no-check", cwd=tmp_path, env=server.environment, typed=answer)
    assert "checks.yaml exists. Replace it?" in seen
    assert ended == status, seen
    assert agent_in(tmp_path) == name


def test_a_question_that_is_broken_off_leaves_no_file(tmp_path: Path, server: OddServer) -> None:
    in_room(server, "Night Agent", "Day Agent")
    status, seen = run_in_terminal("init", cwd=tmp_path, env=server.environment, typed="\x04")
    assert status == 130, seen
    assert os.listdir(tmp_path) == []
