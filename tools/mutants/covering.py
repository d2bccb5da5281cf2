"""Which tests go through which line, measured once."""

import os
import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.runner import runtestprotocol

from tools.mutants.made import PARTS, Mutant, place_of

MOST_SECONDS = 15.0
"""Of the tests of one mutant, as long as they took; the fastest run first."""


class Covering(NamedTuple):
    """Tests by their place in the list of all that were collected."""

    seconds: Mapping[int, float]
    """Of those that pass."""
    lines: Mapping[str, Mapping[int, Sequence[int]]]
    """By module and line."""

    def tests_of(self, mutant: Mutant) -> list[int]:
        """What goes through its lines; of what is done at import, through anything in its module."""
        place, of_module = place_of(mutant), self.lines.get(mutant.module, {})
        assert place is not None
        found = {test for line in (place.lines if place.function else of_module) for test in of_module.get(line, ())}
        ordered, whole = [], 0.0
        for test in sorted(found & set(self.seconds), key=self.seconds.__getitem__):
            whole += self.seconds[test]
            if whole > MOST_SECONDS and ordered:
                break
            ordered.append(test)
        return ordered


def passes(item: pytest.Item, following: pytest.Item | None = None) -> bool:
    reports = runtestprotocol(item, nextitem=following, log=False)
    return not any(report.failed for report in reports)


def measure(items: Sequence[pytest.Item]) -> Covering:
    """In a fork, so that this process stays as it is."""
    with tempfile.NamedTemporaryFile() as file:
        if (child := os.fork()) == 0:
            try:
                Path(file.name).write_bytes(pickle.dumps(_measured(items)))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return Covering(*pickle.loads(Path(file.name).read_bytes()))


def _measured(items: Sequence[pytest.Item]) -> tuple[dict[int, float], dict[str, dict[int, list[int]]]]:
    import coverage

    here = Path.cwd()
    measuring = coverage.Coverage(data_file=None, include=[f"{here}/{part}/*" for part in PARTS], config_file=False)
    seconds = {}
    measuring.start()
    for number, item in enumerate(items):
        measuring.switch_context(str(number))
        began = time.monotonic()
        if passes(item, items[number + 1] if number + 1 < len(items) else None):
            seconds[number] = time.monotonic() - began
    measuring.stop()
    data = measuring.get_data()
    lines: dict[str, dict[int, list[int]]] = defaultdict(dict)
    for name in data.measured_files():
        for line, contexts in data.contexts_by_lineno(name).items():
            lines[str(Path(name).relative_to(here))][line] = [int(context) for context in contexts if context]
    return seconds, dict(lines)
