"""What the components' logs say of one call: which node's they are, until when they go, and of which participants."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from operator import attrgetter

from msgspec.structs import replace

from livekit_doctor.diagnosis.answered_before import Phones
from livekit_doctor.diagnosis.episodes import Latest, latest_of
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.own_lines import OF_A_PARTICIPANT, Index, OwnLines, grouped
from livekit_doctor.diagnosis.said import LEFT_ROOM, Said, meaning
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, EMPTY_TIMEOUT, MEDIA_GIVEN_UP, STILL_WRITTEN
from livekit_doctor.evidence.job_ids import job_of_identity
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


_BY_THE_APIS_NODE = (
    Said.ROOM_OPENED,
    Said.ROOM_ASKED_FOR,
    Said.DISPATCH_CREATED,
    Said.DISPATCH_DELETED,
    Said.SIP_ACCEPTED,
    Said.SIP_REFUSED,
)
"""What the node writes that was called by the API: of dispatches, and of attempts to dial that came to nothing."""


_WARNINGS = {"warn", "warning", "error", "fatal", "critical"}


class ComponentLogs(OwnLines, frozen=True, dict=True):
    """The lines that concern one call, oldest first."""

    @cached_property
    def given(self) -> tuple[LogFile, ...]:
        return tuple(map(self._span_by_livekits_clock, self.call.setup.all(LogFile)))

    def _span_by_livekits_clock(self, file: LogFile) -> LogFile:
        by = self.clocks_ahead.get((file.log, file.name))
        if by is None or not file.first_at or not file.last_at:
            return file
        return replace(file, first_at=file.first_at - by, last_at=file.last_at - by)

    def has(self, log: Component) -> bool:
        """Whether a log of this kind was read."""
        return any(file.log == log for file in self.given)

    def was_pasted(self, log: Component) -> bool:
        """Whether a person picked lines of the call's out of such a log."""
        return any(line.read.excerpt for line in self.own_by_log[log])

    def covers(self, log: Component, at: datetime | None) -> bool:
        """Whether a log of this kind spans this moment, so that a line that is not there was not written: not one of
        warnings alone."""
        return any(file.log == log and _spans(file, at) and file.name not in self._of_warnings for file in self.given)

    def is_picked(self, line: LogLine) -> bool:
        """Whether what stood beside it may be left out: by a person, or since its log has warnings alone."""
        return line.read.excerpt or line.file in self._of_warnings

    def was_there_before_the_log(self, line: LogLine) -> bool:
        """Whether the participant of a line of the server's log was in the room since before the log begins, which it
        does in mid-call, and for longer than one whose media does not connect."""
        began = self.began_in_mid_call(line)
        if began is None or line.at is None or line.at - began <= MEDIA_GIVEN_UP:
            return False
        return (line.file, line.fields["participant"]) not in self._came

    @cached_property
    def _came(self) -> frozenset[tuple[str, str]]:
        """Who came, by each log that says so."""
        came = self.ever_said(Said.SESSION_STARTED, Said.PARTICIPANT_ACTIVE)
        return frozenset((line.file, line.fields.get("participant", "")) for line in came)

    def began_in_mid_call(self, line: LogLine) -> datetime | None:
        """When the log of this line begins, if another source tells that the call had begun by then, as far as clocks
        tell."""
        began = next((file.first_at for file in self.given if file.name == line.file and file.zoned), None)
        told = [row.at for row in self.call.rows[:1]]
        told += [at for file, at in self._first_told.items() if file != line.file]
        return began if began and told and min(told) - self.call.tolerance <= began else None

    @cached_property
    def _first_told(self) -> dict[str, datetime]:
        """When each log first tells of the call."""
        first: dict[str, datetime] = {}
        for line in self.own:
            if line.at and line.zoned:
                first[line.file] = min(line.at, first.get(line.file, line.at))
        return first

    @cached_property
    def _of_warnings(self) -> frozenset[str]:
        """The logs in which nothing is said that is no warning or error."""
        told = {line.file for line in self.every if line.level not in _WARNINGS}
        return frozenset({line.file for line in self.every} - told)

    def covers_room(self, at: datetime) -> bool:
        """Whether the log of the node that had the room spans this moment. Each node of a cluster writes a log
        of its own: of who was in the room, and how it ended, only that one's says anything."""
        return any(file.name in self._of_rooms_node and _spans(file, at) for file in self.given if file.log == "server")

    def covers_api(self, at: datetime) -> bool:
        """Whether the log of the node that the team's programs call for this room spans this moment."""
        return any(file.name in self._of_apis_node and _spans(file, at) for file in self.given if file.log == "server")

    @cached_property
    def api_to_the_end(self) -> bool:
        """Whether that node's log goes on to the room's closing, or was read while it is written, or goes on for
        longer than a room stays open that nobody is in."""
        now = self.call.setup.evidence.now - STILL_WRITTEN
        closed = next((line.at for line in self.ever_said(Said.ROOM_CLOSED) if line.at), now)
        last = max((line.at for line in self.own_by_log["server"] if line.at), default=now)
        end = min(closed, now, last + EMPTY_TIMEOUT)
        return any(
            file.last_at is not None and file.zoned and file.last_at >= end
            for file in self.given
            if file.log == "server" and file.name in self._of_apis_node
        )

    @cached_property
    def _of_apis_node(self) -> frozenset[str]:
        """The names of the server's logs that the node wrote which was called for this room. Where there is but one
        log of a server, any node's, nobody knows whether there are others."""
        return frozenset(line.file for line in self.ever_said(*_BY_THE_APIS_NODE))

    @cached_property
    def _of_rooms_node(self) -> frozenset[str]:
        """The names of the server's logs that the node of the room wrote."""
        return frozenset(line.file for line in self.ever_said(*_BY_THE_ROOMS_NODE))

    @cached_property
    def agent_names(self) -> frozenset[str]:
        """The agents that pasted lines name: those of the call's room, else those of lines without a room."""
        named = [line for line in self.own if line.fields.get("agent_name") and line.read.excerpt]
        of_room = [line for line in named if self._in_room(line)]
        others = [line for line in named if meaning(line) is not Said.REGISTERED]
        return frozenset(line.fields["agent_name"] for line in of_room or others or named)

    def said(self, *what: Said) -> tuple[LogLine, ...]:
        """The call's own lines that say this; of jobs and agents those of the latest dispatch."""
        return self._current.say(*what)

    @cached_property
    def _current(self) -> Index:
        earlier = self.latest.earlier_lines | self._ringing_before | {id(line) for line in self.answered_before}
        return Index([told for told in self._own.told if id(told.line) not in earlier]) if earlier else self._own

    @cached_property
    def _ringing_before(self) -> frozenset[int]:
        """livekit-sip's lines of the ringing of a phone that was not answered, and was dialled again."""
        before, rang, dials = set[int](), set[int](), set[str]()
        for told in self._own.told if self.ever_said(Said.SIP_RANG) else ():
            said, line = told.said, told.line
            dial = line.fields.get("call_id", "") if line.log == "sip" else ""
            if said is Said.SIP_CREATING or (dials and dial and dial not in dials):
                before |= rang
                rang.clear()
            if said is Said.SIP_RANG:
                rang.add(id(line))
            elif said is Said.SIP_ESTABLISHED:
                rang.clear()
            dials |= {dial} - {""}
        return frozenset(before)

    @cached_property
    def answered_before(self) -> tuple[LogLine, ...]:
        """livekit-sip's lines of a phone that was answered, and had left before another was dialled: that failed, and
        the agent was there to wait for it, which it does not for a survey."""
        phones = Phones(self._own)
        return phones.answered_before if phones.last and self._agent_left_after(phones.last) else ()

    def _agent_left_after(self, line: LogLine) -> bool:
        left = [one.at for one in self.ever_said(Said.PARTICIPANT_LEFT) if one.at and self.is_agent(one)]
        return bool(left) and line.at is not None and max(left) > line.at

    @cached_property
    def latest(self) -> Latest:
        """The latest dispatch, and which lines are about those before it."""
        agents = {identity for identity, kind in self._kinds.items() if kind == "AGENT"}
        opened = next((line.at for line in self.ever_said(Said.ROOM_OPENED)), None)
        complete = opened is not None and self.covers_api(opened) and self.api_to_the_end
        others = {f"agent-{job}" for job in self.other_jobs}  # another agent beside it is no later job of the call's
        own = self._own
        if others:
            own = Index([told for told in own.told if told.line.fields.get("participant") not in others])
        return latest_of(self.call, own, frozenset(agents), complete)

    def of_agent(self, *what: Said) -> tuple[LogLine, ...]:
        """Those of `said` that are about a participant who is the call's agent."""
        return self._of_agent.say(*what)

    def of_phone(self, *what: Said) -> tuple[LogLine, ...]:
        """The same of a phone."""
        return self._of_phone.say(*what)

    @cached_property
    def _of_agent(self) -> Index:
        return Index([told for told in self._current.that(*OF_A_PARTICIPANT) if self.is_agent(told.line)])

    @cached_property
    def _of_phone(self) -> Index:
        return Index([told for told in self._current.that(*OF_A_PARTICIPANT) if self.is_phone(told.line)])

    def is_agent(self, line: LogLine) -> bool:
        """Whether a line about a participant is about the call's agent."""
        identity = line.fields.get("participant", "")
        if (known := self._known_agents.get(identity)) is None:
            known = self._known_agents[identity] = self._is_agents(identity)
        return known

    @cached_property
    def _known_agents(self) -> dict[str, bool]:
        """What `is_agent` has said of an identity."""
        return {"": False}

    def _is_agents(self, identity: str) -> bool:
        if identity in self._agent_identities:
            return True
        if job_of_identity(identity) in self.other_jobs:
            return False
        # Its request_fnc gave it an identity of its own; those of other jobs are other agents, where its own is known.
        others = bool(self.job_ids or self.call.settings.agent.others) and identity.startswith("agent-AJ_")
        by_job = identity.startswith("agent-AJ_") and not self.job_ids  # so the server names them
        return (by_job or self._kinds.get(identity) == "AGENT") and not others

    @cached_property
    def _agent_identities(self) -> frozenset[str]:
        listed = {job.participant_identity for job in self.call.jobs_ever}
        return frozenset(listed | {f"agent-{job_id}" for job_id in self.job_ids})

    def may_be_agent(self, line: LogLine) -> bool:
        """Whether nothing shows that a line about a participant is not about the call's agent: it may have
        any identity, and only the line of its leaving says of which kind it was."""
        identity = line.fields.get("participant", "")
        unknown = self._kinds.get(identity) is None and job_of_identity(identity) not in self.other_jobs
        return self.is_agent(line) or unknown

    def is_phone(self, line: LogLine) -> bool:
        """Whether a line about a participant is known to be about one that was dialled, or has the identity that
        LiveKit's own examples and dispatch rules give to a phone."""
        identity = line.fields.get("participant", "-")
        kind = self._kinds.get(identity, "SIP" if identity.startswith("sip_") else None)
        return kind == "SIP" or identity in self._dialled

    @property
    def agent_had_been_there(self) -> bool:
        """Whether the server says that a job of the call's ended since its agent left the room (fact 12)."""
        return any(LEFT_ROOM in line.fields.get("error", "") for line in self.said(Said.JOB_ENDED))

    @property
    def gave_phone_sound(self) -> bool:
        """Whether livekit-sip took anybody's track to the phone but another phone's."""
        return any(not self.is_phone(line) for line in self.said(Said.SIP_HEARD))

    def may_be_phone(self, line: LogLine) -> bool:
        """Whether nothing shows that a line about a participant is not about one that was dialled."""
        unknown = self._kinds.get(line.fields.get("participant", "")) is None
        others = line.fields.get("participant", "").startswith(("agent-", "EG_"))  # LiveKit names agents, recorders
        return self.is_phone(line) or (unknown and not others and not self.is_agent(line))

    @cached_property
    def mentioned(self) -> tuple[LogLine, ...]:
        """The server's other lines of who may be a phone: they were there. Whom it asks livekit-sip for is to come."""
        every = (told.line for told in self._own.told if told.said is None and told.line.log == "server")
        lines = (line for line in every if line.fields.get("participant") and "psrpc" not in line.logger)
        return tuple(filter(self.may_be_phone, lines))

    def another_was_there(self, after: datetime | None, identity: str) -> bool:
        """Whether somebody of another identity who may be a phone was there after this moment, as such a line tells."""
        lines = self.mentioned if after and identity else ()
        return any(line.at and after and line.at > after and line.fields["participant"] != identity for line in lines)

    @cached_property
    def _dialled(self) -> frozenset[str]:
        """The identities that CreateSIPParticipant was called for, by the logs of livekit-server and livekit-sip."""
        lines = self.ever_said(Said.SIP_ACCEPTED, Said.SIP_REFUSED, Said.SIP_CREATING, Said.SIP_ESTABLISHED)
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

    @property
    def opened_with_agents(self) -> tuple[LogLine, ...]:
        """CreateRoom that opened the room and dispatched agents into it: in the next one they are ignored (fact 6)."""
        opened = next((line.at for line in self.ever_said(Said.ROOM_OPENED) if line.at), None)
        return tuple(
            line
            for line in self.ever_said(Said.ROOM_ASKED_FOR)[:1]
            if opened and line.at and abs(line.at - opened) <= CREATED_AT_ONCE
            if requested_agents(line.fields.get("request", ""))
        )

    @property
    def dispatched(self) -> tuple[LogLine, ...]:
        """All that dispatched an agent into the room, whichever: CreateRoom that opened it, and CreateDispatch."""
        created = self.ever_said(Said.DISPATCH_CREATED)
        return (*self.opened_with_agents, *(line for line in created if line.fields.get("status") == "200"))

    def names_agent(self, line: LogLine) -> bool:
        """Whether a request is for the call's agent; for any, where its name is not known."""
        named, own = requested_agents(line.fields.get("request", "")), self.call.agent_name
        return bool(named) if own is None else bool(own) and own in named

    def by_one_clock(self, line: LogLine, other: LogLine) -> bool:
        """Whether how long it was from one line to the other can be said."""
        return (line.log, line.file) == (other.log, other.file) or (line.zoned and other.zoned)

    def registrations(self, name: str | None = None) -> tuple[LogLine, ...]:
        """When workers registered, under this name or any."""
        lines = self.anywhere(Said.REGISTERED)
        return lines if name is None else tuple(one for one in lines if one.fields.get("agent_name", "") == name)

    @cached_property
    def as_they_stand(self) -> tuple[LogLine, ...]:
        """The lines that were found for the call, as they stand in their logs; those with `by_id` False are of the same
        time, or say in which state a worker was. Those of another call that had a room of this name are left out, of
        pasted lines those of any other."""
        own, name = {id(line) for line in self.own}, self._own_name
        found = [
            line
            for line in self.every
            if id(line) in own or not (line.read.excerpt or (name and line.fields.get("room") == name))
        ]
        by_file = sorted(grouped(found, attrgetter("log", "file")).items())
        return tuple(line for _, lines in by_file for line in sorted(lines, key=attrgetter("order")))

    @cached_property
    def own_by_log(self) -> Mapping[Component, list[LogLine]]:
        """The call's own lines of each kind of log."""
        return grouped(self.own, attrgetter("log"))

    @cached_property
    def requests(self) -> tuple[LogLine, ...]:
        """The call's own lines of requests to the API."""
        return tuple(line for line in self.own if line.message.startswith("API "))

    @cached_property
    def of_workers(self) -> tuple[LogLine, ...]:
        """All lines of workers' logs, about whichever call."""
        return tuple(line for line in self.every if line.log == "worker")


def _spans(file: LogFile, at: datetime | None) -> bool:
    if at is None or not file.zoned or file.first_at is None or file.last_at is None:
        return False
    return file.first_at <= at <= file.last_at


def because(line: LogLine, text: str | None = None) -> Because:
    """A line as evidence. `text` says what it shows; without one its own words do."""
    words = [line.message.splitlines()[0] if line.message else ""]
    words += shown_fields(line, ("agent_name", "error", "reason", "status"))
    own = ", ".join(filter(None, words))
    said = f"{text}: {own}" if text else own
    return Because(source=f"{line.log} log", at=line.at, text=said)


def shown_fields(line: LogLine, names: Iterable[str]) -> list[str]:
    """Those that the line has, each with its name; blanks at the ends of a value are between quotation marks."""
    fields = line.fields
    return [
        f"{name} {value}" if (value := fields[name]) == value.strip() else f'{name} "{value}"'
        for name in filter(fields.get, names)
    ]


def tracebacks(lines: Iterable[LogLine]) -> Iterator[str]:
    """What was raised, without repetition."""
    yield from dict.fromkeys(line.traceback for line in lines if line.traceback)
