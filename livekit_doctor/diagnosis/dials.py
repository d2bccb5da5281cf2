"""When the phone was dialled last, whoever says it. What an earlier attempt was answered decides nothing."""

from collections.abc import Iterator
from datetime import datetime

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import says_phone_failed
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE


def dialled_at(seen: Seen, logs: ComponentLogs) -> datetime | None:
    """By LiveKit's clock: when a phone was last created in the room, as far as any source of its own shows."""
    return max(_created(seen, logs), default=None)


def _created(seen: Seen, logs: ComponentLogs) -> Iterator[datetime]:
    if seen.inbound:
        return
    yield from (phone.joined_at for phone in seen.phones_seen if phone.joined_at is not None)
    for item in seen.sightings:
        if item.event == "participant_joined":
            yield from (p.joined_at for p in item.participants if p.kind == "SIP" and p.joined_at is not None)
    for line in logs.said(Said.SIP_ACCEPTED):
        if line.at is not None and line.zoned:
            yield line.at - CREATED_AT_ONCE
    for line in logs.said(Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE):
        if line.at is not None and line.zoned and logs.is_phone(line):
            yield line.at


def failed_by_rows(seen: Seen) -> datetime | None:
    """When a row last said that the phone's leg failed: what was pasted of a failure and has no time is taken to be
    this one's."""
    rows = (row for row in seen.rows if seen.step_of_state[row.state] is None and says_phone_failed(row.state))
    return max((row.at for row in rows), default=None)
