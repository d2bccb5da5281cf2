"""python -m bench.generate ROWS FILE...: call state logs of any size, seeded, with an incident in them.

By the endings of their names the files are CSV, Parquet or JSONL (.gz); a Postgres address fills `call_state_logs`.
Two days of calls with a daily shape, faults, retries, doubled rows and skewed clocks; in the last quarter of the second
day something begins, which `livekit-doctor triage --by caller_id --by region --by version` must make visible.
"""

import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from tests.triage import logs
from tests.triage.reference import Row

SEED = 20_261_129
ROWS_OF_CALL = 11.4
"""About, in the mean."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ("call_id", "created_at", "source", "state", "metadata")
Write = Callable[[Row, str], None]


def made(count: int, until: datetime) -> Iterator[Row]:
    """About so many rows of two days until this moment."""
    end = (until - EPOCH) // timedelta(microseconds=1)
    calls = max(1, round(count / ROWS_OF_CALL))
    incident = logs.Incident(end - 6 * logs.HOUR)
    return written(logs.rows(SEED, calls, end - 48 * logs.HOUR, end - 60 * logs.SECOND, incident))


def written(rows: Iterable[Row]) -> Iterator[Row]:
    """As a log has them: in the order of time, so that rows of calls at the same time stand between each other, and
    under ids that say nothing of that order. Rows of one call beside each other, in the order of the ids, would
    spare a database the sorting and the jumping that it has to do in a real table."""
    waiting: list[tuple[int, int, Row]] = []
    call_id, own = None, ""
    for place, row in enumerate(rows):
        if row.call_id != call_id:
            call_id, own = row.call_id, f"call-{blake2b(str(row.call_id).encode(), digest_size=6).hexdigest()}"
            while waiting and waiting[0][0] < row.at - 60 * logs.SECOND:
                yield heappop(waiting)[2]
        heappush(waiting, (row.at, place, row._replace(call_id=own)))
    while waiting:
        yield heappop(waiting)[2]


def write(rows: Iterable[Row], names: Iterable[str]) -> int:
    """Writes the rows into each of these; how many there were."""
    count = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(name)) for name in names]
        for row in rows:
            at = str(EPOCH + timedelta(microseconds=row.at))
            for one in writers:
                one(row, at)
            count += 1
    return count


@contextmanager
def _writer(name: str) -> Iterator[Write]:
    if name.startswith(("postgres://", "postgresql://", "host=")):
        with _postgres(name) as one:
            yield one
    elif name.endswith(".parquet"):
        with _parquet(Path(name)) as one:
            yield one
    elif name.endswith((".jsonl", ".jsonl.gz")):
        with _opened(name) as file:
            yield lambda row, at: _jsonl(file, row, at)
    else:
        with _opened(name) as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(NAMES)
            yield lambda row, at: rows.writerow((row.call_id, at, row.source, row.state, row.metadata))


def _opened(name: str) -> Any:
    if name.endswith(".gz"):
        return gzip.open(name, "wt", compresslevel=1, encoding="utf-8", newline="")
    return open(name, "w", encoding="utf-8", newline="")


def _jsonl(file: Any, row: Row, at: str) -> None:
    metadata = json.loads(row.metadata) if row.metadata else None
    file.write(json.dumps(dict(zip(NAMES, (row.call_id, at, row.source, row.state, metadata), strict=True))) + "\n")


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    """By way of CSV, which DuckDB reads faster than rows one by one."""
    import duckdb

    plain = path.with_suffix(".csv.part")
    try:
        with _writer(str(plain)) as one:
            yield one
        duckdb.execute(
            f"COPY (SELECT * REPLACE (CAST(created_at AS TIMESTAMPTZ) AS created_at) FROM read_csv('{plain}',"
            f" all_varchar = true, header = true)) TO '{path}' (FORMAT parquet)"
        )
    finally:
        plain.unlink(missing_ok=True)


@contextmanager
def _postgres(dsn: str) -> Iterator[Write]:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS call_state_logs (id bigint GENERATED ALWAYS AS IDENTITY, call_id text NOT NULL,"
            " created_at timestamptz NOT NULL, source text, state text, metadata jsonb)"
        )
        with connection.cursor().copy(f"COPY call_state_logs ({', '.join(NAMES)}) FROM STDIN".encode()) as copy:
            yield lambda row, at: copy.write_row((row.call_id, at, row.source, row.state, row.metadata))
        connection.execute("CREATE INDEX ON call_state_logs (call_id)")
        connection.execute("CREATE INDEX ON call_state_logs (created_at)")
        connection.execute("VACUUM ANALYZE call_state_logs")


def main() -> None:
    if len(sys.argv) < 3 or not sys.argv[1].isdecimal():
        sys.exit("usage: python -m bench.generate ROWS FILE... (.csv, .jsonl, .parquet, .gz, or a Postgres address)")
    count = write(made(int(sys.argv[1]), datetime.now(UTC)), sys.argv[2:])
    print(f"{count:,} rows in {', '.join(Path(name).name for name in sys.argv[2:])}")


if __name__ == "__main__":
    main()
