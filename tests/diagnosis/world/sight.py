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
                if _dial_of_row(case, item) is dial:
                    return True
            case LogLine() if {dial.sip_call, dial.sid} & set(item.fields.values()):
                return True
    return False


def _dial_of_row(case: Case, row: LogRow) -> Dial | None:
    """Which dial a row tells of, if it may tell of any: of those near to it the nearest."""

    def off(dial: Dial) -> float:
        return abs(row.at.timestamp() - at(0).timestamp() - min(dial.answered, dial.refused_at, dial.joined))

    nearest = min(case.life.dials, key=off, default=None)
    return nearest if nearest and off(nearest) < _CLOCKS else None


def _near(timestamp: float, t: float) -> bool:
    return abs(timestamp - at(0).timestamp() - t) < _CLOCKS


def _is_at(line: LogLine, t: float) -> bool:
    return line.by_id and line.at is not None and abs((line.at - at(0)).total_seconds() - t) < 0.02


# A fault that nobody could have seen


def is_hidden(case: Case) -> bool:
    """Whether agent and phone were there at first, and nothing that was observed shows what went wrong then."""
    turn, dial = case.life.turn_at(case.now), case.life.dial_at(case.now)
    if turn is None or dial is None or dial.answered > case.now:
        return False
    earlier = any(each.active < each.left for each in case.life.turns if each is not turn)
    if dial.decided <= case.now and _shows_media_failed(case):
        return False
    if turn.decided > case.now and turn.active <= min(case.now, case.life.goodbye):
        return True
    match turn.outcome:
        case "silent" | "muted" if turn.decided <= case.now:
            return not _shows_silence(case, turn)
        case "leaves" | "deleted_later" if turn.decided <= case.now:
            return not _shows_leaving(case, turn, dial)
    return earlier and not seen_turn(case, turn)


def _shows_silence(case: Case, turn: Turn) -> bool:
    looks = [item for item in case.evidence.observations if isinstance(item, ParticipantList)]
    late = [look for look in looks if (look.read.now - at(0)).total_seconds() > turn.decided - 1]
    if any(p.sid == turn.sid for look in late for p in look.participants):
        return True
    lines = [item for item in case.evidence.observations if isinstance(item, LogLine) and not item.read.excerpt]
    said = {(line.message, line.fields.get("participant_id", "")) for line in lines}
    tracks = any(message == "mediaTrack published" for message, _ in said)
    by_server = tracks and ("participant active", turn.sid) in said
    by_sip = any(message == "Outbound SIP call established" for message, _ in said)
    return not turn.muted and (by_server or by_sip)


def _shows_leaving(case: Case, turn: Turn, dial: Dial) -> bool:
    for item in case.evidence.observations:
        match item:
            case ParticipantList():
                when = (item.read.now - at(0)).total_seconds()
                if turn.left < when < dial.left and not any(p.sid == turn.sid for p in item.participants):
                    return True
            case Sighting() if item.event == "participant_left" and item.participants[0].sid == turn.sid:
                return True
            case LogLine() if item.message == "participant closing" and turn.sid in item.fields.values():
                return True
            case LogLine() if item.message == "process exiting" and turn.job_id in item.fields.values():
                return True
    return False


def _shows_media_failed(case: Case) -> bool:
    return any(
        (isinstance(item, LogLine) and item.fields.get("error") == "media-timeout")
        or (isinstance(item, Sighting) and item.left_because == "MEDIA_FAILURE")
        for item in case.evidence.observations
    )
