"""job_assigned and entrypoint_called, by the log of the room's node: the agent was dispatched, and nobody but the phone
was in the room. LKD402, 406."""

from datetime import timedelta

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import finding, job_was_lost
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.flow import Confidence, Step

_SHOWS_SOMEBODY = (Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE, Said.TRACK_PUBLISHED, Said.PARTICIPANT_LEFT)


def agent_never_came(call: Call, proofs: Proofs) -> Finding | None:
    """LKD406 where a worker took the job; else LKD402: what became of the job the log of another node may have.

    The log spans the agent's allowance, in which the phone was there."""
    logs, began = call.component_logs, call.dispatched_at
    phones = [line for line in logs.of_phone(Said.PARTICIPANT_LEFT) if line.at and line.zoned]
    if call.inbound or call.api_covers or began is None or not phones or Step.AGENT_CONNECTED in proofs:
        return None
    until = began + timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    waited = any(line.at and line.at > until for line in phones)
    if not waited or not (logs.covers_room(began) and logs.covers_room(until)):
        return None
    if any(logs.may_be_agent(line) or logs.is_user(line) for line in logs.ever_said(*_SHOWS_SOMEBODY)):
        return None  # who came with a user's token may be the agent (fact 19)
    has_job = Step.JOB_ASSIGNED in proofs
    if Step.AGENT_DISPATCHED not in proofs or (job_was_lost(call) and not has_job):
        return None
    told = proofs[Step.JOB_ASSIGNED if has_job else Step.AGENT_DISPATCHED][0]
    nobody = Because(source="server log", text=f"nobody but the phone was in the room until {phones[-1].at:%H:%M:%S}")
    shown = [Because(source=told.source, at=told.at, text=told.text), nobody, because(phones[-1], "the phone left")]
    if not has_job:
        others = [*catalogue.get("LKD402").candidates, "LKD406"]
        return finding(call, "LKD402", Step.JOB_ASSIGNED, Confidence.POSSIBLE, shown, others)
    more = logs.has("worker") or logs.said(Said.JOB_ENDED)  # what else tells of the job says more than that
    step = Step.AGENT_CONNECTED if Step.ENTRYPOINT_CALLED in proofs else Step.ENTRYPOINT_CALLED
    sure = Confidence.POSSIBLE if more else Confidence.LIKELY
    return finding(call, "LKD406", step, sure, shown, [*catalogue.get("LKD406").candidates])


RULES = (agent_never_came,)
