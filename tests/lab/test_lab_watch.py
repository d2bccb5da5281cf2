"""`livekit-doctor watch` on real servers that go and come back: each outage is a state, and none ends it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import COMPILED
from tests.cli.watching import Watching, lines_of, metric_in, parsed, watching
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.servers import Database, LiveKitServer, Postgres
from tests.lab.support import until

pytestmark = pytest.mark.xdist_group("lab_watch")

PREFIX = "livekit-doctor-"
ONLY = ("--only", "connection", "--only", "worker.canary", "--only", "call_logs.readable")
QUICK = ("--interval", "1", "--timeout", "20", *ONLY)
ALL = ("connection.reachable", "worker.canary", "call_logs.readable")


@pytest.fixture(scope="module")
def own_postgres(lab_folder: Path) -> Iterator[Postgres]:
    with Postgres(lab_folder) as server:
        yield server


@pytest.fixture
def own_database(own_postgres: Postgres) -> Iterator[Database]:
    fresh = own_postgres.create_database()
    yield fresh
    fresh.drop()


@pytest.fixture
def watch(tmp_path: Path, own_livekit: LiveKitServer, own_database: Database) -> Iterator[Watching]:
    """It runs, and all is well."""
    doctor = Doctor(tmp_path, own_livekit, own_database)
    doctor.configure({"livekit": {"timeout": 1}, "call_logs": {"timeout": 1}, "agent": {"name": "Front Desk"}})
    with watching(tmp_path, {**doctor.env, **COMPILED}, *QUICK) as watch:
        until(lambda: watch.base and watch.health()[0] == 200, what="a first run that passes")
        yield watch


def failing(watch: Watching, check: str) -> Any:
    """What /healthz says of a check once it is not well."""

    def found() -> Any:
        status, body = watch.health()
        return status == 503 and next((one for one in body["checks"] if one["id"] == check), None)

    return until(found, what=f"{check} to fail")


def well_again(watch: Watching) -> None:
    until(lambda: watch.health()[0] == 200, what="recovery")
    late = "watch.interval"  # on a busy machine a run takes longer than the interval, which is said
    assert [check for check in watch.health()[1]["checks"] if check["id"] != late] == []
    assert watch.metric("success", command="watch") == 1
    for check in ALL:
        category = check.partition(".")[0]
        assert watch.metric("check_status", check=check, category=category, status="passed") == 1
    assert watch.process.poll() is None


def test_livekit_stops_and_starts(watch: Watching, own_livekit: LiveKitServer) -> None:
    own_livekit.stop()
    assert not own_livekit.alive
    try:
        found = failing(watch, "connection.reachable")
        assert (found["status"], found["code"]) == ("failed", "LKD003")
        assert watch.get("/livez")[0] == 200
        assert watch.metric("success", command="watch") == 0
        assert watch.metric("up", command="watch") == 1, "a run that finds an outage has a result"
        labels = {"check": "connection.reachable", "category": "connection"}
        assert watch.metric("check_status", **labels, status="failed") == 1
        assert watch.metric("check_findings", **labels, code="LKD003") == 1
        labels = {"check": "worker.canary", "category": "worker"}
        assert watch.metric("check_status", **labels, status="skipped") == 1
        labels = {"check": "call_logs.readable", "category": "call_logs"}
        assert watch.metric("check_status", **labels, status="passed") == 1, "the database is still there"
    finally:
        own_livekit.start(own_livekit.port)
    well_again(watch)
    assert watch.metric("watch_state_changes_total", check="connection.reachable") == 2
    assert "connection.reachable  passed -> failed  LKD003" in watch.stdout
    assert "connection.reachable  failed -> passed" in watch.stdout
    assert watch.stop() == 130


def test_livekit_hangs(watch: Watching, own_livekit: LiveKitServer) -> None:
    own_livekit.process.freeze()
    try:
        found = failing(watch, "connection.reachable")
        assert found["code"] == "LKD003"
        assert watch.get("/livez")[0] == 200
    finally:
        own_livekit.process.thaw()
    well_again(watch)


def test_the_database_stops_and_starts(
    watch: Watching, own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.stop()
    try:
        assert failing(watch, "call_logs.readable")["code"] == "LKD602"
        labels = {"check": "worker.canary", "category": "worker"}
        assert watch.metric("check_status", **labels, status="passed") == 1, "LiveKit is still there"
    finally:
        own_postgres.start(own_postgres.port)
    well_again(watch)


@contextmanager
def read_all_the_time(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Reads the files again and again: what has been read so far. Each time each of them is whole and valid."""
    read: list[Path] = []
    wrong: list[BaseException] = []
    over = threading.Event()

    def reader() -> None:
        try:
            while not over.is_set():
                for file in files:
                    parsed(file)
                    read.append(file)
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        yield read
    finally:
        over.set()
        thread.join()
    if wrong:
        raise wrong[0]


def test_files_are_whole_at_every_moment(
    tmp_path: Path, own_livekit: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = Doctor(tmp_path, own_livekit)
    doctor.configure({"livekit": {"timeout": 1}, "agent": {"name": "Front Desk"}})
    document, junit, metrics = files = [tmp_path / f"status{ending}" for ending in (".json", ".xml", ".prom")]
    outputs = ["--format", "json", *(word for file in files for word in ("--output", str(file)))]
    arguments = ("--interval", "1", "--timeout", "20", "--only", "connection", "--only", "worker.canary")
    with watching(tmp_path, {**doctor.env, **COMPILED}, *arguments, *outputs) as watch:
        until(lambda: all(file.exists() for file in files) and parsed(document)["ok"], what="a first run that passes")
        with read_all_the_time(files) as read:
            own_livekit.stop()
            try:
                until(lambda: not parsed(document)["ok"], what="the outage in JSON")
                until(lambda: metric_in(metrics, "success", command="check") == 0, what="the outage in metrics")
                until(lambda: parsed(junit).failures, what="the outage in JUnit")
                # A run in which the server ends may have reached it.
                until(lambda: reachable(document)["status"] == "failed", what="an outage from a run's beginning on")
                failed = reachable(document)
                assert failed["code"] == "LKD003"
                assert "livekit" in failed["fix"].lower()
            finally:
                own_livekit.start(own_livekit.port)
            until(lambda: parsed(document)["ok"], what="recovery in JSON")
            until(lambda: metric_in(metrics, "success", command="check") == 1, what="recovery in metrics")
            until(lambda: not parsed(junit).failures, what="recovery in JUnit")
            until(lambda: watch.stdout.count('"event":"outcome"') >= 3, what="recovery in lines")
        assert {file: read.count(file) > 50 for file in files} == dict.fromkeys(files, True)
        assert watch.stop() == 130
    outcomes = [line["after"] for line in lines_of(watch.stdout) if line["event"] == "outcome"]
    assert outcomes == ["passed", "failed", "passed"]
    assert parsed(document)["error"]["message"] == "interrupted"


def reachable(document: Path) -> Any:
    return {one["id"]: one for one in parsed(document)["checks"]}["connection.reachable"]


@pytest.mark.parametrize("method", ["CreateRoom", "ListRooms"])
def test_ended_in_the_middle_of_a_run_it_leaves_nothing(
    tmp_path: Path, own_livekit: LiveKitServer, method: str
) -> None:
    edge = Edge(own_livekit)
    with Proxy(own_livekit) as proxy:
        doctor = Doctor(tmp_path, own_livekit)
        doctor.configure({"agent": {"name": "Front Desk"}})
        env = {**doctor.env, **COMPILED, "LIVEKIT_URL": proxy.url}
        with watching(tmp_path, env, "--interval", "1", "--only", "worker.canary", "--only", "agent_dispatch") as watch:
            until(lambda: "run 1  ok" in watch.stdout, what="a first run that passes")
            seen = len(proxy.seen)
            until(lambda: method in proxy.seen[seen:], what=f"{method} of a later run")
            assert watch.stop() == 130
    assert [room.name for room in edge.rooms() if room.name.startswith(PREFIX)] == []
    edge.close()
