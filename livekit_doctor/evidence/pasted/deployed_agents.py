"""Agents that LiveKit Cloud hosts: what `lk agent list --json` and `lk agent status` print, by their documented form.

They show that a worker is deployed, and in which state. The name in them is the one it is dispatched under or, from an
older lk, the deployment's own: only the table of `lk agent list` says which, by its column's title. One that is
Sleeping is woken by a job, which takes 10 to 20 s.
"""

from collections.abc import Iterator

from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol import cloud_agent

from livekit_doctor.evidence.observations import WorkerEndpoint
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.redact import redact_text

AGENT = "deployed agent"
_ID = "CA_"
_ANSWERS = 200


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The answers as JSON; the tables are read with lk's others."""
    for document in excerpt.documents:
        value = document.value
        agents = value.get("agents") if isinstance(value, dict) else None
        if not isinstance(agents, list) or not all(map(_is_agent, agents)) or not agents:
            continue
        try:
            answer = ParseDict({"agents": agents}, cloud_agent.ListAgentsResponse(), ignore_unknown_fields=True)
        except (ParseError, ValueError, TypeError, RecursionError):
            continue
        yield Found(AGENT, document.first, document.last, tuple(_endpoints(answer, context)), len(agents))


def _is_agent(value: object) -> bool:
    return isinstance(value, dict) and str(value.get("agentId", value.get("agent_id", ""))).startswith(_ID)


def _endpoints(answer: cloud_agent.ListAgentsResponse, context: Context) -> Iterator[WorkerEndpoint]:
    for agent in answer.agents:
        for each in agent.agent_deployments:
            replicas = f"{each.replicas} / {each.min_replicas} / {each.max_replicas}"
            yield deployed(context, agent.agent_id, each.region, each.status, replicas)


def deployed(context: Context, agent_id: str, region: str, status: str, replicas: str) -> WorkerEndpoint:
    said = ", ".join(filter(None, (status, region, f"replicas {replicas}" if replicas else "")))
    return WorkerEndpoint(
        read=context.read, url=f"LiveKit Cloud {redact_text(agent_id)}", status=_ANSWERS, message=redact_text(said)
    )
