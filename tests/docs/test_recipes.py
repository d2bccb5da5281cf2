"""What the recipes say is typed, and does what they say."""

import re
import secrets
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from livekit_doctor.config import load
from tests.cli.command_line import run
from tests.lab.servers import Database

ROOT = Path(__file__).parents[2]
DATABASES = (ROOT / "docs" / "recipes" / "databases.md").read_text(encoding="utf-8")
READABLE = ("check", "--only", "call_logs.readable")


def blocks(language: str) -> list[str]:
    """The code of this language, in the page's order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DATABASES, re.MULTILINE | re.DOTALL)


@pytest.fixture
def role(database: Database) -> str:
    """A name of its own for the page's role, since the server is shared."""
    name = f"livekit_doctor_{secrets.token_hex(4)}"
    database._roles.append(sql.Identifier(name))
    return name


def test_the_role_can_read_and_nothing_else(database: Database, role: str, tmp_path: Path) -> None:
    grants, policy, index = (block.replace("livekit_doctor", role) for block in blocks("sql"))
    database.execute("drop index call_state_logs_call_id_idx")
    database.execute("insert into call_state_logs (call_id, source, state) values ('call-1', 'edge', 'room_created')")
    database.execute(grants)
    dsn = database.server.dsn(database.name, role, "choose-one")
    environment = {"CALL_LOGS_DATABASE_URL": dsn}
    (tmp_path / "checks.yaml").write_text("")

    ran = run(*READABLE, cwd=tmp_path, env=environment)
    assert "LKD605" in ran.stdout, "no index yet"
    database.execute(index)
    ran = run(*READABLE, cwd=tmp_path, env=environment)
    assert (ran.status, "LKD605" in ran.stdout) == (0, False), ran.stdout

    database.execute("alter table call_state_logs enable row level security")
    assert "call-1" not in run("trace", cwd=tmp_path, env=environment).stdout
    database.execute(policy)
    assert "call-1" in run("trace", cwd=tmp_path, env=environment).stdout

    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from call_state_logs")


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_its_configuration_is_one(number: int, tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(blocks("yaml")[number])
    assert load(None, {}, {}, tmp_path).settings


@pytest.mark.parametrize("line", re.findall(r"^CALL_LOGS_DATABASE_URL=(.*)$", DATABASES, re.MULTILINE))
def test_its_addresses_are_such(line: str, tmp_path: Path) -> None:
    address = line.replace("REGION", "eu-1")
    (tmp_path / "checks.yaml").write_text("")
    assert load(None, {}, {"CALL_LOGS_DATABASE_URL": address}, tmp_path).settings.call_logs.dsn == address


def test_an_export_is_read_from_a_pipe(database: Database, tmp_path: Path) -> None:
    """What psql's copy writes, without psql: the same statement to the same server."""
    copy = re.search(r"\\copy (\(SELECT .*\)) TO STDOUT CSV HEADER", DATABASES)
    assert copy
    database.execute(
        "insert into call_state_logs (call_id, source, state) values ('call-0001', 'edge', 'room_created')"
    )
    with (
        psycopg.connect(database.dsn) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {copy[1]} TO STDOUT WITH (FORMAT csv, HEADER)") as rows,
    ):
        exported = b"".join(bytes(row) for row in rows).decode()
    (tmp_path / "checks.yaml").write_text("")
    ran = run("trace", "call-0001", "--call-logs", "-", cwd=tmp_path, stdin=exported)
    assert "edge logged room_created" in ran.stdout
