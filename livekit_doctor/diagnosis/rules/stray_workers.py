"""entrypoint_called: a worker that is none of the team's has the job. LKD111."""

from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct

from livekit_doctor.diagnosis.against import failed_by_server
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import missed, sought
from livekit_doctor.diagnosis.rules.agent_logs import agent_was_there, as_found
from livekit_doctor.diagnosis.rules.agents import absence, agent_is_late
from livekit_doctor.diagnosis.rules.told_jobs import agent_not_listed, last_jobs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.stays import BY_ITSELF
from livekit_doctor.evidence.job_ids import job_of
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

LIKELY, POSSIBLE = Confidence.LIKELY, Confidence.POSSIBLE


def job_taken_by_stray_worker(call: Call, proofs: Proofs) -> Finding | None:
    """LKD111: a worker has the job that is in none of the workers' logs, and its agent does not come.

    Nobody can prove that the logs are those of all the team's workers. It is likely where there is one
    for each worker that is configured.
    """
    worker_id, taken = stray_worker(call), _taken(call)
    if worker_id is None or taken is None or agent_was_there(call, proofs) or not agent_is_late(call, proofs):
        return None
    left = call.component_logs.of_agent(Said.PARTICIPANT_LEFT)
    if taken.picked and not (call.api_covers or agent_not_listed(call)):
        return None  # who was in the room was not pasted
    if call.dispatch_list and call.participant_list is None:
        return None  # who is in the room could not be read
    if call.api_read and absence(call) is None:
        return None
    if missed.may_still_come(call, proofs) or any(line.fields.get("reason") == BY_ITSELF for line in left):
        return None
    known = sorted({line.fields["worker_id"] for line in _registered_workers(call)})
    text = f"{taken.job_id} is with {worker_id}; the workers of the logs are {', '.join(known)}"
    shown = [Because(source=taken.source, at=taken.at, text=text)]
    configured, sure = call.settings.workers, POSSIBLE
    each = all(_is_one_worker(worker.url) for worker in configured) and not failed_by_server(call)
    if each and 0 < len(configured) <= len(_logs_spanning_job(call)):
        text = "each worker that is configured has its log here, and none of them was asked"
        shown.append(Because(source="configuration", text=text))
        sure = LIKELY
    return as_found(call, "LKD111", Step.ENTRYPOINT_CALLED, sure, shown, detail=worker_id)


def _is_one_worker(url: str) -> bool:
    """Whether an endpoint is one worker's own: behind a name, as a service's, there may be several replicas."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or sought.is_address(host)


def _logs_spanning_job(call: Call) -> set[str]:
    """The logs of workers under the agent's name that span the start of the job."""
    taken = _taken(call)
    started = taken.at if taken else None
    spanning = {
        file.name
        for file in call.component_logs.given
        if started and file.first_at and file.last_at and file.first_at <= started <= file.last_at
    }
    return spanning & {line.file for line in _registered_workers(call)}


def stray_worker(call: Call) -> str | None:
    """The worker that has the job, where worker logs that span the job's start know nothing of it."""
    taken = _taken(call)
    spanned = taken is not None and taken.at is not None and _is_spanned(call, taken.at)
    return unknown_worker(call) if spanned else None


def unknown_worker(call: Call) -> str | None:
    """The worker that has the job, where it is none of those that the workers' logs are of, as far as they go."""
    taken, known = _taken(call), _registered_workers(call)
    if taken is None or not known or call.component_logs.said(Said.ASKED):
        return None
    if any(job_of(line) == taken.job_id for line in call.component_logs.of_workers):
        return None
    if call.component_logs.agent_had_been_there:
        return None
    return taken.worker_id if all(line.fields["worker_id"] != taken.worker_id for line in known) else None


def _is_spanned(call: Call, at: datetime) -> bool:
    """Whether a worker's log has this moment inside, or, of one that was pasted, a later line."""
    logs = call.component_logs
    later = (line for line in logs.of_workers if line.read.excerpt and line.zoned and line.at and line.at > at)
    return logs.covers("worker", at) or any(later)


class _Taken(Struct, frozen=True):
    """Which worker took the last job, and who says so."""

    job_id: str
    worker_id: str
    at: datetime | None
    source: str
    picked: bool = False
    """Whether a person picked what says so."""


def _taken(call: Call) -> _Taken | None:
    if call.jobs:
        job = call.jobs[-1]
        return _Taken(job.id, job.worker_id, job.started_at, "ListDispatch") if job.worker_id else None
    for line in reversed(call.component_logs.said(Said.ASSIGNED)):
        if line.fields.get("worker_id") and line.fields.get("agent_name") == call.wanted_agent:
            job_id = line.fields.get("job_id", "the job")
            return _Taken(job_id, line.fields["worker_id"], line.at, "server log", picked=line.read.excerpt)
    told = last_jobs(call)
    if told and told[-1].last.worker_id and told[-1].last.ended_at is None:
        item, job = told[-1].states[-1]
        return _Taken(job.id, job.worker_id, job.started_at, item.told_by, picked=True)
    return None


def _registered_workers(call: Call) -> list[LogLine]:
    lines = call.component_logs.registrations(call.wanted_agent)
    own = (line for line in lines if line.log == "worker" and line.fields.get("worker_id"))
    return [line for line in own if sought.is_here(call, line)]


RULES = (job_taken_by_stray_worker,)
