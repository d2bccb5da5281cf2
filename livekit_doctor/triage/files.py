"""Exports, read by DuckDB inside of this process: CSV, JSON, JSONL, Parquet, also .gz, several at once by a glob."""

import asyncio
import gzip
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.near_names import folded, nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, did_you_mean, listed
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage.dialects import DUCKDB
from livekit_doctor.triage.engine import Limits, Result
from livekit_doctor.triage.terms import Columns, Window

BATCH = 5_000
MEMORY = "512MB"
_SAMPLED = 500


@asynccontextmanager
async def opened(files: Sequence[str], settings: CallLogs, limits: Limits) -> AsyncIterator["Files"]:
    """Raises LogsUnreadable where they can't be read, and UserError where DuckDB is not installed."""
    try:
        import duckdb
    except ImportError:
        raise UserError(
            "LKD001", "triage of files needs DuckDB, which is not installed", "pip install 'livekit-doctor[files]'"
        ) from None
    folder = tempfile.mkdtemp(prefix="livekit-doctor-triage-")
    try:
        connection = duckdb.connect(":memory:")
        engine = Files(connection, files, settings, limits, Path(folder))
        try:
            await engine.prepare()
            yield engine
        finally:
            connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Files:
    """DuckDB with its limits: what does not fit into memory goes to a private folder, which is removed."""

    def __init__(self, connection: Any, files: Sequence[str], settings: CallLogs, limits: Limits, folder: Path) -> None:
        self._connection, self._files, self._settings, self._limits = connection, files, settings, limits
        self._folder, self._memory = folder, limits.memory or MEMORY
        self.dialect = DUCKDB
        self.now: datetime | None = None
        self.name = f"files {', '.join(files)}"
        self.notes: list[str] = []
        self.column_names: Sequence[str] = ()
        self.columns = Columns(("logs",), "", "", "", None, None)

    async def prepare(self) -> None:
        await self._run(self._set_up)

    def _set_up(self) -> None:
        run = self._connection.execute
        run("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        run("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET enable_progress_bar = false")
        run(f"SET threads = {os.cpu_count() or 2}")
        run("SET memory_limit = ?", [self._memory])
        run("SET temp_directory = ?", [str(self._folder)])
        sources = [self._source(name) for name in self._files]
        self.column_names = self._names(sources[0])
        self.columns = self._chosen()
        every = " UNION ALL BY NAME ".join(map(self._typed, sources))
        if any(_is_slow(name) for name in self._files):
            # It is read twice: once as it is, and then from a form that is many times faster.
            copy = self._folder / "logs.parquet"
            run(f"COPY ({every}) TO '{copy}' (FORMAT parquet)")
            every = f"SELECT * FROM read_parquet('{copy}')"
        run(f"CREATE VIEW logs AS {every}")

    def _source(self, name: str) -> str:
        """The function that reads it, every value as text but those of Parquet."""
        path = Path(name).expanduser()
        if name == "-":
            text = "standard input can be read once, and triage reads twice: write it to a file"
            raise LogsUnreadable("file_missing", text)
        if not any(mark in name for mark in "*?[") and not path.is_file():
            raise self._missing(name)
        literal = "'" + str(path).replace("'", "''") + "'"
        kind = _kind(name, path)
        if kind == "parquet":
            return f"read_parquet({literal}, union_by_name = true)"
        if kind == "csv":
            options = "all_varchar = true, header = true, union_by_name = true, quote = '\"', escape = '\"'"
            return f"read_csv({literal}, {options}, delim = {_quoted_text(_delimiter(path))})"
        columns = self._settings.columns
        names = [columns.call_id, columns.at, columns.state, *filter(None, (columns.source, columns.metadata))]
        kinds = {name: "JSON" if name == columns.metadata else "VARCHAR" for name in names}
        types = ", ".join(f"{_quoted_text(name)}: '{kind_of}'" for name, kind_of in kinds.items())
        form = "newline_delimited" if kind == "jsonl" else "array"
        return f"read_json({literal}, format = '{form}', columns = {{{types}}})"

    def _names(self, source: str) -> tuple[str, ...]:
        return tuple(row[0] for row in self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())

    def _chosen(self) -> Columns:
        wanted, there = self._settings.columns, self.column_names
        by_fold = {folded(name): name for name in reversed(there)}

        def find(key: str, name: str | None, needed: bool) -> str | None:
            if name is None:
                return None
            found = name if name in there else by_fold.get(folded(name))
            if found is None and needed:
                meant = did_you_mean(near) if (near := nearest_names(name, there)) else f"; it has {listed(there)}."
                text = f'column "{name}" does not exist in {self._files[0]}{meant} Set call_logs.columns.{key}'
                raise LogsUnreadable("no_column", text, column=name, key=key)
            return found

        return Columns(
            table=("logs",),
            call_id=find("call_id", wanted.call_id, True) or "",
            at=find("at", wanted.at, True) or "",
            state=find("state", wanted.state, True) or "",
            source=find("source", wanted.source, False),
            metadata=find("metadata", wanted.metadata, False),
        )

    def _typed(self, source: str) -> str:
        """Times without a zone are UTC; the others are brought to it."""
        at = _quoted(self.columns.at)
        replaced = f"CAST(CAST({at} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS {at}"
        if self.columns.metadata is not None and source.startswith("read_json"):
            # JSON that is written as a string in JSON is what the string says.
            name = _quoted(self.columns.metadata)
            text = f"CASE WHEN json_type({name}) = 'VARCHAR' THEN {name} ->> '$' ELSE CAST({name} AS VARCHAR) END"
            replaced += f", {text} AS {name}"
        return f"SELECT * REPLACE ({replaced}) FROM {source}"

    async def expected_rows(self, window: Window) -> int | None:
        return None

    async def fetch(self, statement: str) -> list[Result]:
        found: list[Result] = await self._run(lambda: _dicts(self._connection.execute(statement)))
        return found

    async def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        cursor = await self._run(lambda: self._connection.execute(statement))
        names = [column[0] for column in cursor.description]
        while rows := await self._run(lambda: cursor.fetchmany(BATCH)):
            yield [dict(zip(names, row, strict=True)) for row in rows]

    async def metadata_keys(self, window: Window) -> list[str]:
        if self.columns.metadata is None:
            return []
        column = _quoted(self.columns.metadata)
        said = f"SELECT left(CAST({column} AS VARCHAR), 4000) AS said FROM logs"
        some = f"{said} WHERE {column} IS NOT NULL LIMIT {_SAMPLED}"
        pattern = _quoted_text('"([A-Za-z_][A-Za-z0-9_]*)" *:')
        keys = f"SELECT unnest(regexp_extract_all(said, {pattern}, 1)) AS key FROM ({some})"
        rows = await self.fetch(f"SELECT key, count(*) FROM ({keys}) GROUP BY 1 ORDER BY 2 DESC, 1")
        return [str(row["key"]) for row in rows]

    async def _run(self, work: Any) -> Any:
        """In a thread; where the task is cancelled, so is the query."""
        import duckdb

        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._limits.timeout)
        except (TimeoutError, asyncio.CancelledError) as error:
            self._connection.interrupt()
            await asyncio.wait([task], timeout=10)
            if not isinstance(error, TimeoutError):
                raise
            seconds = self._limits.timeout
            text = f"reading {self.name} took longer than {seconds:g} s; give --timeout {seconds * 5:g}"
            raise LogsUnreadable("timeout", text) from None
        except duckdb.Error as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> LogsUnreadable:
        said = " ".join(re.sub(r"\n\s*LINE \d+:.*", "", str(error), flags=re.DOTALL).split())
        said = said.partition(" Possible fixes:")[0]
        if "Out of Memory" in said:
            more = f"more memory is needed than {self._memory}: --memory 2GB, and space in {tempfile.gettempdir()}"
            return LogsUnreadable("other", more)
        return LogsUnreadable("file_format", f"{', '.join(self._files)} can't be read: {said[:400]}")

    def _missing(self, name: str) -> LogsUnreadable:
        folder = Path(name).expanduser().parent
        near = nearest_names(Path(name).name, [each.name for each in folder.iterdir()]) if folder.is_dir() else ()
        return LogsUnreadable("file_missing", f"there is no file {name}{did_you_mean(near)}")


def _kind(name: str, path: Path) -> str:
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    if suffix in (".parquet", ".pq"):
        return "parquet"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix != ".json":
        return "csv"
    return "json"


def _delimiter(path: Path) -> str:
    """What stands between the names of the first line; of a pattern, that of the first file."""
    first = next(iter(sorted(path.parent.glob(path.name))), path) if any(mark in path.name for mark in "*?[") else path
    try:
        opened_as = gzip.open if first.suffix.lower() == ".gz" else open
        with opened_as(first, "rt", encoding="utf-8-sig", errors="replace") as file:
            head = file.readline(10_000)
    except (OSError, EOFError, ValueError):
        return ","  # whatever is wrong, DuckDB says it
    return max(",;\t|", key=head.count)


def _is_slow(name: str) -> bool:
    return name.lower().endswith((".gz", ".json", ".jsonl", ".ndjson"))


def _dicts(cursor: Any) -> list[Result]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
