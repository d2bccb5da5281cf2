"""One attempt of one call, as the rules read it.

Every fact is taken from the readings of this call's own room. Ages are taken within one
clock: LiveKit's objects against the `Date` of the answer that listed them, log rows against
the log store's own time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from livekit_doctor.diagnosis.correlation import RoomRef, Subject, step_of
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    Job,
    LogRow,
    Participant,
    ParticipantList,
    Room,
    RoomList,
    SipDispatchRule,
    SipDispatchRuleList,
    WorkerEndpoint,
)
from livekit_doctor.flow import Step
from livekit_doctor.settings import Allowance, Settings

JOB_LISTED_AFTER = timedelta(seconds=8)
"""Younger dispatches may have a job that ListDispatch does not show yet (design fact 10)."""

ANSWERED = ("active", "automation")
RANG = ("ringing", *ANSWERED)


@dataclass(frozen=True)
class Call:
    setup: Setup
    subject: Subject
    room: RoomRef | None
    rows: tuple[LogRow, ...]
    latest: bool = True
    """Whether this is the last attempt under its call id."""

    @property
    def settings(self) -> Settings:
        return self.setup.settings

    # The room

    @cached_property
    def room_info(self) -> Room | None:
        """The room as it was last seen; of several with one name, the one asked for or the newest."""
        if self.room is None:
            return None
        seen = [
            room
            for listing in self.setup.all(RoomList)
            for room in listing.rooms
            if room.name == self.room.name and self.room.sid in ("", room.sid)
        ]
        return max(reversed(seen), key=lambda room: room.created_at, default=None)

    @cached_property
    def room_lists(self) -> tuple[RoomList, ...]:
        """The readings that would have shown the room, oldest first."""
        if self.room is None:
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
        if self.room_info is not None:
            return any(room.sid == self.room_info.sid for room in last.rooms)
        return False

    def _of_room(self, room: str, sid: str) -> bool:
        if self.room is None or room != self.room.name:
            return False
        return self.room_info is None or not sid or sid == self.room_info.sid

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

        Those of its name; where there is none, those that name another agent, so that a
        mistyped name is found at the job and not taken for a missing dispatch.
        """
        if self.agent_name == "":
            return self.automatic
        explicit = tuple(dispatch for dispatch in self.listed if dispatch.agent_name)
        named = tuple(dispatch for dispatch in explicit if dispatch.agent_name == self.agent_name)
        return named or explicit

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that a worker took, declined ones left out."""
        return tuple(job for dispatch in self.dispatches for job in dispatch.jobs if not declined(job))

    @cached_property
    def declined_jobs(self) -> tuple[Job, ...]:
        return tuple(job for dispatch in self.dispatches for job in dispatch.jobs if declined(job))

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

        Kind AGENT and ACTIVE. Those of the call's jobs or name come first; any other agent
        counts too, since a room that has an agent is not without one.
        """
        active = [p for p in listing.participants if p.kind == "AGENT" and p.state == "ACTIVE"]
        own = [p for p in active if self._is_own(p)]
        return tuple(own or active)

    def _is_own(self, participant: Participant) -> bool:
        identities = {job.participant_identity for job in self.jobs}
        return participant.identity in identities or agent_name_of(participant) == self.agent_name

    @cached_property
    def agents(self) -> tuple[Participant, ...]:
        """The agents in the room at the last look."""
        return self.agents_in(self.participant_list) if self.participant_list else ()

    @cached_property
    def agents_seen(self) -> tuple[Participant, ...]:
        """Every agent that any look has shown, as it was last seen."""
        seen = {p.sid: p for listing in self.participant_lists for p in self.agents_in(listing)}
        return tuple(seen.values())

    @cached_property
    def phones_seen(self) -> tuple[Participant, ...]:
        """Every SIP participant that any look has shown, as it was last seen, oldest first."""
        seen = {p.sid: p for listing in self.participant_lists for p in listing.participants if p.kind == "SIP"}
        return tuple(sorted(seen.values(), key=lambda p: (p.joined_at is None, p.joined_at)))

    @cached_property
    def phone(self) -> Participant | None:
        """The SIP participant of the call: the first that joined, since later ones are transfers."""
        return self.phones_seen[0] if self.phones_seen else None

    @cached_property
    def phone_states(self) -> tuple[tuple[datetime, str], ...]:
        """When each sip.callStatus of the phone was first seen, in order."""
        states: list[tuple[datetime, str]] = []
        for listing in self.participant_lists:
            for p in listing.participants:
                if self.phone and p.sid == self.phone.sid:
                    status = p.attributes.get("sip.callStatus", "")
                    if status and (not states or states[-1][1] != status):
                        states.append((listing.read.now, status))
        return tuple(states)

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

    @cached_property
    def others_present(self) -> tuple[Participant, ...]:
        """Who else is in the room: neither an agent nor a phone. May be an agent that joined with
        a user's token (fact 19)."""
        if self.participant_list is None or self.room_live is False:
            return ()
        return tuple(
            p
            for p in self.participant_list.participants
            if p.kind not in ("AGENT", "SIP", "EGRESS", "INGRESS") and p.state == "ACTIVE"
        )

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
        """The first row of each step that the rows report."""
        first: dict[Step, LogRow] = {}
        for row in self.rows:
            step = step_of(row, self.settings.flow)
            if step is not None:
                first.setdefault(step, row)
        return first

    @cached_property
    def unmapped(self) -> tuple[str, ...]:
        """The states of this call that no step stands for."""
        states = {row.state: None for row in self.rows if step_of(row, self.settings.flow) is None}
        return tuple(states)

    # Time

    @cached_property
    def livekit_now(self) -> datetime:
        """LiveKit's clock at the last look at this room."""
        readings = [*self.room_lists, *self.participant_lists, *self.dispatch_lists]
        return max((item.read.now for item in readings), default=self.setup.evidence.now)

    @cached_property
    def rows_now(self) -> datetime:
        """The log store's clock when the rows were read."""
        return max((row.read.now for row in self.rows), default=self.setup.evidence.now)

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

    @cached_property
    def api_covers(self) -> bool:
        """Whether the room lives and what is in it was read: then absence says something."""
        return bool(self.room_live) and self.api_read

    @cached_property
    def api_problem(self) -> bool:
        return any(entry.status == "unread" for entry in self.setup.coverage(sources.LIVEKIT_API))


def declined(job: Job) -> bool:
    """A worker was asked and its request_fnc rejected: ended, and no participant (design fact 11)."""
    return job.ended_at is not None and not job.participant_identity


def agent_name_of(participant: Participant) -> str | None:
    """The agent's name, set by the server for every SDK, and by the Python SDK (design fact 19)."""
    attributes = participant.attributes
    return attributes.get("lk.agent_name", attributes.get("lk.agent.name"))
