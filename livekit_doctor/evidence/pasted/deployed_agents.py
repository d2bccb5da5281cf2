"""Agents that LiveKit Cloud hosts: what `lk agent list` and `lk agent status` print, as tables and with --json.

They show that a worker is deployed, in which state, and under which name it is dispatched. The forms of lk:
- `list`: a column "Dispatch Name" since April 2026; before that none (ID, Regions, Version, Deployed At), and in the
  spring of 2025 "Name", the deployment's own.
- `status`: a column "Name" since July 2026, beside "Last Observed": the name that the worker was last seen to run
  under, and -- where none was seen. Before that none.
- --json, of both: since July 2026, so that its `agentName` is the dispatched one. protobuf's JSON.
One that is Sleeping is woken by a job, which takes 10 to 20 s.
"""

from collections.abc import Iterator

from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol import cloud_agent

from livekit_doctor.evidence.observations import DeployedAgent, Observation, WorkerEndpoint
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.redact import redact_text

AGENT = "deployed agent"
_ID = "CA_"
_ANSWERS = 200


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The answers as JSON, and single agents of them; the tables are read with lk's others."""
    for document in excerpt.documents:
        value = document.value
        agents = value.get("agents", [value]) if isinstance(value, dict) else value
        if not isinstance(agents, list) or not all(map(_is_agent, agents)) or not agents:
            continue
        try:
            answer = ParseDict({"agents": agents}, cloud_agent.ListAgentsResponse(), ignore_unknown_fields=True)
        except (ParseError, ValueError, TypeError, RecursionError):
            continue
        yield Found(AGENT, document.first, document.last, tuple(_observations(answer, context)), len(agents))


def _is_agent(value: object) -> bool:
    if not isinstance(value, dict) or not str(value.get("agentId", value.get("agent_id", ""))).startswith(_ID):
        return False
    return not {"level", "msg", "message"} & value.keys()  # a line of a log may name one


def _observations(answer: cloud_agent.ListAgentsResponse, context: Context) -> Iterator[Observation]:
    for agent in answer.agents:
        for each in agent.agent_deployments:
            replicas = f"{each.replicas} / {each.min_replicas} / {each.max_replicas}"
            yield deployed(context, agent.agent_id, each.region, each.status, replicas)
        for name in dict.fromkeys((agent.agent_name, *(each.agent_name for each in agent.agent_deployments))):
            yield from named(context, agent.agent_id, name)


def named(context: Context, agent_id: str, name: str) -> Iterator[DeployedAgent]:
    """The agent by the name that it is dispatched under; nothing where that is not shown, or cut off by a narrow
    terminal."""
    if name and name.strip("-") and not name.endswith(("…", "...")):
        yield DeployedAgent(read=context.read, id=redact_text(agent_id), agent_name=redact_text(name))


def deployed(context: Context, agent_id: str, region: str, status: str, replicas: str) -> WorkerEndpoint:
    said = ", ".join(filter(None, (status, region, f"replicas {replicas}" if replicas else "")))
    return WorkerEndpoint(
        read=context.read, url=f"LiveKit Cloud {redact_text(agent_id)}", status=_ANSWERS, message=redact_text(said)
    )
