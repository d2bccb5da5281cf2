"""room_created and agent_dispatched, by livekit-server's log: it has every API call that makes or ends
a room or a dispatch. LKD401, 409, 412, 413, 501, 502.
"""

from datetime import datetime, timedelta

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import BY_NAME, Call, is_by_name
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.deletions import deletion_of_latest, dispatch_of
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import near_miss, written_alike
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.dispatches import stray_dispatches
from livekit_doctor.diagnosis.rules.looks import finding, job_was_lost, was_dispatched
from livekit_doctor.diagnosis.rules.placing import placer_is_past
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.times import (
    ANSWERED_WITHIN,
    EMPTY_TIMEOUT,
    JOB_LISTED_AFTER,
    PLACING,
    STILL_WRITTEN,
)
from livekit_doctor.evidence.observations import DispatchList, LogLine, is_scratch
from livekit_doctor.flow import Confidence, Step, order

REQUESTED = Step.CALL_REQUESTED
PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def dispatch_deleted(call: Call, proofs: Proofs) -> Finding | None:
    """LKD413: the agent's dispatch was deleted before the agent was in the room."""
    logs, gone = call.component_logs, deletion_of_latest(call.component_logs)
    if gone is None or not gone.sure or _reached(proofs) or call.dispatches:
        return None
    deleted = gone.line
    made = [line for line in logs.dispatched if logs.names_agent(line)]
    if job_was_lost(call, before=deleted.at) or _had_its_time(call, made, deleted):
        return None  # it was cleaned up after it had led to nothing
    dispatch_id = dispatch_of(deleted) or None
    shown = [because(deleted, f"dispatch {dispatch_id or 'of this room'} was deleted")]
    dated = made or logs.said(Said.ROOM_OPENED)
    # It may have been there for long, and led to nothing; or another agent's was deleted.
    lived = deleted.at - dated[-1].at if dated and dated[-1].at and deleted.at else None
    doubtful = lived is None or lived > JOB_LISTED_AFTER or len(logs.dispatched) > len(made)
    sure = POSSIBLE if doubtful else PROVEN if call.api_covers else LIKELY
    return _finding(call, "LKD413", sure, shown, dispatch_id=dispatch_id)


def agents_ignored(call: Call, proofs: Proofs) -> Finding | None:
    """LKD412: CreateRoom named the agent, and the room was open already (fact 6)."""
    if not _not_dispatched(call, proofs):
        return None
    asked = [line for line in _succeeded(call, Said.ROOM_ASKED_FOR) if call.component_logs.names_agent(line)]
    late = [(line, there) for line in asked if (there := _open_before(call, line))]
    if not late or len(late) < len(asked) or job_was_lost(call):
        return None  # the one that opened the room had named the agent, or else the agent was dispatched
    if _succeeded(call, Said.DISPATCH_CREATED) or _dispatched_besides(call, [line for line, _ in late]):
        return None  # it was dispatched in another way, if under another name
    line, there = late[0]
    shown = [
        because(there, "the room was opened" if meaning(there) is Said.ROOM_OPENED else "somebody was in the room"),
        because(line, "and was there when CreateRoom was called with agents"),
    ]
    return _finding(call, "LKD412", PROVEN if call.api_covers else LIKELY, shown)


def _open_before(call: Call, asked: LogLine) -> LogLine | None:
    """What shows that the room was open before it was asked for: its opening, or somebody in it. Lines without a time
    count by their order, where the end comes after: of those that stand alone nobody knows which is the first."""
    logs = call.component_logs
    opened = logs.said(Said.ROOM_OPENED)[:1]
    if opened and asked.at and opened[0].at and asked not in logs.opened_with_agents:
        return opened[0]
    came = [one for one in logs.said(Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE) if one.file == asked.file]
    ends = [one for one in logs.said(Said.PARTICIPANT_LEFT, Said.ROOM_CLOSED) if one.file == asked.file]
    in_order = asked.at is not None or any(asked.order < one.order for one in ends)
    return next((one for one in came if in_order and one.order < asked.order), None)


def dispatched_to_other_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD409: at that time CreateDispatch was called for this agent and a room whose name is almost this one's."""
    if not _not_dispatched(call, proofs) or call.room is None or not (call.agent_name or call.only_excerpts):
        return None
    began, other_rooms = _began(call) or call.known_since, []
    for line in _dispatches(call, call.component_logs.anywhere(Said.DISPATCH_CREATED)):
        other = line.fields.get("room", "")
        if other != call.room.name and line.at and began and abs(line.at - began) <= PLACING:
            other_rooms += [(line, other)] if near_miss(call.room.name, other) else []
    if not other_rooms or _dispatched_besides(call, [line for line, _ in other_rooms]):
        return None
    line, other = other_rooms[0]
    alike, near = written_alike(call.room.name, other), near_miss(call.room.name, other)
    text = f'the dispatch went to room "{other}", whose name differs only in {alike or near}'
    return _finding(call, "LKD409", LIKELY if alike else POSSIBLE, [because(line, text)], other_room=other)


def dispatch_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: each CreateDispatch for this room that the server's log has failed in the server itself (HTTP 5xx)."""
    made = call.component_logs.said(Said.DISPATCH_CREATED)
    failed = [line for line in made if line.fields.get("status", "").startswith("5")]
    if not failed or len(failed) < len(made) or not _not_dispatched(call, proofs) or _dispatched_besides(call, failed):
        return None
    if _named_with_the_room(call):
        return None
    line = failed[-1]
    text = f"the server failed with HTTP {line.fields['status']}: {line.fields.get('error') or 'no reason given'}"
    shown = [Because(source="CreateDispatch", at=line.at, text=text)]
    return finding(call, "LKD401", Step.AGENT_DISPATCHED, LIKELY, shown, [])


def agent_not_dispatched(call: Call, proofs: Proofs) -> Finding | None:
    """LKD401: the server's log has the room's opening and no dispatch of the agent into it since."""
    if not _not_dispatched(call, proofs) or not call.agent_name or call.inbound:
        return None
    logs = call.component_logs
    opened = logs.said(Said.ROOM_OPENED)
    ended = logs.said(Said.ROOM_CLOSED)
    if not opened or opened[0].at is None or _succeeded(call, Said.DISPATCH_DELETED):
        return None
    until = ended[-1].at if ended else call.livekit_now if call.api_covers else None
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_dispatched.broken_after)
    if until is None or until - opened[0].at < allowed or not _phone_answered(call, proofs):
        return None
    if not ended and not any(
        file.log == "server" and file.last_at and file.last_at >= until - STILL_WRITTEN for file in logs.given
    ):
        return None
    if job_was_lost(call):
        return None
    if any(
        is_by_name(line, call.agent_name) and line.at and opened[0].at <= line.at <= until
        for line in logs.anywhere(*BY_NAME)
    ):
        return None  # it may be about this room, and then the agent was dispatched, by another node
    if _named_with_the_room(call):
        return None
    elsewhere = [
        line
        for line in _dispatches(call, logs.anywhere(Said.DISPATCH_CREATED))
        if line.at and abs(line.at - opened[0].at) <= PLACING
    ]
    shown = [
        because(opened[0], f"no CreateDispatch and no agents for this room since it was opened ({until:%H:%M:%S})")
    ]
    looked_into = {listing.room for listing in call.setup.all(DispatchList)}
    accounted = all(line.fields.get("room") in looked_into for line in elsewhere) and not stray_dispatches(call)
    certain = accounted and _all_dispatches_kept(call, opened[0].at) and not _may_wait_for_answer(call, proofs)
    return _finding(call, "LKD401", _sure(call) if certain else POSSIBLE, shown)


def room_closed_early(call: Call, proofs: Proofs) -> Finding | None:
    """LKD502: the node that had the room closed it, and nobody had been in it."""
    logs = call.component_logs
    idle, closed = logs.said(Said.ROOM_IDLE), logs.said(Said.ROOM_CLOSED)
    if Step.CALL_ENDED in call.logged or (call.room is not None and is_scratch(call.room.name)):
        return None  # whoever placed the call ended it, or the tool its own experiment
    if not (idle or closed) or call.room_live or logs.said(Said.PARTICIPANT_ACTIVE):
        return None
    if any(order(step) > order(Step.AGENT_DISPATCHED) for step in proofs if step is not Step.CALL_ENDED):
        return None
    opened = logs.said(Said.ROOM_OPENED)
    if not opened or job_was_lost(call) or call.answers or logs.said(Said.DISPATCH_DELETED):
        return None  # nobody came, since the agent's or the phone's leg was broken before
    line = (idle or closed)[-1]
    why = "it was deleted" if logs.said(Said.ROOM_DELETED) else "nobody had come"
    shown = [because(opened[-1], "the room was opened"), because(line, f"and closed: {why}")]
    # Where it was there for long enough, that nobody came has another reason.
    early = line.at is None or opened[-1].at is None or line.at - opened[-1].at <= _time_to_join(call)
    early = early and not _had_time_to_answer(call, line)
    # A row tells of a dispatch that this log has not: it may have been into another room (LKD409).
    early = early and not (Step.AGENT_DISPATCHED in call.logged and not logs.dispatched)
    return _finding(call, "LKD502", PROVEN if early else POSSIBLE, shown, step=Step.ROOM_CREATED)


def _time_to_join(call: Call) -> timedelta:
    """How long a room is needed until the agent is in it, which is dispatched as it is opened."""
    return timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)


def _had_time_to_answer(call: Call, closed: LogLine) -> bool:
    """Whether an agent had been dispatched so long before this that a worker must have answered."""
    made = (line.at for line in call.component_logs.dispatched if line.at)
    return closed.at is not None and any(closed.at - at > ANSWERED_WITHIN for at in made)


def room_never_created(call: Call, proofs: Proofs) -> Finding | None:
    """LKD501: the call was requested, the server's log spans that time and never names its room, and it was not there
    so soon after that one which nobody had joined would have been. Another node of the cluster may have been called:
    the log alone says nothing, and both together prove nothing."""
    if call.room is None or call.room_info is not None or not call.rows or call.component_logs.own or call.answers:
        return None  # or what would have made the room failed
    if any(order(step) > order(Step.ROOM_CREATED) for step in proofs) or {*call.step_of_state.values()} != {REQUESTED}:
        return None  # or a row tells, in whichever words, that it went on
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_dispatched.broken_after)
    first, last = call.rows[0].at, call.rows[-1].at + allowed
    if not (call.component_logs.covers("server", first) and call.component_logs.covers("server", last)):
        return None
    # A log of warnings only has no rooms at all.
    tells = any(line.log == "server" and line.level == "info" for line in call.setup.all(LogLine))
    if not tells or call.room_live is not False or call.room_now - first >= EMPTY_TIMEOUT:
        return None
    text = f'the log spans {first:%H:%M:%S} to {last:%H:%M:%S} and does not name room "{call.room.name}"'
    shown = [Because(source="server log", at=first, text=text)]
    return _finding(call, "LKD501", LIKELY, shown, step=Step.ROOM_CREATED)


RULES = (
    dispatch_deleted,
    agents_ignored,
    dispatched_to_other_room,
    dispatch_failed,
    agent_not_dispatched,
    room_closed_early,
    room_never_created,
)


def _all_dispatches_kept(call: Call, opened: datetime) -> bool:
    """Of a busy server's lines without an id of the call only those next to it are kept."""
    if not any("CreateDispatch" in message for file in call.component_logs.given for message in file.left_out):
        return True
    times = [line.at for line in call.component_logs.anywhere(Said.DISPATCH_CREATED) if line.at is not None]
    return bool(times) and min(times) <= opened - PLACING and max(times) >= opened + PLACING


def _sure(call: Call) -> Confidence:
    """How sure it is that nobody dispatched the agent, where no CreateDispatch is in the log. In a cluster
    another node may have had the call of the API, and then the job is written down where its worker is."""
    if call.api_covers:
        return PROVEN
    lines = call.component_logs.registrations(call.agent_name)
    return LIKELY if any(line.log == "server" for line in lines) else POSSIBLE


def _had_its_time(call: Call, made: list[LogLine], deleted: LogLine) -> bool:
    """The dispatch was deleted only after a worker should long have had its job."""
    allowed = timedelta(seconds=call.settings.flow.allowances.job_assigned.broken_after)
    first, last = (made[-1].at if made else _began(call)), deleted.at
    return first is not None and last is not None and last - first > allowed


def _reached(proofs: Proofs) -> bool:
    """A worker had the job, or the agent was there."""
    return any(step in proofs for step in (Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED))


def _named_with_the_room(call: Call) -> bool:
    """Whether a CreateRoom named the agent, be it in time or not."""
    logs = call.component_logs
    return any(map(logs.names_agent, logs.said(Said.ROOM_ASKED_FOR)))


def _not_dispatched(call: Call, proofs: Proofs) -> bool:
    """Nothing but a log row, if anything, says that the agent was dispatched into this room; nor did livekit-sip give
    the phone anybody else's sound: an agent may join with a token of its own, without any dispatch. A job of the
    room's in a worker's log came of a dispatch."""
    of_workers = call.component_logs.own_by_log["worker"]
    if call.component_logs.gave_phone_sound or any(line.fields.get("job_id") for line in of_workers):
        return False
    return not (_reached(proofs) or call.dispatches or call.agent_name == "" or was_dispatched(call, proofs))


def _phone_answered(call: Call, proofs: Proofs) -> bool:
    """What places the call may wait for the answer before it dispatches, and not dispatch without one."""
    return Step.SIP_ANSWERED in proofs or placer_is_past(call)


def _may_wait_for_answer(call: Call, proofs: Proofs) -> bool:
    """Whether something may dispatch on the phone's answer, and the answer has not come or has just come. One that
    rang out, or was refused, was not answered, either."""
    if Step.SIP_ANSWERED not in proofs:
        return Step.AGENT_DISPATCHED not in call.logged
    dated = [proof.at for proof in proofs[Step.SIP_ANSWERED] if proof.at]  # each by its own clock
    latest = max(dated) if dated else min((proof.by for proof in proofs[Step.SIP_ANSWERED] if proof.by), default=None)
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_dispatched.broken_after)
    return call.phone_present and (latest is None or call.livekit_now - latest < allowed)


def _began(call: Call) -> datetime | None:
    opened = call.component_logs.said(Said.ROOM_OPENED)
    if opened:
        return opened[0].at
    if call.room_info is not None:
        return call.room_info.created_at
    return call.rows[0].at if call.rows else None


def _succeeded(call: Call, said: Said) -> list[LogLine]:
    return [line for line in call.component_logs.said(said) if line.fields.get("status", "200") == "200"]


def _dispatches(call: Call, lines: tuple[LogLine, ...]) -> list[LogLine]:
    """Those that dispatched this call's agent; any, where its name is not known."""
    succeeded = (line for line in lines if line.fields.get("status") == "200")
    return [line for line in succeeded if call.agent_name is None or call.component_logs.names_agent(line)]


def _dispatched_besides(call: Call, known: list[LogLine]) -> bool:
    """Whether rows tell of more dispatches than these, or of a later one: one of them the log does not have."""
    rows = [row.at for row in call.rows_of(Step.AGENT_DISPATCHED)]
    last = max((line.at for line in known if line.at), default=None)
    later = bool(rows) and last is not None and max(rows) - last > call.tolerance
    return later or len(rows) > len(known)


def _finding(
    call: Call,
    code: str,
    confidence: Confidence,
    shown: list[Because],
    step: Step = Step.AGENT_DISPATCHED,
    dispatch_id: str | None = None,
    other_room: str | None = None,
) -> Finding:
    candidates = [] if confidence is PROVEN else list(catalogue.get(code).candidates)
    return finding(call, code, step, confidence, shown, candidates, dispatch_id=dispatch_id, other_room=other_room)
