"""Calls that are looked at again and again, with their rows and without."""

import random
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.flow import Confidence, Leg
from tests.diagnosis.world import told
from tests.diagnosis.world.cases import Case, watched
from tests.diagnosis.world.judge import judged, wrongs
from tests.diagnosis.world.life import NEVER, Life
from tests.diagnosis.world.run import life_of
from tests.thorough import examples

LIVES = [f"watched.{number}" for number in range(examples(24, thorough=200))]


def moments(life: Life) -> Iterator[float]:
    """About each second until half a minute after the last that happens."""
    pick = random.Random(f"moments {life.seed}")
    times = [t for turn in life.turns for t in (turn.at, turn.active, turn.decided)]
    times += [t for dial in life.dials for t in (dial.at, dial.answered, dial.left)]
    end = min(life.closes, max(t for t in times if t < NEVER) + 30)
    t = pick.uniform(0, 1.5)
    while t < end:
        yield t
        t += pick.uniform(1, 1.5)


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("seed", LIVES)
def test_nothing_is_wrong_at_any_moment(seed: str, rows: bool) -> None:
    life = life_of(seed)
    looks: list[float] = []
    for t in moments(life):
        looks.append(t)
        case = watched(life, looks, rows=rows)
        assert not list(wrongs(case, judged(case))), told.case(case)


@pytest.mark.parametrize("seed", LIVES)
def test_a_further_reading_never_swaps_one_proven_code_for_another(seed: str) -> None:
    """Whatever of a call's evidence is known, more of it at the same "now" refutes or keeps."""
    life, pick = life_of(seed), random.Random(f"swap {seed}")
    every = list(moments(life))
    for _ in range(8):
        case = watched(life, sorted(pick.sample(every, min(3, len(every)))), rows=True)
        share = pick.choice([0.3, 0.6, 0.9])
        more = [item for item in case.evidence.observations if pick.random() < 0.5 + share / 2]
        less = [item for item in more if pick.random() < share]
        before, after = (proven(replace(case.evidence, observations=tuple(part)), case) for part in (less, more))
        for leg in before.keys() & after.keys():
            assert before[leg] == after[leg], told.case(case)


def proven(evidence: Evidence, case: Case) -> dict[Leg, str]:
    diagnosis = diagnose(evidence, case.life.settings, case.subject)
    return {item.leg: item.code for item in diagnosis.broken if item.confidence is Confidence.PROVEN}
