"""A read-only transaction on the log table's database.

Works behind a transaction-mode pooler (design fact 28): no startup parameters, no prepared
statements, and each setting inside the transaction. `ClientCursor` fills in parameters on this
side and sends plain queries, several in one round trip.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.call_logs.catalog import (
    DESCRIBE,
    NAMES,
    Chosen,
    Table,
    chosen,
    no_schema,
    no_table,
    table_from,
)
from livekit_doctor.evidence.call_logs.database_errors import failed, refused
from livekit_doctor.evidence.call_logs.dsn import parse_dsn
from livekit_doctor.evidence.call_logs.rows import MOST
from livekit_doctor.evidence.observations import Read
from livekit_doctor.settings import CallLogs

MOST_ROWS = 10_000
"""Rows that are taken of an answer, whatever was asked for. No query here asks for as many."""

_GRACE = 1.0
"""Seconds that the server gets to report its own timeout before this side gives up."""

_BEGIN = "BEGIN READ ONLY; SET LOCAL statement_timeout = {timeout}; SET LOCAL client_encoding = 'UTF8'; "

Row = Mapping[str, Any]
FAILURES = (psycopg.Error, OSError, TimeoutError, ValueError)
"""What psycopg raises; ValueError is text that the database's encoding can't hold."""


class _PlainCursor(AsyncClientCursor[Row]):
    """Asks in plain queries when it reads row by row as well."""

    def _execute_send(self, query: Any, *, force_extended: bool = False, binary: bool | None = None) -> None:
        super()._execute_send(query, binary=binary)


class Session:
    """An open transaction, the table, and its columns. `is_cut` says that an answer had no end, of which the
    beginning was taken; the transaction is over then."""

    def __init__(self, connection: AsyncConnection[Row], settings: CallLogs) -> None:
        self._connection = connection
        self._settings = settings
        self.is_cut = False
        self.table: Table
        self.columns: Chosen
        self.read: Read

    async def begin(self, now: datetime, started: float) -> None:
        """Raises LogsUnreadable where the table can't be read as configured."""
        settings = self._settings
        names = {"schema": settings.schema, "table": settings.table}
        rows = await self.fetch(self._begin() + sql.SQL(DESCRIBE), names)
        self.table = table_from(rows, settings)
        clock = datetime.fromtimestamp(float(self.table.clock), UTC)
        at = now + timedelta(seconds=monotonic() - started)
        self.read = Read(source=sources.CALL_LOGS, at=at, clock_at=clock)
        if not self.table.schema_exists:
            raise no_schema(self.table, await self._names())
        if not self.table.exists:
            raise no_table(self.table, await self._names())
        self.columns = chosen(self.table, settings)

    async def begin_reading(self) -> None:
        """The transaction without any table."""
        await self.fetch(self._begin() + sql.SQL("SELECT 1 AS one"))

    def _begin(self) -> sql.Composed:
        return sql.SQL(_BEGIN).format(timeout=sql.Literal(int(self._settings.timeout * 1000)))

    async def fetch(
        self,
        query: sql.SQL | sql.Composed,
        values: Mapping[str, Any] | None = None,
        *,
        seconds: float | None = None,
    ) -> list[Row]:
        """The rows of the last statement in `query`; `seconds` in place of the configured timeout, where that
        of the transaction has been set to it."""
        async with asyncio.timeout((seconds or self._settings.timeout) + _GRACE):
            cursor = self._connection.cursor()
            await cursor.execute(query, values or {})
            while cursor.nextset():
                pass
            return await cursor.fetchall()

    async def rows(self, query: sql.SQL | sql.Composed, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of one query, read one by one up to a limit."""
        found: list[Row] = []
        left = MOST
        async with asyncio.timeout(self._settings.timeout + _GRACE):
            async for row in _PlainCursor(self._connection).stream(query, values or {}):
                found.append(row)
                left -= sum(len(cell) for cell in row.values() if isinstance(cell, str))
                if left < 0 or len(found) > MOST_ROWS:
                    self.is_cut = True
                    await self._connection.close()  # the cursor would read to the end what is still to come
                    break
        return found

    async def end(self) -> None:
        """Ends the transaction, so that a pooler can use its connection again."""
        in_transaction = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
        try:
            if self._connection.info.transaction_status in in_transaction:
                async with asyncio.timeout(_GRACE):
                    await self._connection.rollback()
            await self._connection.close()
        except FAILURES:
            pass

    async def _names(self) -> list[tuple[str, str | None]]:
        rows = await self.fetch(sql.SQL(NAMES))
        return [(row["nspname"], row["relname"]) for row in rows]


@asynccontextmanager
async def open_session(settings: CallLogs, now: datetime) -> AsyncIterator[Session]:
    """Raises LogsUnreadable, and nothing else, for whatever keeps the table from being read."""
    started = monotonic()
    async with connected(settings) as session:
        await session.begin(now, started)
        yield session


@asynccontextmanager
async def connected(settings: CallLogs) -> AsyncIterator[Session]:
    """A connection, before any statement. Raises LogsUnreadable for what goes wrong until it is closed."""
    dsn = parse_dsn(settings.dsn or "")
    try:
        async with asyncio.timeout(settings.timeout):
            connection = await AsyncConnection.connect(
                dsn.conninfo,
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=AsyncClientCursor,
                row_factory=dict_row,
            )
    except FAILURES as error:
        raise refused(error, dsn, settings.timeout) from None
    session = Session(connection, settings)
    try:
        yield session
    except FAILURES as error:
        place = f"{settings.schema}.{settings.table}"
        raise failed(error, dsn, settings.timeout, place) from None
    finally:
        await session.end()
