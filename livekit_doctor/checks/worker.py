"""worker: does a worker answer, and does the dispatch system hand out jobs?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.workers import (
    canary_without_job,
    worker_not_connected,
    worker_runs_under_other_name,
    worker_unreachable,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Canary, WorkerEndpoint


def _endpoints(setup: Setup) -> str:
    seen = [f'{e.url} runs as "{e.agent_name or ""}"' for e in setup.all(WorkerEndpoint)]
    return f"{', '.join(seen)} (which does not prove that it is registered)"


def _canary(setup: Setup) -> str:
    canary = setup.latest(Canary)
    assert canary is not None
    assert canary.job_after is not None
    return f"a canary got its job in {canary.job_after:.1f} s (server {canary.server_version})"


CHECKS = (
    Check(
        id="worker.endpoint",
        title="worker endpoint",
        needs=(Need.ENDPOINTS,),
        inapplicable=lambda setup: None if setup.settings.workers else "none configured (workers: in checks.yaml)",
        rules=(worker_unreachable, worker_not_connected, worker_runs_under_other_name),
        passed=_endpoints,
    ),
    Check(
        id="worker.canary",
        title="worker registration and jobs",
        needs=(Need.CANARY,),
        after=("connection.reachable",),
        rules=(canary_without_job,),
        passed=_canary,
    ),
)
