"""Rows as a source has them, and what they become: log rows, calls, states."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from livekit_doctor.evidence.call_logs.times import parse_time
from livekit_doctor.evidence.observations import LogRow, Read, RecentCall
from livekit_doctor.redact import redact_json, redact_text

MAX_ROWS = 5_000
"""Rows of one call, or of one room, that are read: the newest."""
STATES_FROM_ROWS = 1_000
"""Latest rows from which the states in use are taken."""
_MAX_NOTES = 20
CELL = 256 << 10
"""Characters that are read of a cell. LiveKit takes no metadata that is longer than a quarter of it."""
MOST = 64 << 20
"""Characters of rows that are kept of one reading."""


class RawRow(Struct, frozen=True, kw_only=True):
    """The configured columns of one row, as they were found. `place` is such as "line 7"."""

    place: str
    call_id: object = None
    at: object = None
    source: object = None
    state: object = None
    metadata: object = None
    room: str = ""


class DatedRow(Struct, frozen=True):
    """A row whose time could be read."""

    at: datetime
    raw: RawRow

    @property
    def call_id(self) -> str:
        return text_of(self.raw.call_id)


def dated(row: RawRow) -> DatedRow | str:
    """The row with its time, or why it can't be used."""
    at = parse_time(row.at)
    if at:
        return DatedRow(at, row)
    what = "no time" if row.at in (None, "") else f"{shortened(text_of(row.at))!r} is not a time"
    return f"{row.place}: {what} (state {shortened(text_of(row.state))!r})"


def log_rows(rows: Iterable[DatedRow], read: Read) -> tuple[LogRow, ...]:
    """Log rows of each call in the order of time; rows of the same time stay as they come."""
    places: Counter[str] = Counter()
    result: list[LogRow] = []
    for row in sorted(rows, key=lambda row: row.at):
        call_id = row.call_id
        result.append(
            LogRow(
                read=read,
                call_id=call_id,
                at=row.at,
                source=redact_text(cut(text_of(row.raw.source))),
                state=redact_text(cut(text_of(row.raw.state))),
                room=row.raw.room.encode(errors="replace").decode(),
                metadata=redact_json(metadata) if (metadata := cut(text_of(row.raw.metadata))) else "",
                order=places[call_id],
            )
        )
        places[call_id] += 1
    return tuple(result)


def recent_calls(rows: Iterable[DatedRow]) -> tuple[RecentCall, ...]:
    """The calls of these rows by their last row, newest call first."""
    last: dict[str, DatedRow] = {}
    for row in sorted(rows, key=lambda row: row.at):
        if row.call_id:
            last.pop(row.call_id, None)
            last[row.call_id] = row
    return tuple(
        RecentCall(
            call_id=call_id,
            at=row.at,
            source=redact_text(text_of(row.raw.source)),
            state=redact_text(text_of(row.raw.state)),
        )
        for call_id, row in reversed(last.items())
    )


def states_of(rows: Iterable[RawRow]) -> tuple[str, ...]:
    """The distinct states, most frequent first."""
    counted = Counter(redact_text(text_of(row.state)) for row in rows)
    return tuple(state for state, _ in counted.most_common() if state)


def text_of(value: object) -> str:
    """A column's value as text that can be printed and saved: JSON for what is not a string."""
    if value is None:
        return ""
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = "?"
    return value.encode(errors="replace").decode()


def cut(text: str) -> str:
    return text if len(text) <= CELL else text[:CELL]


def too_big(place: str, size: int) -> str:
    """The note on a row of which a cell was cut. `size` is in characters or bytes, whichever is known."""
    return f"{place}: it has {size / 1_000_000:.1f} MB, of which {CELL >> 10} KB of each cell are read"


def shortened(text: str, length: int = 60) -> str:
    """The text without secrets, and short enough for a message of one line."""
    text = redact_text(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def capped(notes: Sequence[str]) -> tuple[str, ...]:
    """The first of many notes, and how many more there are."""
    if len(notes) <= _MAX_NOTES:
        return tuple(notes)
    return (*notes[:_MAX_NOTES], f"and {len(notes) - _MAX_NOTES} more like these")
