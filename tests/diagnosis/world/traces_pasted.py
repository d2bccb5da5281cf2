"""What LiveKit told the team's own programs of a life, and a person pastes: webhooks, and errors of the API."""

import random
from datetime import datetime

from livekit_doctor.evidence.observations import ApiRefusal, Participant, Read, Sighting, SipCallResult
from tests.diagnosis.factories import at
from tests.diagnosis.world.life import NEVER, Life
from tests.diagnosis.world.traces_api import agent_at, guest_at, phone_at, room_of


def webhooks(life: Life, until: float, read_at: datetime) -> list[Sighting]:
    """The bodies that LiveKit posted by then; `createdAt` has whole seconds."""
    read = Read(source="evidence webhooks.jsonl", at=read_at)
    found: list[tuple[float, Sighting]] = []

    def post(t: float, event: str, who: Participant | None = None, because: str = "") -> None:
        if t <= until and t < NEVER:
            whole = at(t).replace(microsecond=0)
            sighting = Sighting(
                read=read,
                room=life.room,
                room_sid=life.sid,
                at=whole,
                event=event,
                info=room_of(life),
                participants=(who,) if who else (),
                left_because=because,
            )
            found.append((t, sighting))

    post(0, "room_started")
    for turn in life.turns:
        if turn.active < NEVER and turn.room == life.room:
            post(turn.active, "participant_joined", agent_at(turn, turn.active))
            reason = "CLIENT_INITIATED" if turn.left_reason == "CLIENT_REQUEST_LEAVE" else "ROOM_DELETED"
            post(turn.left, "participant_left", agent_at(turn, turn.left - 0.001), reason)
    for dial in life.phones:
        if dial.joined < NEVER:
            post(dial.joined, "participant_joined", phone_at(dial, dial.joined))
            left = min(dial.left, life.closes)
            reason = "ROOM_DELETED" if left >= life.closes - 0.1 else dial.left_reason
            post(left, "participant_left", phone_at(dial, left - 0.001), reason)
    for guest in life.guests:
        post(guest.joined, "participant_joined", guest_at(guest, guest.joined))
        post(guest.left, "participant_left", guest_at(guest, guest.left - 0.001), "CLIENT_INITIATED")
    post(life.closes, "room_finished")
    return [sighting for _, sighting in sorted(found, key=lambda item: item[0])]


def pasted_errors(life: Life, until: float, read_at: datetime) -> list[SipCallResult | ApiRefusal]:
    """What CreateSIPParticipant answered, as a program printed it; and at times an error of days before."""
    pick = random.Random(f"errors {life.seed}")
    found: list[SipCallResult | ApiRefusal] = []
    if pick.random() < 0.1:
        found.append(
            ApiRefusal(
                read=Read(source="evidence error.txt", at=read_at),
                at=at(-3 * 86400.0),
                method=pick.choice(["CreateDispatch", "CreateSIPParticipant"]),
                status=401,
                twirp_code="unauthenticated",
                message="invalid API key: APIx",
            )
        )
    for dial in life.phones:
        told = dial.waits or dial.joined == NEVER
        if not told or dial.refused_at > until or dial.refused_at == NEVER:
            continue
        dated = at(dial.refused_at).replace(microsecond=0) if pick.random() < 0.7 else None
        found.append(
            SipCallResult(
                read=Read(source="evidence error.txt", at=read_at, clock_at=dated),
                room=life.room if pick.random() < 0.4 else "",
                took=(dial.refused_at - dial.at) if pick.random() < 0.3 else 0.0,
                status=dial.http,
                twirp_code=dial.twirp,
                message=f"twirp error unknown: {dial.error}" if dial.joined < NEVER else dial.error,
                sip_status_code=dial.sip_status or None,
            )
        )
    return found
