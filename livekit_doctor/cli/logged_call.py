"""`trace --server-log FILE` without a call: the one room that the log is about."""

import shlex
from typing import TYPE_CHECKING

from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.pasted import several
from livekit_doctor.errors import UserError
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from livekit_doctor.settings import Logs

OPTIONS = ("worker", "server", "sip")


def only_room(logs: "Logs") -> str:
    """The one room that the lines of these logs name. Raises UserError where they name none or several, and where that
    can't be looked up."""
    from livekit_doctor.diagnosis.correlation import Subject, pasted_rooms
    from livekit_doctor.evidence.logs import require_readable, sources_of
    from livekit_doctor.evidence.pasted import read
    from livekit_doctor.evidence.reading import utc_now

    require_readable(sources_of(logs))
    given = [(log, name) for log in OPTIONS for name in getattr(logs, log)]
    typed = " ".join(f"--{log}-log {shlex.quote(printable(name))}" for log, name in given)
    texts = [(name, _text(name, typed)) for _, name in given]
    rooms = pasted_rooms(Subject(), read(texts, utc_now()).observations)
    if len(rooms) > 1:
        example = f"livekit-doctor trace --room {shlex.quote(printable(rooms[0]))} {typed}"
        raise several("the log" if len(given) == 1 else "the logs", "rooms", rooms, example)
    if not rooms:
        raise _unknown("no line of the log names a room, so that it can't be told which call is meant", typed)
    return rooms[0]


def _text(name: str, typed: str) -> str:
    from livekit_doctor.evidence.pasted.source import LARGEST, text_of

    if name == "-":
        raise _unknown("which call is meant can't be looked up in standard input, which can be read once", typed)
    try:
        return text_of(name)
    except UserError:
        why = f"{name} has more than {LARGEST >> 20} MB, or is broken: say which call in it is meant"
        raise _unknown(why, typed) from None


def _unknown(why: str, typed: str) -> UserError:
    pasted = "or give lines that name no room with --evidence FILE, as what was pasted"
    return UserError("LKD001", why, f"livekit-doctor trace --room ROOM {typed}\n{pasted}", Exit.USAGE)
