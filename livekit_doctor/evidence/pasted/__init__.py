"""What people paste: text of a ticket, a mail or a chat, and what of it is evidence.

Each recogniser reads the text for one kind of thing. What a person pasted was picked: it shows what is
in it, and nothing by what is not. A new kind is one module, and one line in recognisers.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import structs

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Coverage, LogLine, Observation, Read, Reading, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.ranks import ranked
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.known_words import says_any
from livekit_doctor.settings import CallLogs

__all__ = ["read"]


def read(texts: Sequence[tuple[str, str]], now: datetime, call_logs: CallLogs | None = None) -> Reading:
    """What the texts show, each with the name of its file. `now` is when they are read.

    The order of the lines of a text makes no difference where they are dated, since chats and tickets
    quote the last one first.
    """
    readings = [_read(name, text, now, call_logs or CallLogs()) for name, text in texts]
    return Reading(
        observations=tuple(item for reading in readings for item in reading.observations),
        coverage=tuple(entry for reading in readings for entry in reading.coverage),
    )


def _read(name: str, text: str, now: datetime, call_logs: CallLogs) -> Reading:
    from livekit_doctor.evidence.pasted import legs, meant, own_sightings, own_words
    from livekit_doctor.evidence.pasted.recognisers import RECOGNISERS

    source = f"{sources.EVIDENCE} {name}"
    context = Context(Read(source=source, at=now), call_logs)
    excerpt = Excerpt.of(text, name)
    every: list[Found] = []
    for recogniser in RECOGNISERS:
        every += _taken(excerpt, recogniser(excerpt, context))
    every = _without_repeats(every)
    every = list(legs.tried_again(excerpt, every))
    every += _taken(excerpt, own_words.found_in(excerpt, _observed(every), context))
    if every:  # by itself that is no evidence of a call
        every += _taken(excerpt, meant.server_lines(excerpt, context))
        every += _taken(excerpt, own_sightings.status_lines(excerpt, context))
    observations = own_words.with_rooms(excerpt, _observed(every), context)
    observations += own_sightings.sightings(observations)
    observations += (*meant.meant(excerpt, observations, context), *meant.servers(observations, context))
    recognised: Counter[str] = Counter()
    for found in every:
        recognised[found.kind] += found.count
    unknown = excerpt.not_recognised
    coverage = Coverage(
        source=source,
        status="read" if recognised else "empty",
        recognised=dict(recognised),
        not_recognised=unknown.count,
        unknown_lines=unknown.first,
    )
    return Reading(observations=tuple(_in_order(ranked(observations))), coverage=(coverage,))


def _taken(excerpt: Excerpt, found: Iterable[Found]) -> Iterator[Found]:
    for item in found:
        excerpt.take(item.first, item.last)
        yield item


def _without_repeats(found: Sequence[Found]) -> list[Found]:
    """Without the errors of dials in what tells of them, and whose they were: lines of livekit-sip's that are known,
    and SIP calls as LiveKit has them."""
    from livekit_doctor.evidence.pasted.sip_calls import KIND

    telling = (item for item in found if item.kind == KIND or any(map(_is_of_dial, item.observations)))
    lines = {number for item in telling for number in _lines(item)}
    return [
        item
        for item in found
        if item.kind == KIND or not (lines.issuperset(_lines(item)) and any(map(_is_error, item.observations)))
    ]


def _lines(found: Found) -> range:
    return range(found.first, found.last + 1)


def _is_of_dial(item: Observation) -> bool:
    return isinstance(item, LogLine) and item.log == "sip" and "error" in item.fields and says_any(item.message)


def _is_error(item: Observation) -> bool:
    return isinstance(item, SipCallResult)


def _observed(found: Iterable[Found]) -> list[Observation]:
    return [item for each in found for item in each.observations]


def _in_order(observations: Sequence[Observation]) -> list[Observation]:
    """Oldest first, undated ones last and each once: texts quote the same lines several times."""
    unique: dict[object, Observation] = {}
    for item in observations:
        key = structs.replace(item, number=0, rank=None) if isinstance(item, LogLine) else item
        unique.setdefault(repr(key), item)
    return [unique[key] for key in sorted(unique, key=lambda key: (_at(unique[key]), str(key)))]


def _at(item: Observation) -> str:
    at = getattr(item, "at", None) or item.read.clock_at
    return at.isoformat() if at is not None else "~"
