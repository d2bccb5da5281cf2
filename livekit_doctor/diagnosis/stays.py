"""From when to when the phones of a call were in its room, by each source. Those of which it is known that they were
never answered are left out."""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.dial_errors import kind_of_end
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.evidence.observations import LogLine, Participant

SERVER_LOG = "server log"
SIP_LOG = "sip log"
WEBHOOKS = "webhooks"

BY_ITSELF = "CLIENT_REQUEST_LEAVE"
"""Why somebody left who asked to, by the server's word."""

UNANSWERED = frozenset({"USER_REJECTED", "USER_UNAVAILABLE", "SIP_TRUNK_FAILURE", "SIP_PROTOCOL_FAILURE"})
"""Why a phone left that had not been answered (livekit-protocol, DisconnectReason)."""

_ANSWERED = (Said.SIP_ESTABLISHED, Said.SIP_HEARD)
"""What livekit-sip says of one that was answered: it is given the agent's track to hear then."""

_THERE = (Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE, Said.TRACK_PUBLISHED)
_BEFORE_THE_LOG = datetime.min.replace(tzinfo=UTC)


class Stay(Struct, frozen=True):
    """`left` is None where nothing tells of its leaving; `by` is the source, which has one clock."""

    names: frozenset[str]
    came: datetime
    left: datetime | None
    by: str


def stays_of(seen: Seen, logs: ComponentLogs) -> tuple[Stay, ...]:
    return (*_by_server(logs), *_by_sip(logs), *_by_webhooks(seen))


def names_of(phone: Participant) -> frozenset[str]:
    """By what a phone is known: its identity, and the SIP call id of its dial."""
    return frozenset({phone.identity, phone.attributes.get("sip.callID", "")}) - {""}


def _by_server(logs: ComponentLogs) -> Iterator[Stay]:
    """One that the log has leave, and not come, had come before the log begins, if that has no opening of the room. Of
    those that have not left, it says only of which CreateSIPParticipant was called that they are phones."""
    before = None if logs.ever_said(Said.ROOM_OPENED) else _BEFORE_THE_LOG
    there: dict[str, tuple[datetime, LogLine]] = {}
    for line in logs.said(*_THERE, Said.PARTICIPANT_LEFT):
        identity = line.fields.get("participant", "")
        if line.at is None or not line.zoned:
            continue
        if meaning(line) is not Said.PARTICIPANT_LEFT:
            there.setdefault(identity, (line.at, line))
            continue
        came, _ = there.pop(identity, (before, line))
        if line.fields.get("kind") == "SIP" and came and line.fields.get("reason") not in UNANSWERED:
            yield Stay(frozenset({identity}), came, line.at, SERVER_LOG)
    for identity, (came, line) in there.items():
        if logs.is_phone(line):
            yield Stay(frozenset({identity}), came, None, SERVER_LOG)


def _by_sip(logs: ComponentLogs) -> Iterator[Stay]:
    """From the answer on. One that the log has end in order, and not begin, had been answered before the log begins."""
    lines = logs.said(*_ANSWERED, Said.SIP_OVER, Said.SIP_MEDIA_TIMEOUT, Said.TRANSFERRED)
    known = {line.fields.get("call_id", "") for line in logs.said(Said.SIP_CREATING, Said.SIP_FAILED)}
    answered: dict[str, LogLine] = {}
    for line in lines:
        dial = line.fields.get("call_id", "")
        if line.log != "sip" or not dial or line.at is None or not line.zoned:
            continue
        if meaning(line) in _ANSWERED:
            known.add(dial)
            answered.setdefault(dial, line)
        elif dial in answered:
            yield _from(answered.pop(dial), line.at)
        elif dial not in known:
            known.add(dial)
            if meaning(line) is Said.SIP_OVER and kind_of_end(line.fields) is None:
                names = frozenset((dial, line.fields.get("participant", ""))) - {""}
                yield Stay(names, _BEFORE_THE_LOG, line.at, SIP_LOG)
    yield from (_from(line, None) for line in answered.values())


def _from(answered: LogLine, left: datetime | None) -> Stay:
    assert answered.at is not None
    own = meaning(answered) is Said.SIP_ESTABLISHED  # what it hears is another participant's
    names = (answered.fields.get("call_id", ""), answered.fields.get("participant", "") if own else "")
    return Stay(frozenset(names) - {""}, answered.at, left, SIP_LOG)


def _by_webhooks(seen: Seen) -> Iterator[Stay]:
    came: dict[str, tuple[datetime, Participant]] = {}
    for item in seen.sightings:
        for phone in item.participants if item.event else ():
            at = phone.joined_at or item.at
            if phone.kind != "SIP" or at is None:
                continue
            came.setdefault(phone.sid, (at, phone))
            if item.event == "participant_left" and item.at:
                joined = came.pop(phone.sid)[0]
                if item.left_because not in UNANSWERED:
                    yield Stay(names_of(phone), joined, item.at, WEBHOOKS)
    yield from (Stay(names_of(phone), at, None, WEBHOOKS) for at, phone in came.values())
