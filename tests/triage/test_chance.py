"""Where a share rose: planted at a known part of two days of hours, whose calls have a daily shape."""

import random

import pytest

from livekit_doctor.triage.chance import STANDS_OUT, SURE, Rise, rise_in, z_of
from tests.triage.logs import SHAPE

PARTS = 47


def counts(draw: random.Random, rises_at: int, share: float, then: float) -> tuple[list[int], list[int]]:
    """Hits and calls of each part. The first hour is any of a day."""
    first = draw.randrange(24)
    of = [int(SHAPE[(first + part) % 24] * 30 * draw.uniform(0.8, 1.2)) for part in range(PARTS)]
    shares = (then if part >= rises_at else share for part in range(PARTS))
    return [sum(draw.random() < share for _ in range(calls)) for calls, share in zip(of, shares, strict=True)], of


def test_the_range_has_the_moment_also_where_calls_are_few() -> None:
    """At night an hour has 30 calls, and a share of one in a hundred is told hours later, if at all."""
    draw = random.Random(11)
    tried, outside = 0, []
    for _ in range(150):
        at, share = draw.randrange(20, 44), draw.choice((0.004, 0.012, 0.02))
        found = rise_in(*counts(draw, at, share, share * draw.choice((2.5, 4, 8))))
        if found is not None:
            tried += 1
            if not found.earliest <= at <= found.latest:
                outside.append((at, found))
    assert tried > 100
    assert len(outside) <= tried // 20, outside


def test_a_frequent_outcome_is_told_to_the_hour() -> None:
    assert rise_in([1] * 20 + [60] * 20, [100] * 40) == Rise(20, 20, 20)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_chance_rises_nowhere(share: float) -> None:
    draw = random.Random(5)
    risen = [found for _ in range(100) if (found := rise_in(*counts(draw, 0, share, share)))]
    assert len(risen) <= 1, risen


def test_what_falls_or_is_never_has_not_risen() -> None:
    assert rise_in([60] * 20 + [1] * 20, [100] * 40) is None
    assert rise_in([0] * 40, [100] * 40) is None
    assert rise_in([0] * 39 + [4], [100] * 40) is None
    assert rise_in([5, 5], [0, 5]) is None


@pytest.mark.parametrize("share", [0.005, 0.03])
def test_chance_stands_out_as_rarely_as_is_said(share: float) -> None:
    """One value with 184 calls of 3,900, of a seldom outcome: three standard errors are one in 740, four in 31,000."""
    draw = random.Random(7)
    found = [z_of(sum(draw.random() < share for _ in range(184)), 184, round(share * 3700), 3700) for _ in range(5_000)]
    assert sum(z > SURE for z in found) <= 20
    assert sum(z > STANDS_OUT for z in found) <= 1


def test_what_is_no_chance_stands_out() -> None:
    assert z_of(30, 184, 19, 3700) > STANDS_OUT
    assert z_of(0, 184, 3000, 3700) < -STANDS_OUT
    assert z_of(5, 10, 5, 10) == 0
