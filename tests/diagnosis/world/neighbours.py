"""Other calls of the same agent that are in the same logs, as far as the tool keeps their lines: those that have
no id at all, and those that say in which room an agent was asked for."""

import json
import random
from collections.abc import Iterator

from livekit_doctor.evidence.observations import Component
from tests.diagnosis.world.life import Life, word
from tests.diagnosis.world.lines import Line
from tests.diagnosis.world.traces_server_log import NO_WORKER, NOT_SENT

ERRORS = ("no workers with sufficient capacity", "request timed out", "no servers available (received 1 responses)")


def neighbours(life: Life, log: Component) -> Iterator[Line]:
    pick = random.Random(f"beside {life.seed}")
    for _ in range(pick.randint(1, 3)):
        room, at = f"outbound-{word(pick)}-1", pick.uniform(-30, 40)
        if log == "server":
            yield from _in_server_log(life, pick, room, at)
        elif log == "worker":
            yield from _in_worker_log(life, pick, at)


def _in_server_log(life: Life, pick: random.Random, room: str, at: float) -> Iterator[Line]:
    request = json.dumps({"agentName": life.agent, "room": room})
    fields = {"service": "AgentDispatchService", "method": "CreateDispatch", "room": room, "status": "200"}
    asked = {**fields, "request": request, "agent_name": life.agent}
    message = "API AgentDispatchService.CreateDispatch"
    yield Line(at, "server", message, "info", "livekit.api", "api", asked, own=False)
    job = {"agent_name": life.agent, "job_type": "JT_PARTICIPANT", "room": room, "room_id": "RM_" + word(pick, 12)}
    yield Line(at + 5, "server", NO_WORKER, fields=job, own=False)
    if pick.random() < 0.3:
        error = {"error": pick.choice(ERRORS), "job_type": "JT_ROOM", "agent_name": life.agent}
        yield Line(at + pick.uniform(0.1, 3), "server", NOT_SENT, fields=error, own=False)


def _in_worker_log(life: Life, pick: random.Random, at: float) -> Iterator[Line]:
    """Another call's request_fnc raised, or a process for another call did not come up."""
    if not any(event.what == "registered" and event.at < at for event in life.worker):
        return
    kind = pick.random()
    request = {"job_request": "<livekit.agents.job.JobRequest object>", "agent_name": life.agent}
    if kind < 0.3:
        job = {"job_id": "AJ_" + word(pick, 12), "dispatch_id": "AD_" + word(pick, 12), "agent_name": life.agent}
        asked = job | {"room": f"outbound-{word(pick)}-1", "resuming": "false"}
        yield Line(at - 0.01, "worker", "received job request", "info", "livekit.agents", "worker", asked, own=False)
        yield Line(at, "worker", "job_request_fnc failed", "error", "livekit.agents", "worker", request, own=False)
        message = "no answer was given inside the job_request_fnc, automatically rejecting the job"
        yield Line(at, "worker", message, "warn", "livekit.agents", "worker", request, own=False)
    elif kind < 0.5:
        yield Line(at, "worker", "error initializing process", "error", "livekit.agents", "worker", {}, own=False)
