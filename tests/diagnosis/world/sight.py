"""Whether anything that was observed shows an attempt at all, so that one who reads it can know of it."""

from itertools import pairwise

from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    LogLine,
    LogRow,
    Observation,
    ParticipantList,
    Sighting,
    SipCallResult,
)
from livekit_doctor.settings import CallLogs
from tests.diagnosis.factories import AHEAD, at
from tests.diagnosis.world.cases import Case
from tests.diagnosis.world.life import Dial, Turn
from tests.diagnosis.world.phone_outcomes import PHONE

_CLOCKS = 10.0
"""Seconds that a clock may be off by."""
TOLERANCE = CallLogs().clock_tolerance
"""Within so many seconds, two clocks have no order."""


def seen_turn(case: Case, turn: Turn) -> bool:
    """A dispatch: by its id or its job's, its agent, or a line or row that was written when it was made."""
    states = ("agent_dispatched", "agent_entrypoint_called", "agent_connected")
    for item in case.evidence.observations:
        match item:
            case DispatchList() if any(_is_of(dispatch, turn) for dispatch in item.dispatches):
                return True
            case ParticipantList() | Sighting() if any(p.sid == turn.sid for p in item.participants):
                return True
            case LogRow() if item.state in states and _turn_of_row(case, item) is turn:
                if item.state != "agent_dispatched" or _tells_of_another(case, item, turn):
                    return True
            case LogLine() if ({turn.sid} if turn.restarted else {turn.id, turn.sid}) & set(item.fields.values()):
                return True
            case LogLine() if turn.job_id in item.fields.values() and "room" in item.fields:  # whose job it is
                return True
            case LogLine() if item.at is not None and "Create" in item.message and _is_at(item, turn.at):
                return True
    return False


def _is_of(dispatch: Dispatch, turn: Turn) -> bool:
    return dispatch.id == turn.id and (not turn.restarted or any(job.id == turn.job_id for job in dispatch.jobs))


def _tells_of_another(case: Case, row: LogRow, turn: Turn) -> bool:
    """Whether a row of a dispatch is known to be of another than those before it: of one that nothing tells of but a
    worker's or the server's lines of its job, it may as well be the row."""
    jobs = {each.job_id for each in case.life.turns if each.at < turn.at}
    for item in case.evidence.observations:
        match item:
            case LogRow() if item is not row and item.state == row.state:
                return True
            case DispatchList() if any(one.id != turn.id and one.agent_name for one in item.dispatches):
                return True
            case LogLine() if item.by_id and "Create" in item.message and "agent" in item.fields.get("request", ""):
                return True
            case LogLine() if item.zoned and item.at and jobs & set(item.fields.values()):
                if (row.at - item.at).total_seconds() > TOLERANCE:
                    return True
    return not jobs


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
        when = row.at.timestamp() - at(0).timestamp()
        told = (dial.refused_at,) if "fail" in row.state else (dial.answered, dial.joined)
        return min(abs(when - t) for t in told)

    nearest = min(case.life.dials, key=off, default=None)
    return nearest if nearest and off(nearest) < _CLOCKS else None


def _turn_of_row(case: Case, row: LogRow) -> Turn | None:
    """Which dispatch a row tells of, if it may tell of any: of those near to it the nearest."""

    def off(turn: Turn) -> float:
        told = {"agent_dispatched": turn.at, "agent_entrypoint_called": turn.ran, "agent_connected": turn.active}
        return abs(row.at.timestamp() - at(0).timestamp() - told[row.state])

    nearest = min(case.life.turns, key=off, default=None)
    return nearest if nearest and off(nearest) < _CLOCKS else None


def _near(timestamp: float, t: float) -> bool:
    return abs(timestamp - at(0).timestamp() - t) < _CLOCKS


def _is_at(line: LogLine, t: float) -> bool:
    return line.by_id and line.at is not None and abs((line.at - at(0)).total_seconds() - t) < 0.02


def nothing_dates_the_call(case: Case) -> bool:
    """Nothing but what a person pasted as being about the call, and a room that is gone: when it was, nobody knows."""
    kinds = (DispatchList, ParticipantList, Sighting, LogRow)
    own = (isinstance(item, LogLine) and item.zoned and "room" in item.fields for item in case.evidence.observations)
    return not any(isinstance(item, kinds) for item in case.evidence.observations) and not any(own)


def nothing_is_of_the_call(case: Case) -> bool:
    """Nothing that was observed is of this call: who gives no more than a worker's log of its time asks since its agent
    was missed, and what that log says may be why."""
    seen = (Sighting, LogRow, SipCallResult, ParticipantList, DispatchList)
    own = (isinstance(item, LogLine) and item.by_id for item in case.evidence.observations)
    return not any(isinstance(item, seen) for item in case.evidence.observations) and not any(own)


def pasted_without_a_time(case: Case) -> frozenset[str]:
    """The codes of what CreateSIPParticipant answered to other dials than the last, where that was pasted without its
    time and nothing shows that the last one was answered: which was the last, nobody can know."""
    dials = case.life.dials
    last = case.life.dial_at(case.now)
    if last is None or shows_answer(case, last):
        return frozenset()
    undated = (item for item in case.evidence.observations if isinstance(item, SipCallResult))
    errors = [item.message for item in undated if item.read.clock_at is None]
    others = (*dials[: dials.index(last)], *case.life.further)
    before = (dial for dial in others if dial.error and any(dial.error in e for e in errors))
    return frozenset(code for dial in before for code in (PHONE[dial.outcome].code, *PHONE[dial.outcome].also))


def shows_answer(case: Case, dial: Dial) -> bool:
    for item in case.evidence.observations:
        match item:
            case ParticipantList() | Sighting():
                if any(p.sid == dial.sid and p.attributes.get("sip.callStatus") == "active" for p in item.participants):
                    return True
            case LogRow() if item.state == "sip_answered":
                return True
            case LogLine() if item.fields.get("call_id") == dial.sip_call:
                waited = dial.waits and item.message.startswith("API") and item.fields.get("status") == "200"
                if waited or item.message == "Outbound SIP call established":
                    return True
    return False


def fell_between_looks(case: Case, dial: Dial) -> bool:
    """Whether a dial began and was over between two looks that followed each other closely."""
    looks = [item for item in case.evidence.observations if isinstance(item, ParticipantList)]
    times = sorted((look.read.at - AHEAD - at(0)).total_seconds() for look in looks)
    return any(one <= dial.joined and dial.left <= other + 0.001 and other - one <= 3 for one, other in pairwise(times))


# A fault that nobody could have seen


def published(case: Case) -> bool:
    """Whether a muted agent's track is told of by a log, which does not say that it is muted. A healthy verdict says
    that both sides publish, and that whether sound travels is not covered."""
    turn = case.life.turn_at(case.now)
    if turn is None or turn.outcome != "muted":
        return False
    lines = [item for item in case.evidence.observations if isinstance(item, LogLine)]
    tracks = [line for line in lines if line.message in ("mediaTrack published", "track subscribed")]
    return any(turn.identity in line.fields.values() for line in tracks)


def told_well_by_rows(case: Case) -> bool:
    """Whether the team's own rows say in so many words that the call went well: the phone was answered, the agent was
    heard, and the call ended. To take them at their word is right where nothing else shows that they are wrong."""
    states = {item.state for item in case.evidence.observations if isinstance(item, LogRow)}
    return {"sip_answered", "agent_audio", "call_ended"} <= states


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
                return any(_tells_of_phone_after(other, turn, dial) for other in case.evidence.observations)
    return False


def _tells_of_phone_after(item: Observation, turn: Turn, dial: Dial) -> bool:
    """A worker's log alone does not say that the phone was still there."""
    match item:
        case LogRow():
            return item.state in ("call_ended", "sip_answered") and _near(item.at.timestamp(), dial.left)
        case LogLine() if item.message in ("participant closing", "Closing outbound call"):
            return item.at is not None and (item.at - at(0)).total_seconds() > turn.left + 3
        case Sighting():
            return item.event == "participant_left" and item.participants[0].sid == dial.sid
    return False


def _shows_media_failed(case: Case) -> bool:
    return any(
        (isinstance(item, LogLine) and item.fields.get("error") == "media-timeout")
        or (isinstance(item, Sighting) and item.left_because == "MEDIA_FAILURE")
        for item in case.evidence.observations
    )
