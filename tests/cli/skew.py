"""A process whose clock is wrong.

The most honest way without root: Linux shifts only CLOCK_MONOTONIC for a process, and libfaketime
is not to be had everywhere. So what Python reads of the wall clock is shifted, in the tool's process
alone and from its first import on. All else is real: the tokens that it signs, the server that
refuses them, and the server's `Date`.
"""

from pathlib import Path

_SHIFT = """
import datetime
import os
import time

BY = float(os.environ["CLOCK_AHEAD_BY"])
real_time, real_datetime = time.time, datetime.datetime


class Kind(type(real_datetime)):
    def __instancecheck__(cls, value):
        return isinstance(value, real_datetime)


class Shifted(real_datetime, metaclass=Kind):
    def __new__(cls, *args, **kwargs):
        return real_datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz=None):
        return real_datetime.now(tz) + datetime.timedelta(seconds=BY)

    @classmethod
    def utcnow(cls):
        return real_datetime.utcnow() + datetime.timedelta(seconds=BY)


time.time = lambda: real_time() + BY
datetime.datetime = Shifted
"""


def clock_ahead_by(seconds: float, folder: Path) -> dict[str, str]:
    """The environment in which the tool's clock is ahead; negative seconds put it behind."""
    place = folder / "skewed-clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_SHIFT)
    return {"PYTHONPATH": str(place), "CLOCK_AHEAD_BY": str(seconds)}
