"""What the components' logs say of one call: which lines are its own, and what they mean.

The texts are those of livekit-server 1.13.5 and livekit-agents 1.8.9 (design facts 11 and 12, and the
lab), and of livekit-sip 1.11.0 (its source). A line is a call's own by its room, its job, its dispatch
or its agent's identity. One that has none of these counts by the agent's name and the time of the
dispatch, for no more than `likely`.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum, auto
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.times import AROUND_DISPATCH, WORKER_ANSWERS_WITHIN
from livekit_doctor.evidence.observations import Component, LogFile, LogLine

if TYPE_CHECKING:
    from livekit_doctor.diagnosis.call import Call

_AGENT_NAME = re.compile(r'"agentName": ?"((?:[^"\\]|\\.)+)"')


class Said(StrEnum):
    """What a line says."""

    # livekit-server, of a job on its way to a worker
    NO_WORKER = auto()
    """No worker is registered under the agent's name."""
    NO_ANSWER = auto()
    """A worker was registered within the last minute, and none for this job answered."""
    NOBODY_FREE = auto()
    """Workers answered that they take no jobs."""
    DECLINED = auto()
    """A worker was asked and declined."""
    TIMED_OUT = auto()
    """A worker was asked, and the answer or the assignment took too long."""
    ASSIGNED = auto()
    JOB_ENDED = auto()
    REGISTERED = auto()
    """A worker registered: the server's line, or the worker's own."""
    DEREGISTERED = auto()
    """The last worker of a name and kind left the server."""
    WORKER_CLOSED = auto()
    """The server's connection to a worker ended."""
    # livekit-server, of rooms, dispatches and participants
    ROOM_ASKED_FOR = auto()
    """CreateRoom was called: the room may have been there before."""
    ROOM_OPENED = auto()
    ROOM_CLOSED = auto()
    ROOM_IDLE = auto()
    ROOM_DELETED = auto()
    DISPATCH_CREATED = auto()
    DISPATCH_DELETED = auto()
    SESSION_STARTED = auto()
    """A participant's signalling is there; its media is to come."""
    PARTICIPANT_ACTIVE = auto()
    PARTICIPANT_LEFT = auto()
    NEVER_HAD_MEDIA = auto()
    """A participant was removed that never was ACTIVE."""
    TRANSFERRED = auto()
    """The phone was transferred (REFER), the server's line or livekit-sip's."""
    # the worker
    ASKED = auto()
    """The job request reached the worker."""
    CONNECTION_FAILED = auto()
    GAVE_UP = auto()
    FULL = auto()
    FREE = auto()
    """No longer full."""
    DRAINING = auto()
    SHUT_DOWN = auto()
    REQUEST_RAISED = auto()
    REQUEST_UNANSWERED = auto()
    """The request_fnc ended, and had neither accepted nor rejected."""
    ASSIGNMENT_LATE = auto()
    INIT_FAILED = auto()
    """A process that should run jobs did not come up; for which job it was the line does not say."""
    NO_PROCESS = auto()
    """The worker gave up launching a process for a job."""
    MEDIA_TIMED_OUT = auto()
    """The RTC library gave up a media connection, after 15 s, and may try again."""
    RAISED = auto()
    EXITED = auto()
    """A job's process ended with an exit code other than 0."""
    UNRESPONSIVE = auto()
    SLOW_TO_CONNECT = auto()
    RETURNED = auto()
    """The entrypoint returned without connecting."""
    ASYNC_PREWARM = auto()
    # livekit-sip, of an outbound call
    SIP_CREATING = auto()
    SIP_FAILED = auto()
    SIP_RANG = auto()
    """Its times name the ringing, which they do only where it rang."""
    SIP_ESTABLISHED = auto()


class _Meaning(Struct, frozen=True):
    log: Component
    text: str
    """The message begins with it, in any case."""
    said: Said
    where: Callable[[LogLine], bool] = lambda _: True


def _error(*texts: str) -> Callable[[LogLine], bool]:
    """Has an error, with one of these texts in it."""
    return lambda line: any(text in line.fields["error"] for text in texts) if "error" in line.fields else False


def _succeeded(line: LogLine) -> bool:
    return line.fields.get("status") == "200"


def _of_job(line: LogLine) -> bool:
    """Not the process that a worker keeps warm, which may exit with 255 at any time (fact 12)."""
    return bool(line.fields.get("job_id"))


def _gave_up(line: LogLine) -> bool:
    """After its last attempt: before that it tries again."""
    return _of_job(line) and "retrying" not in line.message


_NO_MEDIA = "wait_pc_connection timed out"


_MEANINGS = (
    _Meaning("server", "not dispatching agent job since no worker", Said.NO_WORKER),
    _Meaning("server", "failed to send job request", Said.NO_ANSWER, _error("no response from servers")),
    _Meaning("server", "failed to send job request", Said.NOBODY_FREE, _error("no servers available")),
    _Meaning("server", "failed to assign job to worker", Said.DECLINED, _error("worker not available")),
    _Meaning("server", "no worker available to handle job", Said.DECLINED, _error("no workers with sufficient")),
    _Meaning("server", "failed to assign job to worker", Said.TIMED_OUT, _error("deadline", "timed out")),
    _Meaning("server", "assigned job to worker", Said.ASSIGNED),
    _Meaning("server", "job ended", Said.JOB_ENDED),
    _Meaning("server", "worker registered", Said.REGISTERED),
    _Meaning("server", "last worker deregistered", Said.DEREGISTERED),
    _Meaning("server", "closing worker", Said.WORKER_CLOSED),
    _Meaning("server", "API RoomService.CreateRoom", Said.ROOM_ASKED_FOR),
    _Meaning("server", "selected node for room", Said.ROOM_OPENED),
    _Meaning("server", "closing idle room", Said.ROOM_IDLE),
    _Meaning("server", "room closed", Said.ROOM_CLOSED),
    _Meaning("server", "API RoomService.DeleteRoom", Said.ROOM_DELETED),
    _Meaning("server", "API AgentDispatchService.CreateDispatch", Said.DISPATCH_CREATED),
    _Meaning("server", "API AgentDispatchService.DeleteDispatch", Said.DISPATCH_DELETED),
    _Meaning("server", "starting RTC session", Said.SESSION_STARTED),
    _Meaning("server", "participant active", Said.PARTICIPANT_ACTIVE),
    _Meaning("server", "removing participant without connection", Said.NEVER_HAD_MEDIA),
    _Meaning("server", "participant closing", Said.PARTICIPANT_LEFT),
    _Meaning("server", "API SIP.TransferSIPParticipant", Said.TRANSFERRED, _succeeded),
    _Meaning("worker", "received job request", Said.ASKED),
    _Meaning("worker", "registered worker", Said.REGISTERED),
    _Meaning("worker", "failed to connect to livekit", Said.CONNECTION_FAILED),
    _Meaning("worker", "worker failed", Said.GAVE_UP),
    _Meaning("worker", "worker is at full capacity", Said.FULL),
    _Meaning("worker", "worker is below capacity", Said.FREE),
    _Meaning("worker", "draining worker", Said.DRAINING),
    _Meaning("worker", "shutting down worker", Said.SHUT_DOWN),
    _Meaning("worker", "job_request_fnc failed", Said.REQUEST_RAISED),
    _Meaning("worker", "no answer was given inside the job_request_fnc", Said.REQUEST_UNANSWERED),
    _Meaning("worker", "assignment for job", Said.ASSIGNMENT_LATE, lambda line: "timed out" in line.message),
    _Meaning("worker", "error initializing process", Said.INIT_FAILED),
    _Meaning("worker", "failed to acquire process for job", Said.NO_PROCESS, _of_job),
    _Meaning("worker", "failed to launch job on process", Said.NO_PROCESS, _gave_up),
    _Meaning("worker", "livekit::rtc_engine", Said.MEDIA_TIMED_OUT, lambda line: _NO_MEDIA in line.message),
    _Meaning("worker", "unhandled exception while running the job task", Said.RAISED, _of_job),
    _Meaning("worker", "process exited with non-zero exit code", Said.EXITED, _of_job),
    _Meaning("worker", "job crashed", Said.EXITED, _of_job),
    _Meaning("worker", "process is unresponsive", Said.UNRESPONSIVE, _of_job),
    _Meaning("sip", "creating sip participant", Said.SIP_CREATING),
    _Meaning("sip", "sip call failed", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "sip invite failed", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "closing outbound call with error", Said.SIP_FAILED, _error("")),
    _Meaning("sip", "signaling timestamps", Said.SIP_RANG, lambda line: "invite_to_ringing_ms" in line.fields),
    _Meaning("sip", "outbound sip call established", Said.SIP_ESTABLISHED),
    _Meaning("sip", "outbound call transferred", Said.TRANSFERRED),
    _Meaning("sip", "inbound call transferred", Said.TRANSFERRED),
    _Meaning("worker", "the room connection was not established", Said.SLOW_TO_CONNECT),
    _Meaning("worker", "the job task completed without", Said.RETURNED),
)


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


def meaning(line: LogLine) -> Said | None:
    """What the line says; None where that is nothing that a diagnosis knows."""
    message = line.message.lower()
    if line.log == "worker" and "prewarm" in message and "was never awaited" in message:
        return Said.ASYNC_PREWARM
    for text, entry in _MEANINGS_OF[line.log]:
        if message.startswith(text) and entry.where(line):
            return entry.said
    return None


_MEANINGS_OF: dict[Component, tuple[tuple[str, _Meaning], ...]] = {
    log: tuple((entry.text.lower(), entry) for entry in _MEANINGS if entry.log == log) for log in get_args(Component)
}


class ComponentLogs(Struct, frozen=True, dict=True):
    """The lines that concern one call, oldest first."""

    call: "Call"

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
    def _of_rooms_node(self) -> frozenset[str]:
        """The names of the server's logs that the node of the room wrote."""
        return frozenset(line.file for line in self.said(*_BY_THE_ROOMS_NODE))

    @cached_property
    def _lines(self) -> tuple[tuple[Said | None, LogLine], ...]:
        lines = {(line.log, line.file, line.number): line for line in self.call.setup.all(LogLine)}
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
        listed = {job.id for job in (*self.call.jobs, *self.call.declined_jobs)}
        return frozenset((listed | self._logged_jobs) - {""})

    @cached_property
    def _logged_jobs(self) -> set[str]:
        """The jobs that lines put into the call's room; not those of another agent beside its own."""
        names: dict[str, set[str]] = {}
        for _, line in self._lines:
            if self._in_room(line) and "job_id" in line.fields:
                names.setdefault(line.fields["job_id"], set()).add(line.fields.get("agent_name", ""))
        others = set(self.call.settings.agent.others)
        own = self.call.agent_name
        if own and any(own in found for found in names.values()):
            others |= set().union(*names.values()) - {own, ""}
        return {job_id for job_id, found in names.items() if not found & others}

    @cached_property
    def agent_names(self) -> frozenset[str]:
        """The agents that pasted lines name: those of the call's room, else those of lines without a room."""
        named = [line for line in self.own if line.read.excerpt and line.fields.get("agent_name")]
        of_room = [line for line in named if self._in_room(line)]
        others = [line for line in named if meaning(line) is not Said.REGISTERED]
        return frozenset(line.fields["agent_name"] for line in of_room or others or named)

    def said(self, *what: Said) -> tuple[LogLine, ...]:
        """The call's own lines that say this."""
        return tuple(line for said, line in self._own if said in what)

    def anywhere(self, *what: Said) -> tuple[LogLine, ...]:
        """All lines that say this, about whichever call."""
        return tuple(line for said, line in self._lines if said in what)

    def by_name(self, *what: Said) -> tuple[LogLine, ...]:
        """Lines without room and job that can be about this call's dispatch: the agent's name and the time
        are right. Another call of that time would leave the same."""
        name, began = self.call.wanted_agent, self.call.dispatched_at
        if not name or began is None:
            return ()
        first, last = (began + offset for offset in AROUND_DISPATCH)
        return tuple(
            line
            for line in self.anywhere(*what)
            if line.fields.get("agent_name") == name
            and not (line.fields.get("room") or line.fields.get("job_id"))
            and line.at is not None
            and first <= line.at <= last
        )

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
        listed = {job.participant_identity for job in self.call.jobs}
        return frozenset(listed | {f"agent-{job_id}" for job_id in self.job_ids})

    def may_be_agent(self, line: LogLine) -> bool:
        """Whether nothing shows that a line about a participant is not about the call's agent: it may have
        any identity, and only the line of its leaving says of which kind it was."""
        return self.is_agent(line) or self._kinds.get(line.fields.get("participant", "")) is None

    def is_user(self, line: LogLine) -> bool:
        """Whether a line about a participant is about one that joined with a user's token."""
        return self._kinds.get(line.fields.get("participant", "")) == "STANDARD"

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """The kind of each participant by its identity, as the API and the lines of their leaving have it."""
        listed = {p.identity: p.kind for listing in self.call.participant_lists for p in listing.participants}
        left = {line.fields.get("participant", ""): line.fields for line in self.said(Said.PARTICIPANT_LEFT)}
        return listed | {identity: fields["kind"] for identity, fields in left.items() if fields.get("kind")}

    @cached_property
    def dispatched_names(self) -> tuple[str, ...]:
        """The agent names that were dispatched into the call's room, by the server's log."""
        asked = self.said(Said.DISPATCH_CREATED, Said.ROOM_ASKED_FOR)
        found = [name for line in asked for name in _AGENT_NAME.findall(line.fields.get("request", ""))]
        return tuple(map(_unescaped, dict.fromkeys(found)))

    def by_one_clock(self, line: LogLine, other: LogLine) -> bool:
        """Whether how long it was from one line to the other can be said."""
        if (line.log, line.file) == (other.log, other.file):
            return True
        return line.zoned and other.zoned and (line.log == other.log or self._clocks_agree)

    @cached_property
    def _clocks_agree(self) -> bool:
        """Whether worker and server write the same job at the same time: the worker when it is asked, the
        server once it has the answer. Not known to differ where one of them does not write it."""
        asked = {line.fields.get("job_id"): line.at for line in self.said(Said.ASKED) if line.at}
        tolerance = timedelta(seconds=self.call.settings.call_logs.clock_tolerance)
        took = [
            line.at - asked[line.fields["job_id"]]
            for line in self.said(Said.ASSIGNED)
            if line.at and line.fields.get("job_id") in asked
        ]
        return all(-tolerance <= each <= WORKER_ANSWERS_WITHIN + tolerance for each in took)

    def registrations(self, name: str | None = None) -> tuple[LogLine, ...]:
        """When workers registered, under this name or any."""
        lines = self.anywhere(Said.REGISTERED)
        return tuple(line for line in lines if name is None or line.fields.get("agent_name", "") == name)

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
        if line.read.excerpt and fields.get("job_id", "") not in self._jobs_elsewhere:
            # A person picked it, and no other call is known to be its own.
            return True
        dispatches = {dispatch.id for dispatch in self.call.dispatches}
        return fields.get("job_id") in self.job_ids or fields.get("dispatch_id") in dispatches

    @cached_property
    def _jobs_elsewhere(self) -> frozenset[str]:
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
        tolerance = timedelta(seconds=self.call.settings.call_logs.clock_tolerance)
        return info is None or line.at is None or line.at >= info.created_at - tolerance

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
        tolerance = timedelta(seconds=self.call.settings.call_logs.clock_tolerance)
        begun = [sid for opened, sid in self._openings if opened - tolerance <= at]
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


def _unescaped(name: str) -> str:
    """What a JSON string says, as it is written where that is no JSON: a log may be cut or made up."""
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name
