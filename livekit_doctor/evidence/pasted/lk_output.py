"""What `lk ... --json` prints where it has that flag, and API users print likewise: rooms, participants, agent
dispatches, SIP objects.

lk 2.x prints protobuf JSON, keys in camelCase; other programs print the proto's own names in snake_case.
Either way it is one answer of the API, of a moment that it does not name.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.json_format import ParseError
from google.protobuf.message import Message
from livekit.protocol import models, sip

from livekit_doctor.evidence.livekit_api import inbound_trunk_of, outbound_trunk_of, room_of, rule_of
from livekit_doctor.evidence.observations import (
    InboundTrunkList,
    Observation,
    OutboundTrunkList,
    Sighting,
    SipDispatchRuleList,
)
from livekit_doctor.evidence.pasted import as_said, sip_calls
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.printed import Cut
from livekit_doctor.evidence.records.values import objects_in

M = TypeVar("M", bound=Message)
Values = Sequence[dict[str, object]]

MOST = 2_000
"""Objects of one answer that are kept."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The answers, and single objects of them."""
    for document in excerpt.documents:
        if document.first in excerpt.taken:
            continue
        for kind, items, is_list in _answers(document.value):
            try:
                observations = _READERS[kind](items[:MOST], is_list, context)
            except (ParseError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
                continue
            yield Found(kind, document.first, document.last, observations, len(items))


def read_answer(kind: str, items: Values, context: Context, *, is_list: bool = True) -> tuple[Observation, ...]:
    """Objects of one kind, by default a whole list of them, given as protobuf JSON; nothing where they are none."""
    try:
        return _READERS[kind](items[:MOST], is_list, context)
    except (ParseError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return ()


def _answers(value: object) -> Iterator[tuple[str, Values, bool]]:
    """What kind of objects the document has, the objects, and whether they are the whole list."""
    if isinstance(value, dict) and not _OF_LOGS & value.keys():
        for key, kind in _KEYS.items():
            if isinstance(value.get(key), list):
                items = objects_in(value[key])
                found = kind or (_kind(items[0]) if items else "")
                if found and (items or kind) and all(_kind(item) == found for item in items):
                    yield found, items, not isinstance(value[key], Cut)
                    return
        if _kind(value):
            yield _kind(value), [value], False
    elif isinstance(value, list):
        items = objects_in(value)
        kind = _kind(items[0]) if items else ""
        if kind and all(_kind(item) == kind for item in items):
            yield kind, items, kind == DISPATCH and not isinstance(value, Cut)


ROOM, PARTICIPANT, DISPATCH = "room", "participant", "agent dispatch"
OUTBOUND, INBOUND, RULE = "SIP outbound trunk", "SIP inbound trunk", "SIP dispatch rule"

_OF_LOGS = {"level", "levelname", "severity"}

_KEYS = {
    "rooms": ROOM,
    "participants": PARTICIPANT,
    "agentDispatches": DISPATCH,
    "agent_dispatches": DISPATCH,
    "items": "",
}


def _kind(value: dict[str, object]) -> str:
    """What an object is, by its id and the keys that no other has; a line of a log may name any id."""
    if _OF_LOGS & value.keys():
        return ""
    sid, own_id = str(value.get("sid", "")), str(value.get("id", ""))
    if sid.startswith("RM_"):
        return ROOM
    if sid.startswith("PA_") and "identity" in value:
        return PARTICIPANT
    if own_id.startswith("AD_"):
        return DISPATCH
    if sip_calls.is_one(value):
        return sip_calls.KIND
    if {"sipDispatchRuleId", "sip_dispatch_rule_id"} & value.keys():
        return RULE
    if {"sipTrunkId", "sip_trunk_id"} & value.keys():
        if {"sipCallTo", "sip_call_to", "roomName", "room_name", "sipCallId", "sip_call_id"} & value.keys():
            return ""  # a request to dial, or its answer
        if value.get("address"):
            return OUTBOUND
        return INBOUND
    return ""


def _parsed(items: Values, message: type[M]) -> list[M]:
    return [as_said.parsed(item, message) for item in items]


def _rooms(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    rooms = map(room_of, _parsed(items, models.Room))
    return tuple(
        Sighting(read=context.read, room=room.name, room_sid=room.sid, lists="rooms" if is_list else "", info=room)
        for room in rooms
    )


def _participants(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    """A list of those who are there; one that has left is seen as it left."""
    reasons = [as_said.left_because(item, as_said.parsed(item, models.ParticipantInfo)) for item in items]
    people = list(zip(map(as_said.participant, items), reasons, strict=True))
    there = tuple(who for who, reason in people if not reason or who.state == "ACTIVE")
    listed = Sighting(read=context.read, lists="participants" if is_list else "", participants=there)
    gone = [(who, reason) for who, reason in people if who not in there]
    left = [Sighting(read=context.read, participants=(who,), left_because=reason) for who, reason in gone]
    return (listed, *left) if is_list or there else tuple(left)


def _dispatches(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    dispatches = tuple(map(as_said.dispatch, items))
    rooms = tuple(dict.fromkeys(dispatch.room for dispatch in dispatches))
    return tuple(
        Sighting(
            read=context.read,
            room=room,
            lists="dispatches" if is_list and len(rooms) == 1 else "",
            shows_deployments=all("deployment" in item for item in items),
            dispatches=tuple(dispatch for dispatch in dispatches if dispatch.room == room),
        )
        for room in rooms
    )


def _outbound(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    trunks = tuple(map(outbound_trunk_of, _parsed(items, sip.SIPOutboundTrunkInfo)))
    return (OutboundTrunkList(read=context.read, trunks=trunks),) if is_list else ()


def _inbound(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    trunks = tuple(map(inbound_trunk_of, _parsed(items, sip.SIPInboundTrunkInfo)))
    return (InboundTrunkList(read=context.read, trunks=trunks),) if is_list else ()


def _rules(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    rules = tuple(map(rule_of, _parsed(items, sip.SIPDispatchRuleInfo)))
    return (SipDispatchRuleList(read=context.read, rules=rules),) if is_list else ()


def _calls(items: Values, is_list: bool, context: Context) -> tuple[Observation, ...]:
    return tuple(seen for item in items for seen in sip_calls.read(item, context.read))


_READERS: dict[str, Callable[[Values, bool, Context], tuple[Observation, ...]]] = {
    ROOM: _rooms,
    PARTICIPANT: _participants,
    DISPATCH: _dispatches,
    OUTBOUND: _outbound,
    INBOUND: _inbound,
    RULE: _rules,
    sip_calls.KIND: _calls,
}
