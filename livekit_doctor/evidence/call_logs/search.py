"""The tables of a database that may hold call state logs: what the catalogue says of their columns."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec import Struct
from psycopg import sql

from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.evidence.call_logs.session import connected
from livekit_doctor.settings import CallLogs

_MOST_COLUMNS = 20_000

# Of tables with a column that may be a call's id. Partitions are left out: their table has the rows.
_SEARCH = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
  has_schema_privilege(n.oid, 'USAGE') AS usable, current_user::text AS role, a.attname::text AS column_name,
  coalesce(b.typname, t.typname)::text AS type, coalesce(b.typtype, t.typtype) = 'e' AS is_enum,
  coalesce(has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS readable,
  EXISTS (SELECT FROM pg_catalog.pg_index i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE x.attrelid = c.oid AND x.attnum > 0
    AND NOT x.attisdropped AND x.attname ~* '(call|session|conversation|interaction)')
ORDER BY 1, 2, a.attnum LIMIT {limit}
"""


class SeenColumn(Struct, frozen=True, kw_only=True):
    name: str
    type: str
    """The type's internal name, such as int8; of a domain, that of its base type; enum for any enum."""
    readable: bool = True
    is_unique: bool = False
    """No two rows have the same value in it."""


class SeenTable(Struct, frozen=True, kw_only=True):
    schema: str
    name: str
    columns: tuple[SeenColumn, ...]
    role: str = ""
    """The database role that has seen it."""
    usable: bool = True
    """Whether that role may use its schema."""

    @property
    def plain_name(self) -> str:
        return f"{self.schema}.{self.name}"


async def search(settings: CallLogs) -> tuple[SeenTable, ...]:
    """The tables with a column that may be a call's id, whether or not they may be read.

    Raises LogsUnreadable, and nothing else, where the database can't be asked.
    """
    async with connected(settings) as session:
        await session.begin_reading()
        rows = await session.fetch(sql.SQL(_SEARCH).format(limit=sql.Literal(_MOST_COLUMNS)))
        return tuple(_tables(rows))


def _tables(rows: list[Mapping[str, Any]]) -> Iterator[SeenTable]:
    for (schema, name), found in groupby(rows, key=lambda row: (row["schema"], row["name"])):
        columns = list(found)
        yield SeenTable(
            schema=schema,
            name=name,
            role=columns[0]["role"],
            usable=columns[0]["usable"],
            columns=tuple(
                SeenColumn(
                    name=row["column_name"],
                    type="enum" if row["is_enum"] else row["type"],
                    readable=row["readable"],
                    is_unique=row["is_unique"],
                )
                for row in columns
            ),
        )


__all__ = ["LogsUnreadable", "SeenColumn", "SeenTable", "search"]
