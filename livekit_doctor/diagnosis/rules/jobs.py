"""job_assigned: did a worker take the job? LKD102, 107, 402, 404."""

from datetime import datetime

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.ages import age
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import sought
from livekit_doctor.diagnosis.rules.looks import finding, listed_dispatches, no_agent
from livekit_doctor.diagnosis.rules.missed import job_is_late
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.evidence.observations import (
    Canary,
    WorkerEndpoint,
)
from livekit_doctor.flow import Confidence, Step


def no_worker_took_job(call: Call, proofs: Proofs) -> Finding | None:
    """LKD402, broad: dispatched, and no worker has the job after the allowance (facts 5, 7, 10, 11)."""
    if not _job_missing(call, proofs):
        return None
    dispatch = call.dispatches[-1]
    since = age(call, proofs, Step.AGENT_DISPATCHED)
    for_how_long = f" after {since.total_seconds():.0f} s" if since else ""
    text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" has no job{for_how_long}'
    if call.waiting_jobs:
        job = call.waiting_jobs[-1]
        said = ", ".join(filter(None, (job.status, job.reason, job.error)))
        text = f"job {job.id} of dispatch {dispatch.id}{for_how_long}: {said}, no worker has it"
    because = [listed_dispatches(call, text), no_agent(call)]
    candidates = list(catalogue.get("LKD402").candidates)
    ruled_out = [
        RuledOut(code="LKD401", because=f'dispatch {dispatch.id}, for "{dispatch.agent_name}", is in the room')
    ]
    confidence = Confidence.LIKELY
    canary = call.setup.latest(Canary)
    if canary is not None and canary.job_after is not None:
        candidates.remove("LKD107")
        text = f"a canary registered and got its job in {canary.job_after:.1f} s"
        ruled_out.append(RuledOut(code="LKD107", because=text))
    if call.declined_jobs:
        return None
    for code, why in sought.excluded(call):
        if code in candidates:
            candidates.remove(code)
            ruled_out.append(RuledOut(code=code, because=why))
    return finding(
        call,
        "LKD402",
        Step.JOB_ASSIGNED,
        confidence,
        because,
        candidates,
        ruled_out,
        dispatch_id=dispatch.id,
        agent_name=call.agent_name or dispatch.agent_name,
        kind="call",
    )


def agent_name_mismatch(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102: no job, and the dispatch's name is not the one the worker runs under (fact 8).

    The worker's name is what its endpoint says, else what is configured; a difference of
    case, white space or look-alikes makes it likely, any other a possibility.
    """
    if not _job_missing(call, proofs):
        return None
    dispatch = call.dispatches[-1]
    for source, at, name in _worker_names(call):
        if not name or name == dispatch.agent_name:
            return None
        how = near_miss(dispatch.agent_name, name)
        text = f'the dispatch is for "{dispatch.agent_name}", the worker runs as "{name}"' + (
            f": they differ in {how}" if how else ""
        )
        because = [
            Because(source=source, at=at, text=text),
            listed_dispatches(call, f"dispatch {dispatch.id} has no job"),
        ]
        return finding(
            call,
            "LKD102",
            Step.JOB_ASSIGNED,
            Confidence.LIKELY if how else Confidence.POSSIBLE,
            because,
            ["LKD402"] if how is None else ["LKD101"],
            dispatch_id=dispatch.id,
            agent_name=name,
            other_name=dispatch.agent_name,
            kind="call",
        )
    return None


def dispatch_pipeline_down(call: Call, proofs: Proofs) -> Finding | None:
    """LKD107: not even a canary of the tool's own gets its job (fact 15)."""
    canary = call.setup.latest(Canary)
    if not _job_missing(call, proofs) or canary is None or not canary.worker_id or canary.job_after is not None:
        return None
    text = f"a canary registered as {canary.worker_id} and its job did not come in {canary.waited:.0f} s"
    because = [
        Because(source="canary", at=canary.read.at, text=text),
        listed_dispatches(call, f"dispatch {call.dispatches[-1].id} has no job"),
    ]
    return finding(call, "LKD107", Step.JOB_ASSIGNED, Confidence.LIKELY, because, ["LKD402"])


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a worker was asked and its request_fnc rejected: the job ended at once, without a
    participant (fact 11)."""
    if not all_declined(call) or Step.ENTRYPOINT_CALLED in proofs or call.agents_seen:
        return None
    job = call.declined_jobs[-1]
    text = f"job {job.id} ended {job.status} and was never given a participant: worker {job.worker_id} declined it"
    because = [Because(source="ListDispatch", at=job.ended_at, text=text)]
    return finding(call, "LKD404", Step.JOB_ASSIGNED, Confidence.PROVEN, because, [], kind="call rejected")


def no_worker_had_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD103: the server lists the job, for which no worker had room (fact 33). One that waits may yet get one."""
    waiting = [job for job in call.waiting_jobs if "NO_CAPACITY" in job.reason]
    if not waiting or Step.JOB_ASSIGNED in proofs or call.agents_seen or call.jobs:
        return None
    job = waiting[-1]
    if job.status != "JS_CANCELLED" and not job_is_late(call, proofs):
        return None
    text = f"job {job.id} {job.status}, {job.reason}: no worker has it"
    because = [Because(source="ListDispatch", at=job.ended_at or call.livekit_now, text=text)]
    return finding(call, "LKD103", Step.JOB_ASSIGNED, Confidence.LIKELY, because, ["LKD108"])


def all_declined(call: Call) -> bool:
    """Every job of the latest dispatch was declined."""
    return bool(call.declined_jobs) and not call.jobs


def _job_missing(call: Call, proofs: Proofs) -> bool:
    """A dispatch is listed without a job after its allowance, and nothing proves a later step.

    The rows of a finished call prove the agent; a job that needs a participant's track or
    arrival is not missing before that (fact 8).
    """
    if call.dispatch_list is None or call.participant_list is None:
        return False
    if not call.dispatches or call.jobs or call.declined_jobs:
        return False
    if Step.JOB_ASSIGNED in proofs or call.agents_seen or _runs_a_job(call):
        return False
    return job_is_late(call, proofs)


def _runs_a_job(call: Call) -> bool:
    """Whether a worker's log has lines from inside a job of this room, which a worker has then: that it was asked, and
    what came of being asked, is outside it."""
    logs = call.component_logs
    outside = {id(line) for line in logs.ever_said(Said.ASKED, Said.ASSIGNMENT_LATE)}
    jobs = logs.job_ids - logs.latest.earlier_jobs
    inside = (line for line in logs.own_by_log["worker"] if id(line) not in outside)
    return any(line.fields.get("job_id") in jobs for line in inside)


def _worker_names(call: Call) -> list[tuple[str, datetime | None, str]]:
    endpoints = [e for e in call.setup.all(WorkerEndpoint) if e.agent_name is not None]
    own: list[tuple[str, datetime | None, str]] = [
        (f"worker {e.url}", e.read.at, e.agent_name or "") for e in endpoints
    ]
    names = {dispatch.agent_name for dispatch in call.dispatches}
    if any(name in names for _, _, name in own):
        return []
    if own:
        return own
    return [("configuration", None, call.agent_name)] if call.agent_name else []
