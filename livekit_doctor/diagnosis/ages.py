"""How long ago a step happened, by the clock that dates it, and whether its allowance is used up."""

from datetime import datetime, timedelta

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.proofs import Clock, Proofs
from livekit_doctor.diagnosis.times import NO_GOODBYE
from livekit_doctor.flow import Step


def first_by_livekit(proofs: Proofs, step: Step) -> datetime | None:
    """When a step first happened, by LiveKit's own clock."""
    found = proofs.get(step, ())
    return min((proof.at for proof in found if proof.at and proof.clock is Clock.LIVEKIT), default=None)


def had_no_time_to_talk(proofs: Proofs, when: datetime) -> bool:
    """The agent left as soon as the phone was answered, or before: nobody can have said goodbye."""
    answered = first_by_livekit(proofs, Step.SIP_ANSWERED)
    return answered is not None and when - answered < NO_GOODBYE


def age(call: Call, proofs: Proofs, step: Step) -> timedelta | None:
    """How long ago a step happened, in the clock that dated it; None where that is not known."""
    for proof in proofs.get(step, ()):
        if proof.at is not None:
            return _now(call, proof.clock) - proof.at
    return None


def _now(call: Call, clock: Clock) -> datetime:
    """This moment on a clock. A worker's is taken to be right, as LiveKit's is; this machine's may be wrong."""
    return call.rows_now if clock is Clock.CALL_LOGS else call.livekit_now


def waited(call: Call, proofs: Proofs, step: Step) -> timedelta | None:
    """How long `step` has had so far, at least: the age of the latest of the steps it is counted from.

    None where one of them is not proven or its time is not known. An inbound call is answered
    only when the agent publishes, so that nothing is counted from its answer.
    """
    allowance = call.allowance(step)
    if allowance is None:
        return None
    counted = [base for base in allowance.after if not (call.inbound and base is Step.SIP_ANSWERED)]
    ages = [_age_of_last(call, proofs, base) for base in counted]
    known = [value for value in ages if value is not None]
    return min(known) if known and len(known) == len(ages) else None


def _age_of_last(call: Call, proofs: Proofs, step: Step) -> timedelta | None:
    """How long ago a step happened last: the agent may have been dispatched, or joined, again."""
    first = age(call, proofs, step)
    clock = next((proof.clock for proof in proofs.get(step, ()) if proof.at), Clock.LIVEKIT)
    found = [proof for proof in proofs.get(step, ()) if proof.clock is clock]
    times = [when for proof in found if (when := proof.at or (proof.by if first is None else None))]
    return _now(call, clock) - max(times) if times else None


def overdue(call: Call, proofs: Proofs, step: Step) -> bool:
    """Whether the step's allowance is used up."""
    allowance, so_far = call.allowance(step), waited(call, proofs, step)
    return allowance is not None and so_far is not None and so_far > timedelta(seconds=allowance.broken_after)
