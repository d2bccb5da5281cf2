"""Whether shares differ by more than chance: a z-test of two proportions, and where in time a share rose."""

from collections.abc import Sequence
from math import sqrt

SURE = 3.0
"""Standard errors beyond which a change is told: chance alone does that to one row in 370."""
STANDS_OUT = 4.0
"""The same for one value of many, or one moment of many: the more that are looked at, the more chance shows."""
FEWEST = 5
"""Fewer calls than these say nothing of a share."""


def z_of(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """How many standard errors the first share is above the second."""
    if not of or not other_of:
        return 0.0
    pooled = (hits + other_hits) / (of + other_of)
    error = sqrt(pooled * (1 - pooled) * (1 / of + 1 / other_of))
    return (hits / of - other_hits / other_of) / error if error else 0.0


def rise_in(hits: Sequence[int], of: Sequence[int]) -> int | None:
    """The part of a time at whose beginning the share rose, where it did so once and by more than chance."""
    best, place = STANDS_OUT, None
    for start in range(1, len(hits)):
        before, since = sum(hits[:start]), sum(hits[start:])
        before_of, since_of = sum(of[:start]), sum(of[start:])
        if since < FEWEST or not before_of or not since_of or since / since_of < 1.5 * before / before_of:
            continue
        z = z_of(since, since_of, before, before_of)
        if z > best:
            best, place = z, start
    return place
