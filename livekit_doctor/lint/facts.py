"""What the source says, in one small vocabulary for all languages: what rules judge."""

from typing import Literal

from msgspec import Struct

from livekit_doctor.lint.values import UNKNOWN, Value


class Place(Struct, frozen=True, order=True):
    """Where something stands; line and column count from 1."""

    path: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


Arm = tuple[int, frozenset[int]]
"""A branch, and the ways through it: what is done on one of them is not done on another."""


class Event(Struct, frozen=True, kw_only=True):
    """Something that a function does with LiveKit. `place` is where the values are given that it is about.

    `arms` are the branches that lead to it; `awaited` is False where its result is dropped before it is there.
    """

    place: Place
    arms: tuple[Arm, ...] = ()
    awaited: bool = True
    shown: str = ""
    """What is called, as it is written."""
    by_agent: bool = False
    """It is done in a job of the agent, in the room of that job."""


class AgentDispatch(Event, frozen=True, kw_only=True):
    """CreateDispatch. `agent_place` is where the name is written."""

    room: Value = UNKNOWN
    agent: Value = UNKNOWN
    agent_place: Place | None = None


class RoomCreation(Event, frozen=True, kw_only=True):
    """CreateRoom. `agents` are the agents named in it; None: it can't be told which."""

    room: Value = UNKNOWN
    agents: tuple[Value, ...] | None = ()


class SipParticipant(Event, frozen=True, kw_only=True):
    """CreateSIPParticipant. `waits` is None where it can't be told whether it waits for the answer."""

    room: Value = UNKNOWN
    trunk: Value = UNKNOWN
    number: Value = UNKNOWN
    number_place: Place | None = None
    waits: bool | None = False
    trunk_inline: bool = False


class LogRow(Event, frozen=True, kw_only=True):
    """A row of call_state_logs. `keys` are the columns and metadata keys that it has; None: not all are known."""

    state: Value = UNKNOWN
    keys: tuple[str, ...] | None = None


class Speech(Event, frozen=True, kw_only=True):
    """The agent says something."""


class Wait(Event, frozen=True, kw_only=True):
    """Something that may wait for the phone to be answered: a poll, a loop, a sleep."""


class Flow(Struct, frozen=True):
    """What one function does, with all that it calls, in order."""

    function: str
    place: Place
    events: tuple[Event, ...]
    whole: bool = True
    """Whether every call that could matter was followed."""


class Swapped(Struct, frozen=True):
    """Arguments that stand where others belong."""

    place: Place
    call: str
    expected: str
    told: str


class Handler(Struct, frozen=True):
    """An entrypoint, or what answers job requests. `never`: none of its ways does what it must; `ends` are those of the
    ways without it."""

    kind: Literal["entrypoint", "request"]
    name: str
    place: Place
    never: bool
    ends: tuple[Place, ...]


class Blocking(Struct, frozen=True):
    """A call that stops the event loop, in the agent's async code."""

    place: Place
    call: str
    function: str
    long: bool = True
    """Whether it surely takes long: a sleep, a request; a subprocess may not."""
    through: str = ""
    """The function that has it, where the async one only calls that."""


class Worker(Struct, frozen=True):
    """`agent_name` is None where none is given: then LIVEKIT_AGENT_NAME counts. `name_place` is where it is written."""

    place: Place
    agent_name: Value | None
    name_place: Place
    drain_seconds: float | None = None


class Prewarm(Struct, frozen=True):
    """A prewarm function that is async."""

    place: Place
    name: str


class Mention(Struct, frozen=True):
    """An agent's name in what may dispatch it: a token's room configuration, a SIP dispatch rule, a script."""

    place: Place
    agent: Value


class Start(Struct, frozen=True):
    """A worker's start command in a Dockerfile or a manifest, with a mode for development."""

    place: Place
    command: str
    mode: str
    for_development: bool
    """The file says by its name that it is for development."""


class NoGrace(Struct, frozen=True):
    """A manifest that starts a worker and gives it less time to end than its calls may take; seconds, None: the
    default counts, which is `default`."""

    place: Place
    key: str
    seconds: float | None
    default: float


class Environment(Struct, frozen=True):
    """A variable that a Dockerfile or a manifest sets."""

    place: Place
    name: str
    value: str


class Unfollowed(Struct, frozen=True):
    """What could not be followed, and what it might have been."""

    place: Place
    what: str


class Facts(Struct, frozen=True):
    workers: tuple[Worker, ...] = ()
    flows: tuple[Flow, ...] = ()
    mentions: tuple[Mention, ...] = ()
    swapped: tuple[Swapped, ...] = ()
    prewarms: tuple[Prewarm, ...] = ()
    handlers: tuple[Handler, ...] = ()
    blocking: tuple[Blocking, ...] = ()
    starts: tuple[Start, ...] = ()
    no_grace: tuple[NoGrace, ...] = ()
    environment: tuple[Environment, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()
    unread: tuple[str, ...] = ()
    """Files of code that could not be read: what is not found may be in them."""
    named_in: tuple[tuple[str, str], ...] = ()
    """Names of workers and files that are not parsed in which such a name stands beside a dispatch."""
