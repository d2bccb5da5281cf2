"""When the phone was dialled, whoever says it, and whether a later dial would have been seen. What an earlier attempt
was answered decides nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property

from msgspec import Struct

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import says_phone_failed
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, LEAVES_WITHIN
from livekit_doctor.flow import Step

SIP_LOG = "sip log"


class Dials(Struct, frozen=True, dict=True):
    """The attempts to dial the phone of a call."""

    seen: Seen
    logs: ComponentLogs

    @cached_property
    def last(self) -> datetime | None:
        """By LiveKit's clock: when a phone was last created in the room, as far as any source of its own shows."""
        return max(self._created, default=None)

    @property
    def several(self) -> bool:
        """Whether the phone was surely dialled more than once."""
        return bool(self._created) and max(self._created) - min(self._created) > LEAVES_WITHIN

    @cached_property
    def _created(self) -> tuple[datetime, ...]:
        return tuple(self._each_created())

    def _each_created(self) -> Iterator[datetime]:
        seen, logs = self.seen, self.logs
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

    @cached_property
    def failed_by_rows(self) -> datetime | None:
        """When a row last said that the phone's leg failed: what was pasted of a failure and has no time is taken to
        be this one's."""
        steps = self.seen.step_of_state
        rows = (row for row in self.seen.rows if steps[row.state] is None and says_phone_failed(row.state))
        return max((row.at for row in rows), default=None)

    def again(self, at: datetime, by: str | None = None) -> bool:
        """Whether a row tells of the phone after this moment, or livekit-sip's log of another dial; `by` the clock of
        this component. Two clocks have an order only beyond the tolerance (design fact 29)."""
        told = self._told_by
        return any(last - at > self.seen.tolerance for last in told.values()) or (
            by is not None and told.get(by, at) > at
        )

    @cached_property
    def _told_by(self) -> dict[str, datetime]:
        """When each component last told of the phone."""
        creating = (line.at for line in self.logs.said(Said.SIP_CREATING) if line.at is not None and line.zoned)
        last = max(creating, default=None)
        return self.seen.last_of_phone | ({SIP_LOG: last} if last else {})

    # Would a later one have been seen?

    def another_would_show(self, at: datetime | None, *, rows_tell: bool = False) -> bool:
        """Whether anything that was read would show a phone that was dialled after this moment. None: at an unknown
        one. Rows that tell of the phone (`rows_tell`: surely), where they are whole and no phone may be dialled right
        now; the server's log from the moment, or from the room's opening, to its closing."""
        rows_tell = self.seen.rows_are_whole and (rows_tell or self._rows_tell)
        if at is not None and rows_tell and (self._over or self.seen.rows_now - at > self._rings):
            return True
        opened = at or self._opened
        return opened is not None and self.logs.covers_to_the_end and self.logs.covers_room(opened)

    @cached_property
    def _rows_tell(self) -> bool:
        return self.seen.phone_last_logged is not None or self.failed_by_rows is not None

    @cached_property
    def _over(self) -> bool:
        """Whether no phone is dialled right now."""
        seen = self.seen
        none_now = seen.participants_cover and not seen.phone_present
        return none_now or seen.room_live is False or Step.CALL_ENDED in seen.logged

    @property
    def _rings(self) -> timedelta:
        return timedelta(seconds=self.seen.settings.flow.allowances.sip_answered.broken_after)

    @cached_property
    def _opened(self) -> datetime | None:
        return next((line.at for line in self.logs.ever_said(Said.ROOM_OPENED)), None)

    # Phones that stayed

    def phone_stayed(self, at: datetime) -> bool:
        """Whether the server's log has a phone in the room before this moment and long after it: one that was refused
        leaves at once."""
        return any(came < at and at + LEAVES_WITHIN + self.seen.tolerance < left for came, left in self._stays)

    @cached_property
    def _stays(self) -> tuple[tuple[datetime, datetime], ...]:
        """From when to when phones were in the room, by the server's log."""
        came: dict[str, datetime] = {}
        stays = []
        for line in self.logs.said(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT):
            identity = line.fields.get("participant", "")
            if line.at is None or not line.zoned:
                continue
            if meaning(line) is Said.PARTICIPANT_ACTIVE:
                came[identity] = line.at
            elif line.fields.get("kind") == "SIP" and identity in came:
                stays.append((came.pop(identity), line.at))
        return tuple(stays)
