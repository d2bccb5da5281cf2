"""Which of several legs decides, where a text tells of more than one of a call: dialogs of a SIP trace, a carrier's
records of calls, attempts one after another in the words of the team's own program.

What became of a leg is not what became of the call where another one was answered that came after it or was there when
it was dialled: it was tried before, rang beside the one that was answered, or is a further phone's.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property, reduce

from msgspec import Struct, structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Observation, SipCallResult
from livekit_doctor.evidence.pasted.interface import Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.times import IN_TEXT, moment
from livekit_doctor.evidence.team_words import says_tries_again, says_went_well


class Leg(Struct, frozen=True):
    """From when to when a text tells of a leg, in seconds or in lines: of all the legs of a text the same."""

    id: str
    began: float
    ended: float
    answered: bool = False
    over: bool = True
    """Whether its end is told of, too."""
    dialled_by: str = ""
    """The leg that dialled this one, where the carrier says so."""


def deciding(legs: Sequence[Leg], *, in_order: bool = True) -> tuple[Leg, ...]:
    """The last leg, of those that no other one outlived; none where it was refused, and nobody knows whether one that
    was answered before it was over. Where nobody knows which came first (not `in_order`), all of them, and none where
    only some were answered."""
    left = [leg for leg in legs if leg.answered or not any(_outlived(leg, other, in_order) for other in legs)]
    if not in_order:
        return tuple(left) if len({leg.answered for leg in left}) == 1 else ()
    last = max(left, key=lambda leg: leg.ended)
    return (last,) if last.answered or all(leg.over for leg in left if leg.answered) else ()


def _outlived(leg: Leg, other: Leg, in_order: bool) -> bool:
    """Whether the other was answered, and what became of this one is not what became of the call. The lines of another
    are around those of a leg that is within it, whichever end of a text is the older."""
    if not other.answered:
        return False
    within = other.began < leg.began and leg.ended < other.ended
    return leg.dialled_by == other.id or within or (in_order and leg.began < other.ended)


# Attempts in the words of the team's own program

_LOGGED = lazy_re.compile(
    r"\s*\{|(?:\s*\[[\w.:/ -]{1,60}\])?"
    r"\W*(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|(?:DEBUG|INFO|NOTICE|WARN|WARNING|ERROR)\b|(?i:attempt)\b)"
)
_NAME = lazy_re.compile(r"[A-Za-z0-9]+(?:[-_.:@][A-Za-z0-9]+)*")
_IS_NAME = lazy_re.compile(r"(?=.*[A-Za-z])(?=.*\d).{5,}")
_NO_NAME = lazy_re.compile(r"(?:RM|AJ|AD|PA|SCL|ST|CA|AW)_|\d{1,4}[-:.]\d\d")
"""LiveKit's ids, of which each attempt has its own; times."""

_NEAR, _LOOKED_AT, _MOST = 40, 2_000, 20_000
"""Lines above one that may go on with a log's line, characters of a line that are looked at, and lines of a text in
which what went well is looked for."""

_SOON = timedelta(minutes=5)
"""A phone is dialled again within this time, in one call. Our own margin."""


class _Line(Struct, frozen=True, dict=True):
    text: str
    number: int

    @cached_property
    def at(self) -> datetime | None:
        found = IN_TEXT.search(self.text)
        return moment(found[0])[0] if found else None

    @cached_property
    def names(self) -> frozenset[str]:
        """The ids in it, of a room or a call."""
        words = (word for word in _NAME.findall(self.text) if _IS_NAME.fullmatch(word))
        return frozenset(word for word in words if not _NO_NAME.match(word))

    def is_after(self, other: "_Line") -> bool:
        """By their times, where both have one: consoles have the newest line first."""
        return self.at > other.at if self.at and other.at else self.number > other.number

    def is_near(self, other: "_Line") -> bool:
        """Whether it may be of the same call where they name nothing."""
        return not (self.at and other.at) or abs(self.at - other.at) <= _SOON


def tried_again(excerpt: Excerpt, found: Sequence[Found]) -> Iterator[Found]:
    """The same, with the refusals marked after which the program says that another attempt went well, or that it dials
    again."""
    refused = any(map(_refusals, found))
    well = list(_saying(excerpt, says_went_well)) if refused else []
    again = list(_saying(excerpt, says_tries_again)) if refused else []
    for item in found:
        told = [line for refusal in _refusals(item) if well or again for line in _told(excerpt, item, refusal)]
        if told and _is_any_after(well, told):
            yield structs.replace(item, observations=_marked(item, earlier=True))
        elif told and _is_any_after(again, told):
            yield structs.replace(item, observations=_marked(item, dialled_again=True))
        else:
            yield item


def _is_any_after(lines: Sequence[_Line], told: Sequence[_Line]) -> bool:
    """Whether one of the lines is after all that were told, and may be of the same call."""
    last = reduce(lambda one, other: other if other.is_after(one) else one, told)
    named = {line.names for line in told}
    after = (line for line in lines if line.is_after(last) and (line.names & last.names or line.is_near(last)))
    return any(all(line.names <= names or names <= line.names for names in named) for line in after)


def _refusals(found: Found) -> list[SipCallResult]:
    return [item for item in found.observations if isinstance(item, SipCallResult) and item.status != 200]


def _marked(found: Found, **how: bool) -> tuple[Observation, ...]:
    refusals = _refusals(found)
    return tuple(structs.replace(item, **how) if item in refusals else item for item in found.observations)


def _told(excerpt: Excerpt, found: Found, refusal: SipCallResult) -> Iterator[_Line]:
    """The log's lines of a refusal: each that has its words, since the same may be found once for all of them."""
    words = refusal.message[:80]
    for number, line in enumerate(excerpt.lines):
        if number == found.first or (words and words in line):
            yield _Line(_logged(excerpt, number), number)


def _logged(excerpt: Excerpt, number: int) -> str:
    """The line of a log that this one is, or belongs to, as the last of a traceback does."""
    above = (excerpt.lines[place] for place in range(number, max(-1, number - _NEAR), -1))
    return next(filter(_LOGGED.match, above), excerpt.lines[number])[:_LOOKED_AT]


def _saying(excerpt: Excerpt, says: Callable[[str], bool]) -> Iterator[_Line]:
    """The lines of a log which say so."""
    for number, line in enumerate(excerpt.lines[:_MOST]):
        text = line[:_LOOKED_AT]
        if _LOGGED.match(text) and says(text):
            yield _Line(text, number)
