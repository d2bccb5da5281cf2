"""The attempts before the latest, told in one line each: what became of a dispatch, or a dial."""

from collections.abc import Iterator

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.flow import Leg

MOST = 3
"""Of more attempts the last are told."""


def earlier_attempts(call: Call, leg: Leg) -> tuple[Because, ...]:
    """Oldest first; of the call as a whole none."""
    told = {Leg.AGENT: _dispatches, Leg.PHONE: _dials}.get(leg)
    return tuple(told(call))[-MOST:] if told else ()


def _dispatches(call: Call) -> Iterator[Because]:
    for became in call.component_logs.latest.became:
        yield Because(source="before", text=f"an earlier dispatch: {became}")


def _dials(call: Call) -> Iterator[Because]:
    """Several sources tell of one answer: what says the same as the last, or is of the same dial, is taken to be that
    one."""
    for answer in call.answers:
        last = call.answers[-1]
        same = (answer.kind, answer.sip_status) == (last.kind, last.sip_status)
        if answer.dial and answer.dial == last.dial:
            continue
        if answer.is_failure and (answer.earlier or not same):
            text = f"an earlier dial, by {answer.because.source}: {answer.because.text}"
            yield Because(source="before", at=answer.when, text=text)
