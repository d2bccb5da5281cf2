"""Words that several formats print."""

from collections.abc import Mapping
from datetime import datetime

from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.names import few
from livekit_doctor.diagnosis.probing import Criterion, Outcome, Trial
from livekit_doctor.diagnosis.result import Diagnosis, RoomResult
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.evidence.scratch_rooms import FoundRoom
from livekit_doctor.flow import SPEC, Leg, Status, Step, Verdict
from livekit_doctor.render.report import BundleNote, ProbeReport
from livekit_doctor.triage.result import Traced

LEGS: Mapping[Leg, str] = {Leg.CALL: "call", Leg.AGENT: "agent leg", Leg.PHONE: "phone leg"}

VERDICTS: Mapping[Verdict, str] = {
    Verdict.HEALTHY: "Healthy",
    Verdict.IN_PROGRESS: "In progress",
    Verdict.NO_FAULT_SEEN: "No fault seen",
    Verdict.UNKNOWN: "Unknown",
    Verdict.BROKEN: "Broken",
}

UNDECIDED = (Verdict.NO_FAULT_SEEN, Verdict.UNKNOWN)
"""The verdicts that more evidence may change."""

ENDINGS: Mapping[Outcome, str] = {
    Outcome.NO_JOB: "no job",
    Outcome.DECLINED: "declined",
    Outcome.JOB_WITHOUT_AGENT: "job without agent",
    Outcome.UNDECIDED: "undecided",
}
"""How dispatches end that get no agent."""


REMARKS: Mapping[Status, str] = {
    Status.UNKNOWN: "no source could tell",
    Status.SKIPPED: "not reached, or does not apply",
    Status.PENDING: "may still come",
}
"""Of a step that neither happened nor broke."""


def by_its_rows(judged: Traced | None) -> str:
    """What the rows of a call say of it, in a few words; nothing where they were not all read."""
    if judged is None:
        return ""
    if judged.code and judged.step:
        return f"broken at {SPEC[judged.step].title}: {judged.code}"
    return VERDICTS[judged.verdict].lower()


TRACE_ROOM = "livekit-doctor trace --room ROOM"
NO_CALL_LOGS = (
    "No call logs are configured: with CALL_LOGS_DATABASE_URL, or --call-logs FILE, the recent calls are listed."
)


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


def left_out(entry: Coverage) -> list[str]:
    """How much of what was recognised is not told as this call's, and why."""
    rooms = f" ({few(entry.set_aside_of)})" if entry.set_aside_of else ""
    notes = [f"of other calls, and left out: {entry.set_aside}{rooms}"] if entry.set_aside else []
    if entry.unnamed:
        why = "without a room or an id, and so of no known call"
        notes.append(f"{why}: {entry.unnamed} (--evidence takes them for this call's)")
    return notes


def moment(at: datetime) -> str:
    """When something was, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


ROOM_OUTCOMES = {
    "removed": "removed",
    "not_removed": "not removed",
    "found": "would be removed",
    "in_use": "a run may be using it",
    "gone": "not there",
}
"""What becomes of a scratch room."""


def about_room(found: FoundRoom, now: datetime | None) -> str:
    """A scratch room: what became of it, how old it is, who is in it, and why it is still there."""
    age = f"{(now - found.created_at).total_seconds():.0f} s old" if now and found.created_at else ""
    inside = f"{found.participants} inside" if found.participants else ""
    told = ", ".join(filter(None, (ROOM_OUTCOMES[found.outcome], age, inside)))
    return f"{told}: {found.message}" if found.message else told


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
        return "every step that a source could show has happened"
    if diagnosis.verdict is Verdict.NO_FAULT_SEEN:
        return _how_far(diagnosis)
    if diagnosis.verdict is Verdict.IN_PROGRESS:
        return f"nothing is broken; {', '.join(titles)} may still come"
    if not diagnosis.evidence_found:
        return next((w.message for w in diagnosis.warnings if w.code == "LKD601"), "nothing is known of this call")
    return "the evidence does not tell whether this call broke"


def _how_far(diagnosis: Diagnosis) -> str:
    """How far each leg is known to be well, and what could still be wrong."""
    legs = {
        leg: [result.step for result in diagnosis.steps if result.leg is leg and result.status is Status.OK]
        for leg in (Leg.AGENT, Leg.PHONE)
    }
    far = [f"the {leg.value}'s leg is well as far as: {SPEC[steps[-1]].title}" for leg, steps in legs.items() if steps]
    if Step.SIP_ANSWERED in legs[Leg.PHONE] or diagnosis.inbound:
        doubt = "whether the agent was heard, and both stayed to the end, no source could tell (LKD407, LKD408, LKD210)"
    else:
        doubt = "whether the phone was answered, no source could tell (LKD204, LKD205, LKD206)"
    return "; ".join((*far, doubt))


def room_state(room: RoomResult, diagnosis: Diagnosis) -> str:
    """Whether the room is open, and for how long; or why that is not known."""
    if room.open is None:
        unread = any(entry.source == sources.LIVEKIT_API and entry.problem for entry in diagnosis.coverage)
        return "LiveKit could not be asked" if unread else "LiveKit not asked"
    if not room.open:
        return "closed, or never there"
    return f"open for {room.age:.0f} s" if room.age is not None else "open"


def bundle_note(bundle: BundleNote) -> str:
    """Which bundle was diagnosed."""
    numbers = ", phone numbers masked" if bundle.masked else ""
    return f"{bundle.name}, saved {moment(bundle.created_at)} by livekit-doctor {bundle.version}{numbers}"


def not_covered(diagnosis: Diagnosis) -> str:
    """What a healthy verdict does not say."""
    steps = ", ".join(SPEC[step].title for step in diagnosis.not_covered)
    return (f"{steps}; " if steps else "") + "whether sound travels: no API shows it"


def got_their(report: ProbeReport) -> str:
    """What a dispatch of this probe is to bring about."""
    return "got their job" if report.canary else "got their agent"


def criterion_sentence(criterion: Criterion, report: ProbeReport) -> str:
    """What was measured, and what it had to be."""
    if criterion.name == "min_join_rate":
        must = "all" if criterion.limit == 1 else f"at least {percent(criterion.limit)}"
        value = criterion.value
        got = "of no dispatch it is known" if value is None else f"{percent(value)} {got_their(report)}"
        return f"{got}; {must} must"
    p95 = "no p95, since no agent joined" if criterion.value is None else f"p95 {criterion.value:.2f} s"
    return f"{p95}; at most {criterion.limit:g} s are allowed"


def took(trial: Trial) -> str:
    """How soon its agent joined, or how long it was waited for."""
    return f"{trial.latency:.2f} s" if trial.latency is not None else f"waited {trial.waited:.2f} s"
