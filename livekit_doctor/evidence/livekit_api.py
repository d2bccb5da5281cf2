"""The LiveKit server API as observations: rooms, participants, agent dispatches, SIP objects.

Read-only. Each function asks one thing and raises ApiError.
"""

import datetime as dt
import hashlib
import secrets
from typing import Literal

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from livekit.protocol import agent, agent_dispatch, models, sip
from livekit.protocol import room as room_service

from livekit_doctor.evidence.livekit_client import LATEST, LiveKitClient
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    InboundTrunk,
    InboundTrunkList,
    Job,
    OutboundTrunk,
    OutboundTrunkList,
    Participant,
    ParticipantList,
    Room,
    RoomList,
    SipDispatchRule,
    SipDispatchRuleList,
    Track,
)
from livekit_doctor.redact import redact_attributes, redact_json, redact_text

# Of this process only: a digest tells two pins of one reading apart and can't be searched for.
_SALT = secrets.token_bytes(16)

# Participant attributes that say something about a call; others are the team's own business.
KEPT_ATTRIBUTES = ("sip.", "lk.")


async def list_rooms(client: LiveKitClient, *names: str) -> RoomList:
    """ListRooms: all rooms, or those of these names. A missing room is simply not in the list."""
    reply = await client.call(
        "RoomService/ListRooms",
        room_service.ListRoomsRequest(names=names),
        room_service.ListRoomsResponse,
        room_list=True,
    )
    return RoomList(read=reply.read, names=names, rooms=tuple(map(room_of, reply.message.rooms)))


async def list_participants(client: LiveKitClient, room: Room) -> ParticipantList:
    reply = await client.call(
        "RoomService/ListParticipants",
        room_service.ListParticipantsRequest(room=room.name),
        room_service.ListParticipantsResponse,
        room_admin=True,
        room=room.name,
    )
    return ParticipantList(
        read=reply.read,
        room=room.name,
        room_sid=room.sid,
        participants=tuple(map(participant_of, reply.message.participants)),
    )


async def list_dispatches(client: LiveKitClient, room: Room) -> DispatchList:
    """ListDispatch. For a room that is gone it takes 3 s and fails (design fact 17): ask
    ListRooms first."""
    reply = await client.call(
        "AgentDispatchService/ListDispatch",
        agent_dispatch.ListAgentDispatchRequest(room=room.name),
        agent_dispatch.ListAgentDispatchResponse,
        room_admin=True,
        room=room.name,
    )
    return DispatchList(
        read=reply.read,
        room=room.name,
        room_sid=room.sid,
        dispatches=tuple(map(dispatch_of, reply.message.agent_dispatches)),
    )


async def list_outbound_trunks(client: LiveKitClient) -> OutboundTrunkList:
    reply = await client.call(
        "SIP/ListSIPOutboundTrunk", sip.ListSIPOutboundTrunkRequest(), sip.ListSIPOutboundTrunkResponse, sip=True
    )
    return OutboundTrunkList(read=reply.read, trunks=tuple(map(outbound_trunk_of, reply.message.items)))


async def list_inbound_trunks(client: LiveKitClient) -> InboundTrunkList:
    reply = await client.call(
        "SIP/ListSIPInboundTrunk", sip.ListSIPInboundTrunkRequest(), sip.ListSIPInboundTrunkResponse, sip=True
    )
    return InboundTrunkList(read=reply.read, trunks=tuple(map(inbound_trunk_of, reply.message.items)))


async def list_sip_dispatch_rules(client: LiveKitClient) -> SipDispatchRuleList:
    reply = await client.call(
        "SIP/ListSIPDispatchRule", sip.ListSIPDispatchRuleRequest(), sip.ListSIPDispatchRuleResponse, sip=True
    )
    return SipDispatchRuleList(read=reply.read, rules=tuple(map(rule_of, reply.message.items)))


# livekit-protocol's messages as values


def outbound_trunk_of(trunk: sip.SIPOutboundTrunkInfo) -> OutboundTrunk:
    return OutboundTrunk(
        id=trunk.sip_trunk_id,
        name=redact_text(trunk.name),
        address=redact_text(trunk.address),
        transport=name_of(sip.SIPTransport, trunk.transport),
        numbers=tuple(trunk.numbers),
        has_auth=bool(trunk.auth_username),
        destination_country=trunk.destination_country,
    )


def inbound_trunk_of(trunk: sip.SIPInboundTrunkInfo) -> InboundTrunk:
    return InboundTrunk(
        id=trunk.sip_trunk_id,
        name=redact_text(trunk.name),
        numbers=tuple(trunk.numbers),
        allowed_addresses=tuple(trunk.allowed_addresses),
        allowed_numbers=tuple(trunk.allowed_numbers),
        has_auth=bool(trunk.auth_username),
        has_password=bool(trunk.auth_password),
    )


def rule_of(rule: sip.SIPDispatchRuleInfo) -> SipDispatchRule:
    kind: Literal["direct", "individual", "callee", "unknown"]
    which = rule.rule.WhichOneof("rule")
    pin, room = "", ""
    if which == "dispatch_rule_direct":
        direct = rule.rule.dispatch_rule_direct
        kind, room, pin = "direct", direct.room_name, direct.pin
    elif which == "dispatch_rule_individual":
        individual = rule.rule.dispatch_rule_individual
        kind, room, pin = "individual", individual.room_prefix, individual.pin
    elif which == "dispatch_rule_callee":
        callee = rule.rule.dispatch_rule_callee
        kind, room, pin = "callee", callee.room_prefix, callee.pin
    else:
        kind = "unknown"
    return SipDispatchRule(
        id=rule.sip_dispatch_rule_id,
        name=redact_text(rule.name),
        kind=kind,
        trunk_ids=tuple(rule.trunk_ids),
        numbers=tuple(rule.numbers),
        inbound_numbers=tuple(rule.inbound_numbers),
        has_pin=bool(pin),
        pin_digest=hashlib.sha256(_SALT + pin.encode()).hexdigest()[:12] if pin else "",
        room=room,
        room_preset=rule.room_preset,
        agents=tuple(entry.agent_name for entry in rule.room_config.agents),
    )


def room_of(room: models.Room) -> Room:
    return Room(
        sid=room.sid,
        name=room.name,
        created_at=_from_ms(room.creation_time_ms) or _from_ms(room.creation_time * 1000) or _EPOCH,
        metadata=redact_json(room.metadata),
        num_participants=room.num_participants,
        empty_timeout=room.empty_timeout,
        departure_timeout=room.departure_timeout,
    )


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def participant_of(participant: models.ParticipantInfo) -> Participant:
    return Participant(
        sid=participant.sid,
        identity=participant.identity,
        kind=name_of(models.ParticipantInfo.Kind, participant.kind),
        state=name_of(models.ParticipantInfo.State, participant.state),
        joined_at=_from_ms(participant.joined_at_ms) or _from_ms(participant.joined_at * 1000),
        metadata=redact_json(participant.metadata),
        attributes=redact_attributes(
            {key: value for key, value in sorted(participant.attributes.items()) if key.startswith(KEPT_ATTRIBUTES)}
        ),
        tracks=tuple(map(track_of, participant.tracks)),
    )


def track_of(track: models.TrackInfo) -> Track:
    kinds: dict[int, Literal["audio", "video", "data"]] = {
        models.TrackType.AUDIO: "audio",
        models.TrackType.VIDEO: "video",
    }
    return Track(sid=track.sid, kind=kinds.get(track.type, "data"), muted=track.muted)


def dispatch_of(dispatch: agent_dispatch.AgentDispatch) -> Dispatch:
    return Dispatch(
        id=dispatch.id,
        agent_name=dispatch.agent_name,
        room=dispatch.room,
        created_at=_from_ns(dispatch.state.created_at),
        deleted_at=_from_ns(dispatch.state.deleted_at),
        metadata=redact_json(dispatch.metadata),
        attributes=redact_attributes(dispatch.attributes),
        deployment=dispatch.deployment,
        restart_policy=name_of(agent_dispatch.JobRestartPolicy, dispatch.restart_policy)
        if dispatch.restart_policy
        else "",
        jobs=tuple(map(_job, dispatch.state.jobs)),
    )


def _job(job: agent.Job) -> Job:
    return Job(
        id=job.id,
        status=name_of(agent.JobStatus, job.state.status),
        type=name_of(agent.JobType, job.type),
        error=redact_text(job.state.error),
        reason="" if not job.state.reason else name_of(agent.JobStateReason, job.state.reason),
        started_at=_from_ns(job.state.started_at),
        ended_at=_from_ns(job.state.ended_at),
        participant_identity=job.state.participant_identity,
        worker_id=job.state.worker_id,
    )


def name_of(enum: EnumTypeWrapper, value: int) -> str:
    """The enum value's name; its number where a newer server sent one that is not known here."""
    return enum.Name(value) if value in enum.values() else str(value)


def _from_ms(value: int) -> dt.datetime | None:
    return _moment(value / 1e3)


def _from_ns(value: int) -> dt.datetime | None:
    """Dispatch and job times are nanoseconds (design section 2)."""
    return _moment(value / 1e9)


def _moment(seconds: float) -> dt.datetime | None:
    """None for zero, which is how the messages say "not set", and for what is no time of a room."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if 0 < seconds < LATEST.timestamp() else None
