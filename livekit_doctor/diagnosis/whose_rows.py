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


def meant_by(asked: str, rows: Iterable[LogRow]) -> set[str]:
    """The ids of the calls that a call may be asked for by: its id, the beginning of it or its room."""
    begins = asked.casefold()
    return {row.call_id for row in rows if row.call_id.casefold().startswith(begins) or row.room == asked}


def _not_of_others(subject: Subject, rows: tuple[LogRow, ...]) -> Iterator[LogRow]:
    """Without rows that a person pasted of another call or room than was asked for."""
    if subject.call_id is not None:
        own = meant_by(subject.call_id, rows)
    else:
        named = {row.call_id for row in rows if row.room}
        own = {row.call_id for row in rows if row.call_id not in named or subject.room in (None, "", row.room)}
    return (row for row in rows if row.call_id in own or not row.read.excerpt)
