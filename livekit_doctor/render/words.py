"""Words that several formats print."""

from collections.abc import Mapping

from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.probing import Outcome
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.flow import SPEC, Leg, Status, Step, Verdict

LEGS: Mapping[Leg, str] = {Leg.CALL: "call", Leg.AGENT: "agent leg", Leg.PHONE: "phone leg"}

VERDICTS: Mapping[Verdict, str] = {
    Verdict.HEALTHY: "Healthy",
    Verdict.IN_PROGRESS: "In progress",
    Verdict.UNKNOWN: "Unknown",
    Verdict.BROKEN: "Broken",
}

ENDINGS: Mapping[Outcome, str] = {
    Outcome.NO_JOB: "no job",
    Outcome.DECLINED: "declined",
    Outcome.JOB_WITHOUT_AGENT: "job without agent",
    Outcome.UNDECIDED: "undecided",
}
"""How dispatches end that get no agent."""


def because_line(because: Because) -> str:
    """A piece of evidence: where it is from, when (UTC), and what it says."""
    when = f", {because.at:%Y-%m-%d %H:%M:%S}" if because.at else ""
    return f"{because.source}{when}: {because.text}"


COVERAGE = {"read": "read", "empty": "empty", "unread": "NOT READ", "not_configured": "not configured"}


def covered(diagnosis: Diagnosis) -> str:
    """What was read of each source, in one line."""
    return ", ".join(f"{entry.source}: {_covered(entry)}" for entry in diagnosis.coverage)


def _covered(entry: Coverage) -> str:
    return _NO_LINE if entry.status == "empty" and entry.source.startswith(_LOGS) else COVERAGE[entry.status]


_LOGS = (sources.WORKER_LOG, sources.SERVER_LOG, sources.SIP_LOG)
_NO_LINE = "read, no line names this call"
"""A log that is not empty, of which other lines may have told something, such as who was registered."""


def percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def verdict_of(diagnosis: Diagnosis) -> str:
    """The verdict in one line."""
    if diagnosis.broken:
        return "; ".join(
            f"Broke at: {SPEC[item.step].title} ({item.code}, {item.confidence.value})" for item in diagnosis.broken
        )
    return f"{VERDICTS[diagnosis.verdict]}: {verdict_sentence(diagnosis)}"


def verdict_sentence(diagnosis: Diagnosis) -> str:
    """What a verdict other than broken says."""
    titles = [SPEC[r.step].title for r in diagnosis.steps if r.status is Status.PENDING]
    if diagnosis.verdict is Verdict.HEALTHY:
        if Step.SIP_ANSWERED in diagnosis.not_covered:
            return "the agent's leg; whether the phone was answered, no source could tell"
        return "every step that a source could show has happened"
    if diagnosis.verdict is Verdict.IN_PROGRESS:
        return f"nothing is broken; {', '.join(titles)} may still come"
    if not diagnosis.evidence_found:
        return "nothing is known of this call"
    return "the evidence does not tell whether this call broke"
