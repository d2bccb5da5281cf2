"""When the phone was dialled, whoever says it, and whether a later dial would have been seen. What an earlier attempt
was answered decides nothing."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Set
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile

from msgspec import Struct

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.dial_errors import own_words
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.row_answers import error_in
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import is_of_other_phone, says_phone_failed
from livekit_doctor.diagnosis.stays import SERVER_LOG, SIP_LOG, UNANSWERED, Stay, stays_of
from livekit_doctor.diagnosis.times import (
    CREATED_AT_ONCE,
    DATE_RESOLUTION,
    LEAVES_WITHIN,
    MEDIA_FAILS_WITHIN,
    ROOM_CLOSES_AFTER,
    SECOND_LOOK,
)
from livekit_doctor.evidence.observations import LogLine, SipCallResult
from livekit_doctor.evidence.team_words import says_went_well
from livekit_doctor.flow import Step


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
        joined = (p for item in self.seen.sightings if item.event == "participant_joined" for p in item.participants)
        phones = {p.sid for p in (*self.seen.phones_seen, *joined) if p.kind == "SIP"}
        return len(phones) > 1 or bool(self._created and max(self._created) - min(self._created) > LEAVES_WITHIN)

    @property
    def outnumber_failures(self) -> bool:
        """Whether LiveKit shows more phones than rows tell of failures: one of them was not refused."""
        joined = (p for item in self.seen.sightings if item.event == "participant_joined" for p in item.participants)
        phones = {p.sid for p in (*self.seen.phones_seen, *joined) if p.kind == "SIP"}
        phones |= {line.fields.get("participant_id", "") for line in self.logs.of_phone(Said.PARTICIPANT_ACTIVE)}
        return len(phones) > len(self._failed_by_rows)

    @cached_property
    def _created(self) -> tuple[datetime, ...]:
        return tuple(self._each_created())

    def _each_created(self) -> Iterator[datetime]:
        seen, logs = self.seen, self.logs
        if seen.inbound:
            return
        yield from (phone.joined_at for phone in seen.phones_seen if phone.joined_at is not None)
        for item in seen.sightings:
            if item.event in ("participant_joined", ""):
                yield from (p.joined_at for p in item.participants if p.kind == "SIP" and p.joined_at is not None)
        for line in logs.said(Said.SIP_ACCEPTED):
            if line.at is not None and line.zoned:
                yield line.at - CREATED_AT_ONCE
        for line in logs.of_phone(Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE, Said.TRACK_PUBLISHED):
            if line.at is not None and line.zoned:
                yield line.at

    @cached_property
    def failed_by_rows(self) -> datetime | None:
        """When a row last said that the phone's leg failed: what was pasted of a failure and has no time is taken to
        be this one's."""
        return max(self._failed_by_rows, default=None)

    @cached_property
    def _failed_by_rows(self) -> tuple[datetime, ...]:
        return tuple(row.at for row in self.seen.rows_of_no_step(says_phone_failed))

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
        begun = (*self.logs.said(Said.SIP_CREATING), *self._first_of_each.values())
        last = max((line.at for line in begun if line.at is not None and line.zoned), default=None)
        return self.seen.last_of_phone | ({SIP_LOG: last} if last else {})

    @cached_property
    def _first_of_each(self) -> dict[str, LogLine]:
        """livekit-sip's first line of each dial, by its SIP call id, oldest first."""
        first: dict[str, LogLine] = {}
        for line in self.logs.own_by_log["sip"]:
            if line.fields.get("call_id"):
                first.setdefault(line.fields["call_id"], line)
        return first

    def began(self, dial: str) -> datetime | None:
        """When livekit-sip first tells of the dial with this SIP call id."""
        return first.at if (first := self._first_of_each.get(dial)) and first.zoned else None

    def is_of_earlier_call(self, line: LogLine) -> bool:
        """Whether livekit-sip's log has another dial that begins after this line of one."""
        own, calls = line.fields.get("call_id", ""), list(self._first_of_each)
        return own in calls and calls[-1] != own

    def is_above_a_phone(self, line: LogLine) -> bool:
        """Whether the phone was dialled again, by the order of the lines below one without a time."""
        told = self.logs.said(Said.SIP_ACCEPTED, Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE)
        there = (one for one in told if meaning(one) is Said.SIP_ACCEPTED or self.logs.is_phone(one))
        return line.at is None and any(one.file == line.file and is_above(line, one) for one in there)

    def got_further(self, at: datetime | None, own_clock: bool, *, made_phone: bool, by: str | None) -> bool:
        """Whether the call got further than this failure: a phone was created after it, or one left so long after it
        as none does that was refused. `at` is None where nobody knows when it was, and `own_clock` whether that is by
        LiveKit's clock; by another one phone was surely created later only beyond the tolerance. A failure before any
        phone was made (not `made_phone`) is not that of the call whose phone was there, unless that was surely before.
        """
        if at is None:
            return not made_phone and (self._was_made or bool(self._may_have_come))
        dated = self.logs.is_dated_by_livekit("sip")
        margin = CREATED_AT_ONCE if own_clock else DATE_RESOLUTION if dated and by == SIP_LOG else self.seen.tolerance
        if self.last is not None and self.last - at > margin:
            return True
        if self._went_on(at, by_program=made_phone and not own_clock and by != SIP_LOG):
            return True
        if any(left - at > LEAVES_WITHIN + self.seen.tolerance for left in self._left) or self.again(at, by):
            return True
        if made_phone:
            return False
        by_livekit = [*self._created, *self._may_have_come, *(line.at for line in self.logs.mentioned if line.at)]
        others = {component: when for component, when in self._told_by.items() if component != by}
        by_livekit += [others.pop(SIP_LOG)] if dated and SIP_LOG in others else []
        return any(when - at > -self.seen.tolerance for when in others.values()) or any(
            when - at > -margin for when in by_livekit
        )

    def _went_on(self, at: datetime, *, by_program: bool) -> bool:
        """Whether somebody on the phone talked after this moment; or a program of the team's alone says that one was
        refused (`by_program`), none of LiveKit's own when phones left, and the call went on for longer than its room
        would have been open."""
        seen = self.seen
        if any(talked - at > seen.tolerance for talked in (*self._heard[-1:], *seen.talked[-1:])):
            return True
        if not by_program or self._left or not seen.rows:
            return False
        closed, shown, since = at + ROOM_CLOSES_AFTER + seen.tolerance, seen.agent_shown_until, seen.talked_since
        further = self.made_before(self.last_made(at), frozenset())
        by_duration = since is not None and seen.rows[-1].at - max(since, at) > LEAVES_WITHIN
        return by_duration or (shown is not None and shown > closed) or (further and seen.rows[-1].at > closed)

    @cached_property
    def _heard(self) -> tuple[datetime, ...]:
        """When the agent heard somebody speak, by its worker's log, oldest first."""
        return tuple(sorted(line.at for line in self.logs.said(Said.HEARD) if line.at and line.zoned))

    def heard_before(self, at: datetime | None) -> bool:
        """Whether the agent had heard somebody speak before this moment, by its worker's clock: what is dialled or
        asked for then is something further, as a transfer. None: at an unknown one, which may be later than that."""
        return bool(self._heard) and (at is None or self._heard[0] < at)

    def last_made(self, before: datetime) -> datetime | None:
        """When a phone was last created before this moment."""
        last = bisect_right(self._made, before, key=lambda made: made[0]) - 1
        return self._made[last][0] if last >= 0 else None

    @property
    def _was_made(self) -> bool:
        return self.last is not None or bool(self._left) or bool(self._told_by)

    @cached_property
    def _may_have_come(self) -> tuple[datetime, ...]:
        """When somebody joined of whom nothing shows that it was no phone: of which kind it was, the server says when
        it leaves."""
        logs = self.logs
        came = (line for line in logs.said(Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE) if logs.may_be_phone(line))
        return tuple(line.at for line in came if line.at is not None and line.zoned)

    @property
    def tell_of_phone(self) -> bool:
        """Whether a phone was seen or heard, a row tells of it, CreateSIPParticipant succeeded, or anybody joined who
        may be a phone: what is not dated may be of another."""
        told = self._told_by or self._may_have_come or self._heard or self.logs.said(Said.SIP_ACCEPTED)
        return bool(told or self.seen.phones_seen or self.stays or self.logs.mentioned)

    @cached_property
    def _made_by_rows(self) -> int:
        """How many phones rows tell of."""
        return len(self.seen.rows_of(Step.SIP_PARTICIPANT_CREATED))

    def may_be_told_later(self, at: datetime, by: str | None) -> bool:
        """Whether anybody joined who may be a phone, after this moment by the clock of a component, or of what was
        pasted (None), or another component tells of one: against livekit-sip's log only where that has fewer phones."""
        by_rows = by != SIP_LOG or self._made_by_rows > len(self._first_of_each)
        told = [when for component, when in self._told_by.items() if component != by] if by_rows else []
        told += [line.at for line in self.logs.mentioned if by is None and line.at]
        return any(when - at > DATE_RESOLUTION for when in (*told, *self._may_have_come))

    @cached_property
    def _left(self) -> tuple[datetime, ...]:
        """When phones left, and when livekit-sip was done with calls."""
        lines = self.logs.said(Said.PARTICIPANT_LEFT, Said.SIP_OVER, Said.SIP_RANG)
        of_phone = (line for line in lines if line.log == "sip" or line.fields.get("kind") == "SIP")
        left = [line.at for line in of_phone if line.at and line.zoned]
        left += [
            item.at for item in self.seen.sightings if item.event == "participant_left" and item.at and item.has_phone
        ]
        return tuple(left)

    def went_well_after(self, result: SipCallResult) -> bool:
        """Whether the log that has this refusal says after it, and after the last line with its words, that another
        attempt went well: in the words of the team's own program. Of what was pasted, the text alone says it (legs)."""
        file, words = result.read.source.partition(" ")[2], result.message[:80]
        well = max((line.at for line in self._went_well if line.file == file and line.at), default=None)
        if well is None or well <= result.read.now:
            return False
        told = (line for line in self._of_team if words and line.file == file and words in line.message)
        return not any(line.at >= well for line in told if line.at)

    @cached_property
    def _went_well(self) -> tuple[LogLine, ...]:
        return tuple(line for line in self._of_team if says_went_well(line.message))

    @cached_property
    def _of_team(self) -> tuple[LogLine, ...]:
        lines = (line for line in self.logs.as_they_stand if line.by_id and not line.read.excerpt)
        return tuple(line for line in lines if line.log in ("worker", "app"))

    # Would a later one have been seen?

    def another_would_show(self, at: datetime | None, *, rows_tell: bool = False) -> bool:
        """Whether anything that was read would show a phone that was dialled after this moment. None: at an unknown
        one. Rows that tell of the phone (`rows_tell`: surely), where they are whole and no phone may be dialled right
        now; the server's log from the moment, or from the room's opening, to its closing."""
        rows_tell = self.seen.rows_are_whole and (rows_tell or self._rows_tell)
        if at is not None and rows_tell and (self._over or self.seen.rows_now - at > self._rings):
            return True
        opened = at or self._opened
        return opened is not None and self.logs.api_to_the_end and self.logs.covers_api(opened)

    @cached_property
    def _rows_tell(self) -> bool:
        """Whether they have a failure: those that left out the one that is known would leave out another."""
        return self.failed_by_rows is not None

    @cached_property
    def _over(self) -> bool:
        """Whether no phone is dialled right now."""
        seen = self.seen
        without = takewhile(
            lambda look: not any(p.kind == "SIP" for p in look.participants), seen.participant_lists[::-1]
        )
        none_now = seen.participants_are_of_the_last_look and seen.watched(without) >= SECOND_LOOK
        return none_now or seen.room_live is False or Step.CALL_ENDED in seen.logged

    @property
    def _rings(self) -> timedelta:
        return timedelta(seconds=self.seen.settings.flow.allowances.sip_answered.broken_after)

    @cached_property
    def _opened(self) -> datetime | None:
        return next((line.at for line in self.logs.ever_said(Said.ROOM_OPENED)), None)

    # Sound

    def sound_had_come(self, answered: datetime | None, at: datetime) -> bool:
        """Whether sound had come from the phone before this moment, at which none does any more: livekit-sip does not
        wait for the first for so long. Then it broke off, as where a mobile loses its coverage."""
        first = answered or (self.last and self.last + self._rings)
        talked = any(talk < at and (answered is None or talk >= answered) for talk in self.seen.talked)
        return talked or (first is not None and at - first > MEDIA_FAILS_WITHIN)

    @property
    def broke_off(self) -> bool:
        """Whether LiveKit ended a call, since no sound came from the phone, or none any more."""
        left = (item for item in self.seen.sightings if item.left_because == "MEDIA_FAILURE")
        return bool(self.logs.said(Said.SIP_MEDIA_TIMEOUT)) or any(
            p.kind == "SIP" for i in left for p in i.participants
        )

    # Further phones

    def phone_stayed(self, at: datetime, but: Iterable[str] = (), by: str = "", began: datetime | None = None) -> bool:
        """Whether another phone was there before this moment and after it: what became of a further one is not what
        became of the call. `but`: the identity and the SIP call id of the one that was refused, `by` the source that
        says so, and `began` when it was dialled, where the other need not have stayed for longer. Where it is not known
        which was refused, the other must have stayed for long: the one that was refused leaves at once."""
        own = {*but} - {""}
        margin = timedelta(0) if own else LEAVES_WITHIN
        until = (own and began) or at
        others = (stay for stay in self.stays if stay.came < at and not own & stay.names)
        return any(
            stay.left - until > margin + (timedelta(0) if own and stay.by == by else self.seen.tolerance)
            if stay.left
            else bool(own)
            for stay in others
        )

    def accepted_stayed(self, at: datetime) -> bool:
        """Whether a phone was there before this moment and after it for which CreateSIPParticipant had succeeded, as
        the server's log says: an error of that at this moment is of another."""
        lines = self.logs.said(Said.SIP_ACCEPTED)
        accepted = {line.fields.get("participant", "") for line in lines if line.at and line.at < at}
        stays = (stay for stay in self.stays if stay.came < at and stay.names & accepted)
        return any(stay.left and stay.left - at > self.seen.tolerance for stay in stays)

    def made_before(self, began: datetime | None, but: Set[str]) -> bool:
        """Whether another phone was created long before one was dialled, and nothing tells that it failed or left."""
        if began is None:
            return False
        made = reversed(self._made[: bisect_left(self._made, (began - self.seen.tolerance, ""))])
        last = next((at for at, identity in made if not identity or identity not in but), None)
        if not but.isdisjoint(self._first_of_each):  # of two dials of one log it is known which began first
            others = [one.at for one in self._first_of_each.values() if but.isdisjoint(one.fields.values())]
            last = max((at for at in (last, *others) if at and at < began), default=None)
        return last is not None and self.none_ended(last, began)

    def none_ended(self, since: datetime, until: datetime) -> bool:
        """Whether nothing tells between these moments that a dial failed, or a phone left."""
        return bisect_right(self._ends, since) == bisect_left(self._ends, until)

    @cached_property
    def _made(self) -> list[tuple[datetime, str]]:
        """When phones were created, or somebody joined who may be one, oldest first, with the identity where the
        server's log or livekit-sip's has it."""
        seen = self.seen
        found = [(row.at, "") for row in seen.rows_of(Step.SIP_PARTICIPANT_CREATED)]
        first = [line for line in self._first_of_each.values() if line.zoned and line.fields.get("participant")]
        found += [(line.at, line.fields["participant"]) for line in first if line.at]
        found += [(phone.joined_at, phone.identity) for phone in seen.phones_seen if phone.joined_at]
        told = self.logs.said(Said.SIP_ACCEPTED, Said.SESSION_STARTED)
        lines = (one for one in told if one.at and one.zoned and self.logs.may_be_phone(one))
        return sorted([*found, *((line.at, line.fields.get("participant", "")) for line in lines if line.at)])

    @cached_property
    def _ends(self) -> list[datetime]:
        """When dials failed and phones left, by any source."""
        failed = (line.at for line in self.logs.said(Said.SIP_FAILED, Said.SIP_REFUSED) if line.at)
        return sorted([*failed, *self._left, *self._failed_by_rows])

    def agent_went_on(self, at: datetime) -> bool:
        """Whether the worker's log has the job for longer after a dial failed than an agent stays that has nobody to
        talk to."""
        return self._last_of_worker is not None and self._last_of_worker - at > LEAVES_WITHIN

    @cached_property
    def _last_of_worker(self) -> datetime | None:
        own = (line.at for line in self.logs.own_by_log["worker"] if line.at and line.zoned)
        return max(own, default=None)

    def says_of_further(self, words: str, at: datetime | None) -> bool:
        """Whether the row of a transfer has these words of LiveKit's at about this moment, if that is known, or a tool
        of the agent's raised them, which does not dial the call's phone."""

        def is_near(other: datetime | None) -> bool:
            return at is None or (other is not None and abs(other - at) <= self.seen.tolerance)

        rows = (row for row in self.seen.rows if is_near(row.at) and is_of_other_phone(row.state))
        by_agent = self.seen.settings.flow.placed_by == "agent"
        raised = (line for line in self.logs.said(Said.TOOL_RAISED) if is_near(line.at))
        return bool(words) and (
            any(own_words(error_in(row)) == words for row in rows)
            or (not by_agent and any(words in line.traceback for line in raised))
        )

    def all_had_left(self, at: datetime) -> bool:
        """Whether a phone and the agent had left before this moment, by the server's log: what is dialled then, as for
        a survey, nobody waits for."""
        return self._all_left is not None and self._all_left < at

    @cached_property
    def _all_left(self) -> datetime | None:
        """When the agent had left, and a phone that it had been with, and that was not refused."""
        logs, near = self.logs, self.seen.tolerance
        failed = [line.at for line in logs.said(Said.SIP_FAILED, Said.SIP_REFUSED) if line.at]
        failed += [item.at for item in self.seen.sightings if item.at and item.left_because in UNANSWERED]
        lines = logs.of_agent(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT)
        agent = lines[-1].at if lines and meaning(lines[-1]) is Said.PARTICIPANT_LEFT else None
        met = [stay for stay in self.stays if stay.by == SERVER_LOG and agent and stay.came < agent]
        left = [stay.left for stay in met if stay.left]
        phones = [at for at in left if not any(abs(at - other) <= near for other in failed)]
        return max(agent, min(phones)) if agent and phones else None

    @cached_property
    def stays(self) -> tuple[Stay, ...]:
        return stays_of(self.seen, self.logs)
