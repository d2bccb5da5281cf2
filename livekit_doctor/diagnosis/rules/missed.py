"""Whether the agent is missed at all, so that it can be asked why no worker has its job.

One log of several, a pod's or a node's, does not show what became of a call that another one served. What is not in
it counts only where a source that would show the agent does not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from livekit_doctor.diagnosis.ages import waited
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.names import goes_on, near_miss
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import sought
from livekit_doctor.diagnosis.rules.rows import first_absent
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import JOB_LISTED_AFTER
from livekit_doctor.evidence.job_ids import job_of
from livekit_doctor.evidence.observations import LogLine, WorkerEndpoint
from livekit_doctor.flow import Confidence, Step


def is_not_missed(call: Call, proofs: Proofs, said: Sequence[LogLine] = ()) -> bool:
    """Whether it can't be asked why no worker has the job: one has it, or nothing says that the agent did not come.

    `said` is what the logs say of its job. A line with the agent's name alone may be about another call, so that the
    agent must be missed besides; without any line, what a log says of one worker says nothing of the others."""
    if sought.has_job(call, proofs):
        return True
    if any(not line.read.excerpt and not is_own(line) for line in said):
        return not _is_missed(call, proofs)
    return not said and may_still_come(call, proofs)


def by_one_worker(call: Call, proofs: Proofs, sure: Confidence, *lines: LogLine) -> Confidence:
    """What one worker's own log allows, which tells of no other pod: no more than possible, unless LiveKit says that
    nobody has the job, in the server's log or its list, or a person picked the line for a call without its agent; and
    where one is registered under almost the name that was dispatched (LKD102)."""
    missed = sought.no_worker(call) or (call.api_read and job_is_late(call, proofs))
    name = call.wanted_agent or ""
    runs_as = [worker.name for worker in call.workers if worker.name and sought.is_on_this_server(call, worker)]
    alike = [one for one in runs_as if call.agent_name is None or near_miss(name, one) or goes_on(name, one)]
    mistyped = bool(name and alike) and name not in runs_as
    if mistyped or (not missed and not any(line.read.excerpt for line in lines)):
        return Confidence.POSSIBLE
    # Under the name that was dispatched, which may be mistyped, it might not have come either (LKD102).
    renamed = call.agent_name is not None and call.wanted_agent != call.agent_name
    return Confidence.LIKELY if renamed and sure is Confidence.PROVEN else sure


def is_own(line: LogLine) -> bool:
    """Whether a line names the room or the job that it is about, and not the agent alone."""
    return bool(line.fields.get("room") or line.fields.get("room_id") or job_of(line))


def may_still_come(call: Call, proofs: Proofs) -> bool:
    """Whether nothing says that the agent did not come: the job's allowance is not over, or there are rows alone, and
    none of them would tell of it, or logs alone, and neither a worker's nor that of the room's node reaches so far, or
    to the room's end; and nobody looked into the room so late, while it lived. Who picks lines has missed the agent.
    """
    if call.api_covers:
        return not job_is_late(call, proofs)
    allowed = timedelta(seconds=call.settings.flow.allowances.job_assigned.broken_after)
    began = call.known_since
    now = call.livekit_now if call.participants_cover else call.rows_now if call.rows else None
    if began is not None and now is not None and now - began <= allowed:
        return True
    if call.only_excerpts or (call.api_read and job_is_late(call, proofs)):
        return False
    if call.rows:
        return call.rows_are_whole and first_absent(call, proofs) is None
    if began is None:
        return False
    until, logs = _ended_by(call, began + allowed), call.component_logs
    return not logs.covers("worker", until) and not logs.covers_room(until)


def _ended_by(call: Call, at: datetime) -> datetime:
    """This moment, or that of the room's end, after which nobody comes."""
    return min([at, *(line.at for line in call.component_logs.said(Said.ROOM_CLOSED) if line.at)])


def _is_missed(call: Call, proofs: Proofs) -> bool:
    """Whether a source that would show the agent does not: looks, rows, or the log of the node that had the room."""
    logs, began = call.component_logs, call.dispatched_at
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    if began is not None and logs.covers_room(began) and logs.covers_room(_ended_by(call, began + allowed)):
        return True
    return (call.api_read or call.rows_are_whole) and not may_still_come(call, proofs)


def job_is_late(call: Call, proofs: Proofs) -> bool:
    """The job's allowance is over, counted from what causes it."""
    since = waited(call, proofs, Step.JOB_ASSIGNED) if _job_type(call) == "room" else _since_trigger(call)
    allowance = call.settings.flow.allowances.job_assigned.broken_after
    return since is not None and since > max(JOB_LISTED_AFTER, timedelta(seconds=allowance))


def _since_trigger(call: Call) -> timedelta | None:
    """How long ago the first phone joined, which a job of type JT_PUBLISHER or JT_PARTICIPANT waits for."""
    joined = [phone.joined_at for phone in call.phones_seen if phone.joined_at is not None]
    return call.livekit_now - min(joined) if joined else None


def _job_type(call: Call) -> str:
    kinds = {"JT_PUBLISHER": "publisher", "JT_PARTICIPANT": "participant"}
    for endpoint in call.setup.all(WorkerEndpoint):
        if endpoint.worker_type in kinds:
            return kinds[endpoint.worker_type]
    return call.settings.agent.job_type
