"""What a team can set: the typed form of checks.yaml. `config` fills it.

Times are seconds unless a name says otherwise.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from livekit_doctor.flow import Step
from livekit_doctor.known_secrets import REMOVED, know, know_dsn, know_url, shown_url

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Name = Annotated[str, Meta(min_length=1)]
Severity = Literal["error", "warning", "off"]

_SECRETS = ("api_key", "api_secret", "dsn")


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings may be printed: their secrets are left out of every repr. They tell what is secret in them when they
    are made, so that nothing else prints it either."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, _told(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


def _told(name: str, value: Any) -> Any:
    if name in _SECRETS and value:
        return REMOVED
    if name == "url" and isinstance(value, str):
        return shown_url(value)
    if name == "metadata" and isinstance(value, str):
        from livekit_doctor.redact import redact_json

        return redact_json(value)
    return value


def is_cloud(url: str | None) -> bool:
    """Whether an address is that of a project of LiveKit Cloud."""
    return (urlsplit(url or "").hostname or "").endswith(".livekit.cloud")


class LiveKit(_Settings, frozen=True):
    """The LiveKit project that places the calls. Key and secret come from the environment only."""

    url: str | None = None
    api_key: str | None = None
    api_secret: str | None = None
    timeout: Seconds = 5.0
    clock_tolerance: Seconds = 10.0

    def __post_init__(self) -> None:
        know(self.api_secret)
        know(self.api_key, f"{(self.api_key or '')[:4]}…")
        know_url(self.url)

    @property
    def is_cloud(self) -> bool:
        """Whether that is a project of LiveKit Cloud."""
        return is_cloud(self.url)

    @property
    def missing(self) -> tuple[str, ...]:
        """The environment variables without which LiveKit can't be asked."""
        values = {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }
        return tuple(name for name, value in values.items() if not value)


class Agent(_Settings, frozen=True):
    """The voice agent that must join each call.

    `name` is the worker's `agent_name`: unset means unknown, "" means a worker without a
    name, which gets the automatic dispatch. `others` are further agents of the team, so
    that a SIP dispatch rule for one of them is not taken for a mistake.
    """

    name: str | None = None
    others: tuple[Name, ...] = ()
    job_type: Literal["room", "publisher", "participant"] = "room"


class Worker(_Settings, frozen=True):
    """The HTTP endpoint of a worker of the team, such as http://10.0.0.7:8081."""

    url: Name
    timeout: Seconds = 3.0

    def __post_init__(self) -> None:
        know_url(self.url)


class Allowance(_Settings, frozen=True):
    """How long a step may take, counted from the later of the steps in `after`."""

    after: Annotated[tuple[Step, ...], Meta(min_length=1)]
    slow_after: Seconds
    broken_after: Seconds


def _allow(after: tuple[Step, ...], slow_after: float, broken_after: float) -> Allowance:
    return Allowance(after=after, slow_after=slow_after, broken_after=broken_after)


class Allowances(_Settings, frozen=True):
    """The allowance of each step that has one (design section 2)."""

    agent_dispatched: Allowance = _allow((Step.ROOM_CREATED,), 5, 15)
    job_assigned: Allowance = _allow((Step.AGENT_DISPATCHED,), 3, 15)
    agent_connected: Allowance = _allow((Step.AGENT_DISPATCHED,), 3, 15)
    agent_audio: Allowance = _allow((Step.AGENT_CONNECTED, Step.SIP_ANSWERED), 5, 20)
    sip_ringing: Allowance = _allow((Step.SIP_DIALING,), 5, 35)
    sip_answered: Allowance = _allow((Step.SIP_DIALING,), 30, 185)


CLOUD_BROKEN_AFTER: float = 30.0
"""`broken_after` of job_assigned and agent_connected on LiveKit Cloud, unless configured."""


class Flow(_Settings, frozen=True):
    """How the team places a call.

    `placed_by` is who dials the phone: the edge function, or the agent after it has joined.
    `states` maps the team's own `state` names to step ids, in addition to the defaults.
    `not_used` are steps that the team's calls do not have, so that nothing breaks there, such as
    agent_audio for an agent that never speaks.
    """

    placed_by: Literal["edge_function", "agent"] = "edge_function"
    states: dict[str, Step] = field(default_factory=dict)
    not_used: tuple[Step, ...] = ()
    allowances: Allowances = Allowances()


class Columns(_Settings, frozen=True):
    """The columns of the log table. Columns set to null do not exist in it.

    `room` may be a column, or a path into a JSON column such as metadata.room.
    """

    call_id: Name = "call_id"
    at: Name = "created_at"
    source: Name | None = "source"
    state: Name = "state"
    metadata: Name | None = "metadata"
    room: Name | None = None


ALWAYS_LOGGED = ("agent_entrypoint_called", "agent_connected")
"""The states that most teams' agents write in every call (design section 2)."""


class CallLogs(_Settings, frozen=True):
    """Where the call state logs are: a Postgres table, or an exported file.

    `file` is read instead of the database where both are set. `always_logged` are the states
    whose absence means something, so each must map to a step; None: nobody has said it, and `ALWAYS_LOGGED`
    are missed where nothing speaks against it.
    """

    dsn: str | None = None
    file: Name | None = None
    schema: Name = "public"
    table: Name = "call_state_logs"
    columns: Columns = Columns()
    always_logged: tuple[str, ...] | None = None
    timeout: Seconds = 5.0
    clock_tolerance: Seconds = 5.0

    def __post_init__(self) -> None:
        know_dsn(self.dsn)

    @property
    def missed(self) -> tuple[str, ...]:
        """The states that are missed where they are not there."""
        return ALWAYS_LOGGED if self.always_logged is None else self.always_logged


class Logs(_Settings, frozen=True):
    """Log files of the components that `trace` reads, in any of their formats, also .gz; - is standard input."""

    worker: tuple[Name, ...] = ()
    server: tuple[Name, ...] = ()
    sip: tuple[Name, ...] = ()


class Rooms(_Settings, frozen=True):
    """How rooms of calls are named.

    `name_template` such as call-{call_id}-{ts} finds the room of a call id; its other placeholders are filled in
    from the metadata of the call's rows. `pattern` is a shell-style pattern of the rooms that `check` judges.
    """

    name_template: str | None = None
    pattern: Name = "*"


class OutboundTrunk(_Settings, frozen=True):
    """An outbound SIP trunk that must exist, and the caller numbers that it must have."""

    id: Name
    numbers: tuple[Name, ...] = ()


class ExpectedRule(_Settings, frozen=True):
    """A SIP dispatch rule that must exist, and the agent that it must carry."""

    id: Name
    agent: str | None = None


class Sip(_Settings, frozen=True):
    """SIP objects that must exist. Empty: whatever is there is looked at, nothing is expected."""

    outbound_trunks: tuple[OutboundTrunk, ...] = ()
    inbound_trunks: tuple[Name, ...] = ()
    dispatch_rules: tuple[ExpectedRule, ...] = ()


class Probe(_Settings, frozen=True):
    """`check --probe` and `test-call`: a real dispatch of the agent into a scratch room.

    `metadata` is the dispatch metadata that the agent can parse, with {call_id} and {room}
    filled in; any other brace is text, as in JSON. `timeout` is how long the agent may take to join.
    """

    metadata: str | None = None
    timeout: Seconds = 20.0


class Settings(_Settings, frozen=True):
    """Everything that can be configured. `checks` sets a check's severity by its id."""

    livekit: LiveKit = LiveKit()
    agent: Agent = Agent()
    workers: tuple[Worker, ...] = ()
    flow: Flow = Flow()
    call_logs: CallLogs = CallLogs()
    logs: Logs = Logs()
    rooms: Rooms = Rooms()
    sip: Sip = Sip()
    probe: Probe = Probe()
    checks: dict[str, Severity] = field(default_factory=dict)
