"""What can't be read is said, with its code and what to type; the rest of the evidence still counts.

Each fault is real, and is met by `check` and by `trace`. A missing grant can't be had here: the key
of a livekit-server has them all, and the tool signs its own tokens.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.cli.command_line import COMPILED
from tests.cli.skew import clock_ahead_by
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.names import Names
from tests.lab.phone import Phone
from tests.lab.servers import Database, LiveKitServer, Redis
from tests.lab.support import free_port

TRACE_KEYS = {"schema", "call_id", "room", "server", "attempts", "verdict", "broken", "steps", "ruled_out"} | {
    "would_settle",
    "timeline",
    "warnings",
    "coverage",
}
CHECK_KEYS = {"schema", "ok", "summary", "checks"}
DISPATCHED_WITHIN = 0.5
"""Seconds after which a room without a dispatch is broken."""
IMPATIENT = 0.7
"""Seconds that the tool waits for a server that never answers."""
PATIENCE = 30
"""Seconds that it waits for one that does, on a busy machine."""


@dataclass
class Scene:
    """A call that is broken in two ways to see it: live in its room, and in the rows of the log."""

    doctor: Doctor
    livekit: LiveKitServer
    redis: Redis
    database: Database
    call_id: str
    room: str
    secrets: list[str] = field(default_factory=list)

    def check(self, *arguments: str) -> Ran:
        return self._seen(self.doctor.check("--only", "connection", "--only", "call_logs", *arguments), CHECK_KEYS)

    def trace(self, *arguments: str) -> Ran:
        return self._seen(self.doctor.trace(*arguments), TRACE_KEYS)

    def says(self, *arguments: str) -> Ran:
        """The same for a person."""
        return self._seen(self.doctor.run(*arguments))

    def _seen(self, ran: Ran, keys: set[str] | None = None) -> Ran:
        """Nothing but one valid document on stdout; no traceback and no secret anywhere."""
        output = ran.stdout + ran.stderr
        assert "Traceback" not in output
        assert "internal error" not in output
        assert "Warning" not in ran.stderr
        for secret in (self.livekit.api_secret, *self.secrets):
            assert secret not in output
        assert "eyJ" not in output, "a token"
        if keys:
            assert ran.json.keys() >= keys
            assert ran.json["exit_status"] == ran.status
        return ran


@pytest.fixture(scope="module")
def live_room(own_livekit: LiveKitServer) -> Iterator[str]:
    """The phone is there and no agent was ever dispatched."""
    edge, name = Edge(own_livekit), "outbound-of-errors"
    edge.create_room(name)
    with Phone(own_livekit, name, status="active"):
        time.sleep(DISPATCHED_WITHIN + 1)  # the server says when it was made in whole seconds
        yield name
    edge.delete_everything()
    edge.close()


@pytest.fixture
def scene(
    tmp_path: Path, own_livekit: LiveKitServer, own_redis: Redis, live_room: str, database: Database, names: Names
) -> Scene:
    call_id = names.call_id()
    for state in ("room_created", "sip_participant_created"):
        log_row(database, call_id, state, at=datetime.now(UTC) - timedelta(minutes=10))
    doctor = Doctor(tmp_path, own_livekit, database)
    doctor.env |= COMPILED
    doctor.configure(
        {
            "agent": {"name": names.agent()},
            "livekit": {"timeout": PATIENCE},
            "flow": {"allowances": {"agent_dispatched": {"slow_after": 0.2, "broken_after": DISPATCHED_WITHIN}}},
        }
    )
    return Scene(doctor, own_livekit, own_redis, database, call_id, live_room)


# LiveKit


class NotLiveKit(BaseHTTPRequestHandler):
    """A web server that is not LiveKit: it has a page for everything."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Welcome to the intranet</title>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), NotLiveKit) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def black_hole() -> Iterator[int]:
    """Takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


@dataclass(frozen=True)
class Fault:
    """What is wrong, made by `break_it` for the scene's tool; what `check` and `trace` say of it."""

    code: str
    words: tuple[str, ...]
    fix: str
    check_status: int
    trace_status: int


def url(scene: Scene, port: int, scheme: str = "ws") -> None:
    scene.doctor.env["LIVEKIT_URL"] = f"{scheme}://127.0.0.1:{port}"


@contextmanager
def livekit_fault(scene: Scene, name: str) -> Iterator[None]:
    env = scene.doctor.env
    match name:
        case "down":
            url(scene, free_port())
        case "key":
            env["LIVEKIT_API_KEY"] = "APIunknown0123"
        case "secret":
            env["LIVEKIT_API_SECRET"] = "a-secret-that-is-not-the-key's"
            scene.secrets.append(env["LIVEKIT_API_SECRET"])
        case "short secret":
            env["LIVEKIT_API_SECRET"] = "tiny-secret"
            scene.secrets.append(env["LIVEKIT_API_SECRET"])
        case "clock ahead":
            env |= clock_ahead_by(900, scene.doctor.folder)
        case "clock behind":
            env |= clock_ahead_by(-900, scene.doctor.folder)
        case "tls":
            url(scene, scene.livekit.port, "wss")
        case "redis":
            url(scene, scene.redis.port)
        case "dns":
            env["LIVEKIT_URL"] = "wss://no-such-host.invalid"
        case "web":
            with web_server() as port:
                url(scene, port)
                yield
            return
        case "black hole":
            configure(scene, livekit={"timeout": IMPATIENT})
            with black_hole() as port:
                url(scene, port)
                yield
            return
        case "missing":
            del env["LIVEKIT_API_SECRET"]
    yield


LIVEKIT = {
    "down": Fault("LKD003", ("connection refused",), "Refused: start the server", 1, 1),
    "key": Fault("LKD004", ("HTTP 401", "invalid API key", "APIu…"), "Unknown key", 2, 2),
    "secret": Fault("LKD004", ("HTTP 401", "signature is invalid"), "Wrong secret", 2, 2),
    "short secret": Fault("LKD004", ("HTTP 401", "signature is invalid"), "Wrong secret", 2, 2),
    "clock ahead": Fault("LKD005", ("s ahead of the server's", "token is not valid yet"), "set-ntp true", 1, 1),
    "clock behind": Fault("LKD005", ("s behind the server's", "token is expired"), "set-ntp true", 1, 1),
    "tls": Fault("LKD003", ("TLS to a port that does not speak TLS", "URL is ws://127"), "ws:// for this one", 1, 1),
    "redis": Fault("LKD003", ("another protocol than HTTP",), "the port is another service's", 1, 1),
    "web": Fault("LKD003", ("HTTP 200", "not in LiveKit's protocol", "intranet"), "Another protocol", 1, 1),
    "dns": Fault("LKD003", ("no-such-host.invalid does not resolve (DNS)",), "DNS: correct the host", 1, 1),
    "black hole": Fault("LKD003", (f"no answer within {IMPATIENT:g} s",), "Timeout: open the way", 1, 1),
    "missing": Fault("LKD002", ("LIVEKIT_API_SECRET is not set",), "Set the secret", 2, 2),
}


@pytest.mark.parametrize("name", LIVEKIT)
def test_livekit(scene: Scene, name: str) -> None:
    """The rows still speak: the call broke, though nobody could look into its room."""
    fault = LIVEKIT[name]
    with livekit_fault(scene, name):
        checked = scene.check()
        traced = scene.trace(scene.call_id)
    assert checked.status == fault.check_status
    blamed = "configuration.credentials" if name == "missing" else "connection.reachable"
    item = checked.check(blamed)
    assert (item["status"], item["code"]) == ("failed", fault.code)
    assert_told(item["message"], item["fix"], fault)
    assert checked.check("connection.clock")["message"] == f"because {blamed} failed"
    assert checked.check("call_logs.readable")["status"] == "passed"
    assert checked.stderr == ""

    assert traced.status == fault.trace_status
    entry = coverage(traced, "livekit_api")
    assert entry["status"] == "unread"
    assert entry["error"]["code"] == fault.code
    assert_told(entry["error"]["message"], entry["error"]["fix"], fault)
    assert fault.code in {warning["code"] for warning in traced.json["warnings"]}
    assert traced.json["verdict"] == "broken"
    assert traced.json["broken"][0]["confidence"] == "possible"
    assert coverage(traced, "call_logs")["status"] == "read"
    assert traced.stderr == ""


def assert_told(message: str, fix: str, fault: Fault) -> None:
    for word in fault.words:
        assert word in message
    assert fault.fix in fix


def coverage(ran: Ran, source: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in ran.json["coverage"] if entry["source"] == source)
    return found


# The database


def dsn_with(dsn: str, **changed: Any) -> str:
    return make_conninfo(**{**conninfo_to_dict(dsn), **changed})


@contextmanager
def database_fault(scene: Scene, name: str) -> Iterator[None]:
    database = scene.database
    reader = database.create_role("select on call_state_logs")
    scene.secrets.append(str(conninfo_to_dict(reader)["password"]))
    change: Mapping[str, Any] = {}
    match name:
        case "down":
            reader = dsn_with(reader, port=free_port())
        case "dns":
            reader = dsn_with(reader, host="no-such-host.invalid")
        case "password":
            scene.secrets.append("not-the-password")
            reader = dsn_with(reader, password="not-the-password")
        case "database":
            reader = dsn_with(reader, dbname="nothing_here")
        case "url":
            scene.secrets.append("p@ss/word")
            reader = "postgresql://me:p@ss/word@127.0.0.1/x"
        case "table":
            change = {"table": "call_state_log"}
        case "schema":
            change = {"schema": "pubilc"}
        case "column":
            change = {"columns": {"state": "status"}}
        case "denied":
            database.execute("revoke select on call_state_logs from public")
            reader = database.create_role()
            scene.secrets.append(str(conninfo_to_dict(reader)["password"]))
        case "other protocol":
            reader = dsn_with(reader, port=scene.redis.port)
            change = {"timeout": IMPATIENT}
        case "black hole":
            change = {"timeout": IMPATIENT}
    configure(scene, call_logs=change)
    if name == "black hole":
        with black_hole() as port:
            scene.doctor.env["CALL_LOGS_DATABASE_URL"] = dsn_with(reader, port=port)
            yield
        return
    scene.doctor.env["CALL_LOGS_DATABASE_URL"] = reader
    yield


def configure(scene: Scene, **sections: Mapping[str, Any]) -> None:
    import yaml

    file = scene.doctor.folder / "checks.yaml"
    changed = {name: dict(section) for name, section in sections.items()}
    scene.doctor.configure({**yaml.safe_load(file.read_text()), **changed})


DATABASE = {
    "down": Fault("LKD602", ("nothing listens at 127.0.0.1:",), "Start Postgres", 1, 1),
    "dns": Fault("LKD602", ('"no-such-host.invalid" can\'t be resolved',), "Start Postgres, or correct", 1, 1),
    "password": Fault("LKD602", ("the password of role", "is rejected"), "CALL_LOGS_DATABASE_URL", 2, 2),
    "database": Fault("LKD602", ('"nothing_here" does not exist',), "CALL_LOGS_DATABASE_URL", 2, 2),
    "url": Fault("LKD602", ("percent-encoded",), "Correct what is wrong", 2, 2),
    "table": Fault("LKD602", ('"call_state_log" does not exist', '"call_state_logs"?'), "Wrong table", 2, 2),
    "schema": Fault("LKD602", ('"pubilc" does not exist', '"public"?'), "Wrong schema", 2, 2),
    "column": Fault("LKD602", ('"status" does not exist', '"state"?'), "Wrong column", 2, 2),
    "denied": Fault("LKD602", ("may not read", "GRANT SELECT"), "GRANT SELECT", 1, 1),
    "other protocol": Fault("LKD602", ("no answer from 127.0.0.1:",), "CALL_LOGS_DATABASE_URL", 1, 1),
    "black hole": Fault("LKD602", ("no answer from 127.0.0.1:", f"within {IMPATIENT:g} s"), "only slow", 1, 1),
}


@pytest.mark.parametrize("name", DATABASE)
def test_database(scene: Scene, name: str) -> None:
    """The live room is diagnosed all the same."""
    fault = DATABASE[name]
    with database_fault(scene, name):
        checked = scene.check()
        traced = scene.trace(scene.call_id, "--room", scene.room)
        recent = scene.says("trace")
    item = checked.check("call_logs.readable")
    assert (checked.status, item["status"], item["code"]) == (fault.check_status, "failed", fault.code)
    assert_told(item["message"], item["fix"], fault)
    assert checked.check("connection.reachable")["status"] == "passed"
    assert checked.check("call_logs.states")["message"] == "because call_logs.readable failed"
    assert checked.stderr == ""

    assert traced.status == fault.trace_status, traced.stdout
    entry = coverage(traced, "call_logs")
    assert (entry["status"], entry["error"]["code"]) == ("unread", fault.code)
    assert_told(entry["error"]["message"], entry["error"]["fix"], fault)
    assert traced.primary is not None
    assert traced.primary[:2] == ("agent_dispatched", "LKD401")
    assert coverage(traced, "livekit_api")["status"] == "read"
    assert traced.stderr == ""

    assert recent.status == (2 if fault.trace_status == 2 else 3)
    assert_told(recent.stderr, recent.stderr, fault)
    assert recent.stdout == ""


def test_empty_table(scene: Scene) -> None:
    """Read, and nothing in it: no fault of the table's, and nothing known of the call."""
    scene.database.execute("delete from call_state_logs")
    checked = scene.check()
    assert checked.status == 0
    assert checked.check("call_logs.readable")["message"] == "public.call_state_logs can be read, and is empty"
    assert checked.check("call_logs.states")["message"] == "no states in use yet"
    traced = scene.trace(scene.call_id)
    assert (traced.status, traced.json["verdict"]) == (3, "unknown")
    assert coverage(traced, "call_logs")["status"] == "empty"
    assert "LKD601" in {warning["code"] for warning in traced.json["warnings"]}
    recent = scene.says("trace")
    assert (recent.status, recent.stdout) == (0, "the call logs are empty\n")


def test_rows_hidden_by_row_level_security(scene: Scene) -> None:
    """Looks empty, without any error: it is said that rows may be hidden, and from whom."""
    reader = scene.database.create_role("select on call_state_logs")
    scene.secrets.append(str(conninfo_to_dict(reader)["password"]))
    scene.database.execute("alter table call_state_logs enable row level security")
    scene.doctor.env["CALL_LOGS_DATABASE_URL"] = reader
    item = (checked := scene.check()).check("call_logs.readable")
    assert (checked.status, item["status"], item["code"]) == (1, "failed", "LKD602")
    assert "row-level security applies" in item["message"]
    assert f'TO "{conninfo_to_dict(reader)["user"]}" USING (true)' in item["fix"]
    traced = scene.trace(scene.call_id)
    assert (traced.status, traced.json["verdict"]) == (3, "unknown")
    assert coverage(traced, "call_logs")["status"] == "unread"
    assert coverage(traced, "call_logs")["error"]["fix"] == item["fix"]
    assert any("row-level security" in warning["message"] for warning in traced.json["warnings"])
    recent = scene.says("trace")
    assert recent.status == 3
    assert "row-level security" in recent.stderr


def test_both_down(scene: Scene) -> None:
    """Nothing could be read, so nothing is said of the call."""
    with livekit_fault(scene, "down"), database_fault(scene, "down"):
        checked = scene.check()
        traced = scene.trace(scene.call_id, "--room", scene.room)
        said = scene.says("trace", scene.call_id, "--room", scene.room)
    assert checked.status == 1
    assert checked.check("connection.reachable")["code"] == "LKD003"
    assert checked.check("call_logs.readable")["code"] == "LKD602"
    assert (traced.status, traced.json["verdict"], traced.json["broken"]) == (3, "unknown", [])
    assert {entry["status"] for entry in traced.json["coverage"]} == {"unread", "not_configured"}
    assert {warning["code"] for warning in traced.json["warnings"]} >= {"LKD003", "LKD602"}
    assert {step["status"] for step in traced.json["steps"]} == {"unknown"}
    assert said.status == 3
    for words in ("Unknown: ", "LiveKit could not be asked", "not read     livekit_api: LKD003", "call_logs: LKD602"):
        assert words in said.stdout
    assert "start the server" in said.stdout
    assert "Start Postgres" in said.stdout


def test_unknown_call(scene: Scene) -> None:
    """The nearest ids are named, and it is no break."""
    traced = scene.trace(scene.call_id.upper())
    assert (traced.status, traced.json["verdict"]) == (3, "unknown")
    (warning,) = (item for item in traced.json["warnings"] if item["code"] == "LKD601")
    assert f"nearest ids: {scene.call_id}" in warning["message"]
    assert "in public.call_state_logs nor in the live rooms of" in warning["message"]


# Files


def export(scene: Scene, *lines: str) -> Path:
    file = scene.doctor.folder / "export.jsonl"
    rows = [
        {"call_id": scene.call_id, "created_at": "2021-02-03T04:05:06Z", "source": "edge_function", "state": state}
        for state in ("room_created", "sip_participant_created")
    ]
    file.write_text("".join(f"{line}\n" for line in (json.dumps(rows[0]), *lines, json.dumps(rows[1]))))
    return file


def test_malformed_line(scene: Scene) -> None:
    """It is named by its number, and the other lines count."""
    file = export(scene, '{"call_id": "x", ')
    traced = scene.trace(scene.call_id, "--call-logs", str(file))
    assert (traced.status, traced.json["verdict"]) == (1, "broken")
    (warning,) = (item for item in traced.json["warnings"] if item["code"] == "LKD602")
    assert warning["message"].endswith("export.jsonl: line 2: not a JSON object")
    assert {step["step"] for step in traced.json["steps"] if step["status"] == "ok"} >= {"sip_participant_created"}
    checked = scene.check("--call-logs", str(file))
    assert checked.check("call_logs.readable")["status"] == "passed"
    assert checked.check("call_logs.readable")["message"].endswith("can be read, but not line 2: not a JSON object")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file"),
        (b"\x00\x01\x02 nothing like a table \xff", "none of the columns"),
        (b"caller,when\nx,y\n", "none of the columns"),
        (b"call_id,created_at,status\nx,2021-02-03T04:05:06Z,y\n", 'column "state" does not exist'),
        (b"\x1f\x8b broken gzip", "gzip"),
    ],
)
def test_file_that_cannot_be_used(scene: Scene, content: bytes | None, words: str) -> None:
    """Status 2: the file is the command line's or the configuration's choice."""
    file = scene.doctor.folder / "export.csv"
    if content is not None:
        file.write_bytes(content)
    item = (checked := scene.check("--call-logs", str(file))).check("call_logs.readable")
    assert (checked.status, item["status"], item["code"]) == (2, "failed", "LKD602"), item
    assert words in item["message"]
    traced = scene.trace(scene.call_id, "--call-logs", str(file), "--room", scene.room)
    assert traced.status == 2
    assert traced.primary is not None
    assert traced.primary[:2] == ("agent_dispatched", "LKD401")


# For a person


@pytest.mark.parametrize(
    ("fault", "command", "words"),
    [
        (
            "secret",
            ["check", "--only", "connection"],
            ["XX  connection.reachable", "LKD004", "read -rs LIVEKIT_API_SECRET"],
        ),
        ("tls", ["check", "--only", "connection"], ["LKD003", 'export LIVEKIT_URL="ws${LIVEKIT_URL#wss}"']),
        ("clock behind", ["check", "--only", "connection"], ["LKD005", "sudo timedatectl set-ntp true"]),
        ("secret", ["trace", "{call_id}"], ["Broke at:", "LKD004 credentials-rejected", "livekit_api: NOT READ"]),
        ("down", ["trace", "nothing-like-it"], ["Unknown:", "not read", "LKD003", "LKD601", "start the server"]),
    ],
)
def test_console(scene: Scene, fault: str, command: list[str], words: list[str]) -> None:
    with livekit_fault(scene, fault):
        ran = scene.says(*(word.format(call_id=scene.call_id) for word in command))
    assert ran.status == {"secret": 2, "tls": 1, "clock behind": 1, "down": 3}[fault]
    for word in words:
        assert word in ran.stdout
    assert ran.stderr == ""
