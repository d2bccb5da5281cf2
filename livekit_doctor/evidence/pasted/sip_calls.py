"""A SIP call as LiveKit tells of it (livekit.SIPCallInfo): Cloud's dashboard shows it, and its API lists it.

Its times are ISO 8601 in the dashboard, and nanoseconds in protobuf's JSON. livekit-sip sets SCS_ACTIVE and
`startedAt` once the call is answered (pkg/sip/outbound.go); the attributes may be those with which it began.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from livekit.protocol import models, sip
from msgspec.structs import replace

from livekit_doctor.evidence.livekit_api import name_of
from livekit_doctor.evidence.observations import Observation, Participant, Read, Sighting, SipCallResult
from livekit_doctor.evidence.pasted import as_said
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.redact import redact_text

KIND = "SIP call"


def is_one(value: Mapping[str, object]) -> bool:
    own_id, told = str(as_said.plain(value, "call_id")), as_said.plain(value, "call_status")
    return own_id.startswith("SCL_") and (isinstance(told, int) or str(told).startswith("SCS_"))


def read(value: Mapping[str, object], read: Read) -> Iterator[Observation]:
    """The phone as it was seen, and when it was answered, or what failed before that."""
    started, ended = _time(value, "started_at"), _time(value, "ended_at")
    status = _named(value, "call_status", sip.SIPCallStatus)
    inbound = _named(value, "call_direction", sip.SIPCallDirection) == "SCD_INBOUND"
    phone = _phone(value, answered=started is not None or status == "SCS_ACTIVE", inbound=inbound)
    dialled = (
        None if inbound else _answer(value, phone, read, started) if started else _failure(value, phone, read, ended)
    )
    reason = _named(value, "disconnect_reason", models.DisconnectReason)
    room_sid = str(as_said.plain(value, "room_id") or "")
    yield Sighting(
        read=read,
        room=str(as_said.plain(value, "room_name") or ""),
        room_sid=room_sid if room_sid.startswith("RM_") else "",
        at=ended,
        participants=(phone,),
        left_because=reason if ended and (started or dialled is None) else "",
    )
    if dialled is not None:
        yield dialled


def _phone(value: Mapping[str, object], *, answered: bool, inbound: bool) -> Participant:
    given = as_said.plain(value, "participant_attributes")
    attributes = {str(key): redact_text(str(said)) for key, said in given.items()} if isinstance(given, dict) else {}
    call_id = str(as_said.plain(value, "call_id"))
    attributes |= {"sip.callID": call_id} | ({"sip.callStatus": "active"} if answered else {})
    if inbound:
        attributes.setdefault("sip.ruleID", str(as_said.plain(value, "dispatch_rule_id") or "unknown"))
    return Participant(
        sid="",
        identity=str(as_said.plain(value, "participant_identity") or call_id),
        kind="SIP",
        state="",
        joined_at=_time(value, "created_at"),
        attributes=attributes,
    )


def _answer(value: Mapping[str, object], phone: Participant, read: Read, at: datetime | None) -> SipCallResult:
    """That it was answered then."""
    began = phone.joined_at
    return SipCallResult(
        read=replace(read, clock_at=at),
        room=str(as_said.plain(value, "room_name") or ""),
        identity=phone.identity,
        trunk_id=str(as_said.plain(value, "trunk_id") or ""),
        took=(at - began).total_seconds() if at and began else 0,
        status=200,
        sip_call_id=phone.attributes["sip.callID"],
    )


def _failure(
    value: Mapping[str, object], phone: Participant, read: Read, ended: datetime | None
) -> SipCallResult | None:
    """By the carrier's status, or the words of the error; None where it has neither: why it ended tells the rest."""
    told = as_said.plain(value, "call_status_code")
    code = _named(told, "code", sip.SIPStatusCode) if isinstance(told, dict) else ""
    words = redact_text(str(as_said.plain(value, "error") or ""))
    number = sip.SIPStatusCode.Value(code) if code in sip.SIPStatusCode.keys() else int(code or 0)  # noqa: SIM118
    if not words and number < 300:
        return None
    return replace(
        _answer(value, phone, read, ended),
        status=0,
        message=words,
        sip_status_code=number if number >= 300 else None,
        sip_status=str(told.get("status", "")) if isinstance(told, dict) else "",
    )


def _named(value: Mapping[str, object], key: str, enum: EnumTypeWrapper) -> str:
    """An enum's value by its name, also where its number stands there."""
    said = as_said.plain(value, key)
    return name_of(enum, said) if isinstance(said, int) else str(said or "")


def _time(value: Mapping[str, object], key: str) -> datetime | None:
    """None for none, and for zero."""
    return moment(as_said.plain(value, f"{key}_ns") or as_said.plain(value, key))[0]
