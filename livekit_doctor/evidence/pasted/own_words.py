"""What the team's own lines and words say beside LiveKit's: which room they are about.

A program of the team logs a call in its own words, with the room in a field or in the sentence: "dialing ... into room
call-17". That is a line of the call where LiveKit's own evidence names that room, or where nothing names another.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set

from msgspec import structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import LogLine, LogRow, Observation, Sighting, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.component import KINDS, is_log
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import room_in, shortened
from livekit_doctor.evidence.records.reader import Placed, observed, records
from livekit_doctor.evidence.records.values import is_expression
from livekit_doctor.redact import redact_text

_NAMED = lazy_re.compile(
    r"(?<!::)\broom(?:[ _-]?name)?[\"']?(?:\s?[=:]\s?| (?:is |was |named |called |name )?)[\"'`«“]{0,2}"
    r"(?P<room>[A-Za-z0-9][\w.:@-]{1,100}[A-Za-z0-9])(?=[\s\"'`»”,;:.!?)\]}]|$)",
    re.IGNORECASE,
)
_WORD = lazy_re.compile(r"[A-Za-z0-9][\w.:@-]{1,100}[A-Za-z0-9]")
_IS_NAME = lazy_re.compile(r"\w[-_.:]\w|[A-Za-z]\d|\d[A-Za-z]")
"""A name, and no word of a sentence: room closed, room 12 minutes later."""
_OF_LIVEKIT = lazy_re.compile(r"(?:RM|AJ|AD|PA|SCL|ST|CA|AW)_")
_PROSE = 20_000
"""Lines of a text in which a room is looked for in sentences."""


def found_in(excerpt: Excerpt, observations: Sequence[Observation], context: Context) -> Iterator[Found]:
    """Lines of the team's own that name the call's room, and were nothing so far."""
    rest = [placed for placed in records(excerpt) if is_log(placed.record)]
    rooms = _call_rooms(excerpt, observations, rest)
    for placed in rest:
        if (room_in(placed.record.fields) or _in_words(placed.record.message, rooms)) in rooms:
            line = observed(placed.record, "app", excerpt.name, excerpt.number_of(placed.first), context.read)
            yield Found(KINDS["app"], placed.first, placed.last, (line,))


def with_rooms(excerpt: Excerpt, observations: Sequence[Observation], context: Context) -> list[Observation]:
    """The same, lines of the team's own with the room that they name in words, if that is the call's; and the sentence
    that names it, where nothing else does."""
    rooms = _call_rooms(excerpt, observations)
    put = [_with_room(item, rooms) for item in observations]
    if not rooms or _rooms(put):
        return put
    for number, line in enumerate(excerpt.lines):
        if (room := _in_words(line)) in rooms:
            said = shortened(redact_text(line.strip()))
            put.append(
                LogLine(
                    read=context.read,
                    log="app",
                    file=excerpt.name,
                    number=excerpt.number_of(number),
                    message=said,
                    fields={"room": room},
                )
            )
            break
    return put


def _with_room(item: Observation, rooms: frozenset[str]) -> Observation:
    if not isinstance(item, LogLine) or item.log != "app" or item.fields.get("room"):
        return item
    room = _in_words(item.message, rooms)
    return structs.replace(item, fields={**item.fields, "room": room}) if room and room in rooms else item


def _call_rooms(excerpt: Excerpt, observations: Sequence[Observation], rest: Sequence[Placed] = ()) -> frozenset[str]:
    """The rooms that the call's may be. A list of a server's rooms is of all calls, and counts where nothing else names
    one."""
    return _rooms(observations) or _said(excerpt, observations, rest) or _rooms(observations, listed=True)


def _rooms(observations: Iterable[Observation], *, listed: bool = False) -> frozenset[str]:
    """The rooms that something names outside of a sentence."""
    named = (
        item.fields.get("room", "")
        if isinstance(item, LogLine)
        else item.room
        if isinstance(item, Sighting | SipCallResult | LogRow)
        else ""
        for item in observations
        if listed or not (isinstance(item, Sighting) and item.lists == "rooms")
    )
    return frozenset(named) - {""}


def _said(excerpt: Excerpt, observations: Sequence[Observation], rest: Sequence[Placed]) -> frozenset[str]:
    """The one room that the team's own lines and sentences name; none where they name several, or nothing here is of
    LiveKit."""
    if not observations:
        return frozenset()
    own = (item.message for item in observations if isinstance(item, LogLine) and item.log == "app")
    said = (
        {room_in(placed.record.fields) for placed in rest} - {""}
        or {_in_words(message) for message in own} - {""}
        or rooms_said(excerpt)
    )
    return frozenset(said) if len(said) == 1 else frozenset()


def rooms_said(excerpt: Excerpt) -> Set[str]:
    """The rooms that any line of a text names, whoever's it is."""
    return {_in_words(line) for line in excerpt.lines[:_PROSE]} - {""}


def _in_words(text: str, rooms: frozenset[str] = frozenset()) -> str:
    """The room that a sentence names, be it one of these without the word."""
    names: Set[str] = set()
    if "room" in text or "Room" in text or "ROOM" in text:
        names = {found["room"] for found in _NAMED.finditer(text[:2_000]) if not _is_code(found)}
    if not names and any(room in text for room in rooms):
        names = rooms.intersection(may_be_names(text))
    names = {name for name in names if _IS_NAME.search(name) and not _OF_LIVEKIT.match(name)}
    return names.pop() if len(names) == 1 else ""


def may_be_names(text: str) -> list[str]:
    """The words of a line of which one may be the name of a room."""
    return _WORD.findall(text[:2_000])


def _is_code(found: re.Match[str]) -> bool:
    quoted = found.string[found.start("room") - 1] in "\"'`"
    return not quoted and is_expression(found["room"], found.string, found.start())
