"""What a fault is: what is done, and what the tool must say of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from tests.faults.proxy import Rule

Place = Literal["livekit", "postgres", "worker"]
PLACES: tuple[Place, ...] = ("livekit", "postgres", "worker")

PATIENT, IMPATIENT = 20.0, 1.2
"""Seconds that the tool waits for one answer: where there is one, on a busy machine, and where there is none."""


@dataclass(frozen=True)
class Command:
    """`arguments` with {call} and {room} filled in. `steps` is how many waits for one source it may do in a row, which
    with a second for its start is its bound; `at_most` bounds it whatever it waits for."""

    name: str
    arguments: tuple[str, ...]
    steps: int
    at_most: float = 120.0
    least: float = 0.0
    """Seconds that it waits for a source at least: `init` has no checks.yaml yet."""
    without: tuple[str, ...] = ()
    """Variables that it must not have."""


PHONE = "+15555550123"
_CALL = ("--trunk", "ST_of_faults", "--yes", "--ringing-timeout", "2", "--hold", "0.2")
_CHECK = ("--only", "connection", "--only", "worker", "--only", "agent_dispatch", "--only", "call_logs")
CHECK_WITHIN = 15
CALL_WITHIN = 40
"""Seconds: longer than an agent may take until it is said that it does not come."""

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        command.name: command
        for command in (
            Command("check", ("check", *_CHECK, "--timeout", str(CHECK_WITHIN)), 8, CHECK_WITHIN + 4),
            Command("trace", ("trace", "{call}", "--room", "{room}"), 6),
            Command(
                "watch",
                (
                    "watch",
                    *_CHECK,
                    "--count",
                    "1",
                    "--listen",
                    "off",
                    "--output",
                    "watch.json",
                    "--timeout",
                    str(CHECK_WITHIN),
                ),
                8,
                CHECK_WITHIN + 4,
            ),
            Command("probe", ("probe", "--canary", "--count", "1", "--timeout", "3"), 12),
            Command("agents", ("probe", "--count", "2", "--timeout", "4"), 12),
            Command("init", ("init", "--yes", "--no-check", "--file", "made.yaml", "--force"), 4, least=5.0),
            Command("rooms", ("trace",), 3, without=("CALL_LOGS_DATABASE_URL",)),
            Command("recent", ("trace",), 3),
            Command("triage", ("triage", "--timeout", "{seconds}"), 4),
            Command(
                "check --probe", ("check", "--probe", *_CHECK, "--timeout", str(CHECK_WITHIN)), 8, CHECK_WITHIN + 4
            ),
            Command("test-call", ("test-call", PHONE, *_CALL, "--timeout", str(CALL_WITHIN)), 24, CALL_WITHIN + 4),
        )
    }
)

BY_PLACE: Mapping[Place, tuple[str, ...]] = MappingProxyType(
    {
        "livekit": ("check", "trace", "watch", "probe", "init", "rooms", "check --probe", "test-call"),
        "postgres": ("check", "trace", "watch", "recent", "triage", "init"),
        "worker": ("check", "trace", "watch", "test-call"),
    }
)
"""The commands that ask there."""

STATUS: Mapping[Place, Mapping[str, int]] = MappingProxyType(
    {
        "livekit": {
            "check": 1,
            "trace": 1,
            "watch": 1,
            "probe": 3,
            "init": 3,
            "rooms": 3,
            "check --probe": 1,
            "test-call": 3,
        },
        "postgres": {"check": 1, "trace": 1, "watch": 1, "recent": 3, "triage": 3, "init": 0},
        "worker": {"check": 0, "trace": 1, "watch": 0, "test-call": 0},
    }
)
"""The exit status of each command where its source at that place can't be read; the traced call is broken."""

HARMLESS: Mapping[str, int] = MappingProxyType(dict.fromkeys(COMMANDS, 0) | {"trace": 1})
"""The same without any fault."""


@dataclass(frozen=True)
class Process:
    """What is done to a process, before the command or in the middle of it."""

    component: Literal["livekit", "redis", "postgres", "worker"]
    how: Literal["kill", "freeze", "restart"]
    during: bool


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`says` are words that must stand in what is said with the `code`, `fix` those of what to type."""

    name: str
    place: Place = "livekit"
    rule: Rule | None = None
    code: str = ""
    """The code by which it is told; none: it is harmless, and all ends as without it."""
    says: tuple[str, ...] = ()
    fix: str = ""
    status: Mapping[str, int] = field(default_factory=dict)
    """Exit statuses that differ from those of the place."""
    usage: bool = False
    """The configuration or the credentials are at fault: status 2 of each command."""
    timeout: float = PATIENT
    """Seconds that the tool waits for the source."""
    commands: tuple[str, ...] = ()
    """The commands that meet it; none: all that ask there."""
    rings: bool = False
    """`test-call` rings the phone all the same: it meets the fault later. Whatever else has a code must ring nobody."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables; {port} is the proxy's, {trusted} the file of certificates."""
    scheme: str = ""
    """Of the URL, where it is not the usual one."""
    skew: float = 0.0
    """Seconds that the tool's clock is ahead."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Sections of checks.yaml."""
    sql: tuple[str, ...] = ()
    """Postgres: what is executed before, as its superuser; {role} is that of the tool."""
    holds: tuple[str, ...] = ()
    """Postgres: statements of a transaction that stays open meanwhile."""
    dsn: Mapping[str, Any] | str = field(default_factory=dict)
    """Postgres: what differs in its address, or the whole, with {port}, {role}, {password} and {database}."""
    cancels: str = ""
    """Postgres: a function that is called again and again for each of the tool's connections that runs a query."""
    process: Process | None = None
    any_code: tuple[str, ...] = ()
    """Of a process: where the command does not end as without the fault, it says one of these."""
    selected: bool = False
    """Runs in `make test` as well."""

    @property
    def proxied(self) -> Place:
        """What the proxy is in front of that makes it, or that sees when it is to happen: a worker is ended in the
        middle of what a command asks of LiveKit."""
        return "livekit" if self.process and self.process.component == "worker" else self.place

    def met_by(self) -> tuple[str, ...]:
        return self.commands or BY_PLACE[self.place]

    def expected(self, command: str) -> int:
        if not self.code:
            return self.status.get(command, HARMLESS[command])
        usual = STATUS[self.place][command]  # where it is 0, the command can do without that source
        return self.status.get(command, 2 if self.usage and usual else usual)
