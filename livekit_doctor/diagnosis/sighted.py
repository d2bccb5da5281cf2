"""What a pasted webhook, or an earlier answer of the API, shows of the steps of a call."""

from collections.abc import Iterator
from datetime import datetime

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.seen import ANSWERED, RANG
from livekit_doctor.diagnosis.seen_room import declined, taken
from livekit_doctor.evidence.observations import Participant, Sighting
from livekit_doctor.flow import Step

_Shown = Iterator[tuple[Step, str, datetime | None]]
"""A step, what shows it, and when it was."""


def shown_by(call: Call, item: Sighting, agents: set[str], phones: set[str], last: datetime | None) -> _Shown:
    """`last` is when the last phone joined: that one before it rang, and was not answered, says nothing of this one."""
    if item.info is not None:
        known = item.info.created_at.year > 1990
        yield Step.ROOM_CREATED, f"room {item.info.sid} was there", item.info.created_at if known else None
    elif item.room:
        yield Step.ROOM_CREATED, f"room {item.room_sid or item.room} was there", None
    if item.event == "room_finished":
        why = f": {item.room_ended_because}" if item.room_ended_because else ""
        yield Step.CALL_ENDED, f"the room was closed{why}", item.at
    for dispatch in item.dispatches:
        if not dispatch.agent_name and not dispatch.unnamed and not dispatch.jobs:
            continue
        if call.wanted_agent in (None, dispatch.agent_name) or dispatch.unnamed:
            named = f'for "{dispatch.agent_name}"' if dispatch.agent_name else "the automatic one"
            named = "of an agent that is not named" if dispatch.unnamed else named
            yield Step.AGENT_DISPATCHED, f"dispatch {dispatch.id}, {named}", dispatch.created_at
        for job in dispatch.jobs:
            if taken(job) and not declined(job):
                worker = job.worker_id or "unknown"  # the job's state is of another moment
                yield Step.JOB_ASSIGNED, f"job {job.id}, worker {worker}", job.started_at
    for participant in item.participants:
        if participant.identity in agents:
            yield from _of_seen_agent(item, participant)
        elif participant.identity in phones and not _was_given_up(participant, last):
            yield from _of_seen_phone(participant)


def _was_given_up(phone: Participant, last: datetime | None) -> bool:
    answered = phone.attributes.get("sip.callStatus") in ANSWERED
    return not answered and bool(phone.joined_at and last and phone.joined_at < last)


def _of_seen_agent(item: Sighting, agent: Participant) -> _Shown:
    """A webhook says participant_joined when the participant has become ACTIVE, and of one that has not
    participant_connection_aborted (livekit-server 1.13.5)."""
    at = agent.joined_at
    if item.event == "participant_connection_aborted" or (not item.event and agent.state in ("JOINING", "JOINED")):
        yield Step.ENTRYPOINT_CALLED, f"agent {agent.identity} had not connected its media", at
        return
    yield Step.AGENT_CONNECTED, f"agent {agent.identity} was in the room", at
    tracks = [item.track] if item.track and item.event == "track_published" else agent.tracks
    for track in tracks:
        if track.kind == "audio" and not track.muted:
            yield Step.AGENT_AUDIO, f"agent {agent.identity} published audio track {track.sid}", None
            break


def _of_seen_phone(phone: Participant) -> _Shown:
    yield Step.SIP_PARTICIPANT_CREATED, f"SIP participant {phone.identity}", phone.joined_at
    status = phone.attributes.get("sip.callStatus", "")
    if phone.attributes.get("sip.ruleID"):
        return
    if status:
        yield Step.SIP_DIALING, "sip.callStatus is set", phone.joined_at
    for step, states in ((Step.SIP_RINGING, RANG), (Step.SIP_ANSWERED, ANSWERED)):
        if status in states:
            yield step, f"sip.callStatus {status}", None
