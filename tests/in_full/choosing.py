"""Few calls and texts that together show all that is said, and reach each line that any of them reaches."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.in_full import kept, variants
from tests.in_full.said import SAID

CASES = [f"test.{life}/{case}" for life in range(500) for case in range(3)]
"""Those of the simulator's fixed run."""
BESIDE = CASES[::12]
LONGEST = 2_500
"""Characters of what is kept of one."""
MOST = {True: 500_000, False: 650_000}
"""And of all: of what is read, and of what is said."""
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not servers and not programs and not measures")
FOLDERS = ("tests/diagnosis", "tests/evidence")

Told = dict[str, list[str]]


class Listening:
    """A plugin of pytest's: what each test is told. `begins` is called with its name."""

    def __init__(self, begins: Callable[[str], Any]) -> None:
        self.told: Told = {}
        self._begins = begins
        kept.of_tests().clear()  # while it is told anew there is nothing to compare with

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Without what is drawn anew each time, and the fixed run: its cases are taken one by one."""
        items[:] = [
            one for one in items if not hasattr(one.function, "hypothesis") and one.path.name != "test_world.py"
        ]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: Any) -> Iterator[None]:
        self._begins(kept.name_of(item))
        result = yield
        self.told |= {f"{kept.name_of(item)} {n}": kept.told(item, n) for n in range(len(SAID))}
        return result


def of_tests(begins: Callable[[str], Any] = lambda _: None) -> Told:
    listening = Listening(begins)
    assert pytest.main([*OPTIONS, *FOLDERS], plugins=[listening]) == 0
    return listening.told


def chosen() -> Told:
    """It takes some minutes."""
    import coverage

    parts = [f"{Path.cwd()}/livekit_doctor/{part}/*" for part in ("diagnosis", "evidence")]
    measuring = coverage.Coverage(data_file=None, include=parts, config_file=False)
    measuring.start()
    found = of_tests(measuring.switch_context)
    bundles = sorted(Path("tests/bundles").glob("*.json.gz"))
    others = [f"{kept.BUNDLE}{file.name.removesuffix('.json.gz')}" for file in bundles]
    for name in (*others, *(f"{kept.SIMULATED}{case}" for case in CASES)):
        measuring.switch_context(name)
        found[name] = kept.anew(name)
    measuring.stop()
    tests_reach = _reached(measuring.get_data())
    again = of_tests()
    steady = {name: said for name, said in found.items() if again.get(name, said) == said}
    lines = {name: tests_reach.get(name, tests_reach.get(name.rpartition(" ")[0], frozenset())) for name in steady}
    features = {name: frozenset({*lines[name], *map(_shape, said)}) for name, said in steady.items()}
    lengths = {name: sum(map(len, said)) for name, said in steady.items() if "\n" not in name}
    few: Told = {}
    left = dict(MOST)
    for name in _few(features, {name: length for name, length in lengths.items() if length <= LONGEST}):
        if lengths[name] <= left[is_read := name.startswith("tests/evidence/")]:
            left[is_read] -= lengths[name]
            few[name] = steady[name]
    others = (*(f"{kept.BESIDE}{case}" for case in BESIDE), *(f"{kept.TEXT}{one}" for one in variants.texts()))
    return few | {name: kept.anew(name) for name in others}


def _reached(data: Any) -> dict[str, frozenset[object]]:
    reached: dict[str, set[object]] = {}
    for file in data.measured_files():
        for line, names in data.contexts_by_lineno(file).items():
            for name in names:
                reached.setdefault(name, set()).add((file, line))
    return {name: frozenset(each) for name, each in reached.items()}


def _few(features: Mapping[str, Iterable[object]], lengths: Mapping[str, int]) -> Iterator[str]:
    """Always the one with the most that is new for its length."""
    having: dict[object, list[str]] = {}
    new = dict.fromkeys(lengths, 0)
    for name in new:
        for feature in features[name]:
            having.setdefault(feature, []).append(name)
            new[name] += 1
    while having:
        name = max(new, key=lambda name: (new[name] / (400 + lengths[name]), name))
        yield name
        for feature in features[name]:
            for other in having.pop(feature, ()):
                new[other] -= 1


def _shape(line: str) -> str:
    """Without its names and numbers."""
    return " ".join("" if re.search(r'[\d_"]', word) else word for word in line[:160].split(" "))
