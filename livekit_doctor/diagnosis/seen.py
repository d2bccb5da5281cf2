"""One attempt of one call, as LiveKit's API and the log rows show it.

Every fact is taken from the readings of this call's own room. Ages are taken within one
clock: LiveKit's objects against the `Date` of the answer that listed them, log rows against
the log store's own time.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property

from msgspec import Struct

from livekit_doctor.diagnosis.correlation import RoomRef, Subject, steps_of
from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.states import says_failed, says_talked
from livekit_doctor.diagnosis.times import ROOM_AFTER_ROWS
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    Job,
    LogFile,
    LogRow,
    Participant,
    ParticipantList,
    Room,
    RoomList,
    Sighting,
    SipDispatchRule,
    SipDispatchRuleList,
    Track,
    WorkerEndpoint,
)
from livekit_doctor.flow import LEGS, Leg, Step
from livekit_doctor.settings import Allowance, Settings

ANSWERED = ("active", "automation")
RANG = ("ringing", *ANSWERED)


class Seen(Struct, frozen=True, dict=True):
    setup: Setup
    subject: Subject
    room: RoomRef | None
    rows: tuple[LogRow, ...]
    latest: bool = True
    """Whether this is the last attempt under its call id."""
    looked_into: bool = True
    """Whether what was seen in the room is about this attempt."""

    @property
    def settings(self) -> Settings:
        return self.setup.settings

    @property
    def tolerance(self) -> timedelta:
        return self.setup.tolerance

    # The room

    @cached_property
    def room_info(self) -> Room | None:
        """The room as it was last seen; of several with one name, the one asked for or the newest
        that was there at the time of the rows: a name can be reused."""
        seen = [room for room in self._rooms_of_name if not self._is_later_room(room)]
        return max(reversed(seen), key=lambda room: room.created_at, default=None)

    @cached_property
    def _rooms_of_name(self) -> tuple[Room, ...]:
        if self.room is None:
            return ()
        return tuple(
            room
            for listing in self.room_lists
            for room in listing.rooms
            if room.name == self.room.name and self.room.sid in ("", room.sid)
        )

    @cached_property
    def is_before_room(self) -> bool:
        """Whether these rows are of an earlier call than the one that the room now has."""
        return any(self._is_after_rows(room) for room in self._rooms_of_name)

    def _is_later_room(self, room: Room) -> bool:
        asked_for = self.subject.room is not None or self.subject.livekit_id is not None
        return self._is_after_rows(room) and not (asked_for and self.latest)

    def _is_after_rows(self, room: Room) -> bool:
        """Whether the room was created well after this attempt had logged its last row."""
        if not self.rows:
            return False
        over = not self.latest or Step.CALL_ENDED in self.logged
        margin = self.tolerance if over else ROOM_AFTER_ROWS
        return room.created_at - self.rows[-1].at > margin

    @cached_property
    def room_lists(self) -> tuple[RoomList, ...]:
        """The readings that would have shown the room, oldest first."""
        if self.room is None or not self.looked_into:
            return ()
        return tuple(
            listing for listing in self.setup.all(RoomList) if not listing.names or self.room.name in listing.names
        )

    @cached_property
    def room_live(self) -> bool | None:
        """Whether the room was there at the last look; None where nobody looked."""
        if not self.room_lists:
            return None
        last = self.room_lists[-1]
        return self._shows_room(last)

    def _of_room(self, room: str, sid: str) -> bool:
        if self.room is None or room != self.room.name or not self.looked_into:
            return False
        if self.room_info is not None:
            return sid in ("", self.room_info.sid)
        return self.room.sid in ("", sid) and all(sid != later.sid for later in self._rooms_of_name)

    # Agent dispatches and jobs

    @cached_property
    def dispatch_lists(self) -> tuple[DispatchList, ...]:
        return tuple(
            listing for listing in self.setup.all(DispatchList) if self._of_room(listing.room, listing.room_sid)
        )

    @property
    def dispatch_list(self) -> DispatchList | None:
        return self.dispatch_lists[-1] if self.dispatch_lists else None

    @cached_property
    def agent_name(self) -> str | None:
        """The agent this call should get: configured, else the one name that the workers run under."""
        if self.settings.agent.name is not None:
            return self.settings.agent.name
        names = {endpoint.agent_name for endpoint in self.setup.all(WorkerEndpoint) if endpoint.agent_name is not None}
        return names.pop() if len(names) == 1 else None

    @cached_property
    def agent_name_from(self) -> str:
        return "agent.name" if self.settings.agent.name is not None else "the worker's endpoint"

    def is_for_agent(self, name: str) -> bool:
        """Whether a dispatch of this name is meant for the call's agent: a mistyped name is found at the job."""
        return self.agent_name is not None and (name == self.agent_name or bool(near_miss(name, self.agent_name)))

    @cached_property
    def listed(self) -> tuple[Dispatch, ...]:
        """All dispatches in the room at the last look."""
        return self.dispatch_list.dispatches if self.dispatch_list else ()

    @cached_property
    def automatic(self) -> tuple[Dispatch, ...]:
        """The automatic dispatch: it has no agent name and reaches unnamed workers only (fact 4)."""
        return tuple(dispatch for dispatch in self.listed if not dispatch.agent_name)

    @cached_property
    def dispatches(self) -> tuple[Dispatch, ...]:
        """The dispatches that are for this call's agent.

        Those of its name, and of one that is almost it. Where there is none of its name, those that name another
        agent, so that a mistyped name is found at the job and not taken for a missing dispatch. Where the name is not
        known, the automatic one counts once it has a job: the worker has no name then. Oldest first, whatever their
        order in the list, which means nothing: the last decides.
        """
        return tuple(sorted(self._own_of(self.listed), key=_made_at))

    def _own_of(self, listed: tuple[Dispatch, ...]) -> tuple[Dispatch, ...]:
        automatic = tuple(dispatch for dispatch in listed if not dispatch.agent_name)
        if self.agent_name == "":
            return automatic
        explicit = tuple(dispatch for dispatch in listed if dispatch.agent_name)
        if self.agent_name is None:
            return explicit or tuple(dispatch for dispatch in automatic if dispatch.jobs)
        own = tuple(d for d in explicit if d.agent_name not in self.settings.agent.others)
        named = {
            d.agent_name for d in own if d.agent_name == self.agent_name or near_miss(d.agent_name, self.agent_name)
        }
        return tuple(d for d in own if d.agent_name in named) if self.agent_name in named else own

    @cached_property
    def dispatches_ever(self) -> tuple[Dispatch, ...]:
        """Those that any look has shown, each as it was last listed, oldest first."""
        seen = {one.id: one for listing in self.dispatch_lists for one in listing.dispatches}
        return tuple(sorted(self._own_of(tuple(seen.values())), key=_made_at))

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the latest dispatch that a worker took, declined ones left out, oldest first."""
        return tuple(job for job in self._latest_jobs if taken(job) and not declined(job))

    @cached_property
    def declined_jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self._latest_jobs if declined(job))

    @cached_property
    def waiting_jobs(self) -> tuple[Job, ...]:
        """The jobs of the latest dispatch that no worker has, or had."""
        return tuple(job for job in self._latest_jobs if not taken(job) and not declined(job))

    @cached_property
    def _latest_jobs(self) -> list[Job]:
        return sorted(self.dispatches[-1].jobs, key=_started_at) if self.dispatches else []

    @cached_property
    def jobs_ever(self) -> tuple[Job, ...]:
        """The jobs of all its dispatches, whatever became of them."""
        return tuple(job for dispatch in self.dispatches_ever for job in dispatch.jobs)

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
            agents = [p for p in active if p.kind == "AGENT"]
            own = [p for p in active if p.identity in identities or (p.kind == "AGENT" and self._is_named(p))]
            others = [p for p in agents if agent_name_of(p) is None or not (named or self._is_of_others(p))]
            found[id(listing)] = tuple(own or others)
        return found

    def _is_of_others(self, participant: Participant) -> bool:
        return bool(self.agent_name) and agent_name_of(participant) in self.settings.agent.others

    def _is_named(self, participant: Participant) -> bool:
        return agent_name_of(participant) == self.agent_name

    @cached_property
    def agents(self) -> tuple[Participant, ...]:
        """The agents in the room at the last look."""
        return self.agents_in(self.participant_list) if self.participant_list else ()

    @cached_property
    def joining_agents(self) -> tuple[Participant, ...]:
        """Agents that are in the room at the last look and whose media is not connected."""
        there = self.participant_list.participants if self.participant_list and self.room_live else ()
        return tuple(p for p in there if p.kind == "AGENT" and p.state in ("JOINING", "JOINED"))

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
        return tuple(p for p in seen.values() if not self._is_of_earlier_dispatch(p))

    @cached_property
    def agents_seen(self) -> tuple[Participant, ...]:
        """Every agent that any look has shown since the latest dispatch, as it was last seen."""
        seen = {p.sid: p for listing in self.participant_lists for p in self.agents_in(listing)}
        return tuple(p for p in seen.values() if not self._is_of_earlier_dispatch(p))

    def _is_of_earlier_dispatch(self, agent: Participant) -> bool:
        """Whether it had come before the latest dispatch was made, and is not there any more."""
        made = self.dispatches[-1].created_at if len(self.dispatches_ever) > 1 and self.dispatches else None
        there = self.participant_list.participants if self.participant_list else ()
        if made is None or agent.joined_at is None or any(p.sid == agent.sid for p in there):
            return False
        return agent.joined_at < made

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
        where none did, the last that was dialed, since earlier ones were given up."""
        answered = (p for p in self.phones_seen if any(s in ANSWERED for _, s in self._states.get(p.sid, ())))
        return next(answered, self.phones_seen[-1] if self.phones_seen else None)

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
        seen = [listing.read.at for listing in self.participant_lists if self._status_in(listing) == status]
        gone = [listing.read.at for listing in self.room_lists if not self._shows_room(listing)]
        looks = [listing.read.at for listing in self.participant_lists] + gone
        return min((when - seen[-1] for when in looks if when > seen[-1]), default=None) if seen else None

    def _status_in(self, listing: ParticipantList) -> str:
        own = (p for p in listing.participants if self.phone and p.sid == self.phone.sid)
        return next((p.attributes.get("sip.callStatus", "") for p in own), "")

    def _shows_room(self, listing: RoomList) -> bool:
        return any(self.room_info is not None and room.sid == self.room_info.sid for room in listing.rooms)

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

    # Log rows

    @cached_property
    def logged(self) -> dict[Step, LogRow]:
        """The first row of each step that the rows report; of the agent's, since it was last dispatched."""
        first: dict[Step, LogRow] = {}
        for row in self.rows:
            step = self.step_of_state[row.state]
            if step is not None and row not in self.outdated:
                first.setdefault(step, row)
        return first

    @cached_property
    def outdated(self) -> tuple[LogRow, ...]:
        """The rows of the agent's leg that are about an earlier dispatch than the last one that a row tells of."""
        of_agent = [row for row in self.rows if self.step_of_state[row.state] in LEGS[Leg.AGENT]]
        made = [row for row in of_agent if self.step_of_state[row.state] is Step.AGENT_DISPATCHED]
        if len(made) < 2:
            return ()
        last = made[-1]
        return tuple(
            row for row in of_agent if (row in made and row is not last) or (last.at - row.at > self.tolerance)
        )

    @cached_property
    def step_of_state(self) -> dict[str, Step | None]:
        """The step of each state that the rows have."""
        return steps_of(self.rows, self.settings.flow)

    @cached_property
    def unmapped(self) -> tuple[str, ...]:
        """The states of this call that no step stands for."""
        return tuple(state for state, step in self.step_of_state.items() if step is None)

    def _may_dial(self, source: str) -> bool:
        """Whether a component may be the one that dials: not what reports nothing but the agent's own steps."""
        return self.settings.flow.placed_by == "agent" or source not in self._only_agents

    @cached_property
    def _only_agents(self) -> frozenset[str]:
        own = (Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO)
        steps = [(row.source, self.step_of_state[row.state]) for row in self.rows]
        placing = {source for source, step in steps if step not in (None, Step.CALL_ENDED, *own)}
        return frozenset({source for source, step in steps if step in own} - placing)

    @cached_property
    def talked_last(self) -> datetime | None:
        """When a row last told that somebody on the phone talked."""
        talks = {state for state, step in self.step_of_state.items() if step is None and says_talked(state)}
        return max((row.at for row in self.rows if row.state in talks), default=None)

    @cached_property
    def last_of_phone(self) -> dict[str, datetime]:
        """When each component last logged a row that tells of the phone."""
        last: dict[str, datetime] = {}
        for row in self.rows:
            if self.step_of_state[row.state] in LEGS[Leg.PHONE]:
                last[row.source] = max(row.at, last.get(row.source, row.at))
        return last

    @cached_property
    def phone_last_logged(self) -> datetime | None:
        """When any of them last did."""
        return max(self.last_of_phone.values(), default=None)

    @cached_property
    def logged_failures(self) -> tuple[LogRow, ...]:
        """The rows whose state no step stands for and which say in plain words that the call failed."""
        return tuple(row for row in self.rows if self.step_of_state[row.state] is None and says_failed(row.state))

    # What a person pasted

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen of the room at other times than now, oldest first, undated last."""
        if not self.looked_into:
            return ()
        found = (item for item in self.setup.all(Sighting) if self._may_be_of_room(item.room, item.room_sid))
        return tuple(sorted(found, key=lambda item: (item.at is None, item.at or item.read.at)))

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
        picked = any(item.read.excerpt for item in self.setup.evidence.observations)
        return picked and not (self.api_read or self.rows_are_whole or any(True for _ in self.setup.all(LogFile)))

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

    @cached_property
    def api_covers(self) -> bool:
        """Whether the room lives and what is in it was read: then absence says something."""
        return bool(self.room_live) and self.api_read

    @cached_property
    def api_problem(self) -> bool:
        return any(entry.status == "unread" for entry in self.setup.coverage(sources.LIVEKIT_API))


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _made_at(dispatch: Dispatch) -> tuple[datetime, str]:
    return dispatch.created_at or _LONG_AGO, dispatch.id


def _started_at(job: Job) -> tuple[datetime, str]:
    return job.started_at or _LONG_AGO, job.id


def taken(job: Job) -> bool:
    """Whether a worker has it, or had it: it may be listed while it waits for one, or after it was given up
    without one (design fact 33)."""
    ran = job.status in ("JS_RUNNING", "JS_SUCCESS", "JS_FAILED")
    return ran or bool(job.worker_id or job.participant_identity or job.started_at)


def declined(job: Job) -> bool:
    """A worker was asked and its request_fnc rejected: a success that ended without a participant
    (design fact 11)."""
    return job.status == "JS_SUCCESS" and job.ended_at is not None and not job.participant_identity


def _speaks_for(participant: Participant, agent: Participant) -> bool:
    return participant.attributes.get("lk.publish_on_behalf") == agent.identity


def agent_name_of(participant: Participant) -> str | None:
    """The agent's name, set by the server for every SDK, and by the Python SDK (design fact 19)."""
    attributes = participant.attributes
    return attributes.get("lk.agent_name", attributes.get("lk.agent.name"))
