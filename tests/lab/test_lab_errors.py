"""What can't be read: a clear message with its code and exit status, the rest of the evidence still
used, valid JSON, no traceback and no secret."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import Database, LiveKitServer, Postgres
from tests.lab.support import free_port, until

SECRET = "not-the-secret-of-this-server-0123456789"


@dataclass(frozen=True)
class Failure:
    """A failing source: what both commands must say of it, and how they end.

    `trace` and `check` are exit statuses; `words` must be in the message.
    """

    name: str
    code: str
    words: tuple[str, ...]
    trace: int
    check: int
    env: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)


FAILURES = (
    Failure(
        "database down", "LKD602", ("nothing listens at 127.0.0.1",), 3, 1, {"CALL_LOGS_DATABASE_URL": "{down_dsn}"}
    ),
    Failure("no such database", "LKD602", ("calls_absent",), 2, 2, {"CALL_LOGS_DATABASE_URL": "{absent_dsn}"}),
    Failure("livekit down", "LKD003", ("refused",), 1, 1, {"LIVEKIT_URL": "ws://127.0.0.1:{closed_port}"}),
    Failure("unknown key", "LKD004", ("invalid API key",), 2, 2, {"LIVEKIT_API_KEY": "APIunknown"}),
    Failure("wrong secret", "LKD004", ("signature is invalid",), 2, 2, {"LIVEKIT_API_SECRET": SECRET}),
    Failure("tls to a plain port", "LKD003", ("TLS", "ws://"), 1, 1, {"LIVEKIT_URL": "wss://{netloc}"}),
    Failure("not http", "LKD003", (), 1, 1, {"LIVEKIT_URL": "ws://127.0.0.1:{postgres_port}"}),
    Failure("no such host", "LKD003", ("does not resolve",), 1, 1, {"LIVEKIT_URL": "ws://livekit.invalid:7880"}),
    Failure(
        "never answers",
        "LKD003",
        ("no answer within 1 s",),
        1,
        1,
        {"LIVEKIT_URL": "ws://127.0.0.1:{silent_port}"},
        {"livekit": {"timeout": 1}},
    ),
    Failure("no secret", "LKD002", ("LIVEKIT_API_SECRET",), 2, 2, {"LIVEKIT_API_SECRET": ""}),
    Failure(
        "wrong table",
        "LKD602",
        ('"call_state_lgs"', "call_state_logs"),
        2,
        2,
        settings={"call_logs": {"table": "call_state_lgs"}},
    ),
    Failure(
        "wrong column",
        "LKD602",
        ('"calls_id"', "call_id"),
        2,
        2,
        settings={"call_logs": {"columns": {"call_id": "calls_id"}}},
    ),
    Failure("wrong schema", "LKD602", ('"telemetri"',), 2, 2, settings={"call_logs": {"schema": "telemetri"}}),
)
CLOCKS = (("behind", -7200, "token is expired"), ("ahead", 7200, "token is not valid yet"))

WRONG_CLOCK = """
import datetime, time
clock, real, shift = time.time, datetime.datetime, datetime.timedelta(seconds={shift})
class AnyDatetime(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real)
class Shifted(real, metaclass=AnyDatetime):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + shift
    @classmethod
    def utcnow(cls):
        return real.utcnow() + shift
time.time, datetime.datetime = lambda: clock() + shift.total_seconds(), Shifted
"""


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield int(listener.getsockname()[1])
        for connection in taken:
            connection.close()


@pytest.fixture
def places(livekit: LiveKitServer, database: Database, postgres: Postgres) -> Iterator[dict[str, str]]:
    closed = free_port()
    with silent_port() as silent:
        yield {
            "absent_dsn": make_conninfo(database.dsn, dbname="calls_absent"),
            "down_dsn": f"postgresql://doctor:hush@127.0.0.1:{closed}/calls",
            "closed_port": str(closed),
            "silent_port": str(silent),
            "postgres_port": str(postgres.port),
            "netloc": livekit.http_url.removeprefix("http://"),
        }


def assert_clean(ran: Ran, livekit: LiveKitServer) -> None:
    """Valid JSON alone on stdout, no traceback, no secret anywhere."""
    assert isinstance(ran.json, dict)
    for output in (ran.stdout, ran.stderr):
        assert "Traceback" not in output
        for secret in (livekit.api_secret, SECRET, "hush", "eyJ"):
            assert secret not in output


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name.replace(" ", "-"))
def test_a_source_that_fails(
    failure: Failure,
    places: dict[str, str],
    livekit: LiveKitServer,
    database: Database,
    names: Names,
    tmp_path: Path,
) -> None:
    """The rows of the call say that its agent was never heard of; where they can be read, that shows."""
    call_id = names.call_id()
    log_row(database, call_id, "sip_participant_created", at=datetime(2025, 10, 29, 16, 55, 51, tzinfo=UTC))
    doctor = Doctor(tmp_path, livekit, database)
    doctor.configure({"agent": {"name": names.agent()}, **failure.settings})
    env = {key: value.format(**places) for key, value in failure.env.items()}

    trace = doctor.trace(call_id, env=env)
    assert_clean(trace, livekit)
    said = {item["code"]: item["message"] for item in trace.json["warnings"]}
    assert failure.code in said, trace.stdout
    assert all(word in said[failure.code] for word in failure.words), said
    assert trace.status == failure.trace, trace.stdout
    unread = {item["source"] for item in trace.json["coverage"] if item["status"] == "unread"}
    if "call_logs" not in unread:
        assert trace.primary == ("agent_dispatched", "LKD401", "possible"), "the rows are still used"

    check = doctor.check(env=env)
    assert_clean(check, livekit)
    failed = [item for item in check.json["checks"] if item["code"] == failure.code]
    assert failed, check.stdout
    assert failed[0]["status"] == "failed"
    assert failed[0]["fix"]
    assert all(word in failed[0]["message"] for word in failure.words), failed[0]["message"]
    assert check.status == failure.check, check.stdout
    assert all(item["status"] != "errored" for item in check.json["checks"])
    if failure.code == "LKD602":
        assert check.check("worker.canary")["status"] == "passed", "the rest is still checked"
    else:
        assert check.check("worker.canary")["status"] == "skipped"
        assert check.check("call_logs.readable")["status"] == "passed"


def test_everything_down(places: dict[str, str], livekit: LiveKitServer, names: Names, tmp_path: Path) -> None:
    doctor = Doctor(tmp_path, livekit)
    env = {"LIVEKIT_URL": f"ws://127.0.0.1:{places['closed_port']}", "CALL_LOGS_DATABASE_URL": places["down_dsn"]}
    ran = doctor.trace(names.call_id(), env=env)
    assert_clean(ran, livekit)
    assert ran.json["verdict"] == "unknown"
    assert {"LKD003", "LKD602"} <= {item["code"] for item in ran.json["warnings"]}
    assert ran.status == 3


def test_database_down_and_a_live_room(
    places: dict[str, str], edge: Edge, livekit: LiveKitServer, phone: JoinPhone, names: Names, tmp_path: Path
) -> None:
    """What LiveKit shows decides; that the rows could not be read is said."""
    room, agent_name = names.room(), names.agent()
    doctor = Doctor(tmp_path, livekit)
    doctor.configure({"agent": {"name": agent_name}})
    edge.create_room(room)
    phone(room, status="active")
    edge.create_dispatch(room, agent_name)
    env = {"CALL_LOGS_DATABASE_URL": places["down_dsn"]}

    def broken() -> Ran | None:
        ran = doctor.trace(names.call_id(), "--room", room, env=env)
        return ran if ran.json["verdict"] == "broken" else None

    ran = until(broken, timeout=60, what="a verdict")
    assert ran.primary == ("job_assigned", "LKD402", "likely")
    assert "LKD602" in {item["code"] for item in ran.json["warnings"]}
    assert ran.status == 1


@pytest.mark.parametrize(("which", "shift", "words"), CLOCKS, ids=["behind", "ahead"])
def test_a_skewed_clock(
    which: str, shift: int, words: str, livekit: LiveKitServer, names: Names, tmp_path: Path
) -> None:
    """The tool's own clock is set wrong, by a module that Python imports first in its process."""
    (tmp_path / "sitecustomize.py").write_text(WRONG_CLOCK.format(shift=shift))
    doctor = Doctor(tmp_path, livekit)
    env = {"PYTHONPATH": str(tmp_path)}
    ran = doctor.check("--read-only", env=env)
    assert_clean(ran, livekit)
    reachable = ran.check("connection.reachable")
    assert (reachable["status"], reachable["code"]) == ("failed", "LKD005"), ran.stdout
    assert words in reachable["message"]
    assert which in reachable["message"]
    assert ran.status == 1

    traced = doctor.trace(names.call_id(), env=env)
    assert_clean(traced, livekit)
    assert "LKD005" in {item["code"] for item in traced.json["warnings"]}
    assert traced.status == 3


def test_rows_hidden_by_permission(livekit: LiveKitServer, database: Database, names: Names, tmp_path: Path) -> None:
    """SELECT denied, and row-level security that hides every row: neither is "call not found"."""
    call_id = names.call_id()
    log_row(database, call_id, "sip_participant_created")
    denied = Doctor(tmp_path, livekit)
    env = {"CALL_LOGS_DATABASE_URL": database.create_role()}
    ran = denied.trace(call_id, env=env)
    assert_clean(ran, livekit)
    message = next(item["message"] for item in ran.json["warnings"] if item["code"] == "LKD602")
    assert "GRANT" in message
    assert ran.status in (2, 3)

    database.execute("alter table call_state_logs enable row level security")
    env = {"CALL_LOGS_DATABASE_URL": database.create_role("select on call_state_logs")}
    ran = denied.trace(call_id, env=env)
    assert_clean(ran, livekit)
    messages = [item["message"] for item in ran.json["warnings"] if item["code"] == "LKD602"]
    assert any("row-level security" in message for message in messages), ran.stdout
    assert ran.json["verdict"] == "unknown"
    assert ran.status == 3


def test_empty_table_and_unknown_call(livekit: LiveKitServer, database: Database, names: Names, tmp_path: Path) -> None:
    doctor = Doctor(tmp_path, livekit, database)
    call_id = names.call_id()
    ran = doctor.trace(call_id)
    assert ran.json["verdict"] == "unknown"
    assert "LKD601" in {item["code"] for item in ran.json["warnings"]}
    assert ran.status == 3

    log_row(database, call_id, "call_requested")
    ran = doctor.trace(call_id.upper())
    message = next(item["message"] for item in ran.json["warnings"] if item["code"] == "LKD601")
    assert call_id in message, "the nearest id is shown"
    assert ran.status == 3


def test_a_malformed_line_in_a_file(livekit: LiveKitServer, names: Names, tmp_path: Path) -> None:
    call_id = names.call_id()
    lines = (
        f'{{"call_id": "{call_id}", "created_at": "2025-10-29T17:10:02Z", "source": "agent", '
        '"state": "agent_entrypoint_called"}',
        '{"call_id": ',
        f'{{"call_id": "{call_id}", "created_at": "2025-10-29T17:10:03Z", "source": "agent", '
        '"state": "agent_connected"}',
    )
    (tmp_path / "export.jsonl").write_text("\n".join(lines))
    ran = Doctor(tmp_path, None).trace(call_id, "--call-logs", "export.jsonl")
    assert ran.json["verdict"] == "healthy", ran.stdout
    assert "line 2" in " ".join(item["message"] for item in ran.json["warnings"])
    assert ran.status == 0

    ran = Doctor(tmp_path, None).trace(call_id, "--call-logs", "missing.jsonl")
    assert "missing.jsonl" in " ".join(item["message"] for item in ran.json["warnings"])
    assert ran.status == 2
