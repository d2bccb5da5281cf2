"""`python -m tests.faults`: all faults with all commands, and the table in docs/reliability.md.

Words pick faults by their names, `--command` commands, and then no table is written:
`python -m tests.faults "half a body" postgres --command test-call`.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.faults import FAULTS, runner, table
from tests.faults.declared import COMMANDS, Fault
from tests.faults.judge import Judged
from tests.faults.scene import scene


def picked(words: list[str], commands: list[str]) -> list[Fault]:
    faults = [fault for fault in FAULTS if not words or any(word in f"{fault.place} {fault.name}" for word in words)]
    if not commands:
        return faults
    narrowed = [(fault, tuple(name for name in fault.met_by() if name in commands)) for fault in faults]
    return [replace(fault, commands=met_by) for fault, met_by in narrowed if met_by]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", default=[])
    parser.add_argument("--command", action="append", default=[], choices=list(COMMANDS))
    given = parser.parse_args()
    faults = picked(given.words, given.command)
    began, number = time.monotonic(), 0

    def told(judged: Judged) -> None:
        nonlocal number
        number += 1
        met, mark = judged.met, "; ".join(judged.wrong) or "ok"
        where = f"{met.fault.place}: {met.fault.name}: {met.command.name}"
        print(f"{number:4} {where}: {met.ran.status}, {met.took:.1f} s: {mark}", flush=True)

    with tempfile.TemporaryDirectory(prefix="livekit-doctor-faults-") as folder, scene(Path(folder)) as made:
        judged = runner.run(made, faults, told)
    seconds = time.monotonic() - began
    if not (given.words or given.command):
        table.write(judged, seconds)
    wrong = [item for item in judged if item.wrong]
    for item in wrong:
        print(f"WRONG {item.met.fault.place}: {item.met.fault.name}: {item.met.command.name}: {'; '.join(item.wrong)}")
    print(f"{len(judged)} runs of {len(faults)} faults in {seconds:.0f} s, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
