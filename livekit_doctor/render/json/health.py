"""What `watch` answers a health check: whether all is well, and whether watch itself is.

There are two questions, and a host asks one of them.

- /healthz, is calling well? 200 where the last run passed and is recent, else 503, with what is wrong in
  the body. For uptime monitors, load balancers and status pages. Undecided is not well: what could not
  be read may be the outage.
- /livez, is watch itself well? 200 as long as runs begin and end, whatever comes of them. For what
  restarts a service that does not answer (a liveness probe, a platform's own health check path): to
  restart watch mends nothing that watch has found, and loses its counters.

What the checks do not show, as whether a worker is registered where they run without --probe, is in the body too.

Messages are not in the answer: they have names and addresses of a system in them, which a health check
does not need.
"""

from typing import Any

from livekit_doctor.operations.watch import CATEGORY, Watched
from livekit_doctor.render.json.check import summary

SCHEMA = "livekit-doctor/health/v1"


def health(watched: Watched, clock: float) -> tuple[bool, dict[str, Any]]:
    """Whether all is well at this moment of the event loop's clock, and the body that says why."""
    run, status = watched.last, _status(watched, clock)
    results = run.result.results if run and run.result else ()
    wrong = [
        standing
        for standing in watched.standings
        if standing.result.status in ("failed", "errored", "warned")
        and (results or standing.result.category == CATEGORY)
    ]
    return status == "ok", {
        "schema": SCHEMA,
        "status": status,
        "run": run
        and {
            "number": run.number,
            "began_at": run.began_at,
            "took": round(run.took, 3),
            "ended_ago": round(clock - run.ended, 3),
            "exit_status": run.exit_status,
        },
        "summary": summary(results),
        "not_tested": (run.result.not_tested or None) if run and run.result else None,
        "checks": [
            {
                "id": standing.result.id,
                "status": standing.result.status,
                "code": standing.result.code,
                "since": standing.since,
            }
            for standing in wrong
        ],
    }


def _status(watched: Watched, clock: float) -> str:
    """`stale`: the last run ended longer ago than it may have."""
    if watched.last is None:
        return "starting"
    if not watched.is_fresh(clock):
        return "stale"
    return {"passed": "ok", "failed": "failing", "undecided": "undecided", "none": "no_result"}[watched.last.outcome]


def life(watched: Watched, clock: float) -> tuple[bool, dict[str, Any]]:
    """Whether watch itself is well, and the body that says so."""
    alive = watched.is_alive(clock)
    return alive, {"schema": SCHEMA, "status": "ok" if alive else "stuck", "runs": sum(watched.runs.values())}
