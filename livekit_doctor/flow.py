"""The outbound flow as a table: steps, legs, what proves what, and the allowances.

Source: design section 2. Step ids are stable API.
"""

from collections.abc import Container
from enum import StrEnum
from functools import cache

from msgspec import Struct


class Leg(StrEnum):
    CALL = "call"
    AGENT = "agent"
    PHONE = "phone"


class Step(StrEnum):
    CALL_REQUESTED = "call_requested"
    ROOM_CREATED = "room_created"
    AGENT_DISPATCHED = "agent_dispatched"
    JOB_ASSIGNED = "job_assigned"
    ENTRYPOINT_CALLED = "entrypoint_called"
    AGENT_CONNECTED = "agent_connected"
    AGENT_AUDIO = "agent_audio"
    SIP_PARTICIPANT_CREATED = "sip_participant_created"
    SIP_DIALING = "sip_dialing"
    SIP_RINGING = "sip_ringing"
    SIP_ANSWERED = "sip_answered"
    CALL_ENDED = "call_ended"


class Status(StrEnum):
    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    HEALTHY = "healthy"
    BROKEN = "broken"
    IN_PROGRESS = "in_progress"
    NO_FAULT_SEEN = "no_fault_seen"
    """Nothing is broken, and that the call went well could not be seen."""
    UNKNOWN = "unknown"


NOTHING_BROKEN = (Verdict.HEALTHY, Verdict.NO_FAULT_SEEN)
"""The verdicts of a call that is over or stands, of which is told what no source covers."""


class Confidence(StrEnum):
    """How sure a finding is. `proven`: the evidence excludes every other code."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Confidence).index(self)


class StepSpec(Struct, frozen=True):
    """One row of the flow table.

    `implies` is the step that must have happened when this one did; the relation is
    transitive, so a proof of a step proves the whole chain before it. `states` are the
    usual spellings of a `call_state_logs` state that reports this step.
    """

    step: Step
    leg: Leg
    title: str
    implies: tuple[Step, ...]
    states: tuple[str, ...]


FLOW: tuple[StepSpec, ...] = (
    StepSpec(
        Step.CALL_REQUESTED,
        Leg.CALL,
        "call requested",
        (),
        ("call_requested", "call_initiated", "call_started", "call_created", "outbound_call_requested"),
    ),
    StepSpec(
        Step.ROOM_CREATED,
        Leg.CALL,
        "room created",
        (Step.CALL_REQUESTED,),
        ("room_created", "livekit_room_created"),
    ),
    StepSpec(
        Step.AGENT_DISPATCHED,
        Leg.AGENT,
        "agent dispatched",
        (Step.ROOM_CREATED,),
        ("agent_dispatched", "agent_dispatch_created", "dispatch_created"),
    ),
    StepSpec(
        Step.JOB_ASSIGNED,
        Leg.AGENT,
        "job assigned",
        (Step.AGENT_DISPATCHED,),
        ("job_assigned", "agent_job_assigned", "job_accepted", "agent_job_accepted"),
    ),
    StepSpec(
        Step.ENTRYPOINT_CALLED,
        Leg.AGENT,
        "entrypoint called",
        (Step.JOB_ASSIGNED,),
        ("agent_entrypoint_called", "entrypoint_called", "agent_entrypoint", "agent_started"),
    ),
    StepSpec(
        Step.AGENT_CONNECTED,
        Leg.AGENT,
        "agent connected",
        (Step.ENTRYPOINT_CALLED,),
        ("agent_connected", "agent_joined", "agent_room_connected", "agent_participant_connected"),
    ),
    StepSpec(
        Step.AGENT_AUDIO,
        Leg.AGENT,
        "agent audio",
        (Step.AGENT_CONNECTED,),
        ("agent_audio", "agent_audio_published", "agent_track_published", "agent_speaking"),
    ),
    StepSpec(
        Step.SIP_PARTICIPANT_CREATED,
        Leg.PHONE,
        "SIP participant created",
        (Step.ROOM_CREATED,),
        ("sip_participant_created", "sip_call_created", "outbound_call_created"),
    ),
    StepSpec(
        Step.SIP_DIALING,
        Leg.PHONE,
        "dialing",
        (Step.SIP_PARTICIPANT_CREATED,),
        ("sip_dialing", "dialing", "call_dialing"),
    ),
    StepSpec(
        Step.SIP_RINGING,
        Leg.PHONE,
        "ringing",
        (Step.SIP_DIALING,),
        ("sip_ringing", "ringing", "call_ringing"),
    ),
    StepSpec(
        Step.SIP_ANSWERED,
        Leg.PHONE,
        "answered",
        (Step.SIP_RINGING,),
        ("sip_answered", "answered", "call_answered", "callee_answered", "call_active"),
    ),
    StepSpec(
        Step.CALL_ENDED,
        Leg.CALL,
        "call ended",
        (Step.CALL_REQUESTED,),
        ("call_ended", "call_completed", "call_finished", "call_hangup", "hangup", "room_closed"),
    ),
)

SPEC: dict[Step, StepSpec] = {spec.step: spec for spec in FLOW}
LEGS: dict[Leg, tuple[Step, ...]] = {leg: tuple(spec.step for spec in FLOW if spec.leg is leg) for leg in Leg}
BY_THE_AGENT = (Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO)
"""The steps that the agent itself logs."""
DEFAULT_STATES: dict[str, Step] = {state: spec.step for spec in FLOW for state in spec.states}


@cache
def implied_by(step: Step) -> tuple[Step, ...]:
    """All steps that must have happened when `step` did, nearest first."""
    chain: list[Step] = []
    for earlier in SPEC[step].implies:
        chain.append(earlier)
        chain.extend(further for further in implied_by(earlier) if further not in chain)
    return tuple(chain)


def order(step: Step) -> int:
    """The step's place in the table, 0 first."""
    return list(Step).index(step)


def used_at(step: Step, not_used: Container[Step]) -> Step | None:
    """Where a break at this step is told: there, or at the next step of its leg that is used; None where none is."""
    leg = LEGS[SPEC[step].leg]
    return next((one for one in leg if order(one) >= order(step) and one not in not_used), None)
