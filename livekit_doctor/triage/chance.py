"""Whether shares differ by more than chance, by the ratio of their likelihoods, and where in time a share rose."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import copysign, exp, log, sqrt
from typing import NamedTuple

SURE = 3.0
"""Standard errors beyond which a change is told: chance alone does that to one row in 370."""
STANDS_OUT = 4.0
"""The same for one value of many, or one moment of many: the more that are looked at, the more chance shows."""
FEWEST = 5
"""Fewer calls than these say nothing of a share."""
LIKELY = 0.95
"""How likely a rise is to lie within its range, every part being as likely as another beforehand."""


class Rise(NamedTuple):
    """At the beginning of which part of a time a share rose, and from which to which part that may be, by number."""

    place: int
    earliest: int
    latest: int


def z_of(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """How many standard errors the first share is above the second, or below it.

    The signed root of the likelihoods' ratio: the difference of two proportions over its standard error takes six of
    184 where 0.5 in 100 is usual for what chance does once in 30,000; it is once in 2,200.
    """
    if not of or not other_of:
        return 0.0
    apart = _log_likelihood(hits, of) + _log_likelihood(other_hits, other_of)
    ratio = apart - _log_likelihood(hits + other_hits, of + other_of)
    return copysign(sqrt(2 * max(ratio, 0.0)), hits / of - other_hits / other_of)


def rise_in(hits: Sequence[int], of: Sequence[int]) -> Rise | None:
    """Where a share rose once and by more than chance. Few calls a part tell that it rose better than when."""
    found = sorted(_rises(hits, of), key=lambda one: -one[1])
    if not found:
        return None
    place, most = found[0]
    before, since = sum(hits[:place]), sum(hits[place:])
    before_of, since_of = sum(of[:place]), sum(of[place:])
    if since < FEWEST or since / since_of < 1.5 * before / before_of:
        return None
    if z_of(since, since_of, before, before_of) <= STANDS_OUT:
        return None
    within = list(accumulate(exp(likelihood - most) for _, likelihood in found))
    likely = [start for start, _ in found[: bisect_left(within, LIKELY * within[-1]) + 1]]
    return Rise(place, min(likely), max(likely))


def _rises(hits: Sequence[int], of: Sequence[int]) -> Iterator[tuple[int, float]]:
    """The parts since which the share is higher, each with the logarithm of how likely that makes the counts."""
    all_hits, all_of, before, before_of = sum(hits), sum(of), 0, 0
    for start in range(1, len(hits)):
        before, before_of = before + hits[start - 1], before_of + of[start - 1]
        since, since_of = all_hits - before, all_of - before_of
        if before_of and since_of and since / since_of > before / before_of:
            yield start, _log_likelihood(before, before_of) + _log_likelihood(since, since_of)


def _log_likelihood(hits: int, of: int) -> float:
    """Of so many hits, at the share that makes them likeliest."""
    return sum(count * log(count / of) for count in (hits, of - hits) if count)
