"""Spark as an engine of the command: by Spark Connect, with a driver of its own, and where something is missing."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage.engine import Limits
from livekit_doctor.triage.spark import Spark
from livekit_doctor.triage.statement import pairs_query, rows_query
from livekit_doctor.triage.terms import Window
from tests import forked
from tests.cli.command_line import CLEAN, Ran, run_process, wait_for
from tests.lab.support import free_port
from tests.triage import logs
from tests.triage.engines import CONNECT_PORT, QUICK_JAVA, java_home
from tests.triage.reference import Row
from tests.triage.test_command import document, export, triage, window
from tests.triage.test_engines import ON_ONE_WORKER

END = int(datetime.now(UTC).timestamp()) * logs.SECOND - 3600 * logs.SECOND
SOME = list(logs.rows(3, 150, END - 20 * logs.HOUR, END))
AS_JSON = ("-f", "json", *window(END - 23 * logs.HOUR, END + logs.HOUR))


@pytest.fixture(scope="module")
def connect(spark: Any) -> str:
    return f"sc://127.0.0.1:{spark.conf.get(CONNECT_PORT)}"


def by_spark(connect: str, *arguments: str, cwd: Path) -> Ran:
    """Spark plans a statement of this size for seconds, and longer where the machine is busy."""
    typed = ("triage", "--engine", connect, "--timeout", "200", *arguments)
    return Ran(*forked.run(typed, cwd, CLEAN, "", 240))


@ON_ONE_WORKER
@pytest.mark.servers
def test_exports_say_the_same_as_without_spark(connect: str, tmp_path: Path) -> None:
    """Files of all kinds and a pattern at once."""
    export(tmp_path / "calls.csv", SOME)
    for part in range(4):
        export(tmp_path / f"part-{part}.csv", SOME[part::4])
    as_parquet(tmp_path / "part-3.csv", tmp_path / "rest.parquet")
    read = f"read_csv('{tmp_path / 'part-2.csv'}', all_varchar = true)"
    duckdb.execute(f"COPY (FROM {read}) TO '{tmp_path / 'rest.jsonl.gz'}' (FORMAT json, COMPRESSION gzip)")
    expected = document(triage("--call-logs", "calls.csv", *AS_JSON, cwd=tmp_path))
    names = ("part-[01].csv", "rest.jsonl.gz", "rest.parquet")
    own = [word for name in names for word in ("--call-logs", str(tmp_path / name))]
    told = document(by_spark(connect, *own, *AS_JSON, cwd=tmp_path))
    assert (told["groups"], told["calls"]) == (expected["groups"], expected["calls"])
    assert told["calls"]["total"] == 150
    # `trace` does not read what Spark does.
    assert told["next"]["command"].startswith("livekit-doctor triage --since "), told["next"]
    assert f" --engine {connect} " in told["next"]["command"]
    assert "--where " in told["next"]["command"]


@ON_ONE_WORKER
@pytest.mark.servers
def test_a_table_of_the_catalog_with_types_of_its_own(spark: Any, tmp_path: Path) -> None:
    as_parquet(export(tmp_path / "calls.csv", SOME), tmp_path / "calls.parquet")
    spark.sql("CREATE DATABASE IF NOT EXISTS telemetry")
    spark.sql("DROP TABLE IF EXISTS telemetry.call_logs")
    spark.sql(
        "CREATE TABLE telemetry.call_logs USING parquet AS SELECT call_id, CAST(created_at AS TIMESTAMP_NTZ) AS"
        " created_at, source, state, from_json(metadata, 'map<string,string>') AS metadata FROM"
        f" parquet.`{tmp_path / 'calls.parquet'}`"
    )

    async def asked() -> tuple[datetime | None, list[Row], list[str], set[str]]:
        engine = Spark(spark, "local[2]", [], "telemetry.call_logs", CallLogs(), Limits())
        await engine.prepare()
        end = END + logs.HOUR
        window = Window(END - 24 * logs.HOUR, END - 24 * logs.HOUR, end, end)
        rows = await engine.fetch(rows_query(engine.columns, window, engine.dialect, SOME[0].call_id or "", 100))
        read = [Row(SOME[0].call_id, row["at"], row["source"], row["state"], row["metadata"] or None) for row in rows]
        by = sqlglot.parse_one(f"SELECT DISTINCT X_PATH(metadata, 'region') AS dim FROM {engine.columns.table[0]}")
        values = {value["dim"] for value in await engine.fetch(engine.dialect.written(by))}
        return engine.now, read, await engine.metadata_keys(window), values

    now, rows, keys, regions = asyncio.run(asked())
    assert regions == {*logs.REGIONS, None}
    assert now
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=5)
    own = [row for row in SOME if row.call_id == SOME[0].call_id]
    plain = [row._replace(metadata=json.dumps(json.loads(row.metadata)) if row.metadata else None) for row in rows]
    assert sorted(plain, key=str) == sorted(own, key=str)
    assert {"region", "caller_id"} <= set(keys)


def as_parquet(plain: Path, path: Path) -> None:
    moment = "CAST(created_at AS TIMESTAMPTZ) AS created_at"
    read = f"read_csv('{plain}', all_varchar = true)"
    duckdb.execute(f"SET TimeZone = 'UTC'; COPY (SELECT * REPLACE ({moment}) FROM {read}) TO '{path}' (FORMAT parquet)")


@ON_ONE_WORKER
@pytest.mark.servers
def test_what_spark_can_not_read_is_one_clear_line(spark: Any, connect: str, tmp_path: Path) -> None:
    """And no value of a row is in it."""
    lines = export(tmp_path / "calls.csv", SOME[:200]).read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join([*lines[:40], "call-x,2026-11-28T10:00:00Z,secret", *lines[40:]]))
    (tmp_path / "times.csv").write_text("\n".join([*lines[:40], "call-x,yesterday,edge,secret,", *lines[40:]]))
    (tmp_path / "other.csv").write_text("one,two\n1,2\n")
    asked = {
        "short.csv": "short.csv can't be read: line 41 has 3 values, and the first line 5",
        "times.csv": 'times.csv can\'t be read: a value of column "created_at" is no time',
        "other.csv": 'column "call_id" does not exist in other.csv',
        "nothing.csv": "Spark finds no file nothing.csv",
        None: "Spark has no table telemetry.nothing",
    }

    async def said(name: str | None) -> str:
        files = [str(tmp_path / name)] if name else []
        engine = Spark(spark, "local[2]", files, None if name else "telemetry.nothing", CallLogs(), Limits())
        try:
            await engine.prepare()
            await engine.fetch(pairs_query(engine.columns, None, engine.dialect, 10))
        except LogsUnreadable as error:
            return error.message
        return "nothing"

    told = {name: asyncio.run(said(name)) for name in asked}
    assert not {name: told[name] for name, words in asked.items() if words not in told[name]}
    assert not [words for words in told.values() if re.search("secret|yesterday|java|Exception", words)]
    ran = by_spark(connect, "--call-logs", str(tmp_path / "short.csv"), cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[0].endswith("line 41 has 3 values, and the first line 5"), ran.stderr
    assert len(ran.stderr.splitlines()) == 2


SLOW = "SELECT java_method('java.lang.Thread', 'sleep', id * 0 + 50) AS slept FROM range(0, 20000, 1, 4)"


@ON_ONE_WORKER
@pytest.mark.servers
def test_what_is_cancelled_ends_in_spark_and_how_much_is_done_is_known(spark: Any, tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", SOME)

    async def cancelled() -> list[float | None]:
        engine = Spark(spark, "local[2]", [str(tmp_path / "calls.csv")], None, CallLogs(), Limits())
        await engine.prepare()
        running = asyncio.ensure_future(engine.fetch(SLOW))
        seen = []
        while not seen or seen[-1] is None:
            await asyncio.sleep(0.05)
            seen.append(engine.share_done())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        engine.require_unchanged()
        with (tmp_path / "calls.csv").open("a") as file:
            file.write("\n")
        with pytest.raises(LogsUnreadable, match="changed while it was read"):
            engine.require_unchanged()
        return seen

    assert asyncio.run(asyncio.wait_for(cancelled(), 60))[-1] == 0.0
    wait_for(lambda: not spark.sparkContext.statusTracker().getActiveJobsIds())


def children(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.servers
def test_an_interrupt_ends_spark_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """With a driver of its own, in the middle of a statement; until then the client has taken little memory."""
    (tmp_path / "own").mkdir()
    (tmp_path / "project").mkdir()
    plain = export(tmp_path / "calls.csv", list(logs.rows(3, 3_000, END - 20 * logs.HOUR, END)))
    command = [
        sys.executable,
        "-m",
        "livekit_doctor",
        "triage",
        "-v",
        "--engine",
        "local[1]",
        "--call-logs",
        str(plain),
    ]
    env = CLEAN | {"TMPDIR": str(tmp_path / "own"), "JAVA_HOME": java_home(), "JDK_JAVA_OPTIONS": QUICK_JAVA}
    process = subprocess.Popen(
        command, cwd=tmp_path / "project", env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    assert process.stderr.readline() == "… starting Spark\n"
    assert process.stderr.readline() == "… reading which states there are\n"
    (java,) = children(process.pid)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err
    assert not Path(f"/proc/{java}").exists()
    assert [*os.listdir(tmp_path / "own"), *os.listdir(tmp_path / "project")] == []
    assert peak
    assert int(peak[1]) < 100_000


def test_what_is_missing_is_said_with_what_to_install(tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", SOME[:20])
    without = tmp_path / "without" / "pyspark"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ImportError\n")
    old = tmp_path / "old" / "bin" / "java"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho 'Error: LinkageError occurred while loading main class' >&2; exit 1\n")
    old.chmod(0o755)
    local, nobody = ("--engine", "local[1]"), ("--engine", f"sc://127.0.0.1:{free_port()}/;token=canary-token")
    asked: list[tuple[tuple[str, ...], dict[str, str], str, str]] = [
        (
            local,
            {"PYTHONPATH": f"{without.parent}:{os.getcwd()}"},
            "needs PySpark",
            "pip install 'livekit-doctor[spark]'",
        ),
        (local, {"JAVA_HOME": str(tmp_path)}, f"there is none at JAVA_HOME={tmp_path}", "install Java 17 or later"),
        (local, {"JAVA_HOME": str(old.parents[1])}, "Spark did not start: Error: LinkageError", "install Java 17"),
        (nobody, {}, "no Spark answers at 127.0.0.1:", "start it there"),
        (("--engine", "postgres"), {}, "no address of Spark", "local[*], spark://HOST:7077 or sc://HOST:15002"),
        (("--engine", "local[1]", "--table", "a.b"), {}, "exclude each other", "leave one out"),
        (("--table", "a.b"), {}, "--table says nothing without --engine", "--engine sc://HOST:15002"),
    ]
    wrong = []
    for arguments, env, words, fix in asked:
        ran = run_process("triage", *arguments, "--call-logs", "calls.csv", cwd=tmp_path, env=env)
        if ran.status not in (2, 3) or ran.stdout or words not in ran.stderr or fix not in ran.stderr:
            wrong.append((arguments, ran))
        assert "canary-token" not in ran.stderr
        assert len(ran.stderr.splitlines()) == 2, ran.stderr
    assert not wrong
