"""Rules that judge facts, and know no language. A rule is a small function with the fault's name; a file a group."""

from livekit_doctor.lint.rules import agents, calls, code, deployment, rooms, rows
from livekit_doctor.lint.rules.judged import Rule

RULES: tuple[Rule, ...] = (
    agents.agent_not_dispatched,
    agents.agent_name_mismatch,
    rooms.agents_ignored_room_existed,
    rooms.duplicate_agents,
    rooms.dispatched_to_other_room,
    calls.arguments_swapped,
    calls.call_not_awaited,
    calls.return_taken_for_answer,
    calls.number_not_e164,
    code.async_prewarm,
    code.agent_never_connected,
    code.job_declined,
    code.blocking_call,
    deployment.development_mode,
    deployment.grace_period_too_short,
    rows.unmapped_state,
    rows.state_never_written,
    rows.room_not_logged,
)
"""In the order of their codes' subjects."""
