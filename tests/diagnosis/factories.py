"""Small builders: a room on LiveKit's clock, looks at it, log rows, and the evidence they make.

Times are seconds since the room was created. This machine's clock is an hour ahead of LiveKit's
and of the log store's throughout, so that an age taken against it shows at once.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from livekit_doctor.diagnosis import core
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Broken, Diagnosis
from livekit_doctor.evidence.observations import (
    Canary,
    Component,
    Coverage,
    Dispatch,
    DispatchList,
    Evidence,
    Job,
    LogFile,
    LogLine,
    LogRow,
    LogTable,
    Observation,
    Participant,
    ParticipantList,
    Problem,
    Read,
    Room,
    RoomList,
    Sighting,
    SipDispatchRule,
    SipDispatchRuleList,
    Track,
    WorkerEndpoint,
)
from livekit_doctor.flow import Status, Step
from livekit_doctor.settings import Agent, Settings
from tests.in_full.said import noted

CREATED = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
"""When the room was created, on LiveKit's clock."""
AHEAD = timedelta(hours=1)
"""By how much this machine's clock is ahead."""

ROOM = "outbound-5b1f-1927"
SID = "RM_hQ3kzVb7Wx2p"
AGENT = "Front Desk 7"
CALL = "5b1f-77"
SETTINGS = Settings(agent=Agent(name=AGENT))


def at(seconds: float) -> datetime:
    """A moment on LiveKit's clock, and on the log store's."""
    return CREATED + timedelta(seconds=seconds)


def read(seconds: float, source: str = "livekit_api") -> Read:
    return Read(source=source, at=at(seconds) + AHEAD, clock_at=at(seconds))


# What is in a room


def the_room(name: str = ROOM, sid: str = SID, created: float = 0, departure_timeout: int = 20) -> Room:
    return Room(sid=sid, name=name, created_at=at(created), empty_timeout=300, departure_timeout=departure_timeout)


def automatic(created: float = 0, jobs: Iterable[Job] = (), room: str = ROOM) -> Dispatch:
    return Dispatch(id="AD_automatic0000", agent_name="", room=room, created_at=at(created), jobs=tuple(jobs))


def dispatch(
    created: float = 0,
    *jobs: Job,
    name: str = AGENT,
    id: str = "AD_t8Xk2mQ9pLwz",
    room: str = ROOM,
    metadata: str = "",
) -> Dispatch:
    return Dispatch(id=id, agent_name=name, room=room, created_at=at(created), metadata=metadata, jobs=tuple(jobs))


def job(started: float | None = 0.3, identity: str = "agent-AJ_1", **values: object) -> Job:
    known: dict[str, object] = {
        "id": "AJ_uN4vB8sK1rTy",
        "status": "JS_RUNNING",
        "worker_id": "AW_c5Dg7Hj2Lq9w",
        "started_at": None if started is None else at(started),
        "participant_identity": identity,
    }
    return Job(**(known | values))  # type: ignore[arg-type]


def declined_job(when: float = 0.4, **values: object) -> Job:
    """As request_fnc's reject() leaves it (measured: started and ended at the same instant)."""
    return job(when, identity="", **({"status": "JS_SUCCESS", "ended_at": at(when)} | values))


def audio(muted: bool = False, sid: str = "TR_aud10") -> Track:
    return Track(sid=sid, kind="audio", muted=muted)


def agent(
    joined: float = 1,
    *tracks: Track,
    name: str | None = AGENT,
    identity: str = "agent-AJ_1",
    state: str = "ACTIVE",
    sid: str = "PA_agent1",
    kind: str = "AGENT",
) -> Participant:
    return Participant(
        sid=sid,
        identity=identity,
        kind=kind,
        state=state,
        joined_at=at(joined),
        attributes={} if name is None else {"lk.agent_name": name},
        tracks=tracks,
    )


def phone(
    status: str = "active",
    joined: float = 0.5,
    *,
    rule: str = "",
    sid: str = "PA_phone1",
    identity: str = "sip_1",
) -> Participant:
    """A SIP participant; no status: without sip.callStatus; with a rule: of an inbound call."""
    attributes = {"sip.callID": "SCL_9xKd3Fh6", "sip.trunkID": "ST_5Gh8Jk1L"}
    if status:
        attributes["sip.callStatus"] = status
    if rule:
        attributes["sip.ruleID"] = rule
    return Participant(
        sid=sid,
        identity=identity,
        kind="SIP",
        state="ACTIVE",
        joined_at=at(joined),
        attributes=attributes,
        tracks=(audio(sid="TR_phone"),),
    )


def human(joined: float = 2, *tracks: Track, identity: str = "supervisor", sid: str = "PA_human1") -> Participant:
    return Participant(sid=sid, identity=identity, kind="STANDARD", state="ACTIVE", joined_at=at(joined), tracks=tracks)


# Readings


def rooms(seconds: float, *found: Room, names: tuple[str, ...] = ()) -> RoomList:
    return RoomList(read=read(seconds), names=names, rooms=found)


def participants(seconds: float, *found: Participant, room: str = ROOM, sid: str = SID) -> ParticipantList:
    return ParticipantList(read=read(seconds), room=room, room_sid=sid, participants=found)


def dispatches(seconds: float, *found: Dispatch, room: str = ROOM, sid: str = SID) -> DispatchList:
    return DispatchList(read=read(seconds), room=room, room_sid=sid, dispatches=found)


def look(
    seconds: float, *inside: Dispatch | Participant, room: Room | None = None, beside: Iterable[Room] = ()
) -> tuple[Observation, ...]:
    """One look at an open room: ListRooms of all rooms, ListParticipants, ListDispatch."""
    own = room or the_room()
    return (
        rooms(seconds, own, *beside),
        participants(seconds, *(item for item in inside if isinstance(item, Participant)), room=own.name, sid=own.sid),
        dispatches(seconds, *(item for item in inside if isinstance(item, Dispatch)), room=own.name, sid=own.sid),
    )


def closed(seconds: float, *others: Room) -> tuple[Observation, ...]:
    """One look that finds the room gone."""
    return (rooms(seconds, *others),)


def row(
    seconds: float,
    state: str,
    source: str = "edge_function",
    *,
    room: str = "",
    metadata: str = "",
    call_id: str = CALL,
    order: int = 0,
) -> LogRow:
    """A log row; `evidence` says when it was read."""
    return LogRow(
        read=read(seconds, "call_logs"),
        call_id=call_id,
        at=at(seconds),
        source=source,
        state=state,
        room=room,
        metadata=metadata,
        order=order,
    )


def endpoint(
    name: str | None = AGENT, status: int = 200, worker_type: str = "JT_ROOM", seconds: float = 0
) -> Observation:
    return WorkerEndpoint(
        read=read(seconds, "worker_endpoint"),
        url="http://10.0.0.7:8081",
        status=status,
        agent_name=name,
        worker_type=worker_type,
    )


def canary(seconds: float, job_after: float | None = 0.2, worker_id: str = "AW_canary00001") -> Canary:
    return Canary(
        read=read(seconds, "canary"),
        agent_name="livekit-doctor-x",
        room="livekit-doctor-y",
        worker_id=worker_id,
        job_after=job_after,
        waited=job_after or 8,
    )


def line(log: Component, seconds: float, message: str, **fields: str) -> LogLine:
    """A line of a component's log; its number is its time."""
    return LogLine(
        read=read(3600, f"{log}_log {log}.log"),
        log=log,
        file=f"{log}.log",
        number=int(seconds * 1000) + 1_000_000,
        at=at(seconds),
        level="info",
        logger="livekit.agents",
        message=message,
        fields=fields,
    )


def server_line(seconds: float, message: str, **fields: str) -> LogLine:
    """A line of livekit-server's about this call's room and agent, unless `fields` say otherwise."""
    own = {"room": ROOM, "room_id": SID, "agent_name": AGENT, "job_type": "JT_ROOM"}
    return line("server", seconds, message, **{key: value for key, value in (own | fields).items() if value})


def room_line(seconds: float, message: str, who: str = "", **fields: str) -> LogLine:
    """A line of livekit-server's about this call's room, or `who` is in it; of no job, unless `fields` say so."""
    return server_line(seconds, message, **({"participant": who, "agent_name": "", "job_type": ""} | fields))


def worker_line(seconds: float, message: str, **fields: str) -> LogLine:
    """A line of the worker's about this call's job, unless `fields` say otherwise."""
    own = {"room": ROOM, "room_id": SID, "agent_name": AGENT, "job_id": "AJ_uN4vB8sK1rTy"}
    return line("worker", seconds, message, **{key: value for key, value in (own | fields).items() if value})


def webhook(seconds: float, event: str, who: Participant, because: str = "") -> Sighting:
    """One of LiveKit's, of this call's room, as somebody pasted it; `because` is why `who` left."""
    return Sighting(
        read=read(3600, "evidence"),
        room=ROOM,
        room_sid=SID,
        event=event,
        at=at(seconds),
        participants=(who,),
        left_because=because,
    )


def log_file(log: Component, first: float = -600, last: float = 600) -> LogFile:
    """A log that spans these seconds."""
    source = f"{log}_log {log}.log"
    return LogFile(read=read(3600, source), log=log, name=f"{log}.log", first_at=at(first), last_at=at(last))


def rules(seconds: float, *found: SipDispatchRule) -> SipDispatchRuleList:
    return SipDispatchRuleList(read=read(seconds, "sip_api"), rules=found)


def table(seconds: float, **values: object) -> LogTable:
    return LogTable(read=read(seconds, "call_logs"), **({"name": "public.call_state_logs"} | values))  # type: ignore[arg-type]


def unread(source: str, code: str, message: str = "not read") -> Coverage:
    return Coverage(source=source, status="unread", problem=Problem(code=code, message=message))


READ = (Coverage(source="livekit_api", status="read"), Coverage(source="call_logs", status="read"))


def evidence(
    now: float, *items: Observation | Iterable[Observation], coverage: tuple[Coverage, ...] = READ
) -> Evidence:
    """Everything that was observed by `now`. The log rows were read at `now`, all of them."""
    flat: list[Observation] = []
    for item in items:
        flat.extend([item] if not isinstance(item, Iterable) else item)
    dated = [replace(item, read=read(now, "call_logs")) if isinstance(item, LogRow) else item for item in flat]
    return Evidence(now=at(now) + AHEAD, observations=_as_read(dated), coverage=coverage)


def _as_read(items: Iterable[Observation]) -> tuple[Observation, ...]:
    """As they come out of JSON: two texts that are equal are not one object, as texts in a program are."""
    return tuple(_DECODER.decode(msgspec.msgpack.encode(item)) for item in items)


_DECODER: msgspec.msgpack.Decoder[Observation] = msgspec.msgpack.Decoder(Observation)


# Diagnoses


def diagnose(evidence: Evidence, settings: Settings, subject: Subject) -> Diagnosis:
    return noted(core.diagnose(evidence, settings, subject))


def judge(
    now: float,
    *items: Observation | Iterable[Observation],
    settings: Settings = SETTINGS,
    subject: Subject | None = None,
    coverage: tuple[Coverage, ...] = READ,
) -> Diagnosis:
    subject = subject or Subject(call_id=CALL, room=ROOM)
    return diagnose(evidence(now, *items, coverage=coverage), settings, subject)


def rows_only(now: float, *rows: LogRow, settings: Settings = SETTINGS) -> Diagnosis:
    """The rows alone: nobody knows the room."""
    return judge(now, *rows, settings=settings, subject=Subject(call_id=CALL))


def found(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Step, code and confidence of each break, the primary one first."""
    return [(item.step.value, item.code, item.confidence.value) for item in diagnosis.broken]


def codes(diagnosis: Diagnosis) -> list[str]:
    return [item.code for item in diagnosis.broken]


def broken(diagnosis: Diagnosis, code: str) -> Broken:
    return next(item for item in diagnosis.broken if item.code == code)


def status(diagnosis: Diagnosis, step: Step) -> Status:
    return next(result.status for result in diagnosis.steps if result.step is step)


def warned(diagnosis: Diagnosis) -> list[str]:
    return [warning.code for warning in diagnosis.warnings]


def because(diagnosis: Diagnosis, code: str) -> str:
    return " | ".join(item.text for item in broken(diagnosis, code).because)
