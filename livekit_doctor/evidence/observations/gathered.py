"""All that is known, and which sources it was read from."""

from datetime import datetime
from typing import Literal

from msgspec import field

from livekit_doctor.evidence.observations.experiments import (
    Canary,
    LeftBehind,
    ProbeResult,
    ScratchDispatch,
    WorkerEndpoint,
)
from livekit_doctor.evidence.observations.logs import LogFile, LogLine
from livekit_doctor.evidence.observations.read import Value
from livekit_doctor.evidence.observations.rooms import DispatchList, ParticipantList, RoomList
from livekit_doctor.evidence.observations.rows import LogRow, LogStates, LogTable, RecentCalls
from livekit_doctor.evidence.observations.sip import InboundTrunkList, OutboundTrunkList, SipDispatchRuleList
from livekit_doctor.evidence.observations.told import (
    ApiRefusal,
    DeployedAgent,
    MeantRoom,
    NamedServer,
    Sighting,
    SipCallResult,
)


class Problem(Value, frozen=True):
    """Why a source could not be read: a catalogue code and one line."""

    code: str
    message: str
    values: dict[str, str] = field(default_factory=dict)
    """Values for the placeholders of the code's fix."""


class Coverage(Value, frozen=True):
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
    set_aside: int = 0
    """How much of what was recognised in a text is of other calls than the one that is asked about."""
    set_aside_of: tuple[str, ...] = ()
    """Their rooms."""
    unnamed: int = 0
    """How many of a log's lines name no call: what they say of one is left out, since nothing tells which it is."""


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
    | DeployedAgent
    | MeantRoom
    | NamedServer
    | LeftBehind
)


def room_named(item: Observation) -> str:
    """The room that an observation names, of the kinds that tell of a call; empty for none."""
    if isinstance(item, LogLine):
        return item.fields.get("room", "")
    return item.room if isinstance(item, Sighting | SipCallResult | LogRow) else ""


class Reading(Value, frozen=True):
    """What one source or experiment yields."""

    observations: tuple[Observation, ...] = ()
    coverage: tuple[Coverage, ...] = ()


class Evidence(Value, frozen=True):
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
