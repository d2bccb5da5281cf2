"""Ends a test that hangs: it fails, and says where each thread was.

pytest-timeout and pytest's own faulthandler_timeout stop counting once a test has failed, and a test that fails in the
lab may hang in its tear-down, where it waits for its threads. xdist has no answer to a process that ends (3.8.0 waits
for ever where tests are in groups), so that none is ended here.
"""

import faulthandler
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

LIMIT = 300.0
"""Seconds, with what the test's fixtures take; several times what the slowest takes on a busy machine."""
AGAIN = 60.0
"""Seconds until what goes on after that is interrupted as well."""


@contextmanager
def interrupted(limit: float = LIMIT, again: float = AGAIN) -> Iterator[None]:
    """Interrupts what runs in the main thread for longer than `limit` seconds, and then every `again` seconds."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt(*_: object) -> None:
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    pytest.fail("it hangs; where each thread was is on standard error")
