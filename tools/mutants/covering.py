"""Which tests go through which line, measured once, and which of them find the most."""

import importlib
import mmap
import os
import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tools.mutants.made import PARTS, Mutant, modules

MOST_SECONDS = 8.0
"""Of the tests of one mutant, as long as they took: those first that go where few others go in the same function, and
that find the most for their time."""

Lines = dict[str, dict[int, list[int]]]
Measured = tuple[dict[int, float], Lines]


class Importing:
    """What runs while all is imported and the tests are collected: begun before that."""

    def __init__(self) -> None:
        self._coverage = _coverage()
        self._coverage.start()

    def end(self) -> dict[str, frozenset[int]]:
        """The lines by module. What a function imports when it is called is imported now, so that a fork has it."""
        for module in modules():
            importlib.import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        self._coverage.stop()
        data = self._coverage.get_data()
        return {_module(name): frozenset(data.lines(name) or ()) for name in data.measured_files()}


class Covering(NamedTuple):
    """Tests by their place in the list of all that were collected."""

    seconds: Mapping[int, float]
    """Of those that pass."""
    lines: Mapping[str, Mapping[int, Sequence[int]]]
    """By module and line."""
    imported: Mapping[str, frozenset[int]]
    """What ran at import already."""
    found: memoryview
    """How many mutants each test has found so far: all forks write there."""

    def tests_of(self, mutant: Mutant) -> list[int]:
        """What goes through its lines; of what is done at import, through anything in its module."""
        place, of_module = mutant.place, self.lines.get(mutant.module, {})
        tests = {test for line in (place.lines if place.function else of_module) for test in of_module.get(line, ())}
        depth = self._depth([of_module[line] for line in place.around or of_module if line in of_module])
        ordered: list[int] = []
        whole = 0.0
        for test in sorted(tests & set(self.seconds), key=lambda test: self._worth(test, depth), reverse=True):
            whole += self.seconds[test]
            if whole > MOST_SECONDS and ordered:
                break
            ordered.append(test)
        return ordered

    @staticmethod
    def _depth(lines: Iterable[Sequence[int]]) -> Mapping[int, float]:
        """How far each test goes into a function: what few tests reach counts the most."""
        depth: dict[int, float] = defaultdict(float)
        for tests in lines:
            for test in tests:
                depth[test] += 1 / len(tests)
        return depth

    def at_import(self, mutant: Mutant) -> bool:
        """Whether what was made at import may know it: a fork that exchanges functions can't tell then."""
        imported = self.imported.get(mutant.module, frozenset())
        return not mutant.place.function or not imported.isdisjoint(mutant.place.lines)

    def _worth(self, test: int, depth: Mapping[int, float]) -> float:
        return depth.get(test, 0.0) * (1 + self.found[test]) / (0.02 + self.seconds[test])


def passes(item: pytest.Item, following: pytest.Item | None = None) -> bool:
    reports = runtestprotocol(item, nextitem=following, log=False)
    return not any(report.failed for report in reports)


def measure(items: Sequence[pytest.Item], imported: Mapping[str, frozenset[int]], jobs: int) -> Covering:
    """In forks, so that this process stays as it is."""
    seconds: dict[int, float] = {}
    lines: Lines = defaultdict(lambda: defaultdict(list))
    parts = [range(start, len(items), jobs) for start in range(jobs)]
    with tempfile.TemporaryDirectory() as folder:
        children = [_forked(items, numbers, Path(folder, str(numbers.start))) for numbers in parts]
        for child, numbers in zip(children, parts, strict=True):
            os.waitpid(child, 0)
            more_seconds, more_lines = pickle.loads(Path(folder, str(numbers.start)).read_bytes())
            seconds |= more_seconds
            for module, of_module in more_lines.items():
                for line, tests in of_module.items():
                    lines[module][line] += tests
    counts = memoryview(mmap.mmap(-1, 4 * max(1, len(items)))).cast("I")
    return Covering(seconds, lines, imported, counts)


def _forked(items: Sequence[pytest.Item], numbers: range, file: Path) -> int:
    if child := os.fork():
        return child
    try:
        file.write_bytes(pickle.dumps(_measured(items, numbers)))
    finally:
        os._exit(0)


def _measured(items: Sequence[pytest.Item], numbers: range) -> Measured:
    measuring = _coverage()
    seconds = {}
    measuring.start()
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        measuring.switch_context(str(number))
        began = time.process_time()
        if passes(items[number], None if following is None else items[following]):
            seconds[number] = time.process_time() - began
    measuring.stop()
    data = measuring.get_data()
    lines: Lines = defaultdict(dict)
    for name in data.measured_files():
        for line, contexts in data.contexts_by_lineno(name).items():
            lines[_module(name)][line] = [int(context) for context in contexts if context]
    return seconds, dict(lines)


def _coverage() -> coverage.Coverage:
    return coverage.Coverage(data_file=None, include=[f"{Path.cwd()}/{part}/*" for part in PARTS], config_file=False)


def _module(name: str) -> str:
    return str(Path(name).relative_to(Path.cwd()))
