"""What a conclusion is worth that the agent never came, where a row tells that somebody on the phone talked with it.

The teams' own words say it (user_speech, caller_said), and no step stands for them: a post-call transcript may be of
somebody who talked to nobody, so that it shows no agent, either. It is held against every conclusion, whatever it was
drawn from: one pod's log of several, one node's, a state that is not logged.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.flow import Confidence, Step

_WITHOUT_AGENT = (Step.ROOM_CREATED, Step.AGENT_DISPATCHED, Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED)
"""A break at one of these leaves the call without its agent, unless it is known to have come."""

NEVER_CONNECTED = ("LKD406", "LKD415", "LKD416")
"""The codes that say that the agent never connected."""

_EXCLUDES = {
    "LKD405": (Said.RAISED, ("LKD415",)),
    "LKD417": (Said.NO_PROCESS, ("LKD405", "LKD415")),
}
"""Codes that can't be in place of another one, where that was concluded from such a line: what raised did not wait for
its connection, and a job without a process had no entrypoint."""


def excluded(call: Call, code: str) -> tuple[str, ...]:
    """The codes that are no candidates beside this one."""
    said, codes = _EXCLUDES.get(code, (None, ()))
    return codes if said is not None and call.component_logs.said(said) else ()


def weighed(call: Call, proofs: Proofs, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without those that a row contradicts; what is proven becomes possible, and the row is told beside it."""
    at = call.talked_since_dispatch
    for finding in findings:
        never_came = finding.step in _WITHOUT_AGENT or finding.code in NEVER_CONNECTED
        if at is None or not never_came or Step.AGENT_CONNECTED in proofs:
            yield finding
        elif finding.confidence is Confidence.PROVEN:
            talked = Because(source="call_logs", at=at, text="but a row tells that somebody on the phone talked")
            candidates = finding.candidates or catalogue.get(finding.code).candidates
            because = (*finding.because, talked)
            yield replace(finding, confidence=Confidence.POSSIBLE, because=because, candidates=candidates)
