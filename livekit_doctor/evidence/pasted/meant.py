"""Which of several rooms a person means, who says it in a sentence beside what was pasted of them."""

import re
from collections.abc import Iterator, Sequence

from livekit_doctor.evidence.observations import LogLine, LogRow, MeantRoom, Observation, Sighting, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context
from livekit_doctor.evidence.records.excerpt import Excerpt

_WORD = re.compile(r"[A-Za-z0-9][\w.:@-]{1,100}[A-Za-z0-9]")
_READ = 2_000
"""Characters of a line in which names are looked for."""


def meant(excerpt: Excerpt, observations: Sequence[Observation], context: Context) -> Iterator[Observation]:
    """The one room that sentences name; none where they name several, or where there is one room only."""
    rooms = set(filter(None, map(_room, observations)))
    if len(rooms) < 2:
        return
    said = {word for line in excerpt.sentences for word in _WORD.findall(line[:_READ])} & rooms
    if len(said) == 1:
        yield MeantRoom(read=context.read, room=said.pop())


def _room(item: Observation) -> str:
    if isinstance(item, LogLine):
        return item.fields.get("room", "")
    return item.room if isinstance(item, Sighting | SipCallResult | LogRow) else ""
