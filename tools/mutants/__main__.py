"""`python -m tools.mutants`: see tools/mutants/__init__.py."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from tools.mutants.covering import Importing, measure
from tools.mutants.database import needs_servers, shared
from tools.mutants.exchanged import Exchange
from tools.mutants.forking import each_forked
from tools.mutants.imported import Anew, Changed
from tools.mutants.made import PARTS, Mutant, sample

TESTS = ("tests/in_full", "tests/diagnosis", "tests/evidence", "tests/operations", "tests/incidents", "tests/bundles")
TOGETHER = 25
"""Mutants of which the result is told together: a sample is cut short where the time is over."""
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not programs and not measures", "--capture=sys")


class Mutating:
    """A plugin of pytest's: in place of the tests it runs the mutants."""

    def __init__(self, given: argparse.Namespace, anew: Anew) -> None:
        self.given, self.anew = given, anew
        self.importing = Importing()
        self.status = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Without what runs the tool in a process of its own, and knows of no mutant, and what draws its examples anew
        each time, and would find one by chance."""
        from tests.programs import runs_forked

        functions = (item for item in items if isinstance(item, pytest.Function) and not needs_servers(item))
        steady = (item for item in functions if not hasattr(item.function, "hypothesis"))
        items[:] = [item for item in steady if not runs_forked(item.function)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        with shared():
            return self._run(session)

    def _run(self, session: pytest.Session) -> bool:
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        began = time.monotonic()
        covering = measure(session.items, self.importing.end(), self.given.jobs)
        print(
            f"{len(covering.seconds)} of {len(session.items)} tests pass, {time.monotonic() - began:.0f} s", flush=True
        )
        mutants, number, left_out = sample(self.given.sample, self.given.seed, tuple(self.given.parts or PARTS))
        print(f"{left_out.total()} are left out, equal to the code:")
        for why, count in left_out.most_common():
            print(f"  {count} since {why}")
        tried, survived = 0, 0
        exchange = Exchange(session.items, covering)
        for start in range(0, len(mutants), TOGETHER):
            if time.monotonic() - began > self.given.seconds:
                break
            some = mutants[start : start + TOGETHER]
            survived += len(list(self._survivors(session.items, exchange, some)))
            tried += len(some)
            share, took = f"{survived / tried:.1%}", time.monotonic() - began
            print(f"{tried} of {number} mutants, {survived} survived ({share}), {took:.0f} s", flush=True)
        return True

    def _survivors(
        self, items: Sequence[pytest.Item], exchange: Exchange, mutants: Sequence[Mutant]
    ) -> Iterator[Mutant]:
        covering = exchange.covering
        tests = {mutant: covering.tests_of(mutant) for mutant in mutants}
        seconds = {mutant: 20 + 10 * sum(covering.seconds[test] for test in tests[mutant]) for mutant in mutants}
        inside = [(one, seconds[one]) for one in mutants if tests[one] and one.place.function]
        doubtful = [one for one in mutants if tests[one] and not one.place.function]
        for mutant in mutants:
            if not tests[mutant]:
                yield self._told(mutant, "no test goes there")
        for mutant, survives in each_forked(inside, exchange.survives, self.given.jobs):
            if survives and covering.at_import(mutant):
                doubtful.append(mutant)
            elif survives:
                yield self._told(mutant, f"{len(tests[mutant])} tests")
        changed = [
            Changed(one.module, one.code, [items[test].nodeid for test in covering.tests_of(one)], n, 60 + seconds[one])
            for n, one in enumerate(doubtful)
        ]
        for number, survives in self.anew.survivors(changed):
            if survives:
                yield self._told(doubtful[number], f"{len(tests[doubtful[number]])} tests")

    def _told(self, mutant: Mutant, why: str) -> Mutant:
        print(
            f"survived ({why}): {mutant.module} {mutant.operator} {mutant.occurrence}\n{mutant.difference}", flush=True
        )
        return mutant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=86_400, help="no mutant is begun after so many")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tests", nargs="+", default=TESTS, help="folders or files of tests; default: all of the core")
    parser.add_argument("parts", nargs="*", help="folders or modules; default: diagnosis/ and evidence/")
    given = parser.parse_args()
    os.environ["LIVEKIT_DOCTOR_QUICK"] = "1"
    anew = Anew(OPTIONS, given.jobs)
    status = pytest.main([*OPTIONS, *given.tests], plugins=[Mutating(given, anew)])
    anew.end()
    sys.exit(int(status))


if __name__ == "__main__":
    main()
