"""Apache Spark: exports that it can reach, or a table of its catalog. Nothing but the result comes here."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.near_names import missing, nearest_names
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, did_you_mean
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage.dialects import EPOCH, SPARK
from livekit_doctor.triage.engine import BATCH, SAMPLED, Engine, Limits, Result
from livekit_doctor.triage.exports import (
    broken_line,
    columns_of,
    delimiter_of,
    is_pattern,
    kind_of,
    marks_of,
    no_time,
    require_unchanged,
)
from livekit_doctor.triage.spark_session import is_connect, is_local, shown, started
from livekit_doctor.triage.terms import Columns, Window

_ENDING = 1.0
VIEW = "livekit_doctor_logs"
"""Of the session alone."""
_NO_FILE = ("PATH_NOT_FOUND",)
_NO_TABLE = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "REQUIRES_SINGLE_PART_NAMESPACE", "CATALOG_NOT_FOUND")
_NO_VALUE = ("CAST_INVALID_INPUT", "CANNOT_PARSE_TIMESTAMP")
_LOST = ("Py4JNetworkError", "Answer from Java side is empty", "Connection refused", "UNAVAILABLE")


@asynccontextmanager
async def opened(
    url: str, files: Sequence[str], table: str | None, settings: CallLogs, limits: Limits
) -> AsyncIterator["Spark"]:
    """Raises LogsUnreadable where they can't be read, and UserError for what is missing on this machine."""
    names = _readable(url, files)
    async with started(url, limits.memory) as session:
        engine = Spark(session, url, names, table, settings, limits)
        await engine.prepare()
        yield engine
        engine.require_unchanged()


def _readable(url: str, files: Sequence[str]) -> list[str]:
    """The files' names as Spark knows them. Raises LogsUnreadable where it can't read one."""
    if "-" in files:
        raise UserError("LKD001", "--call-logs -: Spark can't read standard input", "name a file that it can reach")
    if not is_local(url):
        return list(files)
    for name in files:
        if ":" not in name and not is_pattern(name) and not Path(name).expanduser().exists():
            raise missing(name)
    return [name if ":" in name else str(Path(name).expanduser().absolute()) for name in files]


class Spark(Engine):
    def __init__(
        self, session: Any, url: str, files: Sequence[str], table: str | None, settings: CallLogs, limits: Limits
    ) -> None:
        self._session, self._url, self._files, self._table = session, url, files, table
        self._settings, self._limits = settings, limits
        self._marks = marks_of(files)
        self._place = table or ", ".join(Path(name).name if is_local(url) else name for name in files)
        self.dialect = SPARK
        self.name = f"spark {shown(url)} {self._place}"
        self.now = None
        self.notes = []
        self.column_names = ()
        self.columns = Columns((VIEW,), "", "", "", None, None)

    def require_unchanged(self) -> None:
        """Raises LogsUnreadable where somebody has changed a file, as far as it is one of this machine."""
        require_unchanged(self._files, self._marks)

    async def prepare(self) -> None:
        await self._run(self._read)

    def _read(self) -> None:
        """Makes the view of all rows, with times as moments and metadata as text."""
        rows = self._session.table(_quoted_name(self._table)) if self._table else self._of_files()
        self.column_names = tuple(rows.columns)
        self.columns = columns_of((VIEW,), self._settings.columns, self.column_names, self._place)
        types = {field.name: field.dataType.typeName() for field in rows.schema.fields}
        kind = types[self.columns.at]
        if kind not in ("timestamp", "timestamp_ntz", "string"):
            raise no_time(self.columns.at, self._place, kind)
        at, metadata = _quoted(self.columns.at), self.columns.metadata
        written = {self.columns.at: f"CAST({at} AS TIMESTAMP)"} if kind != "timestamp" else {}
        if metadata is not None and types[metadata] in ("struct", "map", "array", "variant"):
            written[metadata] = f"to_json({_quoted(metadata)})"
        chosen = [f"{written.get(name, _quoted(name))} AS {_quoted(name)}" for name in self.column_names]
        rows.selectExpr(*chosen).createOrReplaceTempView(VIEW)
        if self._table:
            us = self._session.sql("SELECT unix_micros(current_timestamp()) AS us").collect()[0]["us"]
            self.now = EPOCH + timedelta(microseconds=int(us))

    def _of_files(self) -> Any:
        """By kind, every value as text but those of Parquet."""
        return reduce(
            lambda one, other: one.unionByName(other, allowMissingColumns=True), map(self._of_file, self._files)
        )

    def _of_file(self, name: str) -> Any:
        kind, reader = kind_of(Path(name)), self._session.read
        if kind == "parquet":
            return reader.parquet(name)
        if kind == "csv":
            # Quoted values may have several lines, so that one file is read by one task.
            options = {"header": True, "multiLine": True, "quote": '"', "escape": '"', "mode": "FAILFAST"}
            delimiter = delimiter_of(Path(name)) if is_local(self._url) else ","
            return reader.options(**options, sep=delimiter).csv(name)
        wanted = self._settings.columns
        names = [wanted.call_id, wanted.at, wanted.state, *filter(None, (wanted.source, wanted.metadata))]
        schema = ", ".join(f"{_quoted(column)} STRING" for column in names)
        return reader.options(multiLine=kind == "json", mode="FAILFAST").schema(schema).json(name)

    def share_done(self) -> float | None:
        """Of the tasks of what runs now."""
        if is_connect(self._url):
            return None
        tracker = self._session.sparkContext.statusTracker()
        jobs = filter(None, map(tracker.getJobInfo, tracker.getActiveJobsIds()))
        stages = [stage for job in jobs for number in job.stageIds if (stage := tracker.getStageInfo(number))]
        tasks = sum(stage.numTasks for stage in stages)
        return sum(stage.numCompletedTasks for stage in stages) / tasks if tasks else None

    async def fetch(self, statement: str) -> list[Result]:
        rows = await self._run(lambda: self._session.sql(statement).collect())
        return [row.asDict() for row in rows]

    async def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        rows = await self._run(lambda: self._session.sql(statement).toLocalIterator())
        while batch := await self._run(lambda: list(islice(rows, BATCH))):
            yield [row.asDict() for row in batch]

    def _keys(self, metadata: str, window: Window) -> str:
        column = _quoted(metadata)
        some = f"SELECT left(CAST({column} AS STRING), 4000) AS said FROM {VIEW} WHERE {column} IS NOT NULL"
        keys = """explode(regexp_extract_all(said, '"([A-Za-z_][A-Za-z0-9_]*)" *:', 1))"""
        return (
            f"SELECT key, count(*) AS n FROM (SELECT {keys} AS key FROM ({some} LIMIT {SAMPLED}))"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        )

    async def _run(self, work: Any) -> Any:
        """In a thread; where the task is cancelled, so is what Spark does."""
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._limits.timeout)
        except (TimeoutError, asyncio.CancelledError) as error:
            with suppress(Exception):
                await asyncio.wait_for(asyncio.to_thread(self._cancel), _ENDING)
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # that it was ended is known
            await asyncio.wait([task], timeout=_ENDING)
            if not isinstance(error, TimeoutError):
                raise
            seconds = self._limits.timeout
            text = f"{self.name} took longer than {seconds:g} s"
            raise LogsUnreadable("timeout", text, fix=f"a shorter --since, or --timeout {seconds * 5:g}") from None
        except (LogsUnreadable, UserError):
            raise
        except Exception as error:
            if not _is_of_spark(error):
                raise
            raise await asyncio.to_thread(self._unreadable, error) from None

    def _cancel(self) -> None:
        if is_connect(self._url):
            self._session.interruptAll()
        else:
            self._session.sparkContext.cancelAllJobs()

    def _unreadable(self, error: Exception) -> LogsUnreadable:
        try:
            self.require_unchanged()
        except LogsUnreadable as changed:
            return changed
        said = f"{type(error).__name__} {error}"
        condition = " ".join(re.findall(r"\[([A-Z_]+(?:\.[A-Z_]+)*)\]", said))
        if any(word in condition for word in _NO_TABLE):
            return self._no_table()
        if any(word in condition for word in _NO_FILE):
            return LogsUnreadable("file_missing", f"Spark finds no file {self._place}")
        if any(word in said for word in _LOST):
            return LogsUnreadable("unreachable", f"Spark at {shown(self._url)} ended in the middle", fix="run it again")
        if "No space left" in said:
            return LogsUnreadable("other", "no space is left for Spark", fix="set TMPDIR to a folder with more")
        if "OutOfMemoryError" in said or "UNABLE_TO_ACQUIRE_MEMORY" in said:
            return LogsUnreadable("other", "Spark needs more memory than it has", fix="--memory 4GB")
        return LogsUnreadable("file_format", f"{self._broken_file(said)} can't be read: {self._wrong(condition, said)}")

    def _broken_file(self, said: str) -> str:
        named = re.search(r"reading file \S*?([^/\s]+?)\.?(?:\s|$)", said)
        return named[1] if named else self._place

    def _wrong(self, condition: str, said: str) -> str:
        """What is wrong with it, without any value of a row."""
        if any(word in condition for word in _NO_VALUE) and "TIMESTAMP" in said:
            return f'a value of column "{self.columns.at}" is no time'
        for path in self._marks if "MALFORMED" in said or "FAILED_READ_FILE" in said else ():
            if kind_of(path) == "csv" and (line := broken_line(path)):
                return line
        if "MALFORMED" in said:
            return "a line has more or fewer values than the first one"
        return f"Spark says {condition.split(' ')[0] or said.splitlines()[0][:200]}"

    def _no_table(self) -> LogsUnreadable:
        table = self._table or ""
        *above, last = table.split(".")
        near: Sequence[str] = ()
        with suppress(Exception):
            tables = self._session.catalog.listTables(".".join(above) or None)
            near = nearest_names(last, [one.name for one in tables])
        return LogsUnreadable(
            "no_table",
            f"Spark has no table {table}{did_you_mean(near)}",
            fix="--table CATALOG.SCHEMA.NAME as Spark has it",
        )


def _is_of_spark(error: Exception) -> bool:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return isinstance(error, (PySparkException, Py4JError, OSError))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _quoted_name(name: str | None) -> str:
    """A table's name with all of its parts; one with a dot in it stands in backticks."""
    parts = re.findall(r"`(?:[^`]|``)*`|[^.`]+", name or "")
    return ".".join(part if part.startswith("`") else _quoted(part) for part in parts)
