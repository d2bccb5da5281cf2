"""Exports, read by DuckDB inside of this process: CSV, JSON, JSONL, Parquet, also .gz, several at once by a glob."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from livekit_doctor import lazy_re
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.catalog import quoted
from livekit_doctor.evidence.call_logs.near_names import missing
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.progress import Progress
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage.dialects import DUCKDB, EPOCH
from livekit_doctor.triage.engine import BATCH, SAMPLED, Engine, Limits, Result
from livekit_doctor.triage.exports import (
    broken_line,
    columns_of,
    delimiter_of,
    is_pattern,
    kind_of,
    line_of_time,
    marks_of,
    no_time,
    require_unchanged,
)
from livekit_doctor.triage.terms import Columns, Window
from livekit_doctor.triage.watching import watched

MEMORY = "1GB"
STDIN = "-"
_ENDING = 1.0
_TRIES = 20
"""Of interrupting a statement, within so many seconds."""
_ZONED = "TIMESTAMP WITH TIME ZONE"
_LONGEST_LINE = 1 << 27
_NO_SPACE = ("No space left", "File too large", "Could not write", "max_temp_directory_size")
_WRONG_TIME = lazy_re.compile(r'timestamp field (?:format|value out of range): "([^"\n]*)"')
_HEAD = 65_536
"""Bytes of standard input by which its format is known."""


@asynccontextmanager
async def opened(
    files: Sequence[str], settings: CallLogs, limits: Limits, progress: Progress
) -> AsyncIterator["Files"]:
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
            await engine.prepare(progress)
            yield engine
            engine.require_unchanged()
        finally:
            engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Files(Engine):
    """DuckDB with its limits: what does not fit into memory goes to a private folder, which is removed."""

    def __init__(self, connection: Any, files: Sequence[str], settings: CallLogs, limits: Limits, folder: Path) -> None:
        self._connection, self._files, self._settings, self._limits = connection, files, settings, limits
        self._folder, self._memory = folder, limits.memory or MEMORY
        self._stdin: Path | None = None
        self._marks = marks_of(self._named)
        self._in_place = True
        """Whether the files are asked themselves, for each statement again."""
        self._running: asyncio.Future[Any] | None = None
        self._longest_line: int | None = None
        """Of a CSV, in bytes; None for DuckDB's own limit."""
        self.dialect = DUCKDB
        self.now = None
        self.name = f"files {', '.join(files)}"
        self.notes = []
        self.column_names = ()
        self.columns = Columns(("logs",), "", "", "", None, None)

    @property
    def _named(self) -> list[str]:
        return [name for name in self._files if name != STDIN]

    def require_unchanged(self) -> None:
        """Raises LogsUnreadable where somebody has changed what is read in place."""
        if self._in_place:
            require_unchanged(self._named, self._marks)

    def close(self) -> None:
        """What is still running, since it reads what never ends, ends with this process."""
        if self._running is None or self._running.done():
            self._connection.close()

    def share_done(self) -> float | None:
        share = self._connection.query_progress()
        return share / 100 if share >= 0 else None

    async def prepare(self, progress: Progress) -> None:
        size = sum(size for _, size, _ in self._marks.values())
        async with watched(
            self, progress, f"reading {size / 1e6:,.1f} MB of exports" if size else "reading the exports"
        ):
            await self._run(self._set_up)

    def _set_up(self) -> None:
        import duckdb

        run = self._connection.execute
        run("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        run("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        run("SET enable_progress_bar = true; SET enable_progress_bar_print = false")  # it is asked for, and not shown
        run(f"SET threads = {os.cpu_count() or 2}")
        run("SET memory_limit = ?", [self._memory])
        run("SET temp_directory = ?", [str(self._folder)])
        try:
            self._read()
        except duckdb.InvalidInputException as error:
            if "CSV" not in str(error):
                raise
            # Buffers for lines of any length take the memory and twice the time, and few logs need them.
            self._longest_line = _LONGEST_LINE
            self._read()

    def _read(self) -> None:
        """Makes the view of all rows."""
        run = self._connection.execute
        sources = [self._source(name) for name in self._files]
        types = [self._types(source) for source in sources]
        self.column_names = tuple(types[0])
        self.columns = columns_of(("logs",), self._settings.columns, self.column_names, self._files[0])
        kinds = {kind for each in types if (kind := each.get(self.columns.at))}
        for kind in kinds:
            if not kind.startswith(("TIMESTAMP", "VARCHAR")):
                raise no_time(self.columns.at, self._files[0], kind)
        every = self._every(sources, kinds)
        if not all(source.startswith("read_parquet") for source in sources):
            # Read once, into a form that is many times faster: what is asked of it is asked of the same rows.
            copy = self._folder / "logs.parquet"
            run(f"COPY ({every}) TO '{copy}' (FORMAT parquet, COMPRESSION uncompressed, PARQUET_VERSION V2)")
            every = f"SELECT * FROM read_parquet('{copy}')"
            self.require_unchanged()
            self._in_place = False
        run(f"CREATE VIEW logs AS {every}")
        # Parquet has it in its statistics.
        newest = run(f"SELECT EPOCH_US(MAX({quoted(self.columns.at)})) FROM logs").fetchone()[0]
        self.now = None if newest is None else EPOCH + timedelta(microseconds=int(newest) + 1)

    def _every(self, sources: Sequence[str], kinds: set[str]) -> str:
        """All rows. Times that are of one type of a moment stay as they are: then DuckDB leaves out the parts of a
        Parquet file that are not of the window."""
        if kinds == {_ZONED}:
            self.dialect = replace(DUCKDB, time="TIMESTAMPTZ", zone="+00")
        as_it_is = kinds in ({_ZONED}, {"TIMESTAMP"})
        return " UNION ALL BY NAME ".join(f"SELECT * FROM {one}" if as_it_is else self._typed(one) for one in sources)

    def _source(self, name: str) -> str:
        """The function that reads it, every value as text but those of Parquet."""
        path = Path(name).expanduser()
        if name == STDIN:
            path = self._from_stdin()
        elif not is_pattern(name) and not path.is_file():
            raise missing(name)
        if path.is_file() and not path.stat().st_size:
            raise LogsUnreadable("file_format", f"{'standard input' if name == STDIN else name} is empty")
        literal = "'" + str(path).replace("'", "''") + "'"
        kind = kind_of(path)
        if kind == "parquet":
            return f"read_parquet({literal}, union_by_name = true)"
        if kind == "csv":
            options = "all_varchar = true, header = true, union_by_name = true, quote = '\"', escape = '\"'"
            plain = path.suffix.lower() in (".csv", ".tsv", ".txt")
            if plain and self._longest_line:  # of what is packed it would take the memory at once
                options += f", max_line_size = {self._longest_line}"
            return f"read_csv({literal}, {options}, delim = {_quoted_text(delimiter_of(path))})"
        columns = self._settings.columns
        names = [columns.call_id, columns.at, columns.state, *filter(None, (columns.source, columns.metadata))]
        # Of JSON this is its text; and of JSON that is written as a string in JSON, what the string says.
        types = ", ".join(f"{_quoted_text(name)}: 'VARCHAR'" for name in names)
        form = "newline_delimited" if kind == "jsonl" else "array"
        return f"read_json({literal}, format = '{form}', columns = {{{types}}})"

    def _from_stdin(self) -> Path:
        """A copy in the private folder: it can be read only once."""
        if self._stdin is None:
            source = sys.stdin.buffer
            head = source.read(_HEAD)
            self._stdin = self._folder / f"stdin{_ending(head)}"
            with self._stdin.open("wb") as file:
                file.write(head)
                shutil.copyfileobj(source, file, 1 << 20)
        return self._stdin

    def _types(self, source: str) -> dict[str, str]:
        """The columns' types, by their names."""
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        return {row[0]: str(row[1]) for row in described}

    def _typed(self, source: str) -> str:
        """Times without a zone are UTC; the others are brought to it."""
        at = quoted(self.columns.at)
        # In the session's zone, which is UTC; AT TIME ZONE takes four times as long.
        replaced = f"make_timestamp(epoch_us(CAST({at} AS TIMESTAMPTZ))) AS {at}"
        return f"SELECT * REPLACE ({replaced}) FROM {source}"

    async def fetch(self, statement: str) -> list[Result]:
        found: list[Result] = await self._run(lambda: _dicts(self._connection.execute(statement)))
        return found

    async def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        cursor = await self._run(lambda: self._connection.execute(statement))
        names = [column[0] for column in cursor.description]
        while rows := await self._run(lambda: cursor.fetchmany(BATCH)):
            yield [dict(zip(names, row, strict=True)) for row in rows]

    def _keys(self, metadata: str, window: Window) -> str:
        column = quoted(metadata)
        said = f"SELECT left(CAST({column} AS VARCHAR), 4000) AS said FROM logs"
        some = f"{said} WHERE {column} IS NOT NULL LIMIT {SAMPLED}"
        pattern = _quoted_text('"([A-Za-z_][A-Za-z0-9_]*)" *:')
        keys = f"SELECT unnest(regexp_extract_all(said, {pattern}, 1)) AS key FROM ({some})"
        return f"SELECT key, count(*) FROM ({keys}) GROUP BY 1 ORDER BY 2 DESC, 1"

    async def _run(self, work: Any) -> Any:
        """In a thread; where the task is cancelled, so is the query."""
        import duckdb

        self._running = task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._limits.timeout)
        except (TimeoutError, asyncio.CancelledError) as error:
            await self._interrupted(task)
            if not isinstance(error, TimeoutError):
                raise
            seconds = self._limits.timeout
            text = f"reading {self.name} took longer than {seconds:g} s"
            raise LogsUnreadable("timeout", text, fix=f"--timeout {seconds * 5:g}") from None
        except (duckdb.Error, OSError) as error:
            raise await asyncio.to_thread(self._unreadable, error) from None

    async def _interrupted(self, task: asyncio.Future[Any]) -> None:
        """Ends what runs. A statement that has not begun yet can't be interrupted, so it is tried again."""
        for _ in range(_TRIES):
            self._connection.interrupt()
            if (await asyncio.wait([task], timeout=_ENDING / _TRIES))[0]:
                task.exception()  # that it was interrupted is known
                return

    def _unreadable(self, error: Exception) -> LogsUnreadable:
        try:
            self.require_unchanged()
        except LogsUnreadable as changed:
            return changed
        said = str(error).replace(str(self._stdin), STDIN)
        if any(words in said for words in _NO_SPACE):
            where = f"no space is left in {self._folder.parent} for what does not fit into memory"
            return LogsUnreadable("other", where, fix="make some, or set TMPDIR to a folder with more")
        if "Out of Memory" in said:
            more = f"more memory is needed than {self._memory}"
            return LogsUnreadable("other", more, fix=f"--memory 2GB, and space in {self._folder.parent}")
        named = re.search(r'(?:sniffing file |^  file = |reading file )"?([^"\n]+)', said, re.MULTILINE)
        name = named[1] if named else ", ".join(self._files)
        if wrong := _WRONG_TIME.search(said):
            return LogsUnreadable("file_format", self._wrong_time(name, wrong[1]))
        broken = None
        if "CSV" in said or "sniffing file" in said:
            broken = broken_line(self._stdin if name == STDIN and self._stdin else Path(name))
        return LogsUnreadable("file_format", f"{name} can't be read: {broken or _first_of(said)}")

    def _wrong_time(self, name: str, value: str) -> str:
        """Where a value stands that is no time, without it: it may be anything."""
        at = self.columns.at
        read = {str(path): path for path in sorted(self._marks)} | ({STDIN: self._stdin} if self._stdin else {})
        found = ((each, line) for each, path in read.items() if (line := line_of_time(path, at, value)))
        named, line = next(found, (name, None))
        where = f"{at} of line {line}" if line else f"a value of {at}"
        return f"{named} can't be read: {where} is no time"


def _ending(head: bytes) -> str:
    """The ending of a file's name, by how its content begins."""
    if head.startswith(b"PAR1"):
        return ".parquet"
    packed = head.startswith(b"\x1f\x8b")
    with suppress(OSError, EOFError, zlib.error):
        head = zlib.decompressobj(31).decompress(head) if packed else head
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": ".jsonl", b"[": ".json"}.get(first, ".csv") + (".gz" if packed else "")


def _first_of(said: str) -> str:
    """What DuckDB says is wrong, without its advice, and without the row: that may hold anything."""
    said = re.sub(r"\n\s*LINE \d+:.*", "", said, flags=re.DOTALL).partition("Possible ")[0]
    return " ".join(re.sub(r"Original Line: .*", "", said, flags=re.DOTALL).split())[:400]


def _dicts(cursor: Any) -> list[Result]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
