"""Whether anything that was observed shows an attempt at all, so that one who reads it can know of it."""

from livekit_doctor.evidence.observations import DispatchList, LogLine, LogRow, ParticipantList, Sighting
from tests.diagnosis.factories import at
from tests.diagnosis.world.cases import Case
from tests.diagnosis.world.life import Dial, Turn

_CLOCKS = 10.0
"""Seconds that a clock may be off by."""


def seen_turn(case: Case, turn: Turn) -> bool:
    """A dispatch: by its id or its job's, its agent, or a line or row that was written when it was made."""
    states = ("agent_dispatched", "agent_entrypoint_called", "agent_connected")
    for item in case.evidence.observations:
        match item:
            case DispatchList() if any(dispatch.id == turn.id for dispatch in item.dispatches):
                return True
            case ParticipantList() | Sighting() if any(p.sid == turn.sid for p in item.participants):
                return True
            case LogRow() if item.state in states and _near(item.at.timestamp(), turn.at):
                return True
            case LogLine() if {turn.id, turn.job_id, turn.sid} & set(item.fields.values()):
                return True
            case LogLine() if item.at is not None and "Create" in item.message and _is_at(item, turn.at):
                return True
    return False


def seen_dial(case: Case, dial: Dial) -> bool:
    states = ("sip_participant_created", "sip_answered")
    for item in case.evidence.observations:
        match item:
            case ParticipantList() | Sighting() if any(p.sid == dial.sid for p in item.participants):
                return True
            case LogRow() if item.state in states or "fail" in item.state:
                if _near(item.at.timestamp(), min(dial.answered, dial.refused_at, dial.at + 1)):
                    return True
            case LogLine() if {dial.sip_call, dial.sid} & set(item.fields.values()):
                return True
    return False


def _near(timestamp: float, t: float) -> bool:
    return abs(timestamp - at(0).timestamp() - t) < _CLOCKS


def _is_at(line: LogLine, t: float) -> bool:
    return line.by_id and line.at is not None and abs((line.at - at(0)).total_seconds() - t) < 0.02
