"""Which rows are about the call that was asked for."""

from collections.abc import Iterable, Iterator

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LogRow


def rows_of(subject: Subject, rows: Iterable[LogRow], rooms: Iterable[str] = ()) -> tuple[LogRow, ...]:
    """The rows that are about the subject. Those of another call id, or of another room than the
    one asked for, are left out where there are some that say to be of this one, and where that
    room is among `rooms`, the live ones: an agent that logs from another room is not in it."""
    kept = tuple(_not_of_others(subject, tuple(rows)))
    if any(row.call_id == subject.call_id for row in kept):
        kept = tuple(row for row in kept if row.call_id == subject.call_id)
    if subject.room and (subject.room in rooms or any(row.room == subject.room for row in kept)):
        kept = tuple(row for row in kept if row.room in ("", subject.room))
    return kept


def _not_of_others(subject: Subject, rows: tuple[LogRow, ...]) -> Iterator[LogRow]:
    """Without rows that a person pasted of another call than was asked for: by its id, the beginning of it or its room,
    all of which a call may be asked for by."""
    asked, rooms = subject.call_id, dict[str, set[str]]()
    for row in rows:
        rooms.setdefault(row.call_id, set()).add(row.room)
    for row in rows:
        named = rooms[row.call_id] - {""}
        if asked is not None:
            own = row.call_id.casefold().startswith(asked.casefold()) or asked in named
        else:
            own = not subject.room or not named or subject.room in named
        if own or not row.read.excerpt:
            yield row
