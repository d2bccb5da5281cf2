"""What the components' logs say of one call: which lines are its own, and what they mean.

A line is a call's own by its room, its job, its dispatch or its agent's identity. One that has none of these
counts by the agent's name and the time of the dispatch, for no more than `likely` (Call.lines_by_name).
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from livekit_doctor.diagnosis.episodes import Latest, latest_of
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import EMPTY_TIMEOUT, STILL_WRITTEN, WORKER_ANSWERS_WITHIN
from livekit_doctor.evidence.observations import Component, LogFile, LogLine

_BY_THE_ROOMS_NODE = (
    Said.SESSION_STARTED,
    Said.PARTICIPANT_ACTIVE,
    Said.PARTICIPANT_LEFT,
    Said.NEVER_HAD_MEDIA,
    Said.ROOM_IDLE,
    Said.ROOM_CLOSED,
    Said.NO_WORKER,
)
"""What the node of a room writes of it. Any node may be the one that was called by the API and chose another for
the room, and the one that has a worker writes of its jobs (measured, two nodes of 1.13.5)."""


class ComponentLogs(Struct, frozen=True, dict=True):
    """The lines that concern one call, oldest first."""

    call: Seen

    @cached_property
    def given(self) -> tuple[LogFile, ...]:
        return tuple(self.call.setup.all(LogFile))

    def has(self, log: Component) -> bool:
        """Whether a log of this kind was read."""
        return any(file.log == log for file in self.given)

    def covers(self, log: Component, at: datetime | None) -> bool:
        """Whether a log of this kind spans this moment, so that a line that is not there was not written."""
        return any(file.log == log and _spans(file, at) for file in self.given)

    def covers_room(self, at: datetime) -> bool:
        """Whether the log of the node that had the room spans this moment. Each node of a cluster writes a log
        of its own: of who was in the room, and how it ended, only that one's says anything."""
        return any(file.name in self._of_rooms_node and _spans(file, at) for file in self.given if file.log == "server")

    @cached_property
    def covers_to_the_end(self) -> bool:
        """Whether the log of the node that had the room goes on to the room's closing, or was read while it is
        written, or goes on for longer than a room stays open that nobody is in."""
        now = self.call.setup.evidence.now - STILL_WRITTEN
        closed = next((line.at for line in self.ever_said(Said.ROOM_CLOSED) if line.at), now)
        last = max((line.at for line in self.own if line.log == "server" and line.at), default=now)
        end = min(closed, now, last + EMPTY_TIMEOUT)
        return any(
            file.last_at is not None and file.zoned and file.last_at >= end
            for file in self.given
            if file.log == "server" and file.name in self._of_rooms_node
        )

    @cached_property
    def _of_rooms_node(self) -> frozenset[str]:
        """The names of the server's logs that the node of the room wrote."""
        return frozenset(line.file for line in self.ever_said(*_BY_THE_ROOMS_NODE))

    @cached_property
    def _lines(self) -> tuple[tuple[Said | None, LogLine], ...]:
        lines = {line.place: line for line in self.call.setup.all(LogLine)}
        ordered = sorted(lines.values(), key=lambda line: (line.at is None, line.at or line.read.at, line.number))
        return tuple((meaning(line), line) for line in ordered)

    @cached_property
    def own(self) -> tuple[LogLine, ...]:
        """The lines that carry the call's room, job, dispatch or the identity of its agent."""
        return tuple(line for _, line in self._own)

    @cached_property
    def _own(self) -> tuple[tuple[Said | None, LogLine], ...]:
        return tuple((said, line) for said, line in self._lines if self._is_own(line))

    @cached_property
    def job_ids(self) -> frozenset[str]:
        """The call's jobs: those that the API listed, and those that a line puts into its room."""
        listed = {job.id for job in self.call.jobs_ever}
        return frozenset((listed | self._logged_jobs) - {""})

    @cached_property
    def _logged_jobs(self) -> set[str]:
        """The jobs that lines put into the call's room; not those of another agent beside its own."""
        names: dict[str, set[str]] = {}
        for _, line in self._lines:
            if self._in_room(line) and "job_id" in line.fields:
                names.setdefault(line.fields["job_id"], set()).add(line.fields.get("agent_name", ""))
        if (heard := self._heard_job) and heard not in names:
            named = (line for _, line in self._lines if line.fields.get("job_id") == heard)
            names[heard] = {line.fields.get("agent_name", "") for line in named}
        others = set(self.call.settings.agent.others)
        own = self.call.agent_name
        if own and any(own in found for found in names.values()):
            others |= set().union(*names.values()) - {own, ""}
        return {job_id for job_id, found in names.items() if not found & others}

    @cached_property
    def _heard_job(self) -> str:
        """The job of the one agent whose audio livekit-sip took to the phone: an agent's identity names it."""
        heard = {
            line.fields.get("participant", "")
            for said, line in self._lines
            if said is Said.SIP_HEARD and self._in_room(line)
        }
        jobs = [identity.removeprefix("agent-") for identity in heard if identity.startswith("agent-AJ_")]
        return jobs[0] if len(jobs) == 1 else ""

    @cached_property
    def agent_names(self) -> frozenset[str]:
        """The agents that pasted lines name: those of the call's room, else those of lines without a room."""
        named = [line for line in self.own if line.read.excerpt and line.fields.get("agent_name")]
        of_room = [line for line in named if self._in_room(line)]
        others = [line for line in named if meaning(line) is not Said.REGISTERED]
        return frozenset(line.fields["agent_name"] for line in of_room or others or named)

    def said(self, *what: Said) -> tuple[LogLine, ...]:
        """The call's own lines that say this; of jobs and agents those of the latest dispatch."""
        return tuple(line for said, line in self._current if said in what)

    def ever_said(self, *what: Said) -> tuple[LogLine, ...]:
        """Those of earlier dispatches, too."""
        return tuple(line for said, line in self._own if said in what)

    @cached_property
    def _current(self) -> tuple[tuple[Said | None, LogLine], ...]:
        earlier = self.latest.earlier_lines | self._ringing_before
        if not earlier:
            return self._own
        return tuple((said, line) for said, line in self._own if id(line) not in earlier)

    @cached_property
    def _ringing_before(self) -> frozenset[int]:
        """livekit-sip's lines of the ringing of a phone that was not answered, and was dialled again."""
        before, rang = set[int](), set[int]()
        for said, line in self._own:
            if said is Said.SIP_RANG:
                rang.add(id(line))
            elif said is Said.SIP_CREATING:
                before |= rang
                rang.clear()
            elif said is Said.SIP_ESTABLISHED:
                rang.clear()
        return frozenset(before)

    @cached_property
    def latest(self) -> Latest:
        """The latest dispatch, and which lines are about those before it."""
        agents = {identity for identity, kind in self._kinds.items() if kind == "AGENT"}
        return latest_of(self.call, self._own, frozenset(agents))

    def anywhere(self, *what: Said) -> tuple[LogLine, ...]:
        """All lines that say this, about whichever call."""
        return tuple(line for said, line in self._lines if said in what)

    def is_agent(self, line: LogLine) -> bool:
        """Whether a line about a participant is about the call's agent."""
        identity = line.fields.get("participant", "")
        if not identity:
            return False
        if identity in self._agent_identities:
            return True
        # Its request_fnc gave it an identity of its own; those of other jobs are other agents.
        return self._kinds.get(identity) == "AGENT" and not identity.startswith("agent-AJ_")

    @cached_property
    def _agent_identities(self) -> frozenset[str]:
        listed = {job.participant_identity for job in self.call.jobs_ever}
        return frozenset(listed | {f"agent-{job_id}" for job_id in self.job_ids})

    def may_be_agent(self, line: LogLine) -> bool:
        """Whether nothing shows that a line about a participant is not about the call's agent: it may have
        any identity, and only the line of its leaving says of which kind it was."""
        return self.is_agent(line) or self._kinds.get(line.fields.get("participant", "")) is None

    def is_phone(self, line: LogLine) -> bool:
        """Whether a line about a participant is known to be about one that was dialled."""
        return self._kinds.get(line.fields.get("participant", "")) == "SIP" or (
            line.fields.get("participant", "-") in self._dialled
        )

    @cached_property
    def _dialled(self) -> frozenset[str]:
        """The identities that CreateSIPParticipant was called for, by the logs of livekit-server and livekit-sip."""
        lines = self.ever_said(Said.SIP_ACCEPTED, Said.SIP_REFUSED, Said.SIP_CREATING)
        return frozenset(line.fields["participant"] for line in lines if line.fields.get("participant"))

    def is_user(self, line: LogLine) -> bool:
        """Whether a line about a participant is about one that joined with a user's token."""
        return self._kinds.get(line.fields.get("participant", "")) == "STANDARD"

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """The kind of each participant by its identity, as the API and the lines of their leaving have it."""
        listed = {p.identity: p.kind for listing in self.call.participant_lists for p in listing.participants}
        left = {line.fields.get("participant", ""): line.fields for line in self.ever_said(Said.PARTICIPANT_LEFT)}
        return listed | {identity: fields["kind"] for identity, fields in left.items() if fields.get("kind")}

    @cached_property
    def dispatched_names(self) -> tuple[str, ...]:
        """The agent names that were dispatched into the call's room, by the server's log."""
        asked = self.ever_said(Said.DISPATCH_CREATED, Said.ROOM_ASKED_FOR)
        return tuple(dict.fromkeys(name for line in asked for name in requested_agents(line.fields.get("request", ""))))

    def by_one_clock(self, line: LogLine, other: LogLine) -> bool:
        """Whether how long it was from one line to the other can be said."""
        if (line.log, line.file) == (other.log, other.file):
            return True
        return line.zoned and other.zoned and (line.log == other.log or self._clocks_agree)

    @cached_property
    def _clocks_agree(self) -> bool:
        """Whether worker and server write the same job at the same time: the worker when it is asked, the
        server once it has the answer. Not known to differ where one of them does not write it."""
        asked = {line.fields.get("job_id"): line.at for line in self.ever_said(Said.ASKED) if line.at}
        took = [
            line.at - asked[line.fields["job_id"]]
            for line in self.ever_said(Said.ASSIGNED)
            if line.at and line.fields.get("job_id") in asked
        ]
        return all(-self.call.tolerance <= each <= WORKER_ANSWERS_WITHIN + self.call.tolerance for each in took)

    def registrations(self, name: str | None = None) -> tuple[LogLine, ...]:
        """When workers registered, under this name or any."""
        lines = self.anywhere(Said.REGISTERED)
        return tuple(line for line in lines if name is None or line.fields.get("agent_name", "") == name)

    @cached_property
    def of_workers(self) -> tuple[LogLine, ...]:
        """All lines of workers' logs, about whichever call."""
        return tuple(line for _, line in self._lines if line.log == "worker")

    @cached_property
    def naming_workers(self) -> tuple[LogLine, ...]:
        """All lines with the id of a worker."""
        return tuple(line for _, line in self._lines if line.fields.get("worker_id"))

    def _is_own(self, line: LogLine) -> bool:
        fields = line.fields
        if self._in_room(line):
            return True
        if fields.get("room") or fields.get("room_id"):
            return False
        job = fields.get("job_id", "")
        if line.read.excerpt and (not job or (not self.job_ids and job not in self.jobs_elsewhere)):
            # A person picked it, and neither this call's own job is known, nor another call to be its own.
            return True
        dispatches = {dispatch.id for dispatch in self.call.dispatches_ever}
        return fields.get("job_id") in self.job_ids or fields.get("dispatch_id") in dispatches

    @cached_property
    def jobs_elsewhere(self) -> frozenset[str]:
        """The jobs that lines put into other rooms."""
        lines = [line for _, line in self._lines if line.fields.get("room") and not self._in_room(line)]
        return frozenset({line.fields.get("job_id", "") for line in lines} - {""} - self.job_ids)

    def _in_room(self, line: LogLine) -> bool:
        room = self.call.room
        if room is None or line.fields.get("room") != room.name:
            return False
        info = self.call.room_info
        own = info.sid if info else room.sid or self._sid_of_lines
        sid = line.fields.get("room_id", "")
        if sid and own:
            return sid == own
        if info is None and not room.sid and line.zoned and line.at is not None:
            return self._sid_at(line.at) in ("", own)
        return info is None or line.at is None or line.at >= info.created_at - self.call.tolerance

    @cached_property
    def _openings(self) -> tuple[tuple[datetime, str], ...]:
        """When each of the rooms that had the call's name was first heard of, oldest first."""
        first: dict[str, datetime] = {}
        room = self.call.room
        for _, line in self._lines:
            sid = line.fields.get("room_id")
            if room and sid and line.fields.get("room") == room.name and line.zoned and line.at is not None:
                first.setdefault(sid, line.at)
        return tuple(sorted((at, sid) for sid, at in first.items()))

    @cached_property
    def _sid_of_lines(self) -> str:
        """Of several rooms of one name that the lines name, the one that was there at the time of the call's
        rows; without rows the latest."""
        if not self._openings:
            return ""
        return self._sid_at(self.call.rows[-1].at) or self._openings[0][1] if self.call.rows else self._openings[-1][1]

    def _sid_at(self, at: datetime) -> str:
        """Which of the rooms of the call's name was the one at this moment; empty before the first."""
        if len(self._openings) < 2:
            return ""
        begun = [sid for opened, sid in self._openings if opened - self.call.tolerance <= at]
        return begun[-1] if begun else ""


def _spans(file: LogFile, at: datetime | None) -> bool:
    if at is None or not file.zoned or file.first_at is None or file.last_at is None:
        return False
    return file.first_at <= at <= file.last_at


def because(line: LogLine, text: str | None = None) -> Because:
    """A line as evidence. `text` says what it shows; without one its own words do."""
    words = [line.message.splitlines()[0] if line.message else ""]
    words += [
        f"{key} {line.fields[key]}" for key in ("agent_name", "error", "reason", "status") if line.fields.get(key)
    ]
    own = ", ".join(filter(None, words))
    said = f"{text}: {own}" if text else own
    return Because(source=f"{line.log} log", at=line.at, text=said)


def tracebacks(lines: tuple[LogLine, ...]) -> Iterator[str]:
    """What was raised, without repetition."""
    yield from dict.fromkeys(line.traceback for line in lines if line.traceback)
