"""LiveKit's webhooks: bodies of type livekit.WebhookEvent, as a server posts them (protobuf JSON).

Jobs have webhooks, and the end of a room a reason, since livekit-protocol 1.1 for Python (1.50 for Go).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.json_format import ParseError
from livekit.protocol import models, webhook
from msgspec.structs import replace

from livekit_doctor.evidence.livekit_api import name_of, room_of, track_of
from livekit_doctor.evidence.observations import LogRow, Read, Sighting
from livekit_doctor.evidence.observations.told import NOT_OF_CALLS, is_webhook, webhook_named
from livekit_doctor.evidence.pasted import as_said
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Document, Excerpt

KIND = "webhook"

_DEEPEST = 4
"""Objects inside of each other in which a body may be: what a program logs stands in what its host adds."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The bodies, alone or in an array, or under a key such as "body"."""
    for document in excerpt.documents:
        if events := _events_of(document):
            logged = excerpt.time_of(document)
            sightings = tuple(filter(None, (sighting(event, context.read, logged) for event in events)))
            yield Found(KIND, document.first, document.last, sightings, len(events))


def count(excerpt: Excerpt) -> int:
    """How many bodies there are."""
    return sum(len(_events_of(document)) for document in excerpt.documents)


def _events_of(document: Document) -> list[dict[str, object]]:
    values = document.value if isinstance(document.value, list) else [document.value]
    return [event for value in values for event in _events(value)]


def _events(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    if not isinstance(value, dict):
        return
    event = value.get("event")
    if isinstance(event, str) and (is_webhook(event) or _is_newer(event, value)):
        # livekit-server's log line "sent webhook" has the same key, and the room's name in place of the room.
        if isinstance(value.get("room", {}), dict) and "webhookTime" not in value:
            yield value
    elif depth < _DEEPEST:
        for inner in value.values():
            yield from _events(inner, depth + 1)


def _is_newer(event: str, value: dict[str, object]) -> bool:
    """An event of a newer server: it has the id that all have."""
    return event.isidentifier() and str(value.get("id", "")).startswith("EV_")


def in_row(row: LogRow) -> Sighting | None:
    """The webhook that a log row is, as its handler wrote it down: the body in its metadata, or what it is about, with
    the event's name for the state. One without a time of its own has that at which it was written down."""
    try:
        value = json.loads(row.metadata)
    except (ValueError, RecursionError):
        return None
    event = webhook_named(row.state)
    body = next(_events(value), None)
    if body is None and event and isinstance(value, dict) and any(isinstance(value.get(key), dict) for key in _ABOUT):
        body = {**value, "event": event}
    return sighting(body, row.read, row.at) if body else None


_ABOUT = ("room", "participant", "job")


def sighting(value: dict[str, object], read: Read, logged: datetime | None = None) -> Sighting | None:
    """What the body of an event shows, by default of the time when it was logged; None for one that says nothing of a
    call, or is broken."""
    try:
        found = _seen(as_said.parsed(value, webhook.WebhookEvent), value, read)
        return _joined_then(replace(found, at=found.at or logged)) if found is not None else None
    except (ParseError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None


def _joined_then(found: Sighting) -> Sighting:
    """With the time of the event for who joined by it, where a handler wrote down no other."""
    if found.event != "participant_joined":
        return found
    came = (replace(one, joined_at=one.joined_at or found.at) for one in found.participants)
    return replace(found, participants=tuple(came))


def _seen(event: webhook.WebhookEvent, value: dict[str, object], read: Read) -> Sighting | None:
    if event.event.startswith(NOT_OF_CALLS):
        return None
    of = event.room if event.room.sid or event.room.name else event.job.room
    room = room_of(of) if of.sid or of.name else None
    participant, job = value.get("participant"), value.get("job")
    who = participant if isinstance(participant, dict) and event.participant.identity else None
    end = event.room_end_reason
    return Sighting(
        read=read,
        event=event.event,
        at=moment(event.created_at),
        room=room.name if room else "",
        room_sid=room.sid if room else "",
        info=room if room and room.created_at.year > 1990 else None,
        participants=(as_said.participant(who),) if who else (),
        dispatches=(as_said.dispatch_of_job(job),) if isinstance(job, dict) and event.job.id else (),
        track=track_of(event.track) if event.track.sid else None,
        left_because=as_said.left_because(who, event.participant) if who else "",
        room_ended_because=as_said.name(value, "room_end_reason")
        or (name_of(models.RoomEndReason, end) if end else ""),
    )


def moment(seconds: int) -> datetime | None:
    """A time in Unix seconds; None for none and for one that is no time."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1 << 33 else None
