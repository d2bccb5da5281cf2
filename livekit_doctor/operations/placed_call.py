"""What `test-call` does: choose the trunk, place one real call, and diagnose it like any other."""

import asyncio
import math

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.rules.workers import left_behind
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.errors import UserError
from livekit_doctor.evidence import reading, sources, worker_endpoint
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Evidence, OutboundTrunk, OutboundTrunkList, SipCallResult
from livekit_doctor.experiments import placed_call as experiment
from livekit_doctor.experiments.placed_call import NOBODY, Order
from livekit_doctor.flow import LEGS, Leg, Status, Step
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings

SETTLING = 5.0
"""Seconds beyond an allowance for the looks that conclude from it."""

_STATUS = {"LKD002": 2, "LKD004": 2, "LKD203": 1}
"""The exit statuses of what keeps the trunks from being listed; any other leaves it undecided."""


class Prepared(Struct, frozen=True):
    """What is known before the call, and the trunk as it is listed (None for one that is not)."""

    evidence: Evidence
    trunk_id: str
    trunk: OutboundTrunk | None


class Called(Struct, frozen=True):
    """`answer` is None where the call could not be placed."""

    evidence: Evidence
    diagnosis: Diagnosis
    answer: SipCallResult | None
    left_behind: tuple[str, ...] = ()


async def prepare(settings: Settings, trunk_id: str | None, progress: Progress, within: float = math.inf) -> Prepared:
    """Reads SIP objects and worker endpoints, and chooses the trunk: the one given, the only one that
    is configured, else the only one there is.

    Raises UserError where that leaves none, or a choice, and where LiveKit can't be asked `within` so
    many seconds. Creates nothing.
    """
    progress("reading trunks and worker endpoints")
    try:
        async with LiveKitSource(settings.livekit) as client, asyncio.timeout(_or_none(within)):
            evidence = await reading.together(client.sip_objects(), worker_endpoint.read_all(settings.workers))
    except TimeoutError:
        message = f"SIP trunks and worker endpoints were not read within --timeout {within:g} s; nothing was dialled"
        raise UserError("LKD003", message, "livekit-doctor check --only connection --only worker", 3) from None
    problem = next((entry.problem for entry in evidence.coverage if entry.source == sources.SIP_API), None)
    if problem is not None and (problem.code != "LKD203" or trunk_id is None):
        # Without SIP there may still be a trunk to try, and its answer says why it fails.
        fix = catalogue.render_fix(catalogue.get(problem.code), {"url": settings.livekit.url or "", **problem.values})
        raise UserError(problem.code, problem.message, fix, _STATUS.get(problem.code, 3))
    listed = [item for item in evidence.observations if isinstance(item, OutboundTrunkList)]
    trunks = listed[-1].trunks if listed else ()
    chosen = trunk_id or _only_trunk(settings, trunks)
    return Prepared(evidence, chosen, next((trunk for trunk in trunks if trunk.id == chosen), None))


def _or_none(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds


async def place(
    settings: Settings, order: Order, known: Evidence, progress: Progress, ends: float = math.inf
) -> Called:
    """Places the call, follows both legs until they are decided, ends it, and says where it broke. All is over by
    `ends`, on time.monotonic()'s clock."""
    own = settings_of(settings, order)
    allowances = own.flow.allowances
    patience = max(allowances.agent_connected.broken_after, allowances.agent_audio.broken_after) + SETTLING

    def enough(evidence: Evidence, room: str, since: float) -> bool:
        diagnosis = diagnose(evidence, own, Subject(room=room))
        open_steps = any(result.status is Status.PENDING for result in diagnosis.steps)
        return since > patience or not (open_steps or diagnosis.look_again)

    async with LiveKitSource(settings.livekit) as client:
        evidence, room = await experiment.run(client, order, known, enough, ends=ends, progress=progress)
    setup = Setup(evidence, own)
    left = tuple(f"{item.what}: {item.error}" for item in left_behind(setup))
    return Called(evidence, diagnose(evidence, own, Subject(room=room)), setup.latest(SipCallResult), left)


def settings_of(settings: Settings, order: Order) -> Settings:
    """How this call is placed: by the tool, whoever dials the team's own; with its agent, or without."""
    without: tuple[Step, ...] = LEGS[Leg.AGENT] if order.agent_name is None else ()
    name = NOBODY if order.agent_name is None else order.agent_name
    flow = replace(settings.flow, placed_by="edge_function", not_used=(*settings.flow.not_used, *without))
    return replace(settings, flow=flow, agent=replace(settings.agent, name=name))


def agent_to_dispatch(settings: Settings) -> str:
    """The agent's name. Raises UserError where none is known, or where it would dial by itself."""
    if settings.agent.name is None:
        raise UserError(
            "LKD001",
            "the test call does not know which agent to dispatch",
            'set agent.name in checks.yaml, or give --agent-name NAME ("" for a worker without a name),\n'
            "or --no-agent to test the phone leg alone",
        )
    if settings.flow.placed_by == "agent" and settings.probe.metadata is None:
        raise UserError(
            "LKD001",
            "the agent itself dials (flow.placed_by: agent), so two phones could ring",
            "set probe.metadata in checks.yaml to dispatch metadata that makes the agent join without dialling,\n"
            "or give --no-agent to test the phone leg alone",
        )
    return settings.agent.name


def _only_trunk(settings: Settings, trunks: tuple[OutboundTrunk, ...]) -> str:
    configured = [trunk.id for trunk in settings.sip.outbound_trunks]
    if len(configured) == 1:
        return configured[0]
    there = configured or [trunk.id for trunk in trunks]
    if len(there) == 1:
        return there[0]
    if not there:
        raise UserError(
            "LKD201",
            f"there is no outbound SIP trunk at {settings.livekit.url}",
            catalogue.render_fix(catalogue.get("LKD201"), {}),
        )
    raise UserError(
        "LKD001",
        f"there are {len(there)} outbound SIP trunks: {', '.join(there)}",
        "say which one to dial through: --trunk ST_...",
    )
