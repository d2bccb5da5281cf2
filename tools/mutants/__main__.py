"""`python -m tools.mutants`: see tools/mutants/__init__.py."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tools.mutants.covering import Covering, measure
from tools.mutants.exchanged import Exchange
from tools.mutants.forking import each_forked
from tools.mutants.imported import Anew, Changed
from tools.mutants.made import PARTS, Mutant, Place, place_of, sample

TESTS = ("tests/diagnosis", "tests/evidence", "tests/operations", "tests/incidents", "tests/bundles")
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not servers and not programs and not measures", "--capture=sys")


class Mutating:
    """A plugin of pytest's: in place of the tests it runs the mutants."""

    def __init__(self, given: argparse.Namespace, anew: Anew) -> None:
        self.given, self.anew = given, anew
        self.status = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """What runs the tool in a process of its own knows of no mutant."""
        from tests.programs import runs_forked

        items[:] = [item for item in items if isinstance(item, pytest.Function) and not runs_forked(item.function)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from hypothesis import Phase, settings

        # What fails is not made smaller, and not kept: it is the mutant's.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings.default, database=None, phases=phases)
        settings.load_profile("mutants")
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        began = time.monotonic()
        covering = measure(session.items)
        print(
            f"{len(covering.seconds)} of {len(session.items)} tests pass, {time.monotonic() - began:.0f} s", flush=True
        )
        mutants, number = sample(self.given.sample, self.given.seed, tuple(self.given.parts or PARTS))
        survived = list(self._survivors(session.items, covering, mutants))
        share = f"{len(survived) / len(mutants):.1%}" if mutants else "-"
        took = time.monotonic() - began
        print(f"{len(mutants)} of {number} mutants, {len(survived)} survived ({share}), {took:.0f} s", flush=True)
        return True

    def _survivors(
        self, items: Sequence[pytest.Item], covering: Covering, mutants: Sequence[Mutant]
    ) -> Iterator[Mutant]:
        tests = {mutant: covering.tests_of(mutant) for mutant in mutants}
        for mutant in mutants:
            if not tests[mutant]:
                yield self._told(mutant, "no test goes there")
        exchange = Exchange(items, covering)
        place: Mapping[Mutant, Place] = {mutant: found for mutant in mutants if (found := place_of(mutant))}
        seconds = {mutant: 20 + 10 * sum(covering.seconds[test] for test in tests[mutant]) for mutant in mutants}
        inside = [(one, seconds[one]) for one in mutants if tests[one] and place[one].function]
        doubtful = [one for one in mutants if tests[one] and not place[one].function]
        for done, (mutant, survives) in enumerate(each_forked(inside, exchange.survives, self.given.jobs), 1):
            if survives:
                doubtful.append(mutant)
            if done % 50 == 0:
                print(f"{done} of {len(inside)} exchanged, {len(doubtful)} to be imported", flush=True)
        changed = [
            Changed(one.module, one.code, [items[test].nodeid for test in tests[one]], number, 60 + seconds[one])
            for number, one in enumerate(doubtful)
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
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("parts", nargs="*", help="folders or modules; default: diagnosis/ and evidence/")
    given = parser.parse_args()
    os.environ["LIVEKIT_DOCTOR_QUICK"] = "1"
    anew = Anew(OPTIONS, given.jobs)
    status = pytest.main([*OPTIONS, *TESTS], plugins=[Mutating(given, anew)])
    anew.end()
    sys.exit(int(status))


if __name__ == "__main__":
    main()
