"""What is said of chosen calls in full: its difference shows what a change of the core, or of a reader, says otherwise.

diagnosis.txt has diagnoses of calls that the tests of tests/diagnosis make up (the name of the test, and which of those
that it is told), of cases of the simulator, and of bundles of the lab. evidence.txt has what was read in tests of
tests/evidence, and what of the samples of the readers is read otherwise where mail, chat or a terminal changed them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.in_full.said import SAID
from tests.in_full.words import lines

DIAGNOSIS, EVIDENCE = (Path(__file__).with_name(f"{name}.txt") for name in ("diagnosis", "evidence"))
SIMULATED, BUNDLE, BESIDE, TEXT = "simulated ", "bundle ", "beside others ", "text "
OF_NO_TEST = (SIMULATED, BUNDLE, BESIDE, TEXT)
WRITE = "python -m tests.in_full --write"


@cache
def kept() -> dict[str, list[str]]:
    """The lines of each by its name."""
    found: dict[str, list[str]] = {}
    for file in (DIAGNOSIS, EVIDENCE):
        for line in file.read_text().splitlines():
            if line.startswith("# "):
                found[line[2:]] = []
            else:
                found[next(reversed(found))].append(line)
    return found


@cache
def of_tests() -> dict[str, list[int]]:
    """Which of what it is told is kept of each test."""
    found: dict[str, list[int]] = {}
    for name in kept():
        if not name.startswith(OF_NO_TEST):
            test, _, number = name.rpartition(" ")
            found.setdefault(test, []).append(int(number))
    return found


def name_of(item: pytest.Item) -> str:
    """Without the group of xdist's."""
    return item.nodeid.partition("@")[0]


def wrong_in_test(item: pytest.Item) -> list[str]:
    """What this test is told otherwise than what is kept; it has run."""
    test = name_of(item)
    return [line for number in of_tests().get(test, ()) for line in differences(f"{test} {number}", told(item, number))]


def told(item: pytest.Item, number: int) -> list[str]:
    """One of those things that the test that has run was told, wherever its folder was."""
    from tests.diagnosis.factories import CREATED

    folder = str(getattr(item, "funcargs", {}).get("tmp_path", "\0"))
    return [line.replace(folder, "FOLDER") for line in lines(SAID[number], CREATED)] if number < len(SAID) else []


def anew(name: str) -> list[str]:
    """Of what no test is told."""
    from tests.in_full import variants

    for kind, says in (
        (SIMULATED, variants.simulated),
        (BUNDLE, variants.bundle),
        (BESIDE, variants.beside_others),
        (TEXT, variants.text),
    ):
        if name.startswith(kind):
            return says(name.removeprefix(kind))
    raise KeyError(name)


def differences(name: str, now: list[str]) -> Iterator[str]:
    before = kept()[name]
    yield from (f"{name}: no longer {line}" for line in before if line not in now)
    yield from (f"{name}: now {line}" for line in now if line not in before)
    if before != now and set(before) == set(now):
        yield f"{name}: in another order, or not as often"


def write(found: Mapping[str, list[str]]) -> None:
    told: dict[Path, str] = {DIAGNOSIS: "", EVIDENCE: ""}
    for name, its in sorted(found.items()):
        file = EVIDENCE if name.startswith(("tests/evidence/", TEXT)) else DIAGNOSIS
        told[file] += "".join(f"{line}\n" for line in (f"# {name}", *its))
    for file, text in told.items():
        file.write_text(text)
