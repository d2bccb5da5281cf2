"""Which of the catalogue's lines about what would settle a code are moot: what they ask for was done already."""

from collections.abc import Callable, Mapping

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.carrier import Kind
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Canary, ProbeResult
from livekit_doctor.flow import Step


def is_done(call: Call, line: str) -> bool:
    """Whether a line of `settled_by` asks for something, and all that it asks for is there."""
    asked = [done for words, done in DONE.items() if words in line]
    return bool(asked) and all(done(call) for done in asked)


def _given(log: str) -> Callable[[Call], bool]:
    return lambda call: any(entry.status in ("read", "empty") for entry in call.setup.coverage(log))


def _carrier_has_answered(call: Call) -> bool:
    return any(answer.kind is not Kind.STARTED for answer in call.answers)


def _counted_from_the_answer(call: Call) -> bool:
    return Step.SIP_ANSWERED in call.settings.flow.allowances.agent_dispatched.after


DONE: Mapping[str, Callable[[Call], bool]] = {
    "--worker-log FILE": _given(sources.WORKER_LOG),
    "--server-log FILE": _given(sources.SERVER_LOG),
    "--sip-log FILE": _given(sources.SIP_LOG),
    "wait_until_answered": _carrier_has_answered,
    "test-call": _carrier_has_answered,
    "the call while its room is open": lambda call: bool(call.room_live),
    "by the canary": lambda call: call.setup.latest(Canary) is not None,
    "check --probe": lambda call: call.setup.latest(ProbeResult) is not None,
    "Name the room if another one was meant": lambda call: call.subject.room is not None,
    "flow.allowances.agent_dispatched.after to [sip_answered]": _counted_from_the_answer,
}
"""By the words in which a line asks for it, whether it was done."""
