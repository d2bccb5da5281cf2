"""What LiveKit's API shows of a life at a moment."""

from collections.abc import Iterator

from msgspec import structs

from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    Job,
    Observation,
    Participant,
    ParticipantList,
    Read,
    Room,
    RoomList,
    Track,
)
from tests.diagnosis.factories import AHEAD, at
from tests.diagnosis.world.life import Dial, Guest, Life, Pick, Turn


def _read(t: float, source: str = "livekit_api") -> Read:
    """By a machine whose clock is an hour ahead; `Date` has whole seconds."""
    return Read(source=source, at=at(t) + AHEAD, clock_at=at(float(int(t)) if t > 1 else t))


def room_of(life: Life) -> Room:
    return Room(sid=life.sid, name=life.room, created_at=at(0), empty_timeout=300, departure_timeout=20)


def look(life: Life, t: float, pick: Pick, failing: str = "") -> Iterator[Observation]:
    """ListRooms, ListParticipants and ListDispatch. `failing` is the list that could not be read."""
    others = [Room(sid="RM_beside00001", name="outbound-beside-1", created_at=at(-40), empty_timeout=300)]
    mistyped = [turn for turn in life.turns if turn.room != life.room and turn.at <= t]
    if mistyped:
        others.append(Room(sid="RM_mistyped001", name=life.other_room, created_at=at(mistyped[0].at)))
    live = 0 <= t < life.closes
    rooms = [room_of(life), *others] if live else others
    pick.shuffle(rooms)
    yield RoomList(read=_read(t), rooms=tuple(rooms))
    if mistyped:
        sent = tuple(dispatch_at(turn, t) for turn in mistyped)
        yield DispatchList(read=_read(t), room=life.other_room, room_sid="RM_mistyped001", dispatches=sent)
        there = tuple(each for turn in mistyped if (each := agent_at(turn, t)))
        yield ParticipantList(read=_read(t), room=life.other_room, room_sid="RM_mistyped001", participants=there)
    if not live:
        return
    if failing != "participants":
        inside = [item for item in (*(agent_at(turn, t) for turn in life.turns if turn.room == life.room),
                                    *(phone_at(dial, t) for dial in life.phones),
                                    *(guest_at(guest, t) for guest in life.guests)) if item]  # fmt: skip
        pick.shuffle(inside)
        yield ParticipantList(read=_read(t), room=life.room, room_sid=life.sid, participants=tuple(inside))
    if failing != "dispatches":
        yield DispatchList(read=_read(t), room=life.room, room_sid=life.sid, dispatches=dispatches(life, t, pick))


def dispatches(life: Life, t: float, pick: Pick) -> tuple[Dispatch, ...]:
    """In any order: livekit-server lists them from a map (design fact 33)."""
    found = [
        dispatch_at(turn, t)
        for turn in life.turns
        if turn.room == life.room and turn.at <= t < turn.deleted and turn.outcome != "agents_ignored"
        if not turn.restarted
    ]
    for turn in life.turns:
        if turn.restarted and turn.listed <= t:
            found = [
                structs.replace(one, jobs=(*one.jobs, _job(turn, t))) if one.id == turn.id else one for one in found
            ]
    if life.automatic:
        found.append(Dispatch(id="AD_automatic0000", agent_name="", room=life.room, created_at=at(0)))
    pick.shuffle(found)
    return tuple(found)


def dispatch_at(turn: Turn, t: float) -> Dispatch:
    jobs = (_job(turn, t),) if turn.listed <= t else ()
    return Dispatch(id=turn.id, agent_name=turn.name, room=turn.room, created_at=at(turn.at), jobs=jobs)


def _job(turn: Turn, t: float) -> Job:
    if turn.outcome == "queued":
        ended = at(turn.listed) if turn.job_status == "JS_CANCELLED" else None
        return Job(id=turn.job_id, status=turn.job_status, reason=turn.job_reason, ended_at=ended)
    if turn.outcome == "rejected":
        when = at(turn.failed)
        return Job(id=turn.job_id, status="JS_SUCCESS", started_at=when, ended_at=when, worker_id=turn.worker_id)
    failed = turn.outcome == "job_failed" and turn.failed <= t
    return Job(
        id=turn.job_id,
        status="JS_FAILED" if failed else "JS_RUNNING",
        error="job process did not start" if failed else "",
        started_at=at(turn.assigned),
        ended_at=at(turn.failed) if failed else None,
        participant_identity=turn.identity,
        worker_id=turn.worker_id,
    )


def agent_at(turn: Turn, t: float) -> Participant | None:
    if not turn.joined <= t < turn.left:
        return None
    tracks = (Track(sid="TR_" + turn.sid[3:], kind="audio", muted=turn.muted),) if turn.audio <= t else ()
    return Participant(
        sid=turn.sid,
        identity=turn.identity,
        kind="AGENT",
        state="ACTIVE" if turn.active <= t else "JOINED",
        joined_at=at(turn.joined),
        attributes={"lk.agent_name": turn.name},
        tracks=tracks,
    )


def guest_at(guest: Guest, t: float) -> Participant | None:
    if not guest.joined <= t < guest.left:
        return None
    return Participant(
        sid=guest.sid, identity=guest.identity, kind=guest.kind, state="ACTIVE", joined_at=at(guest.joined)
    )


def phone_at(dial: Dial, t: float) -> Participant | None:
    if not dial.joined <= t < dial.left:
        return None
    attributes = {
        "sip.callID": dial.sip_call,
        "sip.trunkID": "ST_5Gh8Jk1L",
        "sip.callStatus": dial.status(t),
    }
    return Participant(
        sid=dial.sid,
        identity=dial.identity,
        kind="SIP",
        state="ACTIVE",
        joined_at=at(dial.joined),
        attributes=attributes,
        tracks=(Track(sid="TR_" + dial.sid[3:], kind="audio"),),
    )
