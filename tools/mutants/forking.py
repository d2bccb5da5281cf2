"""So many forks at a time, each with an end."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
MEMORY = 6 << 30
SURVIVED, KILLED = 0, 1


def each_forked(todo: Iterable[tuple[T, float]], work: Callable[[T], bool], jobs: int) -> Iterator[tuple[T, bool]]:
    """Each thing with what `work` says of it in a fork, whether it survives. What takes more than its seconds, or ends
    in any other way, does not."""
    running: dict[int, T] = {}
    waiting = iter(todo)
    while True:
        while len(running) < jobs and (item := next(waiting, None)) is not None:
            running[_forked(work, *item)] = item[0]
        if not running:
            return
        child, status = os.wait()
        if child in running:
            yield running.pop(child), status == SURVIVED


def _forked(work: Callable[[T], bool], thing: T, seconds: float) -> int:
    sys.stdout.flush()
    if child := os.fork():
        return child
    status = KILLED
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = SURVIVED if work(thing) else KILLED
    finally:
        os._exit(status)
