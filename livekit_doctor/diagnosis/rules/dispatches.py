"""agent_dispatched: is there a dispatch for the agent, in this room? LKD302, 303, 401, 409, 412, 413.

A rule is one function with its fault's evidence condition. It says nothing where the source
that would show the fault was not read.
"""

import re
from datetime import datetime, timedelta

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.correlation import call_id_in, live_rooms, mentions
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import near_miss, written_alike
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import (
    dispatches_listed,
    finding,
    job_was_lost,
    listed_dispatches,
    logged_row,
    was_dispatched,
    was_never_here,
)
from livekit_doctor.diagnosis.rules.placing import past_dispatch, placer_is_past
from livekit_doctor.diagnosis.times import CREATED_TOGETHER, JOB_LISTED_AFTER, PLACING
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    ParticipantList,
    Room,
    SipDispatchRuleList,
    WorkerEndpoint,
    is_scratch,
)
from livekit_doctor.flow import Confidence, Step


def agent_not_dispatched(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: the room lists the automatic dispatch only, and the agent has a name (facts 1, 4).

    `proven` needs the component that places the call to have logged, none of its rows to
    speak of a dispatch, and no other live room to hold one: otherwise agents that were
    ignored (LKD412), a deleted dispatch (LKD413) or a dispatch to another room (LKD409)
    leave the same list.
    """
    only_others = bool(call.listed) and all(d.agent_name in call.settings.agent.others for d in call.listed)
    if not _never_dispatched(call, proofs) or not (call.automatic or only_others):
        return None
    claimed = call.logged.get(Step.AGENT_DISPATCHED)
    because = [dispatches_listed(call), *_why_named(call), *_why_inbound_works(call)]
    candidates = ["LKD409", "LKD412", "LKD413"]
    if call.inbound:
        candidates = ["LKD302", "LKD303", *candidates]
    if call.agent_name is None:
        confidence = Confidence.POSSIBLE
        candidates.append("LKD402")
    elif claimed is not None:
        because.append(logged_row(call, Step.AGENT_DISPATCHED, "yet the log says that it was dispatched"))
        confidence = Confidence.POSSIBLE
    elif (
        placer_is_past(call)
        and not call.inbound
        and not _room_existed_before(call)
        and not _listed_before(call)
        and _others_searched(call)
        and not stray_dispatches(call)
    ):
        confidence, candidates = Confidence.PROVEN, []
    else:
        confidence = Confidence.POSSIBLE
    return finding(call, "LKD401", Step.AGENT_DISPATCHED, confidence, because, candidates)


def agents_ignored(call: Call, proofs: Proofs) -> Finding | None:
    """LKD412: agents were passed to CreateRoom, and the room was already there (fact 6)."""
    if not _never_dispatched(call, proofs) or not call.automatic:
        return None
    existed = _room_existed_before(call)
    row = call.logged.get(Step.ROOM_CREATED)
    if existed is None or row is None:
        return None
    with_agents = '"agents"' in row.metadata or bool(call.agent_name and call.agent_name in row.metadata)
    # By two clocks it may be the one that is wrong (fact 29).
    by_one_clock = existed.source != "ListRooms"
    confidence = Confidence.LIKELY if with_agents and by_one_clock else Confidence.POSSIBLE
    because = [dispatches_listed(call), existed]
    return finding(call, "LKD412", Step.AGENT_DISPATCHED, confidence, because, ["LKD401", "LKD409", "LKD413"])


def dispatch_deleted(call: Call, proofs: Proofs) -> Finding | None:
    """LKD413: a dispatch that was there is not listed any more (fact 9).

    A room that lists no dispatch at all, not even the automatic one, was created with
    agents, and all its dispatches were deleted (fact 4).
    """
    if not _dispatch_missing(call, proofs):
        return None
    if job_was_lost(call):
        return None  # it was cleaned up after it had led to nothing
    seen = _listed_before(call)
    logged = _logged_dispatch_id(call)
    candidates: list[str] = []
    # Whoever deletes a dispatch that should long have had a job tidies up.
    if seen:
        dispatch = seen[-1]
        text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" was listed before and is gone'
        because, confidence = [listed_dispatches(call, text), dispatches_listed(call)], Confidence.PROVEN
        if not dispatch.jobs and _may_have_lived(call, dispatch.created_at, dispatch) > JOB_LISTED_AFTER:
            confidence, candidates = Confidence.POSSIBLE, ["LKD402"]
        logged = dispatch.id
    elif not call.listed:
        text = "no dispatch at all; a room without agents always lists the automatic one"
        because, confidence, candidates = [listed_dispatches(call, text)], Confidence.LIKELY, ["LKD402"]
        if _may_have_lived(call, call.room_info.created_at if call.room_info else None) > JOB_LISTED_AFTER:
            confidence = Confidence.POSSIBLE
    elif logged is not None and _others_searched(call):
        text = f"dispatch {logged}, which the log names, is in no live room"
        because, confidence = [listed_dispatches(call, text), dispatches_listed(call)], Confidence.POSSIBLE
        candidates = ["LKD409"]  # it went to another server, or to a room that is closed by now
    else:
        return None
    return finding(call, "LKD413", Step.AGENT_DISPATCHED, confidence, because, candidates, dispatch_id=logged)


def _listed_before(call: Call) -> list[Dispatch]:
    """The agent's dispatches that any look has shown, as they were last listed."""
    listed = [d for listing in call.dispatch_lists for d in listing.dispatches if d.agent_name]
    return list({d.id: d for d in listed if call.agent_name in (None, d.agent_name)}.values())


def _may_have_lived(call: Call, created: datetime | None, dispatch: Dispatch | None = None) -> timedelta:
    """The longest that a dispatch can have been there, from its creation to the first look without it."""
    shown = [one.read.now for one in call.dispatch_lists if dispatch and dispatch.id in {d.id for d in one.dispatches}]
    without = [one.read.now for one in call.dispatch_lists if not shown or one.read.now > max(shown)]
    return min(without) - created if created and without else timedelta()


def dispatched_to_other_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD409: the dispatch is in another live room, which CreateDispatch made (fact 5).

    Proven by the dispatch id in the call's log; likely where the other room's name differs
    by case, white space or look-alikes only, or the dispatch's metadata has the call id. What the agent logged
    without a room it may have logged from there.
    """
    if not (_never_dispatched(call, proofs) or was_never_here(call, proofs)):
        return None
    logged = _logged_dispatch_id(call)
    for room, dispatch in stray_dispatches(call):
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
        candidates = [] if confidence is Confidence.PROVEN else ["LKD401", "LKD412", "LKD413"]
        if confidence is not Confidence.PROVEN and _dispatched_after(call, dispatch):
            confidence, candidates = Confidence.POSSIBLE, [*candidates, "LKD402"]
        text = f'dispatch {dispatch.id} for "{dispatch.agent_name}" is in room "{room.name}": {why}'
        because = [
            Because(source="ListDispatch", at=dispatch.created_at, text=text),
            dispatches_listed(call),
        ]
        return finding(
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


def _dispatched_after(call: Call, dispatch: Dispatch) -> bool:
    """Whether a row tells of a later dispatch, of which nobody knows where it went; or rows tell of more of them."""
    rows, created = call.rows_of(Step.AGENT_DISPATCHED), dispatch.created_at
    later = bool(rows) and created is not None and rows[-1].at - created > call.tolerance
    return later or len(rows) > len({one.id for _, one in stray_dispatches(call)})


def inbound_rule_without_agent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD302, LKD303: an inbound call whose SIP dispatch rule carries no agent, or another one."""
    rule = call.inbound_rule
    if rule is None or rule.room_preset or not call.api_covers or not call.agent_name:
        return None
    if Step.AGENT_CONNECTED in proofs or call.served_by_other or not past_dispatch(call, proofs):
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
        dispatches_listed(call),
    ]
    code = "LKD303" if rule.agents else "LKD302"
    return finding(call, code, Step.AGENT_DISPATCHED, Confidence.PROVEN, because, [], rule_id=rule.id)


def _never_dispatched(call: Call, proofs: Proofs) -> bool:
    """So that it may have been dispatched elsewhere, or not at all: no log tells of a dispatch that is gone."""
    return _dispatch_missing(call, proofs) and not was_dispatched(call, proofs)


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
    if call.served_by_other or (call.agent_name is None and call.others_present):
        return False  # whoever it is has taken over, or is the agent, of another framework
    return past_dispatch(call, proofs)


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
    if call.room_info is not None and created.at - call.room_info.created_at > call.tolerance:
        earlier = (created.at - call.room_info.created_at).total_seconds()
        text = f"the room is {earlier:.0f} s older than the row {created.state}"
        return Because(source="ListRooms", at=call.room_info.created_at, text=text)
    return None


def stray_dispatches(call: Call) -> list[tuple[Room, Dispatch]]:
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
    return abs(dispatch.created_at - call.room_info.created_at) < PLACING


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
        and abs(room.created_at - own.created_at) < PLACING
        and not is_scratch(room.name)
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
    how = "the worker runs as" if endpoint else "the agent is configured as"
    text = f'{how} "{call.agent_name}"; a named worker never gets the automatic dispatch'
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
