"""What `watch` serves at /metrics: the last run, and counters over all runs.

Of a run that came to nothing there are no checks: what is not known is not exposed as it was before.
Alert on `livekit_doctor_success == 0`, and on `livekit_doctor_up == 0` for a watch without results.
"""

from collections.abc import Iterator, Mapping
from typing import get_args

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric

from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.operations.watch import (
    CATEGORY,
    CONFIGURATION,
    INTERVAL,
    LEFT_BEHIND,
    OUTPUT,
    RUN,
    Outcome,
    Run,
    Watched,
)
from livekit_doctor.render.prometheus import run_families
from livekit_doctor.render.prometheus.exposition import PREFIX, gauge, label, text
from livekit_doctor.render.prometheus.families import check_families

COMMAND = "watch"


def render(watched: Watched) -> str:
    """The exposition at this moment, with the process's own memory, files and start time."""
    return text((*_families(watched), *ProcessCollector(registry=None).collect()))


def _families(watched: Watched) -> Iterator[Metric]:
    if watched.last is not None:
        yield from _last(watched.last)
    results = watched.last.result.results if watched.last and watched.last.result else ()
    standings = [standing for standing in watched.standings if standing.result.category == CATEGORY or results]
    yield from check_families([standing.result for standing in standings])
    yield gauge(
        "check_last_change_timestamp_seconds",
        "Since when each check has its status and code, in seconds since 1970.",
        (
            ({"check": standing.result.id, "category": standing.result.category}, standing.since.timestamp())
            for standing in standings
        ),
        ("check", "category"),
    )
    passed_at = watched.last_passed_at
    yield gauge(
        "last_success_timestamp_seconds",
        "When the last run that passed ended, in seconds since 1970.",
        [] if passed_at is None else [({"command": COMMAND}, passed_at)],
        ("command",),
    )
    yield gauge("watch_interval_seconds", "Seconds between the starts of two runs.", [({}, watched.plan.interval)])
    yield _counter("watch_runs", "Runs by what came of them.", "outcome", get_args(Outcome), watched.runs)
    known = (*CHECK_IDS, RUN, CONFIGURATION, INTERVAL, OUTPUT, LEFT_BEHIND)
    yield _counter("watch_state_changes", "Changes of status or code.", "check", known, watched.state_changes)
    overruns = CounterMetricFamily(PREFIX + "watch_overruns", "Runs that took longer than the interval.")
    overruns.add_metric([], watched.overruns)
    yield overruns


def _last(run: Run) -> Iterator[Metric]:
    result = run.result
    yield from run_families(
        COMMAND,
        run.exit_status,
        result.server if result else None,
        run.ended_at,
        up=result is not None,
        left_behind=len(result.left_behind) if result else None,
    )
    yield gauge("run_duration_seconds", "How long the last run took.", [({"command": COMMAND}, run.took)], ("command",))


def _counter(name: str, help: str, key: str, known: tuple[str, ...], counts: Mapping[str, int]) -> Metric:
    """From 0 for all that is known, so that a first increase is seen as one."""
    family = CounterMetricFamily(PREFIX + name, help, labels=[key])
    for value, count in {**dict.fromkeys(known, 0), **counts}.items():
        family.add_metric([label(value)], count)
    return family
