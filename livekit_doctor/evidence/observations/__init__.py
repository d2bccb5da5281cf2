"""Observations: what a source said, and when. Append-only, immutable, serialisable.

Times are timezone-aware UTC. A list observation is the whole answer of one request, since
what is not in it counts as much as what is.
"""

from livekit_doctor.evidence.observations.experiments import (
    Canary,
    LeftBehind,
    ProbeResult,
    ScratchDispatch,
    WorkerEndpoint,
)
from livekit_doctor.evidence.observations.gathered import Coverage, Evidence, Observation, Problem, Reading, room_named
from livekit_doctor.evidence.observations.logs import Component, LogFile, LogLine
from livekit_doctor.evidence.observations.read import Read
from livekit_doctor.evidence.observations.rooms import (
    SCRATCH_PREFIX,
    Dispatch,
    DispatchList,
    Job,
    Participant,
    ParticipantList,
    Room,
    RoomList,
    Track,
    is_scratch,
)
from livekit_doctor.evidence.observations.rows import LogRow, LogStates, LogTable, RecentCall, RecentCalls
from livekit_doctor.evidence.observations.sip import (
    InboundTrunk,
    InboundTrunkList,
    OutboundTrunk,
    OutboundTrunkList,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.evidence.observations.told import (
    ANSWERED_ELSEWHERE,
    NOBODY_ANSWERED,
    OWN_CANCEL,
    ApiRefusal,
    DeployedAgent,
    MeantRoom,
    NamedServer,
    Sighting,
    SipCallResult,
)

__all__ = [
    "ANSWERED_ELSEWHERE",
    "NOBODY_ANSWERED",
    "OWN_CANCEL",
    "SCRATCH_PREFIX",
    "ApiRefusal",
    "Canary",
    "Component",
    "Coverage",
    "DeployedAgent",
    "Dispatch",
    "DispatchList",
    "Evidence",
    "InboundTrunk",
    "InboundTrunkList",
    "Job",
    "LeftBehind",
    "LogFile",
    "LogLine",
    "LogRow",
    "LogStates",
    "LogTable",
    "MeantRoom",
    "NamedServer",
    "Observation",
    "OutboundTrunk",
    "OutboundTrunkList",
    "Participant",
    "ParticipantList",
    "ProbeResult",
    "Problem",
    "Read",
    "Reading",
    "RecentCall",
    "RecentCalls",
    "Room",
    "RoomList",
    "ScratchDispatch",
    "Sighting",
    "SipCallResult",
    "SipDispatchRule",
    "SipDispatchRuleList",
    "Track",
    "WorkerEndpoint",
    "is_scratch",
    "room_named",
]
