"""What looks into the room showed while its phone was there: once the phone is gone, or the room, nobody's absence can
be seen any more, and what was seen of it stands."""

from datetime import datetime

from msgspec.structs import replace

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.times import NOTHING_MISSED
from livekit_doctor.evidence.observations import LogLine, LogRow, Observation, ParticipantList


def when_last_seen(call: Call) -> Call | None:
    """The call as it was at the last look that has a phone, if that is gone since, and the next look followed so soon
    that nobody can have come and gone meanwhile; not where the agent was dispatched once more since."""
    looks = [look for look in call.participant_lists if _has_phone(look)]
    if not looks or (call.api_covers and looks[-1] is call.participant_list):
        return None
    last = looks[-1].read
    later = [look.read.at for look in (*call.participant_lists, *call.room_lists) if look.read.at > last.at]
    if not later or min(later) - last.at > NOTHING_MISSED:
        return None
    evidence = call.setup.evidence
    seen = tuple(item for item in evidence.observations if _was_known(item, last.at, last.now))
    setup = Setup(replace(evidence, observations=seen, now=last.at), call.settings)
    rows = tuple(row for row in call.rows if row.at <= last.now)
    then = Call(setup, call.subject, call.room, rows, call.latest, call.looked_into, before=call.before)
    again = call.component_logs.latest.began != then.component_logs.latest.began
    return None if again else then


def _has_phone(look: ParticipantList) -> bool:
    return any(one.kind == "SIP" and one.attributes.get("sip.callStatus") != "hangup" for one in look.participants)


def _was_known(item: Observation, at: datetime, by_livekit: datetime) -> bool:
    """By this machine's clock; of what is logged, whenever it was read, by its own."""
    if isinstance(item, LogRow | LogLine):
        return item.at is None or item.at <= by_livekit
    return item.read.at <= at
