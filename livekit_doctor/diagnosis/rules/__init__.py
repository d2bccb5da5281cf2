"""The rules. A new rule is one function, and one line here."""

from collections.abc import Callable

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import agent_leg, phone_leg, rows

CallRule = Callable[[Call, Proofs], Finding | None]

CALL_RULES: tuple[CallRule, ...] = (
    rows.room_closed_early,
    agent_leg.inbound_rule_without_agent,
    agent_leg.dispatched_to_other_room,
    agent_leg.dispatch_deleted,
    agent_leg.agents_ignored,
    agent_leg.agent_not_dispatched,
    agent_leg.job_declined,
    agent_leg.agent_name_mismatch,
    agent_leg.dispatch_pipeline_down,
    agent_leg.no_worker_registered,
    agent_leg.no_worker_took_job,
    agent_leg.job_without_agent,
    agent_leg.agent_left,
    agent_leg.agent_silent,
    phone_leg.sip_service_unavailable,
    phone_leg.outbound_trunk_missing,
    phone_leg.no_response,
    phone_leg.not_answered,
)
"""What a source that was read proves or makes likely."""

SECOND_LOOKS: tuple[Callable[[Call, Proofs], bool], ...] = (
    agent_leg.wants_second_look_for_dispatch,
    agent_leg.wants_second_look_for_agent,
)
"""Where one look at the room is not enough to conclude."""
