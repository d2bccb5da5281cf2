"""One attempt of one call, as LiveKit's API and the log rows show it.

Every fact is taken from the readings of this call's own room. Ages are taken within one
clock: LiveKit's objects against the `Date` of the answer that listed them, log rows against
the log store's own time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from livekit_doctor.diagnosis.seen_room import RoomSeen
from livekit_doctor.diagnosis.times import DATE_RESOLUTION
from livekit_doctor.evidence.observations import (
    LogFile,
    LogRow,
    Participant,
    ParticipantList,
    Sighting,
    SipDispatchRule,
    SipDispatchRuleList,
    Track,
)
from livekit_doctor.flow import Step
from livekit_doctor.settings import Allowance

ANSWERED = ("active", "automation")
RANG = ("ringing", *ANSWERED)


class Seen(RoomSeen, frozen=True, dict=True):
    # Participants

    @cached_property
    def participant_lists(self) -> tuple[ParticipantList, ...]:
        return tuple(
            listing for listing in self.setup.all(ParticipantList) if self._of_room(listing.room, listing.room_sid)
        )

    @property
    def participant_list(self) -> ParticipantList | None:
        return self.participant_lists[-1] if self.participant_lists else None

    def agents_in(self, listing: ParticipantList) -> tuple[Participant, ...]:
        """The agents of this call that are connected in one reading.

        ACTIVE, and of kind AGENT or under a job's identity with a user's token (fact 19). Those of
        the call's jobs or name come first; any other agent counts too, since a room that has an
        agent is not without one, but not one of another name beside a dispatch for this one.
        """
        return self._agents_in[id(listing)]

    @cached_property
    def _agents_in(self) -> dict[int, tuple[Participant, ...]]:
        identities = {job.participant_identity for job in self.jobs_ever if job.participant_identity}
        named = bool(self.agent_name) and any(d.agent_name == self.agent_name for d in self.dispatches)
        found = {}
        for listing in self.participant_lists:
            active = [p for p in listing.participants if p.state == "ACTIVE"]
            own = [p for p in active if p.identity in identities or (p.kind == "AGENT" and self._is_named(p))]
            agents = (p for p in active if p.kind == "AGENT")
            others = (p for p in agents if agent_name_of(p) is None or not (named or self._is_of_others(p)))
            found[id(listing)] = tuple(own or others)
        return found

    def _is_of_others(self, participant: Participant) -> bool:
        return bool(self.agent_name) and agent_name_of(participant) in self.settings.agent.others

    def _is_named(self, participant: Participant) -> bool:
        return agent_name_of(participant) == self.agent_name

    @cached_property
    def another_agent(self) -> str:
        """The name of the agent that was seen in place of the call's own, which was never dispatched as far as looks
        show; empty where its own was, or none that has a name."""
        names = {agent_name_of(agent) for agent in (*self.agents_seen, *self.joining_seen)}
        own = self.agent_name is None or any(one.agent_name == self.agent_name for one in self.dispatches_ever)
        return "" if own or self.agent_name in names else next(filter(None, names), "")

    @cached_property
    def agents(self) -> tuple[Participant, ...]:
        """The agents in the room at the last look."""
        return self.agents_in(self.participant_list) if self.participant_list else ()

    @cached_property
    def joining_agents(self) -> tuple[Participant, ...]:
        """Agents that are in the room at the last look and whose media is not connected."""
        there = self.participant_list.participants if self.participant_list and self.room_live else ()
        joining = (p for p in there if p.kind == "AGENT" and p.state in ("JOINING", "JOINED"))
        return tuple(p for p in joining if not self._came_before_dispatch(p))

    @cached_property
    def joining_seen(self) -> tuple[Participant, ...]:
        """Every agent that some look has shown without media and none with it, as it was last seen. One
        that tries again has another sid."""
        active = {p.sid for p in self.agents_seen}
        seen = {
            p.sid: p
            for listing in self.participant_lists
            for p in listing.participants
            if p.kind == "AGENT" and p.state in ("JOINING", "JOINED") and p.sid not in active
        }
        return tuple(p for p in seen.values() if not self._came_before_dispatch(p))

    @cached_property
    def agents_seen(self) -> tuple[Participant, ...]:
        """Every agent that any look has shown since the latest dispatch, as it was last seen."""
        seen = {p.sid: p for listing in self.participant_lists for p in self.agents_in(listing)}
        return tuple(p for p in seen.values() if not self._is_of_earlier_dispatch(p))

    def _is_of_earlier_dispatch(self, agent: Participant) -> bool:
        """Whether it had come before the latest dispatch was made, and is not there any more."""
        there = self.participant_list.participants if self.participant_list else ()
        return self._came_before_dispatch(agent) and not any(p.sid == agent.sid for p in there)

    def _came_before_dispatch(self, agent: Participant) -> bool:
        """Whether it had come before the latest dispatch was made: one without media is a failure of an earlier."""
        made = self.dispatches[-1].created_at if len(self.dispatches_ever) > 1 and self.dispatches else None
        return made is not None and agent.joined_at is not None and agent.joined_at < made

    @cached_property
    def heard(self) -> tuple[tuple[Participant, Track], ...]:
        """Each agent that any look has shown with an unmuted audio track, and the first such track.

        An avatar publishes on behalf of its agent, which then has no track of its own.
        """
        found: dict[str, tuple[Participant, Track]] = {}
        for listing in self.participant_lists:
            for agent in self.agents_in(listing):
                if agent.sid in found:
                    continue
                voices = [agent, *(p for p in listing.participants if _speaks_for(p, agent))]
                tracks = [t for p in voices for t in p.tracks if t.kind == "audio" and not t.muted]
                if tracks:
                    found[agent.sid] = (agent, tracks[0])
        return tuple(each for each in found.values() if not self._is_of_earlier_dispatch(each[0]))

    @cached_property
    def phones_seen(self) -> tuple[Participant, ...]:
        """Every SIP participant that any look has shown, as it was last seen, oldest first."""
        seen = {p.sid: p for listing in self.participant_lists for p in listing.participants if p.kind == "SIP"}
        return tuple(sorted(seen.values(), key=lambda p: (p.joined_at is None, p.joined_at)))

    @cached_property
    def phone(self) -> Participant | None:
        """The SIP participant of the call: the first that answered, since later ones are transfers;
        where none did, the last that was dialed, since earlier ones were given up, unless that one is gone and
        another is still there."""
        answered = filter(self.has_answered, self.phones_seen)
        there = {p.sid for p in self.participant_list.participants} if self.participant_list else ()
        last = sorted(self.phones_seen, key=lambda phone: phone.sid in there)[-1:]
        return next(answered, last[0] if last else None)

    def has_answered(self, phone: Participant) -> bool:
        """Whether some look has shown that it was picked up."""
        return any(status in ANSWERED for _, status in self._states.get(phone.sid, ()))

    @cached_property
    def _states(self) -> dict[str, list[tuple[datetime, str]]]:
        states: dict[str, list[tuple[datetime, str]]] = {}
        for listing in self.participant_lists:
            for p in listing.participants:
                status = p.attributes.get("sip.callStatus", "") if p.kind == "SIP" else ""
                known = states.setdefault(p.sid, [])
                if status and (not known or known[-1][1] != status):
                    known.append((listing.read.now, status))
        return states

    @property
    def phone_states(self) -> tuple[tuple[datetime, str], ...]:
        """When each sip.callStatus of the phone was first seen, in order."""
        return tuple(self._states.get(self.phone.sid, ())) if self.phone else ()

    @property
    def phone_status(self) -> str:
        """The last sip.callStatus of the phone; empty where none was seen."""
        return self.phone_states[-1][1] if self.phone_states else ""

    @cached_property
    def phone_present(self) -> bool:
        """Whether the phone was in the room at the last look, and not hung up."""
        if self.phone is None or self.participant_list is None or self.room_live is False:
            return False
        there = {p.sid for p in self.participant_list.participants}
        return self.phone.sid in there and self.phone_status != "hangup"

    @property
    def phone_waits(self) -> bool:
        """Whether the phone is dialed or rings: what places the call may be waiting for the answer."""
        return self.phone_present and self.phone_status in ("dialing", "ringing")

    def unseen_after(self, status: str) -> timedelta | None:
        """From the last look that showed the phone at this sip.callStatus to the next look for it."""
        if self.phone is None:
            return None
        seen = [listing.read.at for listing in self.participant_lists if self.phone_status_in(listing) == status]
        gone = [listing.read.at for listing in self.room_lists if not self._shows_room(listing)]
        looks = [listing.read.at for listing in self.participant_lists] + gone
        return min((when - seen[-1] for when in looks if when > seen[-1]), default=None) if seen else None

    def phone_status_in(self, listing: ParticipantList) -> str:
        own = (p for p in listing.participants if self.phone and p.sid == self.phone.sid)
        return next((p.attributes.get("sip.callStatus", "") for p in own), "")

    @cached_property
    def others_present(self) -> tuple[Participant, ...]:
        """Who else is in the room: neither an agent nor a phone. May be an agent that joined with
        a user's token (fact 19)."""
        if self.participant_list is None or self.room_live is False:
            return ()
        return tuple(
            p
            for p in self.participant_list.participants
            if p.kind not in ("AGENT", "SIP", "EGRESS", "INGRESS") and p.state == "ACTIVE" and p not in self.agents
        )

    @cached_property
    def served_by_other(self) -> bool:
        """Whether somebody who is not the call's agent speaks in the room: a human or another agent has
        taken over, or is the agent with a user's token (fact 19). Who only listens does not count."""
        if self.participant_list is None or self.room_live is False:
            return False
        speakers = (p for p in self.participant_list.participants if p.kind not in ("SIP", "EGRESS", "INGRESS"))
        others = (p for p in speakers if p.state == "ACTIVE" and p not in self.agents)
        return any(t.kind == "audio" and not t.muted for p in others for t in p.tracks)

    @cached_property
    def inbound(self) -> bool:
        """An inbound call: its SIP participant came through a SIP dispatch rule."""
        return any(p.attributes.get("sip.ruleID") for p in self.phones_seen)

    @cached_property
    def inbound_rule(self) -> SipDispatchRule | None:
        rules = self.setup.latest(SipDispatchRuleList)
        ids = {p.attributes.get("sip.ruleID") for p in self.phones_seen}
        return next((rule for rule in rules.rules if rule.id in ids), None) if rules else None

    # What a person pasted, or a webhook's handler wrote into a row

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen of the room at other times than now, oldest first, undated last."""
        pasted = self.setup.all(Sighting) if self.looked_into else ()
        found = [item for item in pasted if self._may_be_of_room(item.room, item.room_sid)]
        if self.over_since is not None:
            another = {item.room_sid for item in found if item.event == "room_started" and self.is_past(item.at)}
            found = [item for item in found if not item.room_sid or item.room_sid not in another]
        found += [item for _, item in self.webhooks]
        return tuple(sorted(found, key=lambda item: (item.at is None, item.at or item.read.at, _place_of(item))))

    def _may_be_of_room(self, room: str, sid: str) -> bool:
        if self.room is None:
            return not room
        own = self.room_info.sid if self.room_info else self.room.sid
        return room in ("", self.room.name) and (not sid or not own or sid == own)

    @cached_property
    def rows_are_whole(self) -> bool:
        """Whether the rows were read from the log itself: then one that is not there was not written."""
        return any(not row.read.excerpt for row in self.rows)

    @cached_property
    def only_excerpts(self) -> bool:
        """Whether all that is known of the call was picked by a person."""
        if self.api_read or self.rows_are_whole or self.setup.latest(LogFile):
            return False
        return any(item.read.excerpt for item in self.setup.evidence.observations)

    # Time

    @cached_property
    def livekit_now(self) -> datetime:
        """LiveKit's clock at the last look into this room: what was missing, was missing then.

        A newer ListRooms alone, the other requests having failed, says nothing of what is inside.
        """
        inside = [*self.participant_lists[-1:], *self.dispatch_lists[-1:]]
        return min((item.read.now for item in inside), default=self.room_now)

    @cached_property
    def room_now(self) -> datetime:
        """LiveKit's clock at the last look for this room."""
        return max((item.read.now for item in self.room_lists), default=self.setup.evidence.now)

    @cached_property
    def rows_now(self) -> datetime:
        """The log store's clock when the rows were last read."""
        ids = {row.call_id for row in self.rows}
        times = (row.read.now for row in self.setup.all(LogRow) if row.call_id in ids)
        return max(times, default=self.setup.evidence.now)

    def allowance(self, step: Step) -> Allowance | None:
        return getattr(self.settings.flow.allowances, step.value, None)

    def watched(self, listings: Iterable[ParticipantList]) -> timedelta:
        """From the first to the last of these looks."""
        times = [listing.read.at for listing in listings]
        return max(times) - min(times) if times else timedelta()

    @cached_property
    def api_read(self) -> bool:
        """Whether the room was looked into while it lived."""
        return self.dispatch_list is not None and self.participant_list is not None

    @property
    def participants_cover(self) -> bool:
        """Whether the room lives and who is in it was read."""
        return bool(self.room_live) and self.participant_list is not None

    @property
    def participants_are_of_the_last_look(self) -> bool:
        """Not where the list could not be read when the room was last looked into."""
        look = self.participant_list
        last = max((listing.read.at for listing in self.room_lists), default=look.read.at if look else None)
        return look is not None and last is not None and last - look.read.at < DATE_RESOLUTION

    @cached_property
    def api_covers(self) -> bool:
        """Whether the room lives and what is in it was read: then absence says something."""
        return bool(self.room_live) and self.api_read


def _place_of(seen: Sighting) -> int:
    """Webhooks have whole seconds: of those of one second, which came first, as far as one must come before another."""
    return _PLACES.get(seen.event, _PLACES["participant_joined"])


_IN_ORDER = (
    *("room_started", "agent_job_pending", "agent_job_started", "participant_joined", "track_published"),
    *("participant_connection_aborted", "participant_left", "agent_job_ended", "room_finished"),
)
_PLACES = {event: place for place, event in enumerate(_IN_ORDER)}


def _speaks_for(participant: Participant, agent: Participant) -> bool:
    return participant.attributes.get("lk.publish_on_behalf") == agent.identity


def agent_name_of(participant: Participant) -> str | None:
    """The agent's name, set by the server for every SDK, and by the Python SDK (design fact 19)."""
    attributes = participant.attributes
    return attributes.get("lk.agent_name", attributes.get("lk.agent.name"))
