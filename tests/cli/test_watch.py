"""`livekit-doctor watch` as its users run it, against servers on loopback."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from livekit_doctor.cli.watch_server import Address, address_of, serving
from livekit_doctor.errors import UserError
from livekit_doctor.operations.watch import Watched
from tests.cli.command_line import CLEAN, PATIENCE, run, run_in_terminal
from tests.cli.watching import watching
from tests.evidence.odd_server import OddServer, down, refusal
from tests.lab.support import free_port, until

ONLY = ("--read-only", "--only", "connection.reachable")
QUICK = ("--interval", "1", *ONLY)
REACHABLE = {"check": "connection.reachable", "category": "connection"}
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


# What it serves


def test_metrics_and_health_follow_the_server(folder: Path, server: OddServer) -> None:
    well = server.answers["ListRooms"]
    with watching(folder, server.environment, *QUICK) as watch:
        until(lambda: watch.base and watch.health()[0] == 200, what="the first run to pass")
        status, kind, text = watch.get("/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert server.settings.api_secret not in text
        assert watch.metric("up", command="watch") == 1
        assert watch.metric("success", command="watch") == 1
        assert watch.metric("exit_status", command="watch") == 0
        assert watch.metric("check_status", **REACHABLE, status="passed") == 1
        assert watch.metric("watch_interval_seconds") == 1
        assert watch.metric("watch_state_changes_total", check="connection.reachable") == 0
        assert watch.metric("watch_runs_total", outcome="failed") == 0
        assert abs((watch.metric("last_run_timestamp_seconds", command="watch") or 0) - time.time()) < 60
        since = watch.metric("check_last_change_timestamp_seconds", **REACHABLE)

        down(server)
        status, body = until(lambda: (said := watch.health())[0] == 503 and said, what="the outage")
        assert body["schema"] == "livekit-doctor/health/v1"
        assert body["status"] in ("failing", "undecided")
        assert [one["id"] for one in body["checks"]] == ["connection.reachable"]
        assert watch.get("/livez")[0] == 200
        assert watch.metric("success", command="watch") == 0
        assert watch.metric("check_status", **REACHABLE, status="passed") == 0
        assert watch.metric("watch_state_changes_total", check="connection.reachable") == 1
        assert (watch.metric("check_last_change_timestamp_seconds", **REACHABLE) or 0) > (since or 0)

        server.answers["ListRooms"] = well
        until(lambda: watch.health()[0] == 200, what="recovery")
        assert watch.health()[1]["checks"] == []
        assert watch.metric("watch_state_changes_total", check="connection.reachable") == 2
        assert (watch.metric("watch_runs_total", outcome="passed") or 0) >= 2
        assert watch.stop() == 130
        lines = watch.stdout.splitlines()
    assert re.fullmatch(rf"{STAMP}  connection\.reachable  passed  ws://.+ answers.*", lines[0])
    assert re.fullmatch(rf"{STAMP}  run 1  ok: 1 passed", lines[1])
    assert re.fullmatch(rf"{STAMP}  connection\.reachable  passed -> \w+  LKD\d+  .+", lines[2])
    assert re.fullmatch(rf"{STAMP}  run \d+  not ok: 1 \w+", lines[3])
    assert re.fullmatch(rf"{STAMP}  connection\.reachable  \w+ -> passed  .+", lines[4])
    assert re.fullmatch(rf"{STAMP}  run \d+  ok: 1 passed", lines[5])
    assert len(lines) == 6, "nothing where nothing changes"
    assert "\x1b" not in watch.stdout + watch.stderr


def test_before_the_first_run_has_ended(folder: Path) -> None:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{silent.getsockname()[1]}",
            "LIVEKIT_API_KEY": "key",
            "LIVEKIT_API_SECRET": "s" * 32,
        }
        (folder / "checks.yaml").write_text("livekit: {timeout: 60}\n")
        with watching(folder, env, *QUICK, "--timeout", "60") as watch:
            until(lambda: watch.base, what="the server")
            status, body = watch.health()
            assert (status, body["status"], body["run"]) == (503, "starting", None)
            assert watch.get("/livez")[0] == 200
            assert watch.metric("up", command="watch") is None
            assert watch.metric("watch_runs_total", outcome="none") == 0
            assert watch.stop(signal.SIGTERM) == 130


def test_other_paths(folder: Path, server: OddServer) -> None:
    with watching(folder, server.environment, *QUICK) as watch:
        until(lambda: watch.base, what="the server")
        assert watch.get("/")[2].split() == ["livekit-doctor", "watch", "/metrics", "/healthz", "/livez"]
        assert watch.get("/else")[0] == 404
        assert watch.get("/metrics/../../etc/passwd")[0] == 404


MALFORMED = {
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "a NUL": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(range(64)) + b"\r\n\r\n",
    "a long URL": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "no chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "no length": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
}


def test_who_speaks_no_http_is_answered_and_not_reported(folder: Path, server: OddServer) -> None:
    with watching(folder, server.environment, *QUICK) as watch:
        base = until(lambda: watch.base, what="the server")
        host, _, port = base.removeprefix("http://").rpartition(":")
        for what, sent in MALFORMED.items():
            with socket.create_connection((host, int(port)), PATIENCE) as connection:
                connection.sendall(sent)
                assert connection.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 405"), what
        assert watch.get("/livez")[0] == 200
        assert watch.stop() == 130
        said = [line for line in watch.stderr.splitlines() if not line.startswith("listening on ")]
        assert said == ["interrupted"]


@pytest.mark.parametrize("form", ["console", "json"])
def test_nobody_can_be_told_of_a_change(folder: Path, server: OddServer, form: str) -> None:
    with open("/dev/full", "w") as nowhere:
        ran = subprocess.run(
            [sys.executable, "-m", "livekit_doctor", "watch", "--listen", "off", *QUICK, "--format", form],
            cwd=folder,
            env={**CLEAN, **server.environment},
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        )
    assert (ran.returncode, ran.stderr) == (2, "standard output: No space left on device\n")


def test_what_goes_wrong_in_the_server_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback on a screen that is a table helps nobody."""

    def watched() -> Watched:
        raise ZeroDivisionError("no such luck")

    async def asked() -> int:
        async with (
            serving(Address("127.0.0.1", 0), watched) as where,
            aiohttp.request("GET", f"http://{where.address}/healthz") as answer,
        ):
            return answer.status

    assert asyncio.run(asked()) == 500
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("watch: Error handling request from 127.0.0.1")
    assert "no such luck" in line


def test_a_bad_edit_while_it_runs(folder: Path, server: OddServer) -> None:
    with watching(folder, server.environment, *QUICK) as watch:
        until(lambda: "run 1" in watch.stdout, what="the first run")
        (folder / "checks.yaml").write_text("agent: {nmae: X}\n")
        line = (
            r"watch\.configuration  warned  LKD001  checks\.yaml:1: agent\.nmae: unknown key.+the last good one is used"
        )
        until(lambda: re.search(line, watch.stdout), what="the mistake to be said")
        assert watch.metric("check_status", check="watch.configuration", category="watch", status="warned") == 1
        assert watch.health()[0] == 200
        (folder / "checks.yaml").write_text("agent: {name: X}\n")
        until(lambda: "watch.configuration  warned -> gone" in watch.stdout, what="the edit to be read")


# How it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once(folder: Path, server: OddServer, number: signal.Signals) -> None:
    with watching(folder, server.environment, "--interval", "3600", *ONLY) as watch:
        until(lambda: "run 1" in watch.stdout, what="the first run")
        began = time.monotonic()
        assert watch.stop(number) == 130
        assert time.monotonic() - began < 5
        assert watch.stderr.splitlines()[-1] == "interrupted"


def test_count(folder: Path, server: OddServer) -> None:
    ran = run("watch", *QUICK, "--count", "2", "--listen", "off", cwd=folder, env=server.environment)
    assert ran.status == 0
    assert ran.stdout.splitlines()[-1].endswith("run 1  ok: 1 passed")
    assert ran.stderr == ""
    down(server)
    ran = run("watch", *QUICK, "--count", "1", "--listen", "off", cwd=folder, env=server.environment)
    assert ran.status in (1, 3)
    assert ran.stdout.splitlines()[-1].endswith("not ok: 1 failed")


def test_a_closed_pipe(folder: Path, server: OddServer) -> None:
    """As `watch | head -1` has it, once there is more to print."""
    process = subprocess.Popen(
        [sys.executable, "-m", "livekit_doctor", "watch", *QUICK, "--listen", "off"],
        cwd=folder,
        env={**CLEAN, **server.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    try:
        assert "passed" in process.stdout.readline()
        process.stdout.close()
        down(server)
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.stderr.close()


# What is wrong at the start is said in a line


def wrong(folder: Path, *arguments: str, env: dict[str, str]) -> str:
    ran = run("watch", *arguments, cwd=folder, env=env)
    assert ran.status == 2
    assert ran.stdout == ""
    return next(line for line in ran.stderr.splitlines() if line.startswith("LKD"))


def test_a_port_in_use(folder: Path, server: OddServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = wrong(folder, *QUICK, "--listen", address, env=server.environment)
    assert said == f"LKD001 --listen {address}: the port is in use"
    assert server.seen == [], "before anything is asked"


def test_missing_and_rejected_credentials(folder: Path, server: OddServer) -> None:
    env = {**server.environment, "LIVEKIT_API_SECRET": ""}
    assert wrong(folder, "--listen", "off", env=env).startswith("LKD002 LIVEKIT_API_SECRET is not set")
    server.answers["ListRooms"] = lambda: refusal(401, "unauthenticated", "invalid API key: key")
    said = wrong(folder, *QUICK, "--listen", "off", env=server.environment)
    assert said.startswith("LKD004 ")


def test_a_configuration_that_is_wrong(folder: Path, server: OddServer) -> None:
    (folder / "checks.yaml").write_text("agent: {nmae: X}\n")
    assert "unknown key" in wrong(folder, "--listen", "off", env=server.environment)


def test_call_logs_from_stdin(folder: Path, server: OddServer) -> None:
    assert "read once only" in wrong(folder, "--call-logs", "-", "--listen", "off", env=server.environment)


@pytest.mark.parametrize("interval", ["0", "0.5", "-1", "nan", "1e9"])
def test_no_interval(folder: Path, interval: str) -> None:
    assert "'--interval'" in wrong(folder, "--interval", interval, env={})


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        ("9464", Address("127.0.0.1", 9464)),
        (" localhost:80 ", Address("localhost", 80)),
        ("[::1]:9464", Address("::1", 9464)),
        ("0.0.0.0:0", Address("0.0.0.0", 0)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_addresses(typed: str, address: Address | None) -> None:
    assert address_of(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", ":80", "host", "host:", "host:65536", "host:-1", "host:99999999999", "::1:80", "a:b:80", "host:٣", "[x]:1"],
)
def test_no_addresses(typed: str) -> None:
    with pytest.raises(UserError, match="--listen"):
        address_of(typed)


def test_beyond_loopback_only_with_a_note(folder: Path, server: OddServer) -> None:
    def said(listen: str) -> str:
        ran = run("watch", *QUICK, "--count", "1", "--listen", listen, cwd=folder, env=server.environment)
        assert ran.status == 0
        return ran.stderr

    assert "note: other machines can ask too" in said("0.0.0.0:0")
    assert "note:" not in said("127.0.0.1:0")
    assert "note:" not in said("localhost:0")


def test_an_address_of_another_machine(folder: Path, server: OddServer) -> None:
    said = wrong(folder, *QUICK, "--listen", f"192.0.2.1:{free_port()}", env=server.environment)
    assert said.endswith("this machine does not have the address")


# On a terminal


def test_the_table(folder: Path, server: OddServer) -> None:
    status, seen = run_in_terminal(
        "watch", *QUICK, "--count", "2", "--listen", "off", cwd=folder, env=server.environment
    )
    assert status == 0
    assert "\x1b[?25h" in seen, "the cursor is shown again"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert re.search(r"^ok  connection\.reachable +\d s +ws://", plain, re.MULTILINE)
    assert "next in" in plain
    assert "run 2 at" in plain


def test_no_colour_where_none_is_wanted(folder: Path, server: OddServer) -> None:
    env = {**server.environment, "NO_COLOR": "1"}
    _, seen = run_in_terminal("watch", *QUICK, "--count", "1", "--listen", "off", cwd=folder, env=env)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_a_dumb_terminal_gets_lines(folder: Path, server: OddServer) -> None:
    env = {**server.environment, "TERM": "dumb"}
    _, seen = run_in_terminal("watch", *QUICK, "--count", "1", "--listen", "off", cwd=folder, env=env)
    assert "\x1b" not in seen
    assert "run 1  ok: 1 passed" in seen
