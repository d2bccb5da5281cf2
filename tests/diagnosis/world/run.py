"""Many lives, each seen in several ways, and what was wrong."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from livekit_doctor.diagnosis.result import Diagnosis
from tests.diagnosis.world.cases import Case, case_of
from tests.diagnosis.world.drawing import draw
from tests.diagnosis.world.judge import Kind, judged, wrongs
from tests.diagnosis.world.life import Life
from tests.diagnosis.world.traces_rows import write_rows

EVERY = 5
"""Of how many cases one is diagnosed in a second order, too."""


@dataclass(slots=True)
class Tally:
    lives: int = 0
    diagnoses: int = 0
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: dict[Kind, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The cases of each kind of wrong verdict."""
    said: list[str] = field(default_factory=list)
    """Of each case its id and what is said, where that is asked for."""


def life_of(seed: str) -> Life:
    life = draw(seed)
    write_rows(life)
    return life


def case_by_id(case_id: str) -> Case:
    seed, _, number = case_id.rpartition("/")
    return case_of(life_of(seed), int(number))


def run(
    lives: Iterable[int], seed: str = "0", cases: int = 6, brief: Callable[[Diagnosis], str] | None = None
) -> Tally:
    tally = Tally()
    for number in lives:
        life = life_of(f"{seed}.{number}")
        tally.lives += 1
        for which in range(cases):
            case = case_of(life, which)
            began = time.perf_counter()
            diagnosis = judged(case)
            tally.seconds += time.perf_counter() - began
            tally.diagnoses += 1
            tally.verdicts[diagnosis.verdict.value] += 1
            if brief:
                tally.said.append(f"{case.id} {brief(diagnosis)}")
            for wrong in wrongs(case, diagnosis, orders=which % EVERY == 0):
                tally.kinds[wrong.kind].append(wrong.case)
    return tally
