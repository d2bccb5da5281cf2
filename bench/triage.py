"""python -m bench.triage: triage against the plainest aggregate that groups the same rows by call, in the same engine.

BENCH_TRIAGE_ROWS sets another size (1,000,000; a tenth of it is measured too). Triage is measured whole: the
statement is made, the states are read, the calls classified, counted and summed up.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg

from bench.figures import peak_memory, verdict
from bench.generate import made, write
from livekit_doctor.progress import Progress
from livekit_doctor.settings import CallLogs, Settings
from livekit_doctor.triage.engine import Limits
from livekit_doctor.triage.run import Asked, triage
from tests.lab.servers import Postgres

ROWS = int(os.environ.get("BENCH_TRIAGE_ROWS", "1000000"))
RUNS = int(os.environ.get("BENCH_TRIAGE_RUNS", "3"))
LIMITS = Limits(timeout=3600)

PLAIN = "SELECT call_id, min(created_at), array_agg(state ORDER BY created_at) FROM {} GROUP BY call_id"
"""What anybody would write first."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="livekit-doctor-bench-") as name, Postgres(Path(name)) as postgres:
        folder = Path(name)
        database, small = postgres.create_database(), postgres.create_database()
        until = datetime.now(UTC)
        files = [str(folder / f"logs.{ending}") for ending in ("csv", "parquet", "jsonl.gz")]
        rows = write(made(ROWS, until), [*files, database.dsn])
        fewer = write(made(ROWS // 10, until), [str(folder / "small.parquet"), small.dsn])
        print(f"{rows:,} and {fewer:,} rows; median of {RUNS} interleaved runs")
        measure_postgres(database.dsn, small.dsn, rows / fewer)
        measure_files(folder, rows / fewer)
        env = {"CALL_LOGS_DATABASE_URL": database.dsn}
        memory = peak_memory(_doctor("--since", "48h", "--no-before", "--timeout", "600"), folder, env)
        verdict("peak memory of triage of Postgres", memory, 100, "MB")
        memory = peak_memory(_doctor("--since", "48h", "--no-before", "--call-logs", files[1]), folder, {})
        verdict("peak memory of triage of Parquet", memory, 512 * 1.2, "MB")


def _doctor(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "livekit_doctor", "triage", *arguments)


def measure_postgres(dsn: str, small: str, times: float) -> None:
    seconds = interleaved(
        {
            "triage": lambda: _triage(CallLogs(dsn=dsn)),
            "small": lambda: _triage(CallLogs(dsn=small)),
            "plain": lambda: _plain_postgres(dsn),
        }
    )
    _print("Postgres", seconds)
    verdict("Postgres triage / array_agg", seconds["triage"] / seconds["plain"], 0.5, "times")
    verdict("Postgres, a row of many / of a tenth", seconds["triage"] / seconds["small"] / times, 1.2, "times")


def measure_files(folder: Path, times: float) -> None:
    csv, parquet, packed = (folder / f"logs.{ending}" for ending in ("csv", "parquet", "jsonl.gz"))
    kinds = (
        "{'call_id': 'VARCHAR', 'created_at': 'VARCHAR', 'source': 'VARCHAR', 'state': 'VARCHAR', 'metadata': 'JSON'}"
    )
    reader = f"read_json('{packed}', format = 'newline_delimited', columns = {kinds})"
    seconds = interleaved(
        {
            "parquet": lambda: _triage(CallLogs(file=str(parquet))),
            "parquet plain": lambda: _plain_duckdb(PLAIN.format(f"read_parquet('{parquet}')")),
            "small parquet": lambda: _triage(CallLogs(file=str(folder / "small.parquet"))),
            "csv": lambda: _triage(CallLogs(file=str(csv))),
            "csv plain": lambda: _plain_duckdb(PLAIN.format(f"read_csv('{csv}', all_varchar = true)")),
            "jsonl.gz": lambda: _triage(CallLogs(file=str(packed))),
            "jsonl.gz reader": lambda: _plain_duckdb(
                f"SELECT count(*), max(call_id), max(metadata::VARCHAR) FROM {reader}"
            ),
        }
    )
    _print("DuckDB", seconds)
    verdict("Parquet triage / array_agg", seconds["parquet"] / seconds["parquet plain"], 1.0, "times")
    verdict("CSV triage / array_agg on the CSV", seconds["csv"] / seconds["csv plain"], 1.2, "times")
    verdict("JSONL.gz triage / its reader", seconds["jsonl.gz"] / seconds["jsonl.gz reader"], 2.7, "times")
    verdict("Parquet, a row of many / of a tenth", seconds["parquet"] / seconds["small parquet"] / times, 1.2, "times")


def _print(what: str, seconds: dict[str, float]) -> None:
    print(f"\n{what}: {', '.join(f'{name} {value:.2f} s' for name, value in seconds.items())}")


def interleaved(runs: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, float]:
    """The median of each, run in turn, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, run in runs.items():
            began = time.perf_counter()
            asyncio.run(_of(run))
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


async def _of(run: Callable[[], Awaitable[None]]) -> None:
    await run()


async def _triage(call_logs: CallLogs) -> None:
    asked = Asked(since=timedelta(hours=49), compare=False, limits=LIMITS)
    found = await triage(Settings(call_logs=call_logs), asked, Progress())
    assert found.calls > 1_000


async def _plain_postgres(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET work_mem = '256MB'")
        connection.execute(f"CREATE TEMP TABLE plain ON COMMIT DROP AS {PLAIN.format('call_state_logs')}".encode())


async def _plain_duckdb(text: str) -> None:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {os.cpu_count()}; SET memory_limit = '1GB'")
    connection.execute(f"CREATE TABLE plain AS {text}")
    connection.close()


if __name__ == "__main__":
    main()
