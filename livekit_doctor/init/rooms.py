"""How the rooms of calls are named: a template by call id, and a pattern."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from livekit_doctor.config.forms import name_template
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.init.logs import metadata_of
from livekit_doctor.init.texts import can_be_written

_ENOUGH = 3
_SHORTEST = 4
"""Characters from which a call id, or a value of the metadata, in a room's name is no chance."""


class Naming(Struct, frozen=True):
    """A template or a pattern, how many calls or rooms it fits, and of how many."""

    text: str
    fits: int
    of: int


def template_of(named: Iterable[tuple[LogRow, str]]) -> Naming | None:
    """The template by which most calls' rooms are named, None where their names have no call id."""
    by_call: dict[str, tuple[LogRow, str]] = {}
    for row, room in named:
        by_call.setdefault(row.call_id, (row, room))
    found = Counter(filter(None, (_template(row, room) for row, room in by_call.values())))
    if not found:
        return None
    text, fits = found.most_common(1)[0]
    good = can_be_written(text) and name_template(text) is None and 2 * fits > len(by_call)
    return Naming(text, fits, len(by_call)) if good else None


def _template(row: LogRow, room: str) -> str | None:
    """The room's name with its call id and other values of the row as placeholders."""
    if len(row.call_id) < _SHORTEST or row.call_id not in room or re.search("[{}]", room):
        return None
    values = {"call_id": row.call_id}
    for key, value in metadata_of(row).items():
        if len(value) >= _SHORTEST and value != room and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key):
            values.setdefault(key, value)
    text = room.replace(row.call_id, "{call_id}")
    for key, value in sorted(values.items(), key=lambda item: -len(item[1])):
        parts = re.split(r"(\{\w+\})", text)
        text = "".join(part if part.startswith("{") else part.replace(value, f"{{{key}}}") for part in parts)
    return text


def rooms_with_id(rows: Iterable[LogRow], rooms: Iterable[str]) -> Iterator[tuple[LogRow, str]]:
    """The live rooms in whose name the call id of a row recurs."""
    names = list(rooms)
    for row in {row.call_id: row for row in rows}.values():
        if len(row.call_id) >= _SHORTEST:
            yield from ((row, name) for name in names if row.call_id in name)


def pattern_of(rooms: Iterable[str], live: Iterable[str]) -> Naming | None:
    """A pattern of the names of calls' rooms, where they begin alike, and how many live rooms it fits."""
    names = sorted(set(rooms))
    if len(names) < _ENOUGH:
        return None
    first, last = names[0], names[-1]
    prefix = first[
        : next((at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
    ]
    cut = max(prefix.rfind(mark) for mark in "-_:./|")
    prefix = prefix[: cut + 1]
    if len(prefix) < _SHORTEST or not can_be_written(prefix):
        return None
    listed = list(live)
    pattern = re.sub(r"([*?\[])", r"[\1]", prefix) + "*"
    return Naming(pattern, sum(1 for name in listed if name.startswith(prefix)), len(listed))
