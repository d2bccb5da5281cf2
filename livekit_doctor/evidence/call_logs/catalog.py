"""What the database says about the log table: columns, types, indexes, permissions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from livekit_doctor.evidence.call_logs.near_names import nearest_names
from livekit_doctor.evidence.call_logs.problems import DEFAULTS, LogsUnreadable, did_you_mean, listed
from livekit_doctor.evidence.call_logs.rooms import RoomPlace, room_place
from livekit_doctor.settings import CallLogs

# One row a column, each with the facts about the table; one row of nulls where there is no table.
# A partial index does not serve every call id, nor a GIN or BRIN one an exact look-up.
DESCRIBE = """
SELECT extract(epoch FROM clock_timestamp())::text AS clock, current_user::text AS role,
  n.oid IS NOT NULL AS schema_exists, coalesce(has_schema_privilege(n.oid, 'USAGE'), false) AS schema_usable,
  c.oid IS NOT NULL AS table_exists, c.relkind::text AS kind,
  coalesce(row_security_active(c.oid), false) AS row_security,
  coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS readable,
  a.attname::text AS column_name, coalesce(b.typname, t.typname)::text AS type,
  coalesce(has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS column_readable,
  EXISTS (SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = ic.relam
    WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
      AND m.amname IN ('btree', 'hash')) AS leads_index,
  EXISTS (SELECT FROM pg_catalog.pg_index i
    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnatts = 1 AND i.indkey[0] = a.attnum) AS is_key
FROM (SELECT) AS one
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = %(schema)s
LEFT JOIN pg_catalog.pg_class c
  ON c.relnamespace = n.oid AND c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
ORDER BY a.attnum
"""

# The schemas, and the tables in them, that are not the system's own.
NAMES = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2 LIMIT 20000
"""

_INDEXABLE = ("r", "p", "m")
_INTEGERS = ("int2", "int4", "int8")
_TIMES = ("timestamptz", "timestamp", "date")


class Column(Struct, frozen=True):
    name: str
    type: str
    """The type's internal name, such as int8; of a domain, that of its base type."""
    readable: bool
    leads_index: bool
    is_key: bool

    @property
    def is_time(self) -> bool:
        return self.type in _TIMES

    @property
    def is_integer(self) -> bool:
        return self.type in _INTEGERS

    @property
    def is_integer_key(self) -> bool:
        """Counts the rows in the order in which they were inserted, mostly."""
        return self.is_key and self.is_integer and self.readable


class Table(Struct, frozen=True, kw_only=True):
    schema: str
    name: str
    clock: str
    """The database's clock, in seconds since 1970."""
    role: str
    schema_exists: bool
    schema_usable: bool
    exists: bool
    kind: str
    row_security: bool
    readable: bool
    columns: dict[str, Column]

    @property
    def sql_name(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def plain_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def can_have_index(self) -> bool:
        return self.kind in _INDEXABLE

    @property
    def has_physical_order(self) -> bool:
        """Its rows have a ctid that may be read: the place that insertion gave them."""
        return self.kind in _INDEXABLE and self.readable


class Chosen(Struct, frozen=True, kw_only=True):
    """The configured columns, found in the table."""

    call_id: Column
    at: Column
    state: Column
    source: Column | None
    metadata: Column | None
    room: Column | None
    room_place: RoomPlace | None
    notes: tuple[str, ...]


def table_from(rows: Sequence[Mapping[str, Any]], settings: CallLogs) -> Table:
    """The answer to DESCRIBE."""
    first = rows[0]
    columns = [
        Column(
            name=row["column_name"],
            type=row["type"],
            readable=row["column_readable"],
            leads_index=row["leads_index"],
            is_key=row["is_key"],
        )
        for row in rows
        if row["column_name"] is not None
    ]
    return Table(
        schema=settings.schema,
        name=settings.table,
        clock=first["clock"],
        role=first["role"],
        schema_exists=first["schema_exists"],
        schema_usable=first["schema_usable"],
        exists=first["table_exists"],
        kind=first["kind"] or "",
        row_security=first["row_security"],
        readable=first["readable"],
        columns={column.name: column for column in columns},
    )


def chosen(table: Table, settings: CallLogs) -> Chosen:
    """The configured columns. Raises LogsUnreadable where one is not there or may not be read."""
    wanted = settings.columns
    place = room_place(wanted.room, table.columns) if wanted.room else None
    missing = [
        role
        for role in ("call_id", "at", "state", "source", "metadata")
        if (name := getattr(wanted, role)) is not None and name not in table.columns
    ]
    dispensable = [
        role for role in missing if role in ("source", "metadata") and getattr(wanted, role) == getattr(DEFAULTS, role)
    ]
    faulty = [role for role in missing if role not in dispensable]
    if wanted.room and place is None:
        faulty.append("room")
    if faulty:
        raise _no_columns(faulty, table, settings)
    found = {
        role: None if role in missing or name is None else table.columns[name]
        for role in ("call_id", "at", "state", "source", "metadata")
        for name in [getattr(wanted, role)]
    }
    room = table.columns[place.column] if place else None
    _check_permission(table, [column for column in (*found.values(), room) if column])
    notes = [
        f'the {role} of each row: there is no column "{role}"{did_you_mean(near)}'
        for role in dispensable
        if (near := nearest_names(role, table.columns))
    ]
    return Chosen(
        call_id=table.columns[wanted.call_id],
        at=table.columns[wanted.at],
        state=table.columns[wanted.state],
        source=found["source"],
        metadata=found["metadata"],
        room=room,
        room_place=place,
        notes=tuple(notes),
    )


def no_schema(table: Table, names: Iterable[tuple[str, str | None]]) -> LogsUnreadable:
    """`names` are the answer to NAMES."""
    known = list(names)
    elsewhere = [schema for schema, name in known if name == table.name]
    near = nearest_names(table.schema, dict.fromkeys(schema for schema, _ in known))
    near = tuple(dict.fromkeys((*elsewhere, *near)))[:3]
    return LogsUnreadable(
        "no_schema",
        f'schema "{table.schema}" does not exist in this database{did_you_mean(near)} Set call_logs.schema '
        f"to one of {listed(dict.fromkeys(schema for schema, _ in known))}",
        nearest=", ".join(near),
        **({"other_schema": near[0]} if near else {}),
    )


def no_table(table: Table, names: Iterable[tuple[str, str | None]]) -> LogsUnreadable:
    """`names` are the answer to NAMES."""
    known = [(schema, name) for schema, name in names if name is not None]
    start = f'table "{table.name}" does not exist in schema "{table.schema}"'
    elsewhere = [schema for schema, name in known if name == table.name]
    meant: tuple[str, str] | None = None
    if elsewhere:
        near = tuple(f"{schema}.{table.name}" for schema in elsewhere)
        meant = (elsewhere[0], table.name)
        message = f"{start}; it is in schema {listed(elsewhere)}: set call_logs.schema"
    elif near := nearest_names(table.name, (name for schema, name in known if schema == table.schema)):
        message = f"{start}{did_you_mean(near)} Set call_logs.table"
        meant = (table.schema, near[0])
    else:
        others = nearest_names(table.name, (name for _, name in known))
        found = [(schema, name) for other in others for schema, name in known if name == other]
        near = tuple(f"{schema}.{name}" for schema, name in found)[:3]
        meant = found[0] if found else None
        there = listed(name for schema, name in known if schema == table.schema)
        message = f"{start}{did_you_mean(near)} In the schema: {there}. Set call_logs.schema and call_logs.table"
    values = {"other_schema": meant[0], "other_name": meant[1]} if meant else {}
    return LogsUnreadable("no_table", message, nearest=", ".join(near), **values)


def quoted(name: str) -> str:
    """An identifier as it can be pasted into SQL."""
    return '"' + name.replace('"', '""') + '"'


def grants(table: Table, columns: Iterable[Column] = ()) -> str:
    """The statements that let the role read the table."""
    role = quoted(table.role)
    usage = "" if table.schema_usable else f"GRANT USAGE ON SCHEMA {quoted(table.schema)} TO {role}; "
    names = ", ".join(quoted(column.name) for column in columns)
    select = f"SELECT ({names})" if names else "SELECT"
    return f"{usage}GRANT {select} ON {table.sql_name} TO {role};"


def _no_columns(roles: list[str], table: Table, settings: CallLogs) -> LogsUnreadable:
    parts = []
    nearest: dict[str, tuple[str, ...]] = {}
    for role in roles:
        wanted = getattr(settings.columns, role)
        if role == "room":
            wanted = wanted.partition(".")[0]
        near = nearest_names(wanted, table.columns)
        if role == "at" and not near:
            near = tuple(column.name for column in table.columns.values() if column.is_time)[:3]
        nearest[wanted] = near
        meant = did_you_mean(near) if near else f"; it has {listed(table.columns)}."
        parts.append(f'column "{wanted}" does not exist in {table.plain_name}{meant} Set call_logs.columns.{role}')
    first = next(iter(nearest))
    values = {"key": roles[0], "other_name": "" if roles[0] == "room" else next(iter(nearest[first]), "")}
    return LogsUnreadable("no_column", "; ".join(parts), column=first, nearest=", ".join(nearest[first]), **values)


def _check_permission(table: Table, columns: list[Column]) -> None:
    hidden = [column for column in columns if not column.readable]
    if table.schema_usable and not hidden:
        return
    partly = len(hidden) < len(columns)
    what = f"the column {listed(column.name for column in hidden)} of" if hidden and partly else ""
    grant = grants(table, hidden if what else ())
    raise LogsUnreadable(
        "no_permission",
        f'role "{table.role}" may not read {what} {table.plain_name}; as its owner: {grant}',
        grant=grant,
        role=table.role,
    )
