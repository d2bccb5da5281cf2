"""What happens in a call: its dispatches, its dials and its end, and nothing of who writes it down.

Times are true seconds since the room was created. What never happens is at NEVER. `draw` makes a life of a seed.
"""

import random
import string
from dataclasses import dataclass, field
from typing import Literal

from livekit_doctor.settings import Settings

NEVER = float("inf")
OWN_URL = "ws://10.0.0.5:7880"
"""Where the call is placed."""
Pick = random.Random


def word(pick: Pick, length: int = 8) -> str:
    return "".join(pick.choices(string.ascii_letters + string.digits, k=length))


@dataclass(slots=True)
class Turn:
    """One dispatch of the agent, and what became of it."""

    outcome: str
    at: float
    id: str
    job_id: str
    worker_id: str
    sid: str
    """The agent's as a participant."""
    name: str
    """The agent's name as it was dispatched."""
    room: str
    asked: float = NEVER
    """The job request reached a worker that writes a log."""
    said: float = NEVER
    """The server's line that says why no worker has it."""
    assigned: float = NEVER
    listed: float = NEVER
    """ListDispatch shows the job from then on (design fact 10)."""
    ran: float = NEVER
    """The entrypoint was called."""
    joined: float = NEVER
    active: float = NEVER
    audio: float = NEVER
    muted: bool = False
    left: float = NEVER
    left_reason: str = ""
    failed: float = NEVER
    """The entrypoint's end, where it is not the agent's own leaving."""
    deleted: float = NEVER
    job_status: str = "JS_RUNNING"
    job_reason: str = ""
    pod: int = 0
    """Which of the team's workers took its job: the first, or the one in a pod of its own."""
    restarted: bool = False
    """It is a further job of the dispatch before it, and no dispatch of its own."""
    variant: int = 0
    """0 or 1: which of two forms its traces have."""
    decided: float = NEVER
    """From then on it is known that it failed, to one who knows all."""

    named: str = ""
    """The identity that its request_fnc accepted the job with, if any."""

    @property
    def identity(self) -> str:
        return self.named or f"agent-{self.job_id}"


@dataclass(slots=True)
class Dial:
    """One attempt to dial the phone."""

    outcome: str
    at: float
    sid: str
    identity: str
    sip_call: str
    waits: bool
    """CreateSIPParticipant(wait_until_answered)."""
    joined: float = NEVER
    ringing: float = NEVER
    answered: float = NEVER
    left: float = NEVER
    left_reason: str = "CLIENT_INITIATED"
    """As a webhook names it."""
    sip_status: int = 0
    http: int = 0
    twirp: str = ""
    error: str = ""
    """livekit-sip's own words."""
    refused_at: float = NEVER
    """When CreateSIPParticipant fails, if it waits or fails at once."""
    timeout: float = 80.0
    decided: float = NEVER
    twin: bool = False
    """It is dialled beside the call's own dial, by an edge function that was called twice."""

    def status(self, t: float) -> str:
        """`sip.callStatus` at this moment."""
        return "active" if t >= self.answered else "ringing" if t >= self.ringing else "dialing"


@dataclass(slots=True)
class Guest:
    """Somebody else in the room: who listens in on the dashboard, or LiveKit's own recorder."""

    kind: Literal["STANDARD", "EGRESS"]
    identity: str
    sid: str
    joined: float
    left: float


WorkerChange = Literal["starting", "registered", "gone", "full", "free", "draining", "lost"]


@dataclass(slots=True)
class WorkerEvent:
    """Something that happened to the team's worker. `id` is that of its registration."""

    at: float
    what: WorkerChange
    id: str
    name: str
    url: str = OWN_URL
    deployment: str = ""
    error: str = ""
    """Why a connection fails; else that the host is not reached."""


@dataclass(slots=True)
class Row:
    at: float
    source: str
    state: str
    metadata: str = ""


Maker = Literal["room", "agents", "dispatch", "phone"]
"""What made the room: CreateRoom, with agents or without, CreateDispatch or CreateSIPParticipant."""
Ending = Literal["callee", "agent_deletes", "edge_deletes", "agent_leaves", "departure", "empty"]


@dataclass(slots=True)
class Life:
    """One call. `goodbye` is when one side ended it in the ordinary way."""

    seed: str
    settings: Settings
    call_id: str
    room: str
    sid: str
    agent: str
    """The agent's name, as its worker has it."""
    made_by: Maker
    turns: list[Turn] = field(default_factory=list)
    dials: list[Dial] = field(default_factory=list)
    further: list[Dial] = field(default_factory=list)
    """Of phones beside the call's own: a colleague whom the agent hands over to."""
    guests: list[Guest] = field(default_factory=list)
    worker: list[WorkerEvent] = field(default_factory=list)
    pod: list[WorkerEvent] = field(default_factory=list)
    """The same of a second worker, in another pod."""
    rows: list[Row] = field(default_factory=list)
    cloud: bool = False
    """Whether it is placed on LiveKit Cloud."""
    goodbye: float = NEVER
    ending: Ending = "callee"
    closes: float = NEVER
    other_room: str = ""
    """The room that a mistyped name made."""

    @property
    def automatic(self) -> bool:
        """Whether ListDispatch has the automatic dispatch (design fact 4)."""
        return self.made_by in ("room", "phone")

    @property
    def phones(self) -> list[Dial]:
        """All dials, whoever was dialled."""
        return [*self.dials, *self.further]

    def turn_at(self, t: float) -> Turn | None:
        """The latest dispatch at this moment."""
        return next((turn for turn in reversed(self.turns) if turn.at <= t), None)

    def dial_at(self, t: float) -> Dial | None:
        """The latest dial at this moment, of which something can be known: its phone in the room, or its answer."""
        return next((dial for dial in reversed(self.dials) if min(dial.joined, dial.refused_at) <= t), None)
