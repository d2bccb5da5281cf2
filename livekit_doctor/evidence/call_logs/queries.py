"""The SQL that reads log rows. Names go in as identifiers, values as parameters."""

import uuid
from collections.abc import Sequence
from typing import Any

from psycopg import sql

from livekit_doctor import lazy_re
from livekit_doctor.evidence.call_logs.catalog import Chosen, Column, Table
from livekit_doctor.evidence.call_logs.rows import CELL

_TEXTS = ("text", "varchar", "bpchar", "citext")
_INTEGER = lazy_re.compile(r"0|-?[1-9]\d{0,17}")
# What is written in JSON as it is, so that a search in the JSON's text finds it.
_ESCAPED = lazy_re.compile(r"[^ !#-.0-\[\]-~]")

Condition = tuple[sql.Composable, dict[str, Any]]


def rows(table: Table, columns: Chosen, where: sql.Composable, limit: int) -> sql.Composed:
    """The newest rows that meet a condition, newest first, what was inserted last first."""
    by_time = sql.SQL("{} DESC NULLS LAST").format(_name(columns.at))
    insertion = _insertion(table)
    if insertion:
        return _select(table, columns, where, [by_time, *insertion], limit)
    # A view has no order of insertion, but mostly gives the rows in the order of its table's.
    return sql.SQL(
        "SELECT * FROM (SELECT {columns}, {at} AS moment, row_number() OVER () AS place"
        " FROM {table} AS logs WHERE {where}) AS found ORDER BY moment DESC NULLS LAST, place DESC LIMIT {limit}"
    ).format(
        columns=_outputs(columns),
        at=_name(columns.at),
        table=_table(table),
        where=where,
        limit=sql.Literal(limit),
    )


def latest(table: Table, columns: Chosen, limit: int) -> sql.Composed:
    """The newest rows of the table, by an index where one serves."""
    everything = sql.SQL("true")
    key = _integer_key(table)
    if key and not columns.at.leads_index:
        return _select(table, columns, everything, [_descending(key)], limit)
    dated = sql.SQL("{} IS NOT NULL").format(_name(columns.at))
    return _select(table, columns, dated, [_descending(columns.at), *_insertion(table)], limit)


def latest_of_each_call(table: Table, columns: Chosen, among: int, limit: int) -> sql.Composed:
    """The last row of each call that has one `among` so many latest rows."""
    return sql.SQL(
        "SELECT * FROM (SELECT DISTINCT ON (call_id) * FROM"
        " (SELECT *, row_number() OVER () AS place FROM ({latest}) AS latest) AS placed"
        " ORDER BY call_id, place) AS calls ORDER BY place LIMIT {limit}"
    ).format(latest=latest(table, columns, among), limit=sql.Literal(limit))


def latest_containing(
    table: Table, columns: Chosen, value: str, among: int, limit: int
) -> tuple[sql.Composed, dict[str, Any]]:
    """Of so many latest rows those whose metadata may have the string, newest first."""
    query = sql.SQL("SELECT * FROM ({latest}) AS latest WHERE strpos(metadata, %(value)s) > 0 LIMIT {limit}").format(
        latest=latest(table, columns, among), limit=sql.Literal(limit)
    )
    return query, {"value": _needle(value)}


def any_row(table: Table) -> sql.Composed:
    return sql.SQL("SELECT EXISTS (SELECT FROM {}) AS found").format(_table(table))


def equals(column: Column, value: str, parameter: str = "value") -> Condition:
    """The condition that a column has a value, such that an index on it serves.

    A value that the column's type can't hold is in no row; it is not an error.
    """
    if "\0" in value or value != value.encode(errors="replace").decode():
        return sql.SQL("false"), {}
    name, given = _name(column), sql.Placeholder(parameter)
    if column.type in _TEXTS:
        return sql.SQL("{} = {}").format(name, given), {parameter: value}
    if column.type == "uuid":
        try:
            return sql.SQL("{} = {}").format(name, given), {parameter: uuid.UUID(value)}
        except ValueError:
            return sql.SQL("false"), {}
    if column.is_integer:
        if not _INTEGER.fullmatch(value):
            return sql.SQL("false"), {}
        return sql.SQL("{} = {}").format(name, given), {parameter: int(value)}
    return sql.SQL("{}::text = {}").format(name, given), {parameter: value}


def one_of(column: Column, values: Sequence[str]) -> Condition:
    """The condition that a column has one of these values, such that an index on it serves."""
    conditions: list[sql.Composable] = []
    given: dict[str, Any] = {}
    for place, value in enumerate(values):
        condition, own = equals(column, value, f"value_{place}")
        conditions.append(condition)
        given |= own
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions or [sql.SQL("false")])), given


def contains(column: Column, value: str) -> Condition:
    """A condition that each row meets whose JSON has the string somewhere; others may meet it too."""
    return sql.SQL("strpos({}::text, %(value)s) > 0").format(_name(column)), {"value": _needle(value)}


def _needle(value: str) -> str:
    """The longest part of a string that JSON has as it is."""
    return max(_ESCAPED.split(value), key=len)


def _select(
    table: Table, columns: Chosen, where: sql.Composable, order: list[sql.Composable], limit: int
) -> sql.Composed:
    return sql.SQL("SELECT {columns} FROM {table} AS logs WHERE {where} ORDER BY {order} LIMIT {limit}").format(
        columns=_outputs(columns),
        table=_table(table),
        where=where,
        order=sql.SQL(", ").join(order),
        limit=sql.Literal(limit),
    )


def _insertion(table: Table) -> list[sql.Composable]:
    """What tells rows of the same time apart: an integer key, else their physical place."""
    key = _integer_key(table)
    if key:
        return [_descending(key)]
    return [sql.SQL("logs.tableoid DESC, logs.ctid DESC")] if table.has_physical_order else []


def _integer_key(table: Table) -> Column | None:
    return next((column for column in table.columns.values() if column.is_integer_key), None)


def _outputs(columns: Chosen) -> sql.Composed:
    """Cells that are too long are cut by the server, and not sent; `size` is what the row would have had."""
    texts = [column for column in (columns.call_id, columns.source, columns.state, columns.metadata) if column]
    sizes = [sql.SQL("coalesce(octet_length({}::text), 0)").format(_name(column)) for column in texts]
    return sql.SQL(", ").join(
        [
            sql.SQL("{} AS size").format(sql.SQL(" + ").join(sizes)),
            _as_text(columns.call_id, "call_id"),
            _time_as_text(columns.at),
            _as_text(columns.source, "source"),
            _as_text(columns.state, "state"),
            _as_text(columns.metadata, "metadata"),
            _as_text(columns.room, "room"),
        ]
    )


def _descending(column: Column) -> sql.Composed:
    return sql.SQL("{} DESC").format(_name(column))


def _as_text(column: Column | None, name: str) -> sql.Composed:
    value: sql.Composable = sql.SQL("NULL")
    if column:
        value = _name(column)
    return sql.SQL("left({}::text, {}) AS {}").format(value, sql.Literal(CELL), sql.Identifier(name))


def _time_as_text(column: Column) -> sql.Composed:
    """Seconds since 1970, whatever the session's zone and date style; without zone it is UTC."""
    form = "extract(epoch FROM {})::text AS at" if column.is_time else "{}::text AS at"
    return sql.SQL(form).format(_name(column))


def _table(table: Table) -> sql.Composed:
    return sql.SQL("{}.{}").format(_identifier(table.schema), _identifier(table.name))


def _name(column: Column) -> sql.Composed:
    """Qualified, so that ORDER BY can't take it for the name of an output column."""
    return sql.SQL("logs.{}").format(_identifier(column.name))


def _identifier(name: str) -> sql.Identifier:
    """psycopg looks for placeholders in names as well."""
    return sql.Identifier(name.replace("%", "%%"))
