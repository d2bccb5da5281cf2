"""The engines, each given the same rows, and what it says of every call."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from livekit_doctor.settings import Settings
from livekit_doctor.triage.dialects import CLICKHOUSE, DUCKDB, EPOCH, POSTGRES, SPARK, Dialect
from livekit_doctor.triage.mapping import Pair, mapping_of
from livekit_doctor.triage.plan import plan_of
from livekit_doctor.triage.statement import Statement, pairs_query
from livekit_doctor.triage.terms import Columns, Key, Window
from tests.lab.servers import Database
from tests.lab.support import free_port
from tests.triage.install_java import HOW_TO_GET
from tests.triage.reference import Judged, Row

COLUMNS = Columns(("logs",), "call_id", "created_at", "state", "source", "metadata")

Ask = Callable[[str], list[dict[str, Any]]]
"""Runs a statement, and gives its rows."""


class Asked:
    """An engine that has the rows, and is asked with the statements."""

    def __init__(self, ask: Ask, dialect: Dialect, columns: Columns = COLUMNS) -> None:
        self.ask, self.dialect, self.columns = ask, dialect, columns

    def statement(self, settings: Settings, window: Window, key: Key | None = None) -> Statement:
        found = self.ask(pairs_query(self.columns, window, self.dialect, 2001))
        pairs = [Pair(row["state"], row["source"], int(row["rows_of"])) for row in found]
        return Statement(
            columns=self.columns,
            window=window,
            mapping=mapping_of(pairs, settings),
            plan=plan_of(settings),
            dialect=self.dialect,
            key=key,
        )

    def judged(self, settings: Settings, window: Window) -> dict[str, Judged]:
        rows = self.ask(self.statement(settings, window).per_call())
        return {row["call_id"]: Judged(**{name: _plain(row[name]) for name in Judged._fields}) for row in rows}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """With times that are UTC and say so."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE logs (call_id VARCHAR, created_at TIMESTAMPTZ, source VARCHAR, state VARCHAR, metadata VARCHAR)"
    )
    if rows:
        values = [(r.call_id, r.at, r.source, r.state, r.metadata) for r in rows]
        connection.executemany("INSERT INTO logs VALUES (?, make_timestamptz(CAST(? AS BIGINT)), ?, ?, ?)", values)
    connection.execute(f"COPY logs TO '{path}' (FORMAT parquet)")
    connection.close()


def of_duckdb(path: Path) -> Asked:
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE VIEW logs AS SELECT * REPLACE (CAST(created_at AT TIME ZONE 'UTC' AS TIMESTAMP) AS created_at)"
        f" FROM read_parquet('{path}')"
    )

    def ask(text: str) -> list[dict[str, Any]]:
        cursor = connection.execute(text)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return Asked(ask, DUCKDB)


def of_postgres(database: Database, rows: Sequence[Row], dialect: Dialect = POSTGRES, **types: str) -> Asked:
    """A table of its own, of these types of columns."""
    own = {"call_id": "text", "created_at": "timestamptz", "source": "text", "state": "text", "metadata": "text"}
    columns = ", ".join(f"{name} {kind}" for name, kind in {**own, **types}.items())
    connection = psycopg.connect(database.dsn, autocommit=True, row_factory=psycopg.rows.dict_row)
    connection.execute(f"DROP TABLE IF EXISTS logs; CREATE TABLE logs ({columns})".encode())
    connection.execute("SET TimeZone = 'UTC'")
    with connection.cursor().copy("COPY logs FROM STDIN") as copy:
        for row in rows:
            copy.write_row((row.call_id, _iso(row.at), row.source, row.state, row.metadata))

    def ask(text: str) -> list[dict[str, Any]]:
        return connection.execute(text.encode()).fetchall()

    return Asked(ask, dialect)


def _iso(microseconds: int) -> str:
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()


def of_clickhouse(session: Any, path: Path) -> Asked:
    session.query("DROP TABLE IF EXISTS logs")
    session.query(
        "CREATE TABLE logs (call_id Nullable(String), created_at DateTime64(6, 'UTC'), source Nullable(String),"
        " state Nullable(String), metadata Nullable(String)) ENGINE = MergeTree ORDER BY created_at"
    )
    session.query(f"INSERT INTO logs SELECT * FROM file('{path}', Parquet)")

    def ask(text: str) -> list[dict[str, Any]]:
        told = session.query(text, "JSONEachRow").bytes().decode()
        return [json.loads(line) for line in told.splitlines()]

    return Asked(ask, CLICKHOUSE)


def of_spark(session: Any, path: Path) -> Asked:
    session.read.parquet(str(path)).createOrReplaceTempView("logs")

    def ask(text: str) -> list[dict[str, Any]]:
        return [row.asDict() for row in session.sql(text).collect()]

    return Asked(ask, SPARK)


CONNECT_PORT = "spark.connect.grpc.binding.port"
JAVA_17 = ("/usr/lib/jvm/java-17-openjdk-amd64",)


QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def java_home() -> str:
    """A whole Java 17 or later. Raises AssertionError with what to install."""
    for home in filter(None, (*JAVA_17, os.environ.get("JAVA_HOME"))):
        if Path(home, "bin", "java").exists():
            return home
    found = shutil.which("java")
    assert found, HOW_TO_GET
    return str(Path(found).resolve().parent.parent)


def spark_session(folder: Path) -> Iterator[Any]:
    """Spark on this machine, on two cores; the same Java process serves Spark Connect, at the port of its settings."""
    from pyspark.sql import SparkSession

    os.environ["JAVA_HOME"] = java_home()
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
        .config("spark.connect.grpc.binding.address", "127.0.0.1")
        .config(CONNECT_PORT, str(free_port()))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        # Compiling a statement takes many times longer than these few rows do without.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        # And so does compiling Spark itself to the last bit, in threads of its own.
        .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={folder} -Xss8m {QUICK_JAVA}")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    gateway = session.sparkContext._gateway
    session.stop()
    with suppress(Exception):
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(10)
