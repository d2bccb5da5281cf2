"""Workers and the dispatch system as experiments and endpoints show them: LKD1xx, and LKD4xx of a probe."""

from collections.abc import Iterator

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.rules.connection import unreadable
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import (
    Canary,
    LeftBehind,
    ProbeResult,
    ScratchDispatch,
    WorkerEndpoint,
)
from livekit_doctor.flow import Confidence, Step


def worker_unreachable(setup: Setup) -> Iterator[Finding]:
    """LKD106: a configured endpoint does not answer. Many hosts have no inbound ports: a warning."""
    for entry in setup.coverage(sources.WORKER_ENDPOINT):
        yield from unreadable(entry)


def worker_not_connected(setup: Setup) -> Iterator[Finding]:
    """LKD105: the endpoint answers 503: the worker has given up connecting (design fact 14).

    200 proves nothing, since it answers 200 while it is still failing.
    """
    for endpoint in setup.all(WorkerEndpoint):
        if endpoint.status == 503:
            text = f"answers HTTP 503: {endpoint.message or 'it is not connected to LiveKit'}"
            yield Finding(
                code="LKD105",
                step=Step.JOB_ASSIGNED,
                confidence=Confidence.LIKELY,
                because=(_endpoint(endpoint, text),),
                values={"worker_url": endpoint.url},
            )


def worker_runs_under_other_name(setup: Setup) -> Iterator[Finding]:
    """LKD102: a worker of the team runs under a name that is not the agent's (design fact 8)."""
    agent = setup.settings.agent
    endpoints = [endpoint for endpoint in setup.all(WorkerEndpoint) if endpoint.agent_name is not None]
    if agent.name is None or any(endpoint.agent_name == agent.name for endpoint in endpoints):
        return
    for endpoint in endpoints:
        name = endpoint.agent_name or ""
        if name in agent.others:
            continue
        how = near_miss(agent.name, name)
        text = f'runs as "{name}", and the agent is expected as "{agent.name}"'
        yield Finding(
            code="LKD102",
            step=Step.JOB_ASSIGNED,
            confidence=Confidence.LIKELY,
            because=(_endpoint(endpoint, text + (f": they differ in {how}" if how else "")),),
            values={"agent_name": name, "other_name": agent.name, "worker_url": endpoint.url, "kind": "endpoint"},
        )


def canary_without_job(setup: Setup) -> Iterator[Finding]:
    """LKD107: a worker of the tool's own registered, and its job never came (design fact 15)."""
    for entry in setup.coverage(sources.CANARY):
        yield from unreadable(entry)
    canary = setup.latest(Canary)
    if canary is not None and canary.worker_id and canary.job_after is None:
        text = f"registered as {canary.worker_id}, dispatched into a scratch room, no job in {canary.waited:.0f} s"
        yield Finding(
            code="LKD107",
            step=Step.JOB_ASSIGNED,
            confidence=Confidence.PROVEN,
            because=(Because(source="canary", at=canary.read.at, text=text),),
        )


def scratch_dispatch_incomplete(setup: Setup) -> Iterator[Finding]:
    """A dispatch in a scratch room was not listed after its creation, or still was after its deletion."""
    for entry in setup.coverage(sources.SCRATCH_DISPATCH):
        yield from unreadable(entry)
    scratch = setup.latest(ScratchDispatch)
    if scratch is None or (scratch.listed and scratch.gone_after_delete):
        return
    what = "is not in ListDispatch after CreateDispatch" if not scratch.listed else "is listed after DeleteDispatch"
    yield Finding(
        code="LKD107",
        step=Step.JOB_ASSIGNED,
        confidence=Confidence.LIKELY,
        because=(
            Because(source="scratch dispatch", at=scratch.read.at, text=f"dispatch {scratch.dispatch_id} {what}"),
        ),
    )


def probe_without_agent(setup: Setup) -> Iterator[Finding]:
    """LKD402, LKD404, LKD406: the team's own agent was dispatched and did not join (design fact 16).

    A failed probe alone cannot tell a missing worker, a full one and a slow one apart.
    """
    for entry in setup.coverage(sources.PROBE):
        yield from unreadable(entry)
    probe = setup.latest(ProbeResult)
    if probe is None or probe.joined_after is not None:
        return
    text = f'dispatch {probe.dispatch_id} for "{probe.agent_name}": '
    ruled_out: list[RuledOut] = []
    if probe.job_declined:
        code, step, confidence = "LKD404", Step.JOB_ASSIGNED, Confidence.PROVEN
        text += "a worker was asked and declined the job"
    elif probe.job_status:
        code, step, confidence = "LKD406", Step.ENTRYPOINT_CALLED, Confidence.LIKELY
        text += f"a worker took the job ({probe.job_status}), and no agent joined in {probe.waited:.0f} s"
    else:
        code, step, confidence = "LKD402", Step.JOB_ASSIGNED, Confidence.LIKELY
        text += f"no worker took a job, and no agent joined in {probe.waited:.0f} s"
    candidates = list(catalogue.get(code).candidates)
    canary = setup.latest(Canary)
    if canary is not None and canary.job_after is not None and "LKD107" in candidates:
        candidates.remove("LKD107")
        because = f"a canary got its job in {canary.job_after:.1f} s"
        ruled_out.append(RuledOut(code="LKD107", because=because))
    yield Finding(
        code=code,
        step=step,
        confidence=confidence,
        because=(Because(source="probe", at=probe.read.at, text=text),),
        candidates=tuple(candidates) if confidence is not Confidence.PROVEN else (),
        ruled_out=tuple(ruled_out),
        values={"agent_name": probe.agent_name, "dispatch_id": probe.dispatch_id, "kind": "probe"},
        would_settle=(f"Give both logs: livekit-doctor trace --room {probe.room} --worker-log FILE --server-log FILE",),
    )


def left_behind(setup: Setup) -> Iterator[LeftBehind]:
    """What experiments could not remove again."""
    return setup.all(LeftBehind)


def _endpoint(endpoint: WorkerEndpoint, text: str) -> Because:
    return Because(source=f"worker {endpoint.url}", at=endpoint.read.at, text=text)
