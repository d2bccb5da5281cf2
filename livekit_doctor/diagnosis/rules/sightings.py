"""The agent's leg by what was seen of a room at another time, and pasted: webhooks, earlier answers of the API.

Nobody knows how old things were at that moment, nor what came after it: what was missing then is at most
`possible`. LKD101, 102, 103, 401, 402, 404, 406, 407, 409, 411, 413, 416; the phone's leaving: sighted_phones.py.
"""

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import few, near_room
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.stray_workers import unknown_worker
from livekit_doctor.diagnosis.rules.told_jobs import Story, agent_not_listed, last_jobs
from livekit_doctor.diagnosis.said import LEFT_ROOM, Said
from livekit_doctor.diagnosis.seen_room import declined, taken
from livekit_doctor.diagnosis.times import JOB_LISTED_AFTER, MEDIA_TAKES, PHONE_ALONE
from livekit_doctor.diagnosis.together import dispatched_after_it_came
from livekit_doctor.diagnosis.transfers import transferred
from livekit_doctor.evidence.observations import DeployedAgent, Job, Participant, Sighting
from livekit_doctor.flow import Confidence, Step


def only_the_automatic_dispatch(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: a list of the room's dispatches, and none for an agent by name; LKD409 where another room has it."""
    listed = _last_list(call)
    if listed is None or _reached(call, proofs) or Step.AGENT_DISPATCHED in proofs or call.agent_name == "":
        return None
    there = [item for item in call.sightings if item.participants and not item.left_because]
    if any(dispatch.agent_name for dispatch in listed.dispatches) or not (listed.dispatches or there):
        return None  # a list without any may be of a room that is gone
    what = "has the automatic dispatch only (no agent name)" if listed.dispatches else "is empty"
    text = f"the list that was pasted {what}; how old the room was is not known"
    only = _possible("LKD401", Step.AGENT_DISPATCHED, text, listed)
    return _in_a_room_of_almost_the_name(call, only) or only


def _in_a_room_of_almost_the_name(call: Call, only: Finding) -> Finding | None:
    """Likely where its agent is alone there. A room that has a phone is another call's."""
    there: dict[str, list[Participant]] = {}
    for item in call.setup.all(Sighting):
        there.setdefault(item.room, []).extend(item.participants)
    for item in call.setup.all(Sighting):
        how = near_room(call.room.name, item.room) if call.room and item.room else None
        kinds = {participant.kind for participant in there[item.room]}
        for dispatch in item.dispatches if how and "SIP" not in kinds else ():
            if dispatch.agent_name and call.agent_name in (None, dispatch.agent_name):
                text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" is in room "{item.room}"'
                text += f", whose name differs only in {how}{', and there is its agent' if 'AGENT' in kinds else ''}"
                return Finding(
                    code="LKD409",
                    step=Step.AGENT_DISPATCHED,
                    confidence=Confidence.LIKELY if "AGENT" in kinds else Confidence.POSSIBLE,
                    because=(Because(source=item.told_by, at=item.at, text=text), *only.because),
                    candidates=("LKD401", "LKD412", "LKD413"),
                    values={"agent_name": dispatch.agent_name, "dispatch_id": dispatch.id, "other_room": item.room},
                )
    return None


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


def worker_of_almost_the_name(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102: what a person picked has a dispatch for one name and a worker of almost that. Others were perhaps not
    picked; one that had the name would have brought the agent, which a list of the participants does not show."""
    if not call.only_excerpts or _reached(call, proofs) or Step.AGENT_DISPATCHED not in proofs:
        return None
    missing = agent_not_listed(call)
    for name, text in call.nearly_named:
        return Finding(
            code="LKD102",
            step=Step.JOB_ASSIGNED,
            confidence=Confidence.LIKELY if missing else Confidence.POSSIBLE,
            because=(Because(source="what was pasted", text=text), *missing),
            candidates=() if missing else ("LKD101",),
            values={"agent_name": name, "other_name": call.wanted_agent or ""},
        )
    return None


def agent_not_deployed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102, 101: what a person picked has a dispatch for one name, and agents that LiveKit Cloud hosts under others.
    With one of those it may be the name that is wrong; `lk agent status` shows one of several."""
    if not call.only_excerpts or _reached(call, proofs) or Step.AGENT_DISPATCHED not in proofs or call.nearly_named:
        return None
    wanted, names = call.wanted_agent, sorted({one.agent_name for one in call.setup.all(DeployedAgent)})
    if not wanted or not names or wanted in names or any(worker.name in ("", wanted) for worker in call.workers):
        return None
    shown = few(f'"{name}"' for name in names)
    text = f'the dispatch is for "{wanted}", and of the agents that are deployed what was pasted shows {shown} only'
    code, other = ("LKD102", "LKD101") if len(names) == 1 else ("LKD101", "LKD102")
    return Finding(
        code=code,
        step=Step.JOB_ASSIGNED,
        confidence=Confidence.POSSIBLE,
        because=(Because(source="what was pasted", text=text),),
        candidates=(other,),
        values={"agent_name": names[0] if code == "LKD102" else wanted, "other_name": wanted},
    )


def worker_keeps_crashing(call: Call, proofs: Proofs) -> Finding | None:
    """LKD101: what was pasted shows that the worker's container ends again and again, of whatever moment: while it
    does, no worker is registered."""
    crashing = [line for line in call.component_logs.anywhere(Said.CRASHING) if line.read.excerpt]
    if not crashing or _reached(call, proofs) or Step.AGENT_DISPATCHED not in proofs:
        return None
    if call.component_logs.said(Said.ASKED):
        return None  # there was one
    fields = crashing[-1].fields
    who = ", ".join(f"{name} {fields[name]}" for name in ("pod", "restarts") if name in fields)
    text = f"{crashing[-1].message}{f': {who}' if who else ''}"
    return Finding(
        code="LKD101",
        step=Step.JOB_ASSIGNED,
        confidence=Confidence.POSSIBLE,
        because=(Because(source="what was pasted", text=text),),
        candidates=("LKD105", "LKD402"),
        values={"agent_name": call.wanted_agent} if call.wanted_agent else {},
    )


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a job that ended at once without a participant: request_fnc rejected it (fact 11)."""
    for item in call.sightings:
        jobs = [job for dispatch in item.dispatches for job in dispatch.jobs]
        if jobs and all(map(declined, jobs)) and not _reached(call, proofs):
            text = f"job {jobs[-1].id} ended {jobs[-1].status} without a participant: its worker declined it"
            because = (Because(source="what was pasted", at=jobs[-1].ended_at, text=text),)
            return Finding(code="LKD404", step=Step.JOB_ASSIGNED, confidence=Confidence.LIKELY, because=because)
    return None


_WAITS: dict[str, tuple[str, Step, tuple[str, ...]]] = {
    "JSR_NO_CAPACITY": ("LKD103", Step.JOB_ASSIGNED, ("LKD101", "LKD108")),
    "JSR_DISPATCH_DELETED": ("LKD413", Step.AGENT_DISPATCHED, ("LKD402",)),
    "JSR_RETRYING": ("LKD406", Step.ENTRYPOINT_CALLED, ()),
}
"""What the reason of a job that no worker has says (livekit-protocol, JobStateReason). One that is tried again had
failed; another reason, as that the room was closed first, leaves open why nobody took it."""


def job_without_worker(call: Call, proofs: Proofs) -> Finding | None:
    """LKD103, 402, 406, 413: a job that waits for a worker, or was given up without one, with the server's reason
    (fact 33). One that waits may yet get one, unless the room is over."""
    told = last_jobs(call)
    if not told or Step.AGENT_CONNECTED in proofs or call.agents_seen:
        return None
    story = told[-1]
    again = story.waited is not None and story.waited[1].reason == "JSR_RETRYING"
    if not again and (_reached(call, proofs) or any(taken(one.last) or declined(one.last) for one in told)):
        return None  # one that is tried again had been taken before
    last, over = story.last, story.last.status == "JS_CANCELLED" or Step.CALL_ENDED in proofs
    if story.states[-1][0].event and not last.reason and not over:
        return None  # as every job begins; what came next was not pasted
    item, job = story.waited or story.states[-1]
    gone = _deleted(call, story)
    why = "JSR_DISPATCH_DELETED" if gone and not job.reason else job.reason
    code, step, candidates = _WAITS.get(why, ("LKD402", Step.JOB_ASSIGNED, ()))
    if why != job.reason:  # it may have been deleted since no worker came
        candidates = (*candidates, *catalogue.get("LKD402").candidates)
    values = {"dispatch_id": story.dispatch.id, "agent_name": story.dispatch.agent_name}
    shown = [_no_worker_has(item, job)]
    shown += [_no_worker_has(*story.states[-1])] if job is not last else []
    shown += [gone] if gone else []
    return Finding(
        code=code,
        step=step,
        confidence=Confidence.LIKELY if over and job.reason in _WAITS else Confidence.POSSIBLE,
        because=tuple(shown),
        candidates=candidates or catalogue.get(code).candidates,
        values={key: value for key, value in values.items() if value},
    )


def _deleted(call: Call, story: Story) -> Because | None:
    """That the dispatch of a job that was given up was deleted soon after it was made, which older releases do not give
    as the reason. Later it may have been cleaned up."""
    for item in call.sightings:
        for one in item.dispatches:
            soon = one.created_at and one.deleted_at and one.deleted_at - one.created_at <= JOB_LISTED_AFTER
            if one.id == story.dispatch.id and soon and story.last.status == "JS_CANCELLED":
                text = f"dispatch {one.id} was deleted soon after it was made"
                return Because(source=item.told_by, at=one.deleted_at, text=text)
    return None


def _no_worker_has(item: Sighting, job: Job) -> Because:
    said = ", ".join(filter(None, (f"job {job.id} {job.status}", job.reason, job.error)))
    return Because(source=item.told_by, at=item.at, text=f"{said}: no worker has it")


def job_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD411: the server says that the job failed, with its own error, and no agent was seen."""
    told = last_jobs(call)
    if not told or call.api_covers or Step.AGENT_CONNECTED in proofs or Step.ENTRYPOINT_CALLED in proofs:
        return None
    item, job = told[-1].states[-1]
    words = " ".join(filter(None, (job.error, job.reason)))
    if job.status != "JS_FAILED" or LEFT_ROOM in words:
        return None
    text = f"job {job.id} {job.status}, worker {job.worker_id or 'unknown'}: {words or 'no reason given'}"
    return Finding(
        code="LKD411",
        step=Step.JOB_ASSIGNED,
        confidence=Confidence.LIKELY if words else Confidence.POSSIBLE,
        because=(Because(source=item.told_by, at=job.ended_at or item.at, text=text),),
        candidates=("LKD405", "LKD407"),
        values={"detail": words or job.status},
    )


def agent_left_with_error(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: the webhook of the agent's leaving says AGENT_ERROR, and the phone was still there. Likely where another
    says for how long, and that it was alone."""
    for item in reversed(call.sightings):
        agents = [p for p in item.participants if p.kind == "AGENT"]
        if item.left_because == "AGENT_ERROR" and agents and not call.agents and not _phone_had_left(call, item):
            gone, *stayed = _left_alone(call, proofs) or (item,)
            return Finding(
                code="LKD407",
                step=Step.AGENT_CONNECTED,
                confidence=Confidence.LIKELY if stayed and gone is item else Confidence.POSSIBLE,
                because=(_leaving(item), *(stayed if gone is item else ())),
                candidates=("LKD405",),
            )
    return None


def agent_left_the_phone(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: by webhooks the agent left, and the phone stayed. Possible: no webhook tells that the agent was
    dispatched again, and of that dispatch nothing came."""
    alone = _left_alone(call, proofs)
    if alone is None:
        return None
    return Finding(
        code="LKD407",
        step=Step.AGENT_CONNECTED,
        confidence=Confidence.POSSIBLE,
        because=(_leaving(alone[0]), alone[1]),
        candidates=("LKD405", "LKD206"),
    )


def _left_alone(call: Call, proofs: Proofs) -> tuple[Sighting, Because] | None:
    """The webhook of the agent's leaving, and that the phone stayed for longer than a callee does after the goodbye,
    with nobody else."""
    left = [item for item in call.sightings if item.event == "participant_left" and item.at is not None]
    agents, phones = ([(item, p) for item in left for p in item.participants if p.kind == kind] for kind in _ENDS)
    if call.agents or call.inbound or not agents or len(phones) != 1 or dispatched_after_it_came(call, proofs):
        return None
    (gone, agent), (over, phone) = agents[-1], phones[0]
    assert gone.at is not None
    assert over.at is not None
    alone = over.at - gone.at
    if alone <= PHONE_ALONE or gone.left_because == "ROOM_DELETED" or transferred(call, gone.at, phone.identity):
        return None
    if any(p.identity not in (agent.identity, phone.identity) for item in call.sightings for p in item.participants):
        return None
    stayed = f"the phone, {phone.identity}, stayed for {alone.total_seconds():.0f} s more"
    return gone, Because(source=over.told_by, at=over.at, text=stayed)


def _leaving(gone: Sighting) -> Because:
    agent = next(p.identity for p in gone.participants if p.kind == "AGENT")
    return Because(
        source=gone.told_by, at=gone.at, text=f"agent {agent} left: {gone.left_because or 'no reason given'}"
    )


_ENDS = ("AGENT", "SIP")


def _phone_had_left(call: Call, item: Sighting) -> bool:
    """Or the room was over, before this or in the same second: webhooks have whole seconds."""
    ends = [
        other
        for other in call.sightings
        if other.event == "room_finished" or (other.event == "participant_left" and other.has_phone)
    ]
    return any(other.at is None or item.at is None or other.at <= item.at for other in ends)


def agent_without_media(call: Call, proofs: Proofs) -> Finding | None:
    """LKD416: the webhook that an agent's connection was aborted: it had joined, and its media never connected. So soon
    as its process may have died as it joined it is possible only."""
    if Step.AGENT_CONNECTED in proofs or call.api_covers:
        return None
    for item in reversed(call.sightings):
        agents = [p for p in item.participants if p.kind == "AGENT"]
        if item.event == "participant_connection_aborted" and agents:
            began = max(
                (job.started_at for one in last_jobs(call) for _, job in one.states if job.started_at), default=None
            )
            tried = bool(began and item.at and item.at - began >= MEDIA_TAKES)
            text = f"agent {agents[0].identity} had joined, and its connection was aborted: it never was ACTIVE"
            return Finding(
                code="LKD416",
                step=Step.AGENT_CONNECTED,
                confidence=Confidence.LIKELY if tried else Confidence.POSSIBLE,
                because=(Because(source=item.told_by, at=item.at, text=text),),
                candidates=catalogue.get("LKD416").candidates or ("LKD405",),
            )
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
    found = _possible("LKD406", Step.ENTRYPOINT_CALLED, text, lists[-1])
    return replace(found, candidates=(*found.candidates, "LKD111")) if unknown_worker(call) else found


RULES = (
    only_the_automatic_dispatch,
    no_job,
    worker_of_almost_the_name,
    agent_not_deployed,
    worker_keeps_crashing,
    job_declined,
    job_without_worker,
    job_failed,
    job_without_agent,
    agent_left_with_error,
    agent_left_the_phone,
    agent_without_media,
)


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
        because=(Because(source="what was pasted", at=item.at, text=text),),
        candidates=catalogue.get(code).candidates,
        values=values,
    )
