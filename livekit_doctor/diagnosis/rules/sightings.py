"""Both legs by what was seen of a room at another time, and pasted: webhooks, earlier answers of the API.

Nobody knows how old things were at that moment, nor what came after it: what was missing then is at most
`possible`. LKD204, 206, 401, 402, 404, 406.
"""

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.seen import declined
from livekit_doctor.evidence.observations import Sighting
from livekit_doctor.flow import Confidence, Step

_REASONS: dict[str, tuple[str, Step, Confidence, tuple[str, ...]]] = {
    "USER_UNAVAILABLE": ("LKD206", Step.SIP_ANSWERED, Confidence.LIKELY, ("LKD204", "LKD205")),
    "USER_REJECTED": ("LKD204", Step.SIP_RINGING, Confidence.LIKELY, ("LKD206",)),
    "SIP_TRUNK_FAILURE": ("LKD204", Step.SIP_RINGING, Confidence.POSSIBLE, ("LKD205", "LKD208", "LKD209", "LKD210")),
    "MEDIA_FAILURE": ("LKD210", Step.SIP_ANSWERED, Confidence.LIKELY, ()),
}
"""What the disconnect reason of a SIP participant says of its call (livekit-protocol, DisconnectReason)."""


def phone_left(call: Call, proofs: Proofs) -> Finding | None:
    """LKD204, 206, 210: the webhook of the phone's leaving has a reason, and the phone had not answered."""
    if Step.SIP_ANSWERED in proofs or call.inbound or call.phone_present:
        return None
    for item in reversed(call.sightings):
        phones = [p for p in item.participants if p.kind == "SIP" and not p.attributes.get("sip.ruleID")]
        if item.left_because in _REASONS and phones:
            code, step, confidence, candidates = _REASONS[item.left_because]
            if code == "LKD206" and phones[0].attributes.get("sip.callStatus") == "dialing":
                confidence = Confidence.POSSIBLE  # it is not known to have rung
            text = f"SIP participant {phones[0].identity} left: {item.left_because}"
            because = (Because(source=f"webhook {item.event}", at=item.at, text=text),)
            values = {"trunk_id": phones[0].attributes.get("sip.trunkID", ""), "detail": item.left_because}
            return Finding(
                code=code,
                step=step,
                confidence=confidence,
                because=because,
                candidates=candidates,
                values={key: value for key, value in values.items() if value},
            )
    return None


def only_the_automatic_dispatch(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: a list of the room's dispatches, and none for an agent by name."""
    listed = _last_list(call)
    if listed is None or _reached(call, proofs) or Step.AGENT_DISPATCHED in proofs or call.agent_name == "":
        return None
    if any(dispatch.agent_name for dispatch in listed.dispatches):
        return None
    text = "the list that was pasted has the automatic dispatch only (no agent name); how old the room was is not known"
    return _possible("LKD401", Step.AGENT_DISPATCHED, text, listed)


def no_job(call: Call, proofs: Proofs) -> Finding | None:
    """LKD402: a dispatch of the agent that had no job when it was listed."""
    listed = _last_list(call)
    if listed is None or not listed.shows_jobs or _reached(call, proofs):
        return None
    named = [dispatch for dispatch in listed.dispatches if dispatch.agent_name]
    if not named or any(dispatch.jobs for dispatch in named):
        return None
    dispatch = named[-1]
    text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" had no job in the list that was pasted, of whatever age'
    return _possible("LKD402", Step.JOB_ASSIGNED, text, listed, dispatch_id=dispatch.id)


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a job that ended at once without a participant: request_fnc rejected it (fact 11)."""
    for item in call.sightings:
        jobs = [job for dispatch in item.dispatches for job in dispatch.jobs]
        if jobs and all(map(declined, jobs)) and not _reached(call, proofs):
            text = f"job {jobs[-1].id} ended {jobs[-1].status} without a participant: its worker declined it"
            because = (Because(source="pasted answer of the API", at=jobs[-1].ended_at, text=text),)
            return Finding(code="LKD404", step=Step.JOB_ASSIGNED, confidence=Confidence.LIKELY, because=because)
    return None


def job_without_agent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD406: a list of the room's participants without an agent, and a job that a worker had taken."""
    lists = [item for item in call.sightings if item.lists == "participants"]
    if not lists or Step.JOB_ASSIGNED not in proofs or Step.AGENT_CONNECTED in proofs or call.api_covers:
        return None
    people = lists[-1].participants
    if any(p.kind == "AGENT" for p in people) or not any(p.kind == "SIP" for p in people):
        return None
    who = ", ".join(f"{p.identity} ({p.kind})" for p in people)
    text = f"a worker has the job, and the list of participants that was pasted has no agent: {who}"
    return _possible("LKD406", Step.ENTRYPOINT_CALLED, text, lists[-1])


RULES = (phone_left, only_the_automatic_dispatch, no_job, job_declined, job_without_agent)


def _last_list(call: Call) -> Sighting | None:
    """The dispatches as they were pasted, where the room itself can't be asked."""
    if call.api_covers:
        return None
    lists = [item for item in call.sightings if item.lists == "dispatches"]
    return lists[-1] if lists else None


def _reached(call: Call, proofs: Proofs) -> bool:
    later = (Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED)
    return bool(call.agents_seen) or any(step in proofs for step in later)


def _possible(code: str, step: Step, text: str, item: Sighting, **values: str) -> Finding:
    return Finding(
        code=code,
        step=step,
        confidence=Confidence.POSSIBLE,
        because=(Because(source="pasted answer of the API", at=item.at, text=text),),
        candidates=catalogue.get(code).candidates,
        values=values,
    )
