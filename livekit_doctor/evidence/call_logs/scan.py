"""One pass over exported rows: what is wanted of them is kept, the rest only counted."""

from collections import Counter
from collections.abc import Collection, Iterable

from msgspec import Struct, structs

from livekit_doctor.evidence.call_logs.formats import Record
from livekit_doctor.evidence.call_logs.near_names import nearest_names
from livekit_doctor.evidence.call_logs.problems import DEFAULTS, LogsUnreadable, did_you_mean, listed
from livekit_doctor.evidence.call_logs.rooms import RoomPlace, guessed_room, room_at, room_place
from livekit_doctor.evidence.call_logs.rows import CELL, MAX_ROWS, MOST, DatedRow, RawRow, cut, dated, text_of, too_big
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import CallLogs
from livekit_doctor.words import folded

_MAX_CALLS = 20_000
_MAX_COLUMNS = 1_000
_LONGEST_STATE = 1_000
_REQUIRED = ("call_id", "at", "state")
_OPTIONAL = ("source", "metadata", "room")


class _Names(Struct, frozen=True):
    """What the configured columns are called in a record; None for what it has not."""

    call_id: str | None
    at: str | None
    state: str | None
    source: str | None
    metadata: str | None
    room: RoomPlace | None


class Scan:
    """Rows of the asked call, calls or room, the last row of each call, the states in use.

    `name` is the file's, for messages. Feed it with `add`, then `finish`.
    """

    def __init__(
        self,
        settings: CallLogs,
        name: str,
        call_id: str | None = None,
        room: str | None = None,
        calls: frozenset[str] = frozenset(),
    ):
        self.notes: list[str] = []
        self.has_rows = False
        self._settings, self._name, self._room = settings, name, room
        self._call_id, self._calls = call_id, calls
        self._names: dict[tuple[str, ...], _Names] = {}
        self._columns: dict[str, None] = {}
        self._seen: set[str] = set()
        self._kept = _Kept()
        self._last: dict[str, DatedRow] = {}
        self._order = _Order()
        self._states: Counter[str] = Counter()
        self._rooms: set[str] = set()

    def add(self, record: Record) -> None:
        names = self._names_in(tuple(record.values))
        if record.is_header:
            return
        self.has_rows = True
        row = dated(_raw(record, names))
        if isinstance(row, str):
            self.notes.append(row)
            return
        self._order.add(row)
        state = text_of(row.raw.state)[:_LONGEST_STATE]
        if state in self._states or len(self._states) < _MAX_CALLS:
            self._states[state] += 1
        self._keep_last(row)
        if self._is_wanted(row, names):
            row = DatedRow(row.at, self._kept_of(row, self._room_of(row, record, names)))
            if self._room in (None, row.raw.room):
                self._kept.add(row)
                self._rooms.add(row.raw.room)

    def finish(self) -> None:
        """Raises LogsUnreadable when the columns are not those of call state logs."""
        if not self._columns and not self.has_rows:
            if self.notes:
                raise LogsUnreadable("file_format", f"no row of {self._name} can be read: {self.notes[0]}")
            return
        missing = [role for role in _REQUIRED if role not in self._seen]
        if len(missing) == len(_REQUIRED):
            names = listed(getattr(self._settings.columns, role) for role in missing)
            near = did_you_mean(near for role in missing for near in self._near(role))
            raise LogsUnreadable(
                "file_format",
                f"{self._name} has none of the columns {names}; it has {listed(self._columns)}{near}",
            )
        for role in missing:
            if role != "call_id" or not self._is_one_call():
                raise self._no_column(role)
        for role in _OPTIONAL:
            self._check_optional(role)
        if self._kept.is_too_many:
            most = f"{MOST >> 20} MB" if self._kept.is_too_big else str(MAX_ROWS)
            self.notes.append(f"older rows: only the newest {most} are read")

    def rows(self, call_id: str | None = None) -> list[DatedRow]:
        """What was asked for. A file without call ids is one call: the one asked for, else under the file's name."""
        rows = self._kept.in_order_of_insertion(self._order)
        if "call_id" in self._seen:
            return [row for row in rows if row.raw.call_id is not None]
        name = self._name if call_id is None else call_id
        return [DatedRow(row.at, structs.replace(row.raw, call_id=name)) for row in rows]

    @property
    def is_cut(self) -> bool:
        """More rows are of what was asked for than are kept."""
        return self._kept.is_too_many

    def last_rows(self) -> list[DatedRow]:
        """The last row of each call."""
        return list(self._last.values()) if "call_id" in self._seen else self.rows()

    def states(self) -> tuple[str, ...]:
        """The distinct states, most frequent first."""
        return tuple(redact_text(state) for state, _ in self._states.most_common() if state)

    # Columns

    def _names_in(self, columns: tuple[str, ...]) -> _Names:
        names = self._names.get(columns)
        if names is None:
            names = _names_in(columns, self._settings)
            self._seen.update(role for role in (*_REQUIRED, *_OPTIONAL) if getattr(names, role) is not None)
            if len(self._names) < _MAX_COLUMNS:
                self._names[columns] = names
            if len(self._columns) < _MAX_COLUMNS:
                self._columns.update(dict.fromkeys(columns))
        return names

    def _near(self, role: str) -> tuple[str, ...]:
        wanted = getattr(self._settings.columns, role)
        return nearest_names(wanted.partition(".")[0] if role == "room" else wanted, self._columns)

    def _no_column(self, role: str) -> LogsUnreadable:
        wanted, near = getattr(self._settings.columns, role), self._near(role)
        message = (
            f'column "{wanted}" does not exist in {self._name}{did_you_mean(near)} '
            f"Set call_logs.columns.{role} to one of {listed(self._columns)}"
        )
        values = {"key": role, "other_name": "" if role == "room" else next(iter(near), "")}
        return LogsUnreadable("no_column_in_file", message, column=wanted, nearest=", ".join(near), **values)

    def _is_one_call(self) -> bool:
        """People export the rows of one call without its id. It is not that where the column was
        named on purpose, another one looks like it, or there are several rooms."""
        named = self._settings.columns.call_id != DEFAULTS.call_id
        if named or self._near("call_id") or len(self._rooms - {""}) > 1:
            return False
        self.notes.append(
            f'the call id: there is no column "{self._settings.columns.call_id}", '
            "so that all rows are taken as those of one call"
        )
        return True

    def _check_optional(self, role: str) -> None:
        wanted = getattr(self._settings.columns, role)
        if wanted is None or role in self._seen:
            return
        named, near = wanted != getattr(DEFAULTS, role), self._near(role)
        if named and near:
            raise self._no_column(role)
        if named or near:
            self.notes.append(f'the {role} of each row: there is no column "{wanted}"{did_you_mean(near)}')

    # Rows

    def _is_wanted(self, row: DatedRow, names: _Names) -> bool:
        """Of a room, any row may be; of a call, also a row without an id, until one has an id."""
        wanted = row.call_id == self._call_id or row.call_id in self._calls
        return self._room is not None or names.call_id is None or wanted

    def _room_of(self, row: DatedRow, record: Record, names: _Names) -> str:
        if names.room:
            return room_at(record.values.get(names.room.column), names.room.keys)
        return "" if self._settings.columns.room else guessed_room(row.raw.metadata)

    def _kept_of(self, row: DatedRow, room: str) -> RawRow:
        """What is kept of it: each cell cut, which is said."""
        metadata = text_of(row.raw.metadata)
        sizes = [len(metadata), *(len(cell) for cell in _cells(row.raw) if isinstance(cell, str))]
        if max(sizes) > CELL:
            self.notes.append(too_big(row.raw.place, sum(sizes)))
        return structs.replace(_with_cut(row.raw), room=room, metadata=cut(metadata))

    def _keep_last(self, row: DatedRow) -> None:
        if row.raw.call_id is None:
            return
        row = DatedRow(row.at, structs.replace(_with_cut(row.raw), metadata=None))
        before = self._last.get(row.call_id)
        if before is None or row.at > before.at or (row.at == before.at and not self._order.newest_first):
            self._last[row.call_id] = row
        if len(self._last) >= 2 * _MAX_CALLS:
            newest = sorted(self._last.items(), key=lambda item: item[1].at)[-_MAX_CALLS:]
            self._last = dict(newest)


class _Order:
    """Whether rows come oldest or newest first: dashboards export the newest first, and rows of
    the same second must not be told in reverse."""

    def __init__(self, rows: Iterable[DatedRow] = ()) -> None:
        self._before: DatedRow | None = None
        self.later = self.earlier = 0
        for row in rows:
            self.add(row)

    def add(self, row: DatedRow) -> None:
        if self._before is not None:
            self.later += row.at > self._before.at
            self.earlier += row.at < self._before.at
        self._before = row

    @property
    def newest_first(self) -> bool:
        return self.earlier > self.later


class _Kept:
    """The newest rows of many, in the order of the file."""

    def __init__(self) -> None:
        self.is_too_many = self.is_too_big = False
        self._rows: list[DatedRow] = []
        self._size = 0

    def add(self, row: DatedRow) -> None:
        self._rows.append(row)
        self._size += _size_of(row)
        self.is_too_big = self.is_too_big or self._size > MOST
        self.is_too_many = self.is_too_many or len(self._rows) > MAX_ROWS or self.is_too_big
        if len(self._rows) >= 3 * MAX_ROWS or self._size > 2 * MOST:
            self._trim()

    def in_order_of_insertion(self, of_file: _Order) -> list[DatedRow]:
        self._trim()
        own = _Order(self._rows)
        newest_first = own.newest_first if own.later != own.earlier else of_file.newest_first
        return self._rows[::-1] if newest_first else self._rows

    def _trim(self) -> None:
        if len(self._rows) <= MAX_ROWS and self._size <= MOST:
            return
        kept, size = [], 0
        for place in sorted(range(len(self._rows)), key=lambda place: self._rows[place].at)[: -MAX_ROWS - 1 : -1]:
            size += _size_of(self._rows[place])
            if size > MOST:
                break
            kept.append(place)
        self._rows = [self._rows[place] for place in sorted(kept)]
        self._size = sum(map(_size_of, self._rows))


def _cells(raw: RawRow) -> tuple[object, ...]:
    return raw.call_id, raw.source, raw.state


def _with_cut(raw: RawRow) -> RawRow:
    call_id, source, state = (cut(cell) if isinstance(cell, str) else cell for cell in _cells(raw))
    return structs.replace(raw, call_id=call_id, source=source, state=state)


def _size_of(row: DatedRow) -> int:
    raw = row.raw
    return sum(len(value) for value in (raw.metadata, raw.state, raw.source, raw.call_id) if isinstance(value, str))


def _raw(record: Record, names: _Names) -> RawRow:
    """The row without its room, which most rows are not asked for."""

    def value(column: str | None) -> object:
        return None if column is None else record.values.get(column)

    return RawRow(
        place=record.place,
        call_id=value(names.call_id),
        at=value(names.at),
        source=value(names.source),
        state=value(names.state),
        metadata=value(names.metadata),
    )


def _names_in(columns: Collection[str], settings: CallLogs) -> _Names:
    wanted = settings.columns
    by_fold = {folded(name): name for name in reversed(tuple(columns))}

    def find(name: str | None) -> str | None:
        if name is None or name in columns:
            return name
        return by_fold.get(folded(name))

    place = None
    if wanted.room:
        first, *keys = wanted.room.split(".")
        place = room_place(wanted.room, columns)
        column = find(first)
        if place is None and column is not None:
            place = RoomPlace(column, tuple(keys))
    return _Names(
        call_id=find(wanted.call_id),
        at=find(wanted.at),
        state=find(wanted.state),
        source=find(wanted.source),
        metadata=find(wanted.metadata),
        room=place,
    )
