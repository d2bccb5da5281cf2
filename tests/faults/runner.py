"""Runs faults with commands, several at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.faults.declared import Fault
from tests.faults.judge import Judged, judge
from tests.faults.scene import Scene, faulty

AT_ONCE = 4


def run(scene: Scene, faults: Iterable[Fault], told: Callable[[Judged], None] = lambda _: None) -> list[Judged]:
    """Each fault with each command that meets it, in the order of the list. What failed is run once more, alone: a
    bound that is missed on a busy machine is no fault of the tool's."""
    faults = tuple(faults)
    beside = [fault for fault in faults if fault.process is None]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [judged for several in pool.map(lambda fault: _one(scene, fault, told), beside) for judged in several]
    for fault in faults:  # what ends a server can't be beside anything else
        if fault.process is not None:
            found += _one(scene, fault, told)
    return [judged if not judged.wrong else _again(scene, judged, told) for judged in found]


def _one(scene: Scene, fault: Fault, told: Callable[[Judged], None]) -> list[Judged]:
    judged = []
    with faulty(scene, fault) as meet:
        for name in fault.met_by():
            judged.append(judge(meet(name)))
            told(judged[-1])
    return judged


def _again(scene: Scene, first: Judged, told: Callable[[Judged], None]) -> Judged:
    with faulty(scene, first.met.fault) as meet:
        judged = judge(meet(first.met.command.name))
    told(judged)
    return judged
