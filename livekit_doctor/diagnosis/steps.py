"""The state of each step: reached, broken, still awaited, not known."""

from datetime import timedelta

from livekit_doctor.diagnosis.ages import age, overdue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.result import Broken, StepResult
from livekit_doctor.diagnosis.rules import SECOND_LOOKS, agents, jobs, missed, rows
from livekit_doctor.evidence import sources
from livekit_doctor.flow import FLOW, LEGS, SPEC, Leg, Status, Step


def states_of_steps(call: Call, proofs: Proofs, broken: tuple[Broken, ...]) -> tuple[StepResult, ...]:
    broken_at = {item.step: item for item in broken}
    call_broken = any(item.leg is Leg.CALL for item in broken)
    before: dict[Leg, Status] = dict.fromkeys(Leg, Status.OK)
    results = []
    for spec in FLOW:
        step, leg = spec.step, spec.leg
        if step in broken_at:
            status = Status.BROKEN
        elif step in call.settings.flow.not_used or (call.inbound and step is Step.SIP_DIALING):
            status = Status.SKIPPED
        elif step in proofs:
            status = Status.OK
        elif step is Step.CALL_ENDED:
            status = Status.OK if _ended(call, proofs) else Status.UNKNOWN
        elif before[leg] is Status.BROKEN or call_broken or _waits_for_broken_agent(call, step, before):
            status = Status.SKIPPED
        elif before[leg] is Status.PENDING or _pending(call, proofs, step):
            status = Status.PENDING
        else:
            status = Status.UNKNOWN
        if status in (Status.BROKEN, Status.PENDING) or (status is Status.UNKNOWN and before[leg] is Status.OK):
            before[leg] = status
        elif status is Status.OK and before[leg] is Status.UNKNOWN:
            before[leg] = Status.OK
        proof = sorted(proofs.get(step, ()), key=lambda one: one.at is None)  # its text is printed beside that
        evidence = tuple(Because(source=item.source, at=item.at, text=item.text) for item in proof)
        if step in broken_at:
            evidence = broken_at[step].because
        results.append(
            StepResult(
                step=step,
                leg=leg,
                status=status,
                at=next((item.at for item in proof if item.at), None) if status is Status.OK else None,
                evidence=evidence,
            )
        )
    return tuple(results)


def _waits_for_broken_agent(call: Call, step: Step, before: dict[Leg, Status]) -> bool:
    """Where the agent dials, its broken leg leaves the phone's without a beginning."""
    return (
        call.settings.flow.placed_by == "agent" and SPEC[step].leg is Leg.PHONE and before[Leg.AGENT] is Status.BROKEN
    )


_WATCHED_STEPS = (Step.AGENT_AUDIO, *LEGS[Leg.PHONE])
"""The steps that the list of participants alone shows."""


def _pending(call: Call, proofs: Proofs, step: Step) -> bool:
    """The step has not happened and may still: the first open one of its leg, in its allowance."""
    if call.api_covers or (call.participants_cover and step in _WATCHED_STEPS):
        return _pending_in_room(call, proofs, step)
    return bool(call.rows) and step in LEGS[Leg.AGENT] and agent_awaited(call, proofs)


def agent_awaited(call: Call, proofs: Proofs) -> bool:
    """Whether the agent may still be on its way, so that a missing row is not yet missed."""
    if call.api_covers:
        first = next((step for step in LEGS[Leg.AGENT] if step not in proofs), None)
        return look_again(call, proofs) is not None or (first is not None and _pending_in_room(call, proofs, first))
    if call.is_over:
        return False
    recent = call.rows_are_whole and (rows.rows_are_recent(call) or rows.dispatched_recently(call))
    return recent and Step.AGENT_CONNECTED not in proofs and Step.CALL_ENDED not in proofs


def _pending_in_room(call: Call, proofs: Proofs, step: Step) -> bool:
    if Step.CALL_ENDED in call.logged:
        return False
    allowances = call.settings.flow.allowances
    counted = Step.AGENT_CONNECTED if step is Step.ENTRYPOINT_CALLED else step
    match counted:
        case Step.AGENT_DISPATCHED:
            if call.agents_seen or _overdue_and_looked(call, proofs):
                return False
            return age(call, proofs, Step.ROOM_CREATED) is not None
        case Step.JOB_ASSIGNED if Step.AGENT_DISPATCHED in proofs:
            return not jobs.all_declined(call) and not missed.job_is_late(call, proofs)
        case Step.AGENT_CONNECTED if Step.AGENT_DISPATCHED in proofs:
            return not agents.agent_is_late(call, proofs)
        case Step.AGENT_AUDIO:
            return _audio_pending(call, proofs)
        case Step.SIP_PARTICIPANT_CREATED:
            if any(entry.status == "unread" for entry in call.setup.coverage(sources.TEST_CALL)):
                return False  # it was for the tool to dial, and it could not
            starts = Step.AGENT_CONNECTED if call.settings.flow.placed_by == "agent" else Step.ROOM_CREATED
            since = age(call, proofs, starts)
            return since is not None and since <= timedelta(seconds=allowances.agent_dispatched.broken_after)
        case Step.SIP_DIALING | Step.SIP_RINGING | Step.SIP_ANSWERED if not call.phone_states:
            # The phone's sip.callStatus may never come.
            if not call.phone_present or call.inbound:
                return False
            since = age(call, proofs, Step.SIP_PARTICIPANT_CREATED)
            return since is not None and since <= timedelta(seconds=allowances.sip_ringing.broken_after)
        case Step.SIP_DIALING | Step.SIP_RINGING | Step.SIP_ANSWERED:
            return call.phone_present and not call.inbound and not overdue(call, proofs, counted)
        case _:
            return False


def _overdue_and_looked(call: Call, proofs: Proofs) -> bool:
    """The dispatch's allowance is over and nothing holds the conclusion back."""
    if not overdue(call, proofs, Step.AGENT_DISPATCHED):
        return False
    return Step.AGENT_DISPATCHED in call.logged or not call.phone_waits


def _audio_pending(call: Call, proofs: Proofs) -> bool:
    """Until the phone is answered an agent may well be silent."""
    if not call.agents:
        return False
    if call.inbound or (call.phone_present and not call.phone_states):
        since = age(call, proofs, Step.AGENT_CONNECTED)
        allowed = call.settings.flow.allowances.agent_audio.broken_after
        return since is not None and since <= timedelta(seconds=allowed)
    return call.phone_present and not overdue(call, proofs, Step.AGENT_AUDIO)


def _ended(call: Call, proofs: Proofs) -> bool:
    """The room is gone after both ends were in it."""
    return call.room_live is False and Step.AGENT_CONNECTED in proofs


def look_again(call: Call, proofs: Proofs) -> timedelta | None:
    """After how long another look would decide, where one look at the room is not enough to."""
    return max(filter(None, (wants(call, proofs) for wants in SECOND_LOOKS)), default=None)
