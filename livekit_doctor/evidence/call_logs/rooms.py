"""The room of a log row: a column of its own, or a path into the row's JSON."""

import json
from collections.abc import Collection, Sequence

from msgspec import Struct

_USUAL_PATHS = (("room",), ("room_name",), ("roomName",), ("livekit_room",), ("room", "name"))


class RoomPlace(Struct, frozen=True):
    """Where the room's name is: a column, and the keys to follow inside it."""

    column: str
    keys: tuple[str, ...] = ()


def room_place(configured: str, columns: Collection[str]) -> RoomPlace | None:
    """What `metadata.livekit.room` means given these columns; None when no such column is there.

    The longest leading part that is a column wins, since a column's name may have a dot.
    """
    parts = configured.split(".")
    for length in range(len(parts), 0, -1):
        column = ".".join(parts[:length])
        if column in columns:
            return RoomPlace(column, tuple(parts[length:]))
    return None


def room_at(value: object, keys: Sequence[str]) -> str:
    """The string at the end of `keys` in a column's value, which may be JSON text; "" if none."""
    for key in keys:
        value = _parsed(value)
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 9 and int(key) < len(value):
            value = value[int(key)]
        else:
            return ""
    return value if isinstance(value, str) else ""


def guessed_room(metadata: object) -> str:
    """The room in metadata of unknown shape: the one string under the usual keys. "" if there
    is none, or if there are two, since then neither is sure. A room's sid is not its name."""
    value = _parsed(metadata)
    found = {room_at(value, path) for path in _USUAL_PATHS} if isinstance(value, dict) else set()
    names = {name for name in found if name and not name.startswith("RM_")}
    return names.pop() if len(names) == 1 else ""


def _parsed(value: object) -> object:
    """JSON text as its value; a JSON string that holds JSON again is opened twice."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value
