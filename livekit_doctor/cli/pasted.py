"""`trace --evidence`: what a person pasted, and which call it is about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from livekit_doctor.diagnosis.correlation import Subject
    from livekit_doctor.evidence.observations import Reading
    from livekit_doctor.settings import Settings

SHOWN = 10
"""Rooms that an error lists."""
SHOWN_IDS = 5
"""Ids that an error lists."""


def read_pasted(names: Sequence[str], settings: "Settings", subject: "Subject") -> "Reading":
    """What the texts in these files show. Raises UserError where there is nothing in them, and where it
    can't be told which call is meant."""
    from livekit_doctor.evidence.pasted import read
    from livekit_doctor.evidence.pasted.source import text_of
    from livekit_doctor.evidence.reading import utc_now

    texts = [(name, text_of(name)) for name in names]
    reading = read(texts, utc_now(), settings.call_logs)
    _require_anything(texts, reading, settings, subject)
    if subject.call_id and not (settings.call_logs.dsn or settings.call_logs.file):
        _require_its_rows(reading, subject.call_id)
    elif not subject.call_id:  # which room a call had, rows or LiveKit may tell
        require_one_call(reading, subject)
    return reading


def _require_its_rows(reading: "Reading", asked: str) -> None:
    """Raises UserError where all rows in the text are of other calls than the one that was asked for, by its id, the
    beginning of it, or its room."""
    from livekit_doctor.diagnosis.whose_rows import meant_by
    from livekit_doctor.evidence.observations import LogRow

    rows = [item for item in reading.observations if isinstance(item, LogRow)]
    calls = tuple(dict.fromkeys(row.call_id for row in rows))
    if not calls or meant_by(asked, rows):
        return
    shown = ", ".join(f'"{printable(call)}"' for call in calls[:SHOWN])
    message = f'the rows in {_TEXT} are of {shown}, and none is of "{printable(asked)}"'
    raise UserError("LKD001", message, f"livekit-doctor trace {_quoted(calls[0])} --evidence FILE", Exit.USAGE)


def _require_anything(
    texts: Sequence[tuple[str, str]], reading: "Reading", settings: "Settings", subject: "Subject"
) -> None:
    logs, rows = settings.logs, settings.call_logs
    others = not settings.livekit.missing or rows.dsn or rows.file or logs.worker or logs.server or logs.sip
    asked = subject.call_id or subject.room or subject.livekit_id
    if any(entry.recognised for entry in reading.coverage) or (others and asked):
        return
    name = ", ".join("standard input" if name == "-" else name for name, _ in texts)
    lines = sum(entry.not_recognised or 0 for entry in reading.coverage)
    if not any(text.strip() for _, text in texts):
        message = f"{name} is empty: there is nothing in it to diagnose"
    else:
        count = f"{lines} line{'s' if lines != 1 else ''}"
        message = f"nothing in {name} is recognised as anything of LiveKit's ({count} read)"
        shown = " / ".join(line for entry in reading.coverage for line in entry.unknown_lines)
        message += f": {shown}" if shown else ""
    ids = _ids_in(texts)
    if ids:
        message += f"; it has ids of LiveKit's: {', '.join(ids)}"
    raise UserError("LKD601", message, _INSTEAD.format(of=_OF_IDS.format(ids[0]) if ids else ""), Exit.UNDECIDED)


_INSTEAD = (
    "paste lines of livekit-server's, livekit-sip's or the worker's log{of}, the error of an API call,\n"
    "what lk prints, webhook bodies, or rows of the call state logs"
)
_OF_IDS = " that have one of these ids (grep {} FILE, and the lines around it)"


def _ids_in(texts: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The first ids of LiveKit's in the texts, of whatever kind."""
    import re

    found = re.compile(r"(?<![A-Za-z0-9_])[A-Z]{2,3}_[A-Za-z0-9]{8,24}(?![A-Za-z0-9_])")
    named = (match for _, text in texts for match in found.findall(text))
    # A constant's name, such as SIP_TRUNK01, has no small letter.
    ids = dict.fromkeys(name for name in named if any(map(str.islower, name)))
    return tuple(ids)[:SHOWN_IDS]


def require_one_call(reading: "Reading", subject: "Subject") -> None:
    """Raises UserError where the text names several rooms, or calls, and not which one is meant."""
    from livekit_doctor.diagnosis.correlation import pasted_rooms
    from livekit_doctor.evidence.observations import LogRow

    rooms = pasted_rooms(subject, reading.observations)
    if len(rooms) > 1:
        raise several(_TEXT, "rooms", rooms, f"livekit-doctor trace --evidence FILE --room {_quoted(rooms[0])}")
    calls = tuple(dict.fromkeys(item.call_id for item in reading.observations if isinstance(item, LogRow)))
    if len(calls) > 1 and not (subject.call_id or subject.room or subject.livekit_id or rooms):
        raise several(_TEXT, "calls", calls, f"livekit-doctor trace {_quoted(calls[0])} --evidence FILE")


_TEXT = "the pasted text"


def several(source: str, what: str, names: Sequence[str], example: str) -> UserError:
    """That the source is about several rooms or calls, and what to type."""
    shown = ", ".join(f'"{printable(name)}"' for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    message = f"{source} {'are' if source.endswith('s') else 'is'} about {len(names)} {what}: {shown}{more}"
    message += "; say which one is meant"
    return UserError("LKD001", message, f"{example}   (or any of the others)", Exit.USAGE)


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(printable(name))
