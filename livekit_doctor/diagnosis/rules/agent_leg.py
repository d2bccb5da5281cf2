"""The agent's leg: dispatched, job assigned, entrypoint called, connected, audible.

A rule is one function with its fault's evidence condition. It says nothing where the source
that would show the fault was not read.
"""

import re
from datetime import datetime, timedelta
from itertools import pairwise

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import ANSWERED, JOB_LISTED_AFTER, Call
from livekit_doctor.diagnosis.correlation import call_id_in, live_rooms, mentions
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.names import near_miss, written_alike
from livekit_doctor.diagnosis.proofs import Proofs, age, overdue, waited
from livekit_doctor.diagnosis.rules.rooms import SCRATCH_PREFIX
from livekit_doctor.evidence.observations import (
    Canary,
    Dispatch,
    DispatchList,
    Participant,
    ParticipantList,
    Room,
    SipDispatchRuleList,
    WorkerEndpoint,
)
from livekit_doctor.flow import Confidence, Step

SECOND_LOOK = timedelta(seconds=3)
"""Two looks this far apart that agree are no glimpse of a call that is just ending or beginning."""

CREATED_TOGETHER = timedelta(seconds=2)
"""A room made by CreateDispatch itself is no older than this at the dispatch."""

WATCHED = timedelta(seconds=5)
"""Between looks no further apart than this nobody joins, talks and leaves again."""

OPENING = (Step.CALL_REQUESTED, Step.ROOM_CREATED)


# agent_dispatched


def agent_not_dispatched(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: the room lists the automatic dispatch only, and the agent has a name (facts 1, 4).

    `proven` needs the component that places the call to have logged, none of its rows to
    speak of a dispatch, and no other live room to hold one: otherwise agents that were
    ignored (LKD412), a deleted dispatch (LKD413) or a dispatch to another room (LKD409)
    leave the same list.
    """
    if not _dispatch_missing(call, proofs) or not call.automatic:
        return None
    claimed = call.logged.get(Step.AGENT_DISPATCHED)
    because = [_dispatches_listed(call), *_why_named(call), *_why_inbound_works(call)]
    candidates = ["LKD409", "LKD412", "LKD413"]
    if call.inbound:
        candidates = ["LKD302", "LKD303", *candidates]
    if call.agent_name is None:
        confidence = Confidence.POSSIBLE
        candidates.append("LKD402")
    elif claimed is not None:
        because.append(_row(call, Step.AGENT_DISPATCHED, "yet the log says that it was dispatched"))
        confidence = Confidence.POSSIBLE
    elif (
        placer_is_past(call)
        and not call.inbound
        and not _room_existed_before(call)
        and _others_searched(call)
        and not _stray_dispatches(call)
    ):
        confidence, candidates = Confidence.PROVEN, []
    else:
        confidence = Confidence.POSSIBLE
    return _finding(call, "LKD401", Step.AGENT_DISPATCHED, confidence, because, candidates)


def agents_ignored(call: Call, proofs: Proofs) -> Finding | None:
    """LKD412: agents were passed to CreateRoom, and the room was already there (fact 6)."""
    if not _dispatch_missing(call, proofs) or not call.automatic:
        return None
    existed = _room_existed_before(call)
    row = call.logged.get(Step.ROOM_CREATED)
    if existed is None or row is None:
        return None
    with_agents = '"agents"' in row.metadata or bool(call.agent_name and call.agent_name in row.metadata)
    confidence = Confidence.LIKELY if with_agents else Confidence.POSSIBLE
    because = [_dispatches_listed(call), existed]
    return _finding(call, "LKD412", Step.AGENT_DISPATCHED, confidence, because, ["LKD401", "LKD409", "LKD413"])


def dispatch_deleted(call: Call, proofs: Proofs) -> Finding | None:
    """LKD413: a dispatch that was there is not listed any more (fact 9).

    A room that lists no dispatch at all, not even the automatic one, was created with
    agents, and all its dispatches were deleted (fact 4).
    """
    if not _dispatch_missing(call, proofs):
        return None
    seen = {
        d.id: d
        for listing in call.dispatch_lists
        for d in listing.dispatches
        if d.agent_name and call.agent_name in (None, d.agent_name)
    }
    logged = _logged_dispatch_id(call)
    if seen:
        dispatch = list(seen.values())[-1]
        text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" was listed before and is gone'
        because, confidence = [_because(call, text), _dispatches_listed(call)], Confidence.PROVEN
    elif not call.listed:
        text = "no dispatch at all; a room without agents always lists the automatic one"
        because, confidence = [_because(call, text)], Confidence.PROVEN
    elif logged is not None and _others_searched(call):
        text = f"dispatch {logged}, which the log names, is in no live room"
        because, confidence = [_because(call, text), _dispatches_listed(call)], Confidence.LIKELY
    else:
        return None
    return _finding(call, "LKD413", Step.AGENT_DISPATCHED, confidence, because, [], dispatch_id=logged)


def dispatched_to_other_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD409: the dispatch is in another live room, which CreateDispatch made (fact 5).

    Proven by the dispatch id in the call's log; likely where the other room's name differs
    by case, white space or look-alikes only, or the dispatch's metadata has the call id.
    """
    if not _dispatch_missing(call, proofs):
        return None
    logged = _logged_dispatch_id(call)
    for room, dispatch in _stray_dispatches(call):
        alike = written_alike(call.room.name, room.name) if call.room else None
        near = near_miss(call.room.name, room.name) if call.room else None
        call_id = call.subject.call_id
        if logged == dispatch.id:
            confidence, why = Confidence.PROVEN, f"the call's log names {dispatch.id}"
        elif call_id and mentions(dispatch.metadata, call_id):
            confidence, why = Confidence.LIKELY, f"its metadata has the call id {call_id}"
        elif alike:
            confidence, why = Confidence.LIKELY, f"the room's name differs only in {alike}"
        elif near:
            confidence, why = Confidence.POSSIBLE, f"the room's name differs only in {near}"
        else:
            continue
        text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" is in room "{room.name}": {why}'
        because = [
            Because(source="ListDispatch", at=dispatch.created_at, text=text),
            _dispatches_listed(call),
        ]
        candidates = [] if confidence is Confidence.PROVEN else ["LKD401", "LKD412", "LKD413"]
        return _finding(
            call,
            "LKD409",
            Step.AGENT_DISPATCHED,
            confidence,
            because,
            candidates,
            dispatch_id=dispatch.id,
            other_room=room.name,
        )
    return None


def inbound_rule_without_agent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD302, LKD303: an inbound call whose SIP dispatch rule carries no agent, or another one."""
    rule = call.inbound_rule
    if rule is None or rule.room_preset or not call.api_covers or not call.agent_name:
        return None
    if Step.AGENT_CONNECTED in proofs or not _past_dispatch(call, proofs):
        return None
    names = {call.agent_name, *call.settings.agent.others}
    if names & {*rule.agents, *(dispatch.agent_name for dispatch in call.listed)}:
        return None
    carries = f'carries "{", ".join(rule.agents)}"' if rule.agents else "carries no agent"
    read = call.setup.latest(SipDispatchRuleList)
    because = [
        Because(
            source="ListSIPDispatchRule",
            at=read.read.now if read else None,
            text=f"rule {rule.id}, by which this call came in, {carries}",
        ),
        _dispatches_listed(call),
    ]
    code = "LKD303" if rule.agents else "LKD302"
    return _finding(call, code, Step.AGENT_DISPATCHED, Confidence.PROVEN, because, [], rule_id=rule.id)


def _dispatch_missing(call: Call, proofs: Proofs) -> bool:
    """The room was read, has no dispatch for the agent, and the placer has had its time.

    Not so where an agent is or was there: then something dispatched it. For inbound calls
    the SIP dispatch rule is the one to dispatch.
    """
    if not call.api_covers or call.dispatches or call.agent_name == "":
        return False
    reached_by_agent = {Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO}
    if reached_by_agent & proofs.keys() or Step.CALL_ENDED in call.logged:
        return False
    if call.agent_name is None and call.others_present:
        return False  # may be the agent, of another framework
    return _past_dispatch(call, proofs)


def _past_dispatch(call: Call, proofs: Proofs) -> bool:
    """Whether the component that places the call is past the point at which it dispatches.

    It may be waiting for the answer before it dispatches, and a phone that is not answered,
    or was refused before anybody looked, then leaves a room without a dispatch. Where no row
    says that it is past that, an answered phone must be waiting for the agent in two looks,
    since one glimpse may fall between the answer and the dispatch; or nobody ever came at all.
    """
    if not overdue(call, proofs, Step.AGENT_DISPATCHED):
        return False
    if placer_is_past(call) or call.inbound:
        return True
    if _answered_and_alone(call):
        return call.watched(_looks_since_answer(call)) >= SECOND_LOOK
    return _nobody_ever_joined(call)


def wants_second_look_for_dispatch(call: Call, proofs: Proofs) -> bool:
    """Whether only a second look keeps a missing dispatch from being concluded."""
    return (
        call.api_covers
        and not call.dispatches
        and call.agent_name != ""
        and not call.agents_seen
        and overdue(call, proofs, Step.AGENT_DISPATCHED)
        and not placer_is_past(call)
        and _answered_and_alone(call)
        and call.watched(_looks_since_answer(call)) < SECOND_LOOK
    )


def placer_is_past(call: Call) -> bool:
    """The component that places the call logged a dispatch, or that CreateSIPParticipant returned,
    long enough ago for a dispatch right after that.

    Another component may log the SIP participant, a webhook say, while this one still waits.
    """
    if Step.AGENT_DISPATCHED in call.logged:
        return True
    row = call.logged.get(Step.SIP_PARTICIPANT_CREATED, call.logged.get(Step.SIP_ANSWERED))
    if row is None:
        return False
    opened_by = {opening.source for step, opening in call.logged.items() if step in OPENING}
    settled = SECOND_LOOK + timedelta(seconds=call.settings.call_logs.clock_tolerance)
    return row.source in (opened_by or {row.source}) and call.rows_now - row.at >= settled


def _answered_and_alone(call: Call) -> bool:
    """The phone was answered and is on the line, and nobody else is who may have taken over from an agent."""
    alone = not call.others_present and len(_phones_in(call.participant_list)) == 1
    return call.phone_present and not call.phone_waits and bool(call.phone_status) and alone


def _looks_since_answer(call: Call) -> list[ParticipantList]:
    looks: list[ParticipantList] = []
    for listing in call.participant_lists:
        states = {p.attributes.get("sip.callStatus") for p in _phones_in(listing)}
        if states and states <= {*ANSWERED}:
            looks.append(listing)
        else:
            looks.clear()
    return looks


def _room_existed_before(call: Call) -> Because | None:
    """The room was there before the row that says it was created."""
    created = call.logged.get(Step.ROOM_CREATED)
    if created is None:
        return None
    phone = call.logged.get(Step.SIP_PARTICIPANT_CREATED)
    if (
        phone is not None
        and phone.source == created.source
        and (phone.at, phone.order)
        < (
            created.at,
            created.order,
        )
    ):
        text = f"{phone.state} was logged before {created.state}: the SIP participant had made the room"
        return Because(source=created.read.source, at=created.at, text=text)
    tolerance = timedelta(seconds=call.settings.call_logs.clock_tolerance)
    if call.room_info is not None and created.at - call.room_info.created_at > tolerance:
        earlier = (created.at - call.room_info.created_at).total_seconds()
        text = f"the room is {earlier:.0f} s older than the row {created.state}"
        return Because(source="ListRooms", at=call.room_info.created_at, text=text)
    return None


def _stray_dispatches(call: Call) -> list[tuple[Room, Dispatch]]:
    """Dispatches for the agent in other live rooms that CreateDispatch itself made, without a phone."""
    rooms = {room.sid: room for room in live_rooms(call.setup.evidence)}
    occupied = {
        listing.room_sid
        for listing in call.setup.all(ParticipantList)
        if any(p.kind == "SIP" for p in listing.participants)
    }
    stray: list[tuple[Room, Dispatch]] = []
    for listing in call.setup.all(DispatchList):
        room = rooms.get(listing.room_sid)
        if room is None or (call.room and room.name == call.room.name) or room.sid in occupied:
            continue
        for dispatch in listing.dispatches:
            named = dispatch.agent_name and dispatch.agent_name == (call.agent_name or dispatch.agent_name)
            made_room = dispatch.created_at and abs(dispatch.created_at - room.created_at) < CREATED_TOGETHER
            if named and made_room and _in_time(call, dispatch) and not _of_another_call(call, dispatch):
                stray.append((room, dispatch))
    return stray


def _of_another_call(call: Call, dispatch: Dispatch) -> bool:
    """The dispatch's metadata carries a call id, and not this call's."""
    own = call.subject.call_id or (call.rows[0].call_id if call.rows else None)
    carried = call_id_in(dispatch.metadata)
    return own is not None and carried is not None and carried != own


def _in_time(call: Call, dispatch: Dispatch) -> bool:
    """The dispatch was made while this call was being placed."""
    if call.room_info is None or dispatch.created_at is None:
        return True
    return abs(dispatch.created_at - call.room_info.created_at) < timedelta(minutes=2)


def _others_searched(call: Call) -> bool:
    """Whether all live rooms were listed, and the dispatches of the others of this time read."""
    everything = [listing for listing in call.room_lists if not listing.names]
    if not everything:
        return False
    read = {listing.room_sid for listing in call.setup.all(DispatchList)}
    return all(room.sid in read for room in rooms_to_search(call, everything[-1].rooms))


def rooms_to_search(call: Call, rooms: tuple[Room, ...]) -> tuple[Room, ...]:
    """The other rooms in which this call's dispatch may be: created while it was being placed, and
    not by an experiment, whose room may be gone at the next look."""
    own = call.room_info
    return tuple(
        room
        for room in rooms
        if own is not None
        and room.sid != own.sid
        and abs(room.created_at - own.created_at) < timedelta(minutes=2)
        and not room.name.startswith(SCRATCH_PREFIX)
    )


def _logged_dispatch_id(call: Call) -> str | None:
    row = call.logged.get(Step.AGENT_DISPATCHED)
    found = re.search(r"\bAD_[A-Za-z0-9]{6,}", row.metadata) if row else None
    return found[0] if found else None


def _why_named(call: Call) -> list[Because]:
    if call.agent_name is None:
        text = "the agent's name is not known (agent.name is not set): if the worker has one, this is the cause"
        return [Because(source="configuration", text=text)]
    endpoint = next((e for e in call.setup.all(WorkerEndpoint) if e.agent_name == call.agent_name), None)
    source = f"worker {endpoint.url}" if endpoint else "configuration"
    at = endpoint.read.at if endpoint else None
    text = f'the worker runs as "{call.agent_name}"; a named worker never gets the automatic dispatch'
    return [Because(source=source, at=at, text=text)]


def _why_inbound_works(call: Call) -> list[Because]:
    """The SIP dispatch rules that carry this agent, which mislead (design fact 1)."""
    rules = call.setup.latest(SipDispatchRuleList)
    if rules is None or call.inbound or not call.agent_name:
        return []
    carrying = [rule for rule in rules.rules if call.agent_name in rule.agents]
    return [
        Because(
            source="ListSIPDispatchRule",
            at=rules.read.now,
            text=f'rule {rule.id} (prefix "{rule.room}") carries this agent for inbound calls only, which is why '
            "those work; its prefix has no effect on an outbound room",
        )
        for rule in carrying[:3]
    ]


# job_assigned


def no_worker_took_job(call: Call, proofs: Proofs) -> Finding | None:
    """LKD402, broad: dispatched, and no worker has the job after the allowance (facts 5, 7, 10, 11)."""
    if not _job_missing(call, proofs):
        return None
    dispatch = call.dispatches[-1]
    since = age(call, proofs, Step.AGENT_DISPATCHED)
    for_how_long = f" after {since.total_seconds():.0f} s" if since else ""
    text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" has no job{for_how_long}'
    because = [_because(call, text), _no_agent(call)]
    candidates = list(catalogue.get("LKD402").candidates)
    ruled_out = [RuledOut(code="LKD401", because=f"dispatch {dispatch.id} is in the room, under the agent's name")]
    confidence = Confidence.LIKELY
    canary = call.setup.latest(Canary)
    if canary is not None and canary.job_after is not None:
        candidates.remove("LKD107")
        text = f"a canary registered with {canary.read.source} and got its job in {canary.job_after:.1f} s"
        ruled_out.append(RuledOut(code="LKD107", because=text))
    if call.declined_jobs:
        return None
    return _finding(
        call, "LKD402", Step.JOB_ASSIGNED, confidence, because, candidates, ruled_out, dispatch_id=dispatch.id
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
            _because(call, f"dispatch {dispatch.id} has no job"),
        ]
        return _finding(
            call,
            "LKD102",
            Step.JOB_ASSIGNED,
            Confidence.LIKELY if how else Confidence.POSSIBLE,
            because,
            ["LKD402"] if how is None else ["LKD101"],
            dispatch_id=dispatch.id,
            agent_name=name,
            other_name=dispatch.agent_name,
        )
    return None


def no_worker_registered(call: Call, proofs: Proofs) -> Finding | None:
    """LKD101: no job, the dispatch pipeline works (canary), and no configured worker answers at all."""
    if not _job_missing(call, proofs):
        return None
    canary = call.setup.latest(Canary)
    endpoints = call.setup.coverage("worker_endpoint")
    unreachable = [entry for entry in endpoints if entry.problem and entry.problem.code == "LKD106"]
    if canary is None or canary.job_after is None or not endpoints or len(unreachable) < len(endpoints):
        return None
    because = [
        _because(call, f"dispatch {call.dispatches[-1].id} has no job"),
        *(Because(source=entry.source, text=entry.problem.message) for entry in unreachable if entry.problem),
        Because(source="canary", at=canary.read.at, text=f"a canary got its job in {canary.job_after:.1f} s"),
    ]
    others = [code for code in catalogue.get("LKD402").candidates if code not in ("LKD101", "LKD107")]
    return _finding(call, "LKD101", Step.JOB_ASSIGNED, Confidence.POSSIBLE, because, others)


def dispatch_pipeline_down(call: Call, proofs: Proofs) -> Finding | None:
    """LKD107: not even a canary of the tool's own gets its job (fact 15)."""
    canary = call.setup.latest(Canary)
    if not _job_missing(call, proofs) or canary is None or not canary.worker_id or canary.job_after is not None:
        return None
    text = f"a canary registered as {canary.worker_id} and its job did not come in {canary.waited:.0f} s"
    because = [
        Because(source="canary", at=canary.read.at, text=text),
        _because(call, f"dispatch {call.dispatches[-1].id} has no job"),
    ]
    return _finding(call, "LKD107", Step.JOB_ASSIGNED, Confidence.LIKELY, because, ["LKD402"])


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a worker was asked and its request_fnc rejected: the job ended at once, without a
    participant (fact 11)."""
    if not call.declined_jobs or call.jobs or Step.ENTRYPOINT_CALLED in proofs or call.agents_seen:
        return None
    job = call.declined_jobs[-1]
    text = f"job {job.id} ended {job.status} and was never given a participant: worker {job.worker_id} declined it"
    because = [Because(source="ListDispatch", at=job.ended_at, text=text)]
    return _finding(call, "LKD404", Step.JOB_ASSIGNED, Confidence.PROVEN, because, [])


def _job_missing(call: Call, proofs: Proofs) -> bool:
    """A dispatch is listed without a job after its allowance, and nothing proves a later step.

    The rows of a finished call prove the agent; a job that needs a participant's track or
    arrival is not missing before that (fact 8).
    """
    if call.dispatch_list is None or not call.dispatches or call.jobs or call.declined_jobs:
        return False
    if Step.JOB_ASSIGNED in proofs or call.agents_seen:
        return False
    return job_is_late(call, proofs)


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


# entrypoint_called, agent_connected


def job_without_agent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD406, broad: a worker took the job, a phone waits in the room, and no agent is there.

    The phone must be waiting in two looks, since after a healthy call the job record stays as it
    is when the agent has left (fact 11); and alone, since anybody else may have taken over, or be
    the agent with a user's token (fact 19). Or else nobody ever came into the room.
    """
    if not _job_has_no_agent(call, proofs) or call.others_present:
        return None
    job = call.jobs[-1]
    because = [
        Because(
            source="ListDispatch",
            at=job.started_at,
            text=f"job {job.id} {job.status}, worker {job.worker_id}" + (f", error: {job.error}" if job.error else ""),
        ),
        _no_agent(call),
    ]
    candidates = list(catalogue.get("LKD406").candidates)
    step = Step.AGENT_CONNECTED if Step.ENTRYPOINT_CALLED in proofs else Step.ENTRYPOINT_CALLED
    if call.phone_present:
        if call.watched(_looks_without_late_agent(call)) < SECOND_LOOK:
            return None
    elif _nobody_ever_joined(call):
        text = "the room stays open though empty, so that nobody has ever joined it"
        because.append(Because(source="ListRooms", at=call.livekit_now, text=text))
    else:
        return None
    if step is Step.AGENT_CONNECTED:
        candidates = [code for code in candidates if code != "LKD417"]
        because.append(_row(call, Step.ENTRYPOINT_CALLED, "the entrypoint ran"))
    return _finding(call, "LKD406", step, Confidence.LIKELY, because, candidates)


def _job_has_no_agent(call: Call, proofs: Proofs) -> bool:
    """A job's allowance is over, and no agent was ever seen."""
    if not call.api_covers or not call.jobs or call.agents_seen or Step.AGENT_CONNECTED in proofs:
        return False
    if Step.CALL_ENDED in call.logged or len(_phones_in(call.participant_list)) > 1:
        return False
    return agent_is_late(call, proofs)


def agent_is_late(call: Call, proofs: Proofs) -> bool:
    """The agent's allowance is over, counted from when a worker took the last job: a job may come
    long after its dispatch, when the phone joins, or in place of one that failed."""
    started = [job.started_at for job in call.jobs if job.started_at is not None]
    allowance = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    young = bool(started) and call.livekit_now - max(started) <= allowance
    return not young and overdue(call, proofs, Step.AGENT_CONNECTED)


def agent_left(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: the agent was in the room and is not any more, while the phone is on the line.

    Not where somebody else was there too since then: then the call was handed over.
    """
    if not call.api_covers or call.agents or not call.phone_present:
        return None
    looks = _looks_without_agent(call)
    if Step.CALL_ENDED in call.logged or any(map(_may_be_handed_over, looks)):
        return None
    if call.watched(_looks_after_connected(call)) < SECOND_LOOK:
        return None
    seen_at = [listing.read.now for listing in call.participant_lists if call.agents_in(listing)]
    if seen_at:
        text = f"agent {call.agents_seen[-1].identity} was there until {seen_at[-1]:%H:%M:%S}"
        because, confidence = [_because_participants(call, text)], Confidence.PROVEN
    elif Step.AGENT_CONNECTED in call.logged:
        because = [_row(call, Step.AGENT_CONNECTED, "the agent had joined")]
        confidence = Confidence.LIKELY
    else:
        return None
    because.append(_no_agent(call))
    candidates = [] if confidence is Confidence.PROVEN else ["LKD406"]
    return _finding(call, "LKD407", Step.AGENT_CONNECTED, confidence, because, candidates)


def wants_second_look_for_agent(call: Call, proofs: Proofs) -> bool:
    """Whether only a second look keeps an agent that left from being concluded."""
    return (
        call.api_covers
        and not call.agents
        and call.phone_present
        and not any(map(_may_be_handed_over, _looks_without_agent(call)))
        and Step.CALL_ENDED not in call.logged
        and (
            call.watched(_looks_without_late_agent(call)) < SECOND_LOOK
            if _job_has_no_agent(call, proofs)
            else Step.AGENT_CONNECTED in proofs and call.watched(_looks_after_connected(call)) < SECOND_LOOK
        )
    )


def agent_silent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: the agent is connected, the phone answered, and there is no unmuted audio track."""
    if not call.api_covers or not call.agents or Step.AGENT_AUDIO in proofs:
        return None
    if Step.AGENT_AUDIO in call.settings.flow.not_used or not overdue(call, proofs, Step.AGENT_AUDIO):
        return None
    agent = call.agents[0]
    muted = [track for track in agent.tracks if track.kind == "audio"]
    what = f"audio track {muted[0].sid} is muted" if muted else "publishes no audio track"
    since = waited(call, proofs, Step.AGENT_AUDIO)
    text = f"agent {agent.identity} is ACTIVE and {what}" + (f" after {since.total_seconds():.0f} s" if since else "")
    return _finding(call, "LKD408", Step.AGENT_AUDIO, Confidence.PROVEN, [_because_participants(call, text)], [])


def _looks_without_agent(call: Call) -> list[ParticipantList]:
    """The looks since the agent was last seen."""
    looks: list[ParticipantList] = []
    for listing in call.participant_lists:
        if call.agents_in(listing):
            looks.clear()
        else:
            looks.append(listing)
    return looks


def _looks_after_connected(call: Call) -> list[ParticipantList]:
    """The looks without an agent after it was seen, or after the row was read that says it connected."""
    looks = _looks_without_agent(call)
    row = call.logged.get(Step.AGENT_CONNECTED)
    if call.agents_seen:
        return looks
    return [listing for listing in looks if row is not None and listing.read.at >= row.read.at]


def _looks_without_late_agent(call: Call) -> list[ParticipantList]:
    """The looks at which the agent had had its allowance."""
    started = [job.started_at for job in call.jobs if job.started_at is not None]
    dispatched = [dispatch.created_at for dispatch in call.dispatches if dispatch.created_at is not None]
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    due = max((*started, *dispatched), default=call.livekit_now) + allowed
    return [listing for listing in call.participant_lists if listing.read.now > due]


def _may_be_handed_over(listing: ParticipantList) -> bool:
    """There is somebody besides one phone: a human, a second phone, or an agent that is not ACTIVE."""
    others = [p for p in listing.participants if p.kind not in ("SIP", "EGRESS", "INGRESS")]
    return bool(others) or len(_phones_in(listing)) > 1


def _phones_in(listing: ParticipantList | None) -> list[Participant]:
    return [p for p in listing.participants if p.kind == "SIP"] if listing else []


def _present(call: Call) -> tuple[Participant, ...]:
    return call.participant_list.participants if call.participant_list else ()


def _nobody_ever_joined(call: Call) -> bool:
    """A room closes when its departure timeout has passed since the last participant left
    (fact 18): one that was empty for longer, and is open, never had one."""
    if call.room_info is None or call.room_info.departure_timeout <= 0 or call.phones_seen:
        return False
    looks = call.participant_lists
    times = [listing.read.at for listing in looks]
    without_gaps = all(later - earlier <= WATCHED for earlier, later in pairwise(times))
    beyond = timedelta(seconds=call.room_info.departure_timeout + 2)
    return without_gaps and not any(p.participants for p in looks) and call.watched(looks) > beyond


# Evidence in words


def _because(call: Call, text: str) -> Because:
    read = call.dispatch_list.read if call.dispatch_list else None
    return Because(source="ListDispatch", at=read.now if read else None, text=text)


def _because_participants(call: Call, text: str) -> Because:
    read = call.participant_list.read if call.participant_list else None
    return Because(source="ListParticipants", at=read.now if read else None, text=text)


def _dispatches_listed(call: Call) -> Because:
    if not call.listed:
        return _because(call, "no dispatch in the room")
    if len(call.listed) == len(call.automatic):
        return _because(call, "one dispatch, the automatic one (no agent name)")
    names = ", ".join(f'"{d.agent_name}"' for d in call.listed)
    return _because(call, f"the room's dispatches are for {names}")


def _no_agent(call: Call) -> Because:
    who = ", ".join(f"{p.identity} ({p.kind})" for p in _present(call)) or "nobody"
    return _because_participants(call, f"no agent in the room; there: {who}")


def _row(call: Call, step: Step, meaning: str) -> Because:
    row = call.logged.get(step)
    if row is None:
        return Because(source="call_state_logs", text=meaning)
    return Because(
        source=row.read.source, at=row.at, text=f"{row.source or 'a component'} logged {row.state}: {meaning}"
    )


def _finding(
    call: Call,
    code: str,
    step: Step,
    confidence: Confidence,
    because: list[Because],
    candidates: list[str],
    ruled_out: list[RuledOut] | None = None,
    **values: str | None,
) -> Finding:
    return Finding(
        code=code,
        step=step,
        confidence=confidence,
        because=tuple(because),
        candidates=tuple(candidates),
        ruled_out=tuple(ruled_out or ()),
        values={key: value for key, value in values.items() if value},
    )
