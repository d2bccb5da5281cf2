"""Where the call was, by what is said beside LiveKit's own lines: which of several rooms a person means, and which
LiveKit the team's program calls."""

import re
from collections.abc import Iterator, Sequence

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import (
    LogLine,
    MeantRoom,
    NamedServer,
    Observation,
    room_named,
)
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.own_words import may_be_names
from livekit_doctor.evidence.records.excerpt import Excerpt

_READ = 2_000
"""Characters of a line in which names are looked for."""
_SERVER = lazy_re.compile(
    r"livekit[_ .-]?(?:ws[_ .-]?|server[_ .-]?)?(?:url|host)\\?[\"'`]?(?:\s?[=:]\s?| is )\\?[\"'`]?"
    r"(?P<url>(?:ws|http)s?://[\w.-]+\w(?::\d{1,5})?)",
    re.IGNORECASE,
)
_CLOUD = lazy_re.compile(r"\burl[\"']?\s?[=:]\s?[\"']?(?P<url>(?:ws|http)s?://[\w-]+\.livekit\.cloud)\b", re.IGNORECASE)
_OF_WORKER = lazy_re.compile(r"\b(?:worker|agent)s?\b", re.IGNORECASE)


def server_lines(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The lines that name one, but of a worker or an agent."""
    for number, line in enumerate(excerpt.lines):
        if url := _url(_SERVER, line):
            yield Found("LIVEKIT_URL", number, number, (NamedServer(read=context.read, url=url),))


def servers(observations: Sequence[Observation], context: Context) -> Iterator[Observation]:
    """Those that the team's own lines name in any words, if they are LiveKit Cloud's."""
    own = (item.message for item in observations if isinstance(item, LogLine) and item.log == "app")
    for url in dict.fromkeys(filter(None, (_url(_CLOUD, line) for line in own))):
        yield NamedServer(read=context.read, url=url)


def _url(pattern: re.Pattern[str], line: str) -> str:
    found = pattern.search(line[:_READ]) if "://" in line else None
    return "" if found is None or _OF_WORKER.search(line[: found.start()]) else found["url"]


def meant(excerpt: Excerpt, observations: Sequence[Observation], context: Context) -> Iterator[Observation]:
    """The one room that sentences name; none where they name several, or where there is one room only."""
    rooms = set(filter(None, map(room_named, observations)))
    if len(rooms) < 2:
        return
    said = {word for line in excerpt.sentences for word in may_be_names(line)} & rooms
    if len(said) == 1:
        yield MeantRoom(read=context.read, room=said.pop())
