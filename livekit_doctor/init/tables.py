"""Which tables look like call state logs, judged by the names and types of their columns."""

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from livekit_doctor.evidence.call_logs.search import SeenColumn, SeenTable
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.init.texts import can_be_written, counted
from livekit_doctor.settings import Columns
from livekit_doctor.words import folded

LEAST = 10
"""The score from which a table is a candidate."""

_TEXTS = ("text", "varchar", "bpchar", "citext", "name")
_TIMES = ("timestamptz", "timestamp", "date")
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
_JSONS = ("json", "jsonb")

# Folded names, likeliest first, with what each says for the table.
_CALL_IDS = {"callid": 6, "calluuid": 5, "calluid": 5, "callref": 4, "callsid": 4, "callkey": 4, "call": 3}
_SESSION_IDS = {"sessionid": 2, "conversationid": 2, "interactionid": 2}
_STATES = {
    **dict.fromkeys(("state", "callstate"), 5),
    **dict.fromkeys(("status", "callstatus", "newstate", "statename", "event", "eventname", "eventtype", "step"), 4),
    **dict.fromkeys(("stage", "phase"), 3),
    **dict.fromkeys(("action", "activity"), 2),
    **dict.fromkeys(("type", "name", "message"), 1),
}
_AT = (
    *("createdat", "at", "timestamp", "ts", "time", "loggedat", "occurredat", "happenedat", "eventtime"),
    *("eventat", "recordedat", "insertedat", "emittedat", "createdon", "created", "datetime", "date"),
)
_SOURCES = (
    *("source", "component", "service", "origin", "emitter", "producer", "loggedby", "writtenby", "reportedby"),
    *("reporter", "logger", "system", "module", "app", "actor", "sender"),
)
_METADATA = ("metadata", "meta", "payload", "data", "details", "detail", "context", "attributes", "attrs")
_ROOMS = ("room", "roomname", "livekitroom", "livekitroomname", "lkroom")
_TABLE_WORDS = ("state", "status", "event", "log", "history", "timeline", "step", "transition", "audit", "trace")
_OF_PLATFORMS = (
    *("auth", "storage", "realtime", "_realtime", "vault", "cron", "net", "graphql", "graphql_public", "extensions"),
    *("supabase_functions", "supabase_migrations", "pgsodium", "neon_auth", "pgbouncer"),
)
"""Schemas that hosts of Postgres bring along."""


class TableSeen(Struct, frozen=True):
    """A table that may be the log. `also` are other columns that could stand for a role; `rows`
    its latest rows, empty where it could not be read, and `problem` why not."""

    table: SeenTable
    columns: Columns
    score: int
    also: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rows: tuple[LogRow, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        return self.table.plain_name

    @property
    def summary(self) -> str:
        """Why it could not be read, or how many rows were."""
        return self.problem or (f"{counted(len(self.rows), 'row')} read" if self.rows else "it has no rows")


def likely_tables(tables: Iterable[SeenTable]) -> tuple[TableSeen, ...]:
    """The tables that have a call id, a time and a state in each row, likeliest first."""
    found = [seen for table in tables if (seen := _as_log(table)) and seen.score >= LEAST]
    return tuple(sorted(found, key=lambda seen: (-seen.score, seen.name)))


def _as_log(table: SeenTable) -> TableSeen | None:
    columns = [column for column in table.columns if can_be_written(column.name)]
    if not (can_be_written(table.schema) and can_be_written(table.name)):
        return None
    ids = _ranked(columns, _call_id_weight)
    states = [column for column in _ranked(columns, _state_weight) if column not in ids[:1]]
    times = _ranked(columns, _time_weight)
    # A call id that is unique is that of a table with one row a call, and no log.
    if not (ids and states and times) or ids[0].is_unique:
        return None
    sources = _ranked(columns, lambda column: _weight(column, _SOURCES, (*_TEXTS, "enum")))
    metadata = _ranked(columns, _metadata_weight)
    rooms = _ranked(columns, lambda column: _weight(column, _ROOMS, _TEXTS))
    score = _call_id_weight(ids[0]) + _state_weight(states[0]) + 2 + (folded(times[0].name) in _AT)
    score += 2 * bool(sources) + bool(metadata) + _name_weight(table)
    chosen = Columns(
        call_id=ids[0].name,
        at=times[0].name,
        source=sources[0].name if sources else None,
        state=states[0].name,
        metadata=metadata[0].name if metadata else None,
        room=rooms[0].name if rooms and "." not in rooms[0].name else None,
    )
    ranked = {"call_id": ids, "at": times, "source": sources, "state": states, "metadata": metadata}
    also = {role: tuple(column.name for column in found[1:4]) for role, found in ranked.items() if found[1:]}
    return TableSeen(table, chosen, score, also)


def _ranked(columns: Iterable[SeenColumn], weight: Callable[[SeenColumn], int]) -> list[SeenColumn]:
    """The columns of any weight, the heaviest first; of equal ones the first in the table."""
    return sorted((column for column in columns if weight(column) > 0), key=lambda column: -weight(column))


def _weight(column: SeenColumn, names: tuple[str, ...], types: tuple[str, ...]) -> int:
    name = folded(column.name)
    return len(names) - names.index(name) if name in names and column.type in types else 0


def _call_id_weight(column: SeenColumn) -> int:
    if column.type not in (*_TEXTS, *_NUMBERS[:3], "uuid"):
        return 0
    name = folded(column.name)
    known = _CALL_IDS.get(name) or _SESSION_IDS.get(name)
    return known or (3 if re.search(r"call(id|uuid|uid|ref|sid|key)$", name) else 0)


def _state_weight(column: SeenColumn) -> int:
    return _STATES.get(folded(column.name), 0) if column.type in (*_TEXTS, "enum") else 0


def _time_weight(column: SeenColumn) -> int:
    """Any column of times will do, one with a time's name does better; a number needs the name."""
    named = _weight(column, _AT, (*_TIMES, *_NUMBERS, *_TEXTS))
    if column.type in _TIMES:
        return 20 + named
    return named


def _metadata_weight(column: SeenColumn) -> int:
    if column.type in _JSONS:
        return 20 + _weight(column, _METADATA, _JSONS)
    return _weight(column, _METADATA[:3], _TEXTS)


def _name_weight(table: SeenTable) -> int:
    name = folded(table.name)
    weight = 5 if name in ("callstatelogs", "callstatelog") else 0
    weight += 2 * ("call" in name) + 2 * any(word in name for word in _TABLE_WORDS)
    return weight - 8 * (table.schema in _OF_PLATFORMS)


def clear_choice(tables: tuple[TableSeen, ...], mapped: Callable[[TableSeen], int]) -> Iterator[TableSeen]:
    """The candidates again, likeliest first by what is in them: a table whose states are those of a
    call goes before one whose states are not, and leaves it out."""
    known = [table for table in tables if mapped(table)]
    yield from sorted(known, key=lambda table: (-mapped(table), -table.score)) if known else tables
