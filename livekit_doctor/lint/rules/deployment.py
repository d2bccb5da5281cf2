"""How workers are started and stopped: LKD703 and LKD704."""

from collections.abc import Iterator

from livekit_doctor import lazy_re
from livekit_doctor.flow import Confidence
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged

USUAL_CALL = 120.0
"""Seconds: a grace period below this is shorter than many calls."""

_NODE = lazy_re.compile(r"\.[mc]?[jt]s\b")


def development_mode(judged: Judged) -> Iterator[Located]:
    """LKD703: `dev` and `console` are for a person's own machine."""
    for start in judged.facts.starts:
        if start.for_development:
            continue
        yield located(
            "LKD703",
            Confidence.LIKELY,
            start.place,
            f'starts the worker with "{start.mode}", a mode for development: {start.command}',
            detail=start.mode,
            kind="node" if _NODE.search(start.command) else "python",
        )


def grace_period_too_short(judged: Judged) -> Iterator[Located]:
    """LKD704: the worker is killed while calls go on. How long calls last the source does not say."""
    for one in judged.facts.no_grace:
        seconds = one.default if one.seconds is None else one.seconds
        if seconds >= USUAL_CALL:
            continue
        given = f"no {one.key}, so {seconds:g} s count" if one.seconds is None else f"{one.key} is {seconds:g} s"
        yield located(
            "LKD704",
            Confidence.POSSIBLE,
            one.place,
            f"{given}: a worker that is stopped is killed after that, and calls that last longer are cut off",
            kind="kubernetes" if one.key.startswith("termination") else "compose",
        )
