"""The rules. A new rule is one function, and one line here."""

from collections.abc import Callable
from datetime import timedelta

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import (
    agent_leaving,
    agent_logs,
    agents,
    api_refusals,
    carrier_answers,
    dispatches,
    ended_calls,
    job_logs,
    jobs,
    never_came,
    phone_leg,
    placing,
    refused_joins,
    room_logs,
    rows,
    sighted_phones,
    sightings,
    stray_workers,
    told_answers,
    unknown_workers,
)

CallRule = Callable[[Call, Proofs], Finding | None]

CALL_RULES: tuple[CallRule, ...] = (
    rows.room_closed_early,
    dispatches.inbound_rule_without_agent,
    dispatches.dispatched_to_other_room,
    dispatches.dispatch_deleted,
    dispatches.agents_ignored,
    dispatches.agent_not_dispatched,
    jobs.job_declined,
    jobs.no_worker_had_room,
    jobs.agent_name_mismatch,
    jobs.dispatch_pipeline_down,
    jobs.no_worker_took_job,
    agents.job_without_agent,
    agents.agent_media_failed,
    agents.agent_left,
    agents.agent_silent,
    agents.agent_shown_without_track,
    carrier_answers.no_sip_service,
    carrier_answers.trunk_does_not_exist,
    carrier_answers.credentials_rejected,
    carrier_answers.quota_exceeded,
    carrier_answers.trunk_is_unusable,
    carrier_answers.sip_auth_failed,
    carrier_answers.sip_address_unreachable,
    carrier_answers.sip_call_rejected,
    carrier_answers.timed_out_while_dialing,
    carrier_answers.sip_media_failed,
    carrier_answers.timed_out_while_ringing,
    told_answers.not_picked_up,
    told_answers.unexplained,
    phone_leg.sip_service_unavailable,
    phone_leg.outbound_trunk_missing,
    phone_leg.no_response,
    phone_leg.not_answered,
    *room_logs.RULES,
    *never_came.RULES,
    *unknown_workers.RULES,
    *job_logs.RULES,
    *stray_workers.RULES,
    *agent_logs.RULES,
    *agent_leaving.RULES,
    *refused_joins.RULES,
    *ended_calls.RULES,
    *sighted_phones.RULES,
    *sightings.RULES,
    *api_refusals.RULES,
)
"""What a source that was read proves or makes likely."""

OF_LOOKS = (
    dispatches.agent_not_dispatched,
    agents.job_without_agent,
    agents.agent_media_failed,
    agents.agent_left,
    agents.agent_silent,
)
"""What is seen while the room is open alone, and stands when it is closed."""

SECOND_LOOKS: tuple[Callable[[Call, Proofs], timedelta | None], ...] = (
    placing.wants_second_look_for_dispatch,
    agents.wants_second_look_for_agent,
)
"""Where one look at the room is not enough to conclude."""
