"""What the log rows alone allow: never more than `possible` (design section 2)."""

from datetime import timedelta
from itertools import pairwise

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.states import may_be_of_agent, step_of_state
from livekit_doctor.diagnosis.times import EMPTY_TIMEOUT, NOBODY_WAITS, NOTHING_MISSED
from livekit_doctor.evidence.observations import Room
from livekit_doctor.flow import LEGS, Confidence, Leg, Step, order

CODES: dict[Step, str] = {
    Step.ROOM_CREATED: "LKD501",
    Step.AGENT_DISPATCHED: "LKD401",
    Step.JOB_ASSIGNED: "LKD402",
    Step.ENTRYPOINT_CALLED: "LKD406",
    Step.AGENT_CONNECTED: "LKD406",
}
"""The code of an unexplained break at each step of the way to the agent."""

BEFORE_THE_ANSWER = {Step.CALL_REQUESTED, Step.ROOM_CREATED, Step.SIP_DIALING, Step.SIP_RINGING}
"""What may be logged before CreateSIPParticipant(wait_until_answered) returns."""

WAY = (Step.CALL_REQUESTED, Step.ROOM_CREATED, *LEGS[Leg.AGENT])


def never_logged(call: Call, proofs: Proofs) -> Finding | None:
    """The stretch rule: a state that is always logged is not there after its allowance.

    The break lies after the last proven step and up to the first one whose absence is
    established. Nothing tells the steps of that stretch apart, so the first is reported,
    and the codes of the others are its candidates. Not where the call went well by its rows, and nobody has
    said that the agent writes to this log.
    """
    absent = first_absent(call, proofs)
    if absent is None or not call.rows_are_whole or not rows_are_old(call) or _ended_too_soon(call):
        return None
    if call.component_logs.gave_phone_sound or talked_for(call) is not None:
        return None
    if _came_before(call) or _dispatched_again_just_now(call):
        return None
    proven = [index for index, step in enumerate(WAY) if step in proofs]
    stretch = WAY[max(proven, default=0) + 1 : WAY.index(absent) + 1]
    if call.agent_name == "":
        # The automatic dispatch is always there (fact 4).
        stretch = tuple(step for step in stretch if step is not Step.AGENT_DISPATCHED)
    if not stretch or stretch[0] not in CODES:
        return None
    first = stretch[0]
    code = CODES[first]
    entry = catalogue.get(code)
    others = [CODES[step] for step in stretch[1:] if step in CODES]
    candidates = [*entry.candidates, *others]
    for other in others:
        candidates.extend(catalogue.get(other).candidates)
    if first is Step.JOB_ASSIGNED and not call.dispatches:
        # A row says that CreateDispatch succeeded, and not for which room, nor what came after.
        candidates.extend(("LKD409", "LKD413"))
    last = call.rows[-1]
    names = [name for name in call.settings.call_logs.missed if step_of_state(name, call.settings.flow) is absent]
    count = f"{len(call.rows)} row{'s' if len(call.rows) > 1 else ''}"
    never = f"{' / '.join(names)} was never logged, {_ago(call)} after the last row"
    latest = f"{count}, the last: {last.source or 'a component'} logged {last.state}"
    because = (
        Because(source=last.read.source, at=call.rows_now, text=never),
        Because(source=last.read.source, at=last.at, text=latest),
    )
    return Finding(
        code=code,
        step=first,
        confidence=Confidence.POSSIBLE,
        because=because,
        candidates=tuple(dict.fromkeys(item for item in candidates if item != code)),
    )


def _came_before(call: Call) -> bool:
    """Whether the call was answered before a row opens it again, or an agent logged before a row, or LiveKit, tells of
    a further dispatch: by its own clock, which may be another, so that nobody knows of which dispatch it is, and its
    state was logged."""
    came = (Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO)
    rows = call.rows_of(*came)
    return call.may_be_repeated or any(row in call.outdated or call.is_of_earlier_dispatch(row) for row in rows)


def _dispatched_again_just_now(call: Call) -> bool:
    """Whether LiveKit tells of a dispatch that is younger than what its agent may take."""
    began = call.component_logs.latest.began
    return not call.is_over and began is not None and call.rows_now - began <= _patience(call)


def first_absent(call: Call, proofs: Proofs) -> Step | None:
    """The first always-logged step of the agent's leg that nothing proves, where rows were read.

    None where the leg is over: a later step is proven, so that the row is merely missing. And none
    where a component that may be the agent, by its name or its states, logs nothing but states that no step
    stands for: it has other names for those that it always writes.
    """
    known = {row.source for row in call.rows if row.state not in call.unmapped}
    others = [row for row in call.rows if row.source not in known]
    if not call.logged or any(may_be_of_agent(row.source, row.state, call.wanted_agent) for row in others):
        return None
    steps = {step_of_state(name, call.settings.flow) for name in call.settings.call_logs.missed}
    absent = [step for step in WAY if step in steps and step not in proofs]
    if not absent or any(step in proofs for step in WAY[WAY.index(absent[0]) :]):
        return None
    return absent[0]


def talked_for(call: Call, least: timedelta = NOBODY_WAITS) -> timedelta | None:
    """How long the call was answered, where that was so long that somebody must have spoken, and it ended with no
    word of a failure. None too where `always_logged` is configured: then the agent's states are known to be missing.
    """
    answered, ended = call.logged.get(Step.SIP_ANSWERED), call.logged.get(Step.CALL_ENDED)
    since = answered.at if answered else call.talked_since
    if not since or not ended or call.logged_failures or Step.AGENT_CONNECTED in call.logged:
        return None
    if call.settings.call_logs.always_logged is not None:
        return None
    lasted = ended.at - since
    return lasted if lasted >= least else None


def rows_are_old(call: Call) -> bool:
    """The last row is older than the allowance of the agent's arrival."""
    return call.rows_now - call.rows[-1].at > _patience(call)


def rows_are_recent(call: Call) -> bool:
    """The agent may still come. Rows from the future are neither recent nor old."""
    return -call.tolerance <= call.rows_now - call.rows[-1].at <= _patience(call)


def dispatched_recently(call: Call) -> bool:
    """A dispatch was seen whose allowance is not over by now, though the room was not looked into again."""
    created = [dispatch.created_at for dispatch in call.dispatches if dispatch.created_at is not None]
    if call.dispatch_list is None or not created:
        return False
    since_look = call.setup.evidence.now - call.dispatch_list.read.at
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    return call.dispatch_list.read.now - max(created) + since_look <= allowed


def _patience(call: Call) -> timedelta:
    """How long the agent's rows may take. Where nothing says that the placer is past it, it may
    be waiting for the phone to be answered before it dispatches."""
    allowances = call.settings.flow.allowances
    may_wait = call.logged.keys() <= BEFORE_THE_ANSWER
    wait = allowances.sip_answered.broken_after if may_wait else 0
    return timedelta(seconds=allowances.agent_connected.broken_after + wait)


def _ended_too_soon(call: Call) -> bool:
    """The call was over before the agent's allowance was."""
    ended = call.logged.get(Step.CALL_ENDED)
    began = call.logged.get(Step.AGENT_DISPATCHED, call.rows[0])
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    return ended is not None and ended.at - began.at <= allowed


def room_closed_early(call: Call, proofs: Proofs) -> Finding | None:
    """LKD502: the room was there, or was logged as created, and is gone before either leg began.

    Proven where it was watched from its creation on, and the server's log shows that no attempt to dial was refused:
    that leaves nobody in the room, and a team that gives up deletes it. From a row it is only possible: the room may
    be on another server than the one asked (LKD501), a row older than a room's usual empty timeout
    says nothing, and one that was just written may be of a room that came after the look.
    """
    if call.room_live is not False or any(order(step) > order(Step.ROOM_CREATED) for step in proofs):
        return None
    row = call.logged.get(Step.ROOM_CREATED)
    if call.room_info is not None:
        if not _watched_from_creation(call, call.room_info):
            return None
        text = f"room {call.room_info.sid} was open before, with nobody in it, and is gone"
        shown = call.component_logs.covers_api(call.room_info.created_at) and call.component_logs.api_to_the_end
        because, confidence = _absent(call, text), Confidence.PROVEN if shown else Confidence.POSSIBLE
    elif row is not None and call.tolerance < call.rows_now - row.at < EMPTY_TIMEOUT:
        text = f"{row.source or 'a component'} logged {row.state} {_ago(call)} ago, and the room is not there"
        because, confidence = _absent(call, text), Confidence.POSSIBLE
    else:
        return None
    candidates = () if confidence is Confidence.PROVEN else ("LKD203",) if call.room_info else ("LKD501",)
    return Finding(
        code="LKD502",
        step=Step.ROOM_CREATED,
        confidence=confidence,
        because=(because,),
        candidates=candidates,
    )


def _absent(call: Call, text: str) -> Because:
    return Because(source="ListRooms", at=call.room_now, text=text)


def _watched_from_creation(call: Call, room: Room) -> bool:
    """No time between two looks into the room, from its creation until it was gone, in which anything
    can have come and gone."""
    if not call.participant_lists or not call.room_lists:
        return False
    looks = [*(listing.read.at for listing in call.participant_lists), call.room_lists[-1].read.at]
    gaps = [later - earlier for earlier, later in pairwise(sorted(looks))]
    return call.participant_lists[0].read.now - room.created_at <= NOTHING_MISSED and max(gaps) <= NOTHING_MISSED


def _ago(call: Call) -> str:
    seconds = (call.rows_now - call.rows[-1].at).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
