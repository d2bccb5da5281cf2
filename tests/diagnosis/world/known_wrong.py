"""What is known to be wrong today: the kinds of wrong verdicts that a fixed run of lives shows, which stand in
known_wrong.txt, and the scenarios. Both lists may only become shorter."""

from pathlib import Path

from tests.diagnosis.world.judge import Kind
from tests.diagnosis.world.run import Tally

LIVES, SEED, CASES = 500, "test", 3
"""The run that the list is of: some 2,000 diagnoses with those in another order, in a few seconds."""


FILE = Path(__file__).with_suffix(".txt")


def brief(kind: Kind) -> str:
    return f"{kind.property} | {kind.said} | {kind.truth}"


def known() -> frozenset[str]:
    return frozenset(FILE.read_text().splitlines())


def write(tally: Tally) -> None:
    FILE.write_text("".join(f"{line}\n" for line in sorted(map(brief, tally.kinds))))
