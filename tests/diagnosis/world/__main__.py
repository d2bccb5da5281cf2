"""Simulated calls, and how often the diagnosis of them is wrong.

python -m tests.diagnosis.world --lives 1500          figures, and the wrong verdicts by kind
python -m tests.diagnosis.world --case 0.17/3         one case: what happened, what was seen, what is said
python -m tests.diagnosis.world --scenarios           the examples A to Z
"""

import argparse
import time
from collections import Counter

from tests.diagnosis.world import fixed_run, told
from tests.diagnosis.world.run import case_by_id, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.diagnosis.world", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--lives", type=int, default=300, help="how many calls")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--cases", type=int, default=6, help="ways to look at each of them")
    parser.add_argument("--show", metavar="KIND", help="only kinds with these words, with a case told in full")
    parser.add_argument("--keep", type=int, default=1, metavar="K", help="cases named (or told) for each kind")
    parser.add_argument("--case", metavar="ID", help="tell one case")
    parser.add_argument("--scenarios", action="store_true", help="tell what is said of the examples A to Z")
    parser.add_argument("--write", action="store_true", help="write fixed_run.txt anew")
    asked = parser.parse_args()
    if asked.case:
        print(told.case(case_by_id(asked.case)))
    elif asked.scenarios:
        print(told.scenarios())
    elif asked.write:
        fixed_run.write()
    else:
        _table(asked.lives, asked.seed, asked.cases, asked.show, asked.keep)


def _table(lives: int, seed: str, cases: int, show: str | None, keep: int) -> None:
    began = time.perf_counter()
    tally = run(range(lives), seed, cases)
    wrong = sum(map(len, tally.kinds.values()))
    print(
        f"{tally.lives} lives, {tally.diagnoses} diagnoses, {tally.diagnoses / tally.seconds:.0f} diagnoses per second"
    )
    print(f"({time.perf_counter() - began:.1f} s in all); verdicts: {dict(tally.verdicts.most_common())}")
    print(f"{wrong} wrong verdicts of {len(tally.kinds)} kinds")
    by_property = Counter[str]()
    proven = Counter[str]()
    for kind, found in tally.kinds.items():
        by_property[kind.property] += len(found)
        proven[kind.property] += len(found) if kind.said.endswith("proven") else 0
    for name, count in by_property.most_common():
        print(f"  {count:5}  {name}" + (f" ({proven[name]} of them proven)" if proven[name] else ""))
    print()
    for kind, found in sorted(tally.kinds.items(), key=lambda item: (-len(item[1]), item[0])):
        line = f"{kind.property} | {kind.said} | {kind.truth}"
        if show and show not in line:
            continue
        print(f"{len(found):5}  {line}   {' '.join(found[:keep])}")
        for case_id in found[:keep] if show else ():
            print(told.case(case_by_id(case_id)), end="\n\n")


if __name__ == "__main__":
    main()
