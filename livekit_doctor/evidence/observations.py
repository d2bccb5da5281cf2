"""Observations: what a source said, and when. Append-only, immutable, serialisable.

Times are timezone-aware UTC. A list observation is the whole answer of one request, since
what is not in it counts as much as what is.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field

from livekit_doctor.evidence import sources


class _Value(Struct, frozen=True, kw_only=True):
    pass


class Read(_Value, frozen=True):
    """Where an observation comes from.

    `at` is this machine's clock when it was read; `clock_at` the source's own clock in the
    same answer (the HTTP `Date` header, Postgres `now()`), against which ages are taken.
    """

    source: str
    at: datetime
    clock_at: datetime | None = None

    @property
    def now(self) -> datetime:
        """The moment of reading on the clock that also dated the objects read."""
        return self.clock_at or self.at

    @property
    def excerpt(self) -> bool:
        """Picked by a person out of something larger: what is not in it may have been left out."""
        return self.source.startswith(f"{sources.EVIDENCE} ")


class _Observation(Struct, frozen=True, kw_only=True, tag=True):
    read: Read


# LiveKit API


SCRATCH_PREFIX = "livekit-doctor-"
"""What the names of experiments' rooms begin with; they are nobody's calls."""


def is_scratch(room: str) -> bool:
    """Whether a room of this name is an experiment's."""
    return room.startswith(SCRATCH_PREFIX)


class Room(_Value, frozen=True):
    sid: str
    name: str
    created_at: datetime
    metadata: str = ""
    num_participants: int = 0
    empty_timeout: int = 0
    departure_timeout: int = 0


class RoomList(_Observation, frozen=True):
    """ListRooms. `names` empty means that all rooms of the project were asked for."""

    names: tuple[str, ...] = ()
    rooms: tuple[Room, ...] = ()


class Track(_Value, frozen=True):
    sid: str
    kind: Literal["audio", "video", "data"]
    muted: bool = False


class Participant(_Value, frozen=True):
    sid: str
    identity: str
    kind: str
    """STANDARD, INGRESS, EGRESS, SIP, AGENT, CONNECTOR or BRIDGE."""
    state: str
    """JOINING, JOINED, ACTIVE or DISCONNECTED."""
    joined_at: datetime | None = None
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    tracks: tuple[Track, ...] = ()


class ParticipantList(_Observation, frozen=True):
    """ListParticipants of one room."""

    room: str
    room_sid: str = ""
    participants: tuple[Participant, ...] = ()


class Job(_Value, frozen=True):
    id: str
    status: str
    """JS_PENDING, JS_RUNNING, JS_SUCCESS, JS_FAILED or JS_CANCELLED."""
    type: str = "JT_ROOM"
    error: str = ""
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    participant_identity: str = ""
    worker_id: str = ""


class Dispatch(_Value, frozen=True):
    """An agent dispatch. An empty `agent_name` is the automatic dispatch (design fact 4)."""

    id: str
    agent_name: str
    room: str
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    deployment: str = ""
    restart_policy: str = ""
    """JRP_NEVER or a newer one; empty for the default, by which LiveKit Cloud starts a job again that failed."""
    jobs: tuple[Job, ...] = ()


class DispatchList(_Observation, frozen=True):
    """ListDispatch of one room."""

    room: str
    room_sid: str = ""
    dispatches: tuple[Dispatch, ...] = ()


class OutboundTrunk(_Value, frozen=True):
    """An outbound SIP trunk. Whether it has credentials is kept, the credentials are not."""

    id: str
    name: str = ""
    address: str = ""
    transport: str = "SIP_TRANSPORT_AUTO"
    numbers: tuple[str, ...] = ()
    has_auth: bool = False
    destination_country: str = ""


class OutboundTrunkList(_Observation, frozen=True):
    trunks: tuple[OutboundTrunk, ...] = ()


class InboundTrunk(_Value, frozen=True):
    id: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()
    has_auth: bool = False
    """Whether it has a user name."""
    has_password: bool = True
    """Whether a password is listed with it."""


class InboundTrunkList(_Observation, frozen=True):
    trunks: tuple[InboundTrunk, ...] = ()


class SipDispatchRule(_Value, frozen=True):
    """A SIP dispatch rule. `agents` are the names in its room configuration."""

    id: str
    name: str = ""
    kind: Literal["direct", "individual", "callee", "unknown"] = "unknown"
    trunk_ids: tuple[str, ...] = ()
    """Empty: a wildcard rule, for every trunk."""
    numbers: tuple[str, ...] = ()
    inbound_numbers: tuple[str, ...] = ()
    has_pin: bool = False
    pin_digest: str = ""
    """Tells two pins apart without keeping them."""
    room: str = ""
    """The room name of a direct rule, the prefix of the others."""
    room_preset: str = ""
    agents: tuple[str, ...] = ()


class SipDispatchRuleList(_Observation, frozen=True):
    rules: tuple[SipDispatchRule, ...] = ()


# Call state logs


class LogRow(_Observation, frozen=True):
    """A log row. `at` is as the component that wrote it dated it; `source` is that component."""

    call_id: str
    at: datetime
    source: str
    state: str
    room: str = ""
    metadata: str = ""
    """The row's JSON, as text, secrets removed."""
    order: int = 0
    """Place among the rows of the call, as the source returned them (time, then insertion)."""


class LogTable(_Observation, frozen=True):
    """Facts about the table or file that the rows came from."""

    name: str
    rows_of_call: int = 0
    has_rows: bool | None = None
    indexed: bool | None = None
    """Whether an index begins with the call id; None where it can't be known."""
    row_security: bool = False
    """Row-level security applies to the role that read: rows may be hidden."""
    role: str = ""
    """The database role that read; empty for a file."""
    skipped_lines: tuple[str, ...] = ()
    """What of a file could not be read, each "line N: why"."""


class RecentCall(_Value, frozen=True):
    call_id: str
    at: datetime
    source: str
    state: str


class RecentCalls(_Observation, frozen=True):
    """The calls with the latest rows, newest first, each with its last row."""

    calls: tuple[RecentCall, ...] = ()


class LogStates(_Observation, frozen=True):
    """The states in use among the latest rows, most frequent first."""

    states: tuple[str, ...] = ()


# Logs of the components

Component = Literal["worker", "server", "sip", "app"]
"""Whose log it is: an agent worker's, livekit-server's, livekit-sip's, or another program's of the team that names
an id of LiveKit's."""


class LogLine(_Observation, frozen=True):
    """One line (record) of a component's log: what it says, and nothing of what it means.

    `fields` has the structured fields under one name for all formats, secrets removed: room, room_id,
    job_id, dispatch_id, agent_name, worker_id, job_type, deployment, participant, participant_id, call_id
    (SCL_...), sip_trunk, status, reason, error, url, namespace, method, request, retry, load, and any other
    in snake_case. `time` is a time of day without a date, where the line has no more than that.
    """

    log: Component
    file: str
    """Name of the file, - for standard input."""
    number: int
    """Line number in the file, from 1."""
    at: datetime | None = None
    """None: the line has no time, or no date."""
    zoned: bool = True
    """False: the time had no zone and was taken as UTC."""
    level: str = ""
    """debug, info, warn, error or fatal; empty where the line has none."""
    logger: str = ""
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    traceback: str = ""
    """The team's own frames and the exception; frames of libraries are counted, not shown."""
    by_id: bool = True
    """Whether it has one of the call's own ids or names. False: found by its message alone."""

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands: the same for a line that was read twice. A line of JSON may hold several records."""
        return (self.log, self.file, self.number, self.at, self.message)


class LogFile(_Observation, frozen=True):
    """Facts about one log that was read. `first_at` and `last_at` are the span that it covers: only
    inside it the absence of a line means something."""

    log: Component
    name: str
    formats: tuple[str, ...] = ()
    """The formats recognised; empty: nothing in it looks like the log of a LiveKit component."""
    lines: int = 0
    matched: int = 0
    """Records kept as LogLine."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    zoned: bool = True
    """False: its times have no zone and were taken as UTC."""
    skipped: dict[str, int] = field(default_factory=dict)
    """How many lines were not, or only partly, read, by why."""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many lines that would match were left out, by message: too many, or too far from the call."""


# Workers and experiments


class WorkerEndpoint(_Observation, frozen=True):
    """A worker's own HTTP endpoint. It never proves registration (design fact 14)."""

    url: str
    status: int
    """HTTP status of `/`: 200, or 503 once the worker has given up connecting."""
    agent_name: str | None = None
    worker_type: str = ""
    sdk_version: str = ""
    load: float | None = None
    active_jobs: int | None = None
    message: str = ""


class Canary(_Observation, frozen=True):
    """A worker of the tool's own, dispatched into a scratch room (design fact 15)."""

    agent_name: str
    room: str
    worker_id: str = ""
    """Empty: the worker was not registered."""
    server_version: str = ""
    node_id: str = ""
    registered_after: float | None = None
    """Seconds from connecting to the register answer."""
    job_after: float | None = None
    """Seconds from creating the room to the availability request; None: it never came."""
    waited: float = 0.0


class ScratchDispatch(_Observation, frozen=True):
    """CreateDispatch, ListDispatch and DeleteDispatch in a scratch room, under the canary's name."""

    room: str
    dispatch_id: str = ""
    listed: bool = False
    gone_after_delete: bool = False


class ProbeResult(_Observation, frozen=True):
    """A real dispatch of the team's agent into a scratch room (design fact 16)."""

    agent_name: str
    room: str
    dispatch_id: str = ""
    joined_after: float | None = None
    """Seconds from the dispatch to the AGENT participant being ACTIVE; None: it never came."""
    waited: float = 0.0
    job_status: str = ""
    """Status of the job in ListDispatch; empty: no job was listed."""
    job_declined: bool = False
    participant_identity: str = ""


class SipCallResult(_Observation, frozen=True):
    """What CreateSIPParticipant answered: the end of an attempt to dial, or that the phone was answered.

    A refusal by the carrier and one by the server itself may have the same HTTP status; only the
    carrier's has `sip_status_code` (design fact 21).
    """

    room: str = ""
    """Empty where it is not known: then it is about the call that is asked for."""
    identity: str = ""
    trunk_id: str = ""
    number: str = ""
    wait_until_answered: bool = True
    ringing_timeout: float | None = None
    """Seconds; None where it is not known."""
    took: float = 0.0
    """Seconds from the request to its answer, which was at `read.now`."""
    status: int = 0
    """HTTP status: 200 is success. 0 where only the error's text is known."""
    twirp_code: str = ""
    message: str = ""
    """The server's own words, secrets removed."""
    sip_status_code: int | None = None
    sip_status: str = ""
    participant_id: str = ""
    sip_call_id: str = ""
    quoted: bool = False
    """Somebody's sentence quotes it: it may be another call's."""

    @property
    def started_at(self) -> datetime:
        """When the request was sent, on the clock of `read.now`."""
        return self.read.now - self.lasted

    @property
    def lasted(self) -> timedelta:
        """How long it took; none where a file says what no request takes: less than nothing, a day, no number."""
        return timedelta(seconds=self.took if 0 <= self.took <= 86_400 else 0)


class Sighting(_Observation, frozen=True):
    """What somebody saw of a room: a webhook of LiveKit, or an answer of its API at another time than now.

    It proves what it shows. What it does not show was missing at that moment at most, where `lists` says
    that all of the room's agent dispatches or participants are in it; how old anything was then, and what
    came after, is not known.
    """

    room: str = ""
    """Empty where it is not known: then it is about the call that is asked for."""
    room_sid: str = ""
    at: datetime | None = None
    """When it was so, on LiveKit's clock; None where that is not known."""
    event: str = ""
    """The webhook's, such as participant_joined; empty for an answer of the API."""
    lists: Literal["", "dispatches", "participants"] = ""
    shows_jobs: bool = True
    """Whether the jobs of its dispatches would be shown: lk's table has none."""
    info: Room | None = None
    participants: tuple[Participant, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    track: Track | None = None
    """The track that the event is about; the participant that publishes it is the only one."""
    left_because: str = ""
    """The disconnect reason of the participant that left, such as USER_REJECTED."""
    room_ended_because: str = ""
    """Why the room ended, such as ROOM_END_IDLE_TIMEOUT."""


class ApiRefusal(_Observation, frozen=True):
    """An error that LiveKit's API answered to somebody else, other than one about a SIP call."""

    at: datetime | None = None
    method: str = ""
    """Such as CreateDispatch; empty where it is not known."""
    status: int = 0
    """HTTP status, 0 where it is not known."""
    twirp_code: str = ""
    message: str = ""
    """The server's own words, secrets removed."""
    quoted: bool = False
    """Somebody's sentence quotes it: it may be another call's."""


class LeftBehind(_Observation, frozen=True):
    """Something of an experiment that could not be removed again."""

    what: str
    error: str


# Coverage


class Problem(_Value, frozen=True):
    """Why a source could not be read: a catalogue code and one line."""

    code: str
    message: str
    values: dict[str, str] = field(default_factory=dict)
    """Values for the placeholders of the code's fix."""


class Coverage(_Value, frozen=True):
    """Whether a source was read. `source` is a Source value, or that and a detail after a space."""

    source: str
    status: Literal["read", "empty", "unread", "not_configured"]
    problem: Problem | None = None
    recognised: dict[str, int] = field(default_factory=dict)
    """How much of what was found in a text, such as {"TwirpError": 1}."""
    not_recognised: int | None = None
    """Lines of a text that are nothing that is known."""
    unknown_lines: tuple[str, ...] = ()
    """The first of them."""
    lines: int | None = None
    """How many lines a log has of which not all were looked at; None where all were."""


Observation = (
    RoomList
    | ParticipantList
    | DispatchList
    | OutboundTrunkList
    | InboundTrunkList
    | SipDispatchRuleList
    | LogRow
    | LogTable
    | RecentCalls
    | LogStates
    | LogLine
    | LogFile
    | WorkerEndpoint
    | Canary
    | ScratchDispatch
    | ProbeResult
    | SipCallResult
    | Sighting
    | ApiRefusal
    | LeftBehind
)


class Reading(_Value, frozen=True):
    """What one source or experiment yields."""

    observations: tuple[Observation, ...] = ()
    coverage: tuple[Coverage, ...] = ()


class Evidence(_Value, frozen=True):
    """All that is known. `now` is this machine's clock when the gathering ended."""

    now: datetime
    observations: tuple[Observation, ...] = ()
    coverage: tuple[Coverage, ...] = ()

    def plus(self, *readings: Reading, now: datetime | None = None, same_look: bool = False) -> "Evidence":
        """The same evidence with further readings appended.

        What was observed stays; the coverage of a source is that of the newest look at it. A look may
        take several readings (`same_look`: these go on with the last one), of which a failure shows.
        """
        newest: dict[str, Coverage] = {}
        before = {entry.source: entry for entry in self.coverage}
        for entry in (entry for reading in readings for entry in reading.coverage):
            seen = newest.get(entry.source) or (before.get(entry.source) if same_look else None)
            newest[entry.source] = seen if seen is not None and seen.status == "unread" else entry
        return Evidence(
            now=now or self.now,
            observations=self.observations + tuple(item for reading in readings for item in reading.observations),
            coverage=tuple((before | newest).values()),
        )
