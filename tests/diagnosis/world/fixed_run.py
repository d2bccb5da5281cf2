"""A fixed run of lives, and what is said of each of its cases, in fixed_run.txt: what a change of the core says
otherwise is seen in the difference of that file.

test.4/0 broken LKD405:proven@agent_connected (LKD407) bbbb-bb-- not LKD103 LKD104 warns LKD603

The letters are the states of the steps in the order of the flow: the first of their names, - for unknown.
"""

from functools import cache
from pathlib import Path

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Status
from tests.diagnosis.world.run import Tally, run

SEED, CASES, PARTS, LIVES = "test", 3, 10, 50
"""Some 2,000 diagnoses with those in another order, in a few seconds; in parts of so many lives."""

FILE = Path(__file__).with_suffix(".txt")


@cache
def part(number: int) -> Tally:
    return run(range(number * LIVES, (number + 1) * LIVES), SEED, CASES, brief)


def brief(diagnosis: Diagnosis) -> str:
    words: list[str] = [diagnosis.verdict.value]
    for item in diagnosis.broken:
        words.append(f"{item.code}:{item.confidence.value}@{item.step.value}")
        words += [f"({' '.join(item.candidates)})"] if item.candidates else []
    states = (result.status for result in diagnosis.steps)
    words.append("".join("-" if state is Status.UNKNOWN else state.value[0] for state in states))
    out, warned = ({item.code for item in items} for items in (diagnosis.ruled_out, diagnosis.warnings))
    words += ["not", *sorted(out)] if out else []
    words += ["warns", *sorted(warned)] if warned else []
    return " ".join(words)


@cache
def kept() -> tuple[tuple[str, ...], ...]:
    """The lines of each part."""
    lines = FILE.read_text().splitlines()
    return tuple(tuple(lines[start : start + LIVES * CASES]) for start in range(0, len(lines), LIVES * CASES))


def write() -> None:
    FILE.write_text("".join(f"{line}\n" for number in range(PARTS) for line in part(number).said))
