"""python -m bench.triage: triage against the plainest aggregate that groups the same rows by call, in the same engine.

BENCH_TRIAGE_ROWS sets another size (1,000,000; a tenth of it is measured too), BENCH_TRIAGE_RUNS how often. Triage is
measured whole: the statement is made, the states are read, the calls classified, counted and summed up. Targets are
of time. CPU seconds are printed too, those of Postgres included: on a machine that others use they say more.
"""

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg

from bench.figures import peak_memory, timed, verdict
from bench.generate import made, write
from livekit_doctor.progress import Progress
from livekit_doctor.settings import CallLogs, Settings
from livekit_doctor.triage import spark_session
from livekit_doctor.triage.engine import Limits
from livekit_doctor.triage.run import Asked, survey, triage
from livekit_doctor.triage.spark import Spark
from tests.lab.servers import Postgres

ROWS = int(os.environ.get("BENCH_TRIAGE_ROWS", "1000000"))
RUNS = int(os.environ.get("BENCH_TRIAGE_RUNS", "3"))
LIMITS = Limits(timeout=3600)

PLAIN = "SELECT call_id, min(created_at), array_agg(state ORDER BY created_at) FROM {} GROUP BY call_id"
"""What anybody would write first."""
SPARK_PLAIN = "SELECT call_id, min(created_at), array_sort(collect_list(struct(created_at, state))) FROM {} GROUP BY 1"
WARMING = 3
TRACES = 9


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="livekit-doctor-bench-") as name, Postgres(Path(name)) as postgres:
        folder = Path(name)
        database, small = postgres.create_database(), postgres.create_database()
        until = datetime.now(UTC)
        files = [str(folder / f"logs.{ending}") for ending in ("csv", "parquet", "jsonl.gz")]
        rows = write(made(ROWS, until), [*files, database.dsn])
        fewer = write(made(ROWS // 10, until), [str(folder / "small.parquet"), small.dsn])
        print(f"{rows:,} and {fewer:,} rows; median of {RUNS} interleaved runs")
        measure_postgres(database.dsn, small.dsn, rows / fewer, postgres.pid)
        measure_files(folder, rows / fewer)
        measure_trace(folder, database.dsn, postgres)
        measure_spark(folder / "logs.parquet")
        env = {"CALL_LOGS_DATABASE_URL": database.dsn}
        memory = peak_memory(_doctor("--since", "48h", "--no-before", "--timeout", "600"), folder, env)
        verdict("peak memory of triage of Postgres", memory, 100, "MB")
        memory = peak_memory(_doctor("--since", "48h", "--no-before", "--call-logs", files[1]), folder, {})
        verdict("peak memory of triage of Parquet", memory, 1000 * 1.2, "MB")


def _doctor(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "livekit_doctor", "triage", *arguments)


def measure_postgres(dsn: str, small: str, times: float, server: int) -> None:
    seconds = interleaved(
        {
            "triage": lambda: _triage(CallLogs(dsn=dsn)),
            "small": lambda: _triage(CallLogs(dsn=small)),
            "plain": lambda: _plain_postgres(dsn),
        },
        server,
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


def measure_trace(folder: Path, large: str, postgres: Postgres) -> None:
    """One call, in the large table and in one of 10,000 rows: the tool whole, and the seconds that reading takes."""
    tiny = postgres.create_database()
    write(made(10_000, datetime.now(UTC)), [tiny.dsn])
    command: dict[str, tuple[str, ...]] = {}
    seconds: dict[str, list[float]] = {}
    env: dict[str, dict[str, str]] = {}
    for name, dsn in (("large", large), ("tiny", tiny.dsn)):
        with psycopg.connect(dsn, autocommit=True) as connection:
            row = connection.execute("SELECT call_id FROM call_state_logs ORDER BY created_at DESC LIMIT 1").fetchone()
        assert row
        command[name] = (sys.executable, "-m", "livekit_doctor", "trace", row[0], "--read-only")
        env[name] = {"CALL_LOGS_DATABASE_URL": dsn}
        seconds[name] = []
        timed(command[name], folder, env[name])
    for _ in range(TRACES):
        for name, words in command.items():
            seconds[name].append(timed(words, folder, env[name]))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    _print("trace of a call", median)
    verdict("trace, of many rows / of 10,000", median["large"] / median["tiny"], 1.2, "times")


def measure_spark(parquet: Path) -> None:
    """In one session, since its start takes as long as the rest; by wall time and by CPU of the Java process."""
    seconds, cpu = asyncio.run(_spark(parquet))
    _print("Spark", seconds)
    _print("CPU of Java", cpu)
    verdict("Spark triage / array_sort(collect_list)", seconds["triage"] / seconds["plain"], 1.5, "times")
    verdict("the same, of CPU", cpu["triage"] / cpu["plain"], 1.5, "times")


async def _spark(parquet: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Until Java has compiled its code, a few rounds are not counted."""
    seconds: dict[str, list[float]] = {"triage": [], "plain": []}
    cpu: dict[str, list[float]] = {"triage": [], "plain": []}
    asked = Asked(since=timedelta(hours=49), compare=False)
    async with spark_session.started("local[2]", "3GB") as session:
        java = _newest_child()
        engine = Spark(session, "local[2]", [str(parquet)], None, CallLogs(), LIMITS)
        await engine.prepare()

        async def whole() -> None:
            read = await survey(engine, Settings(), asked, Progress())
            assert await engine.fetch(read.statement.groups())

        async def plain() -> None:
            rows = session.sql(SPARK_PLAIN.format(engine.columns.table[0]))
            await asyncio.to_thread(rows.write.format("noop").mode("overwrite").save)

        for number in range(WARMING + RUNS):
            for name, work in (("triage", whole), ("plain", plain)):
                began, used = time.perf_counter(), _ticks(java)
                await work()
                if number >= WARMING:
                    seconds[name].append(time.perf_counter() - began)
                    cpu[name].append(_ticks(java) - used)
    median = statistics.median
    return {n: median(v) for n, v in seconds.items()}, {n: median(v) for n, v in cpu.items()}


def _print(what: str, seconds: dict[str, float]) -> None:
    print(f"\n{what}: {', '.join(f'{name} {value:.2f} s' for name, value in seconds.items())}", flush=True)


def interleaved(runs: dict[str, Callable[[], Awaitable[None]]], server: int | None = None) -> dict[str, float]:
    """The median of each, run in turn, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, run in runs.items():
            began, used = time.perf_counter(), _cpu(server)
            asyncio.run(_of(run))
            seconds[name].append(time.perf_counter() - began)
            time.sleep(0.2 if server else 0)  # until the server has counted what its process took
            cpu[name].append(_cpu(server) - used)
    _print("CPU", {name: statistics.median(values) for name, values in cpu.items()})
    return {name: statistics.median(values) for name, values in seconds.items()}


def _cpu(server: int | None) -> float:
    """Seconds that this process has taken, and those of the server's children that have ended."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    taken = own.ru_utime + own.ru_stime
    return taken if server is None else taken + _ticks(server, of_children=True)


def _newest_child() -> int:
    return int(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[-1])


def _ticks(pid: int, *, of_children: bool = False) -> float:
    """Seconds of CPU that a process has taken, or its children that have ended."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    first = 13 if of_children else 11
    return (int(numbers[first]) + int(numbers[first + 1])) / os.sysconf("SC_CLK_TCK")


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
