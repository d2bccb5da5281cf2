"""A case in words, to read why a verdict is wrong."""

from collections.abc import Iterable

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import (
    DispatchList,
    LogFile,
    LogLine,
    LogRow,
    Observation,
    ParticipantList,
    RoomList,
    Sighting,
    SipCallResult,
)
from tests.diagnosis.factories import CREATED
from tests.diagnosis.world import truth
from tests.diagnosis.world.cases import Case
from tests.diagnosis.world.judge import judged, wrongs
from tests.diagnosis.world.life import NEVER, Life

_IDS = ("room", "room_id", "agent_name", "job_type", "request", "service", "method", "duration", "worker_id", "call_id")


def case(seen: Case) -> str:
    diagnosis = judged(seen)
    found = list(wrongs(seen, diagnosis, orders=True))
    lines = [f"case {seen.id}: {'; '.join(seen.told)}; now {seen.now:.1f}, {seen.subject}"]
    lines += life(seen.life)
    lines += [f"  true now: {truth.of(seen.life, seen.now)}", "observed"]
    lines += [f"  {line}" for line in map(observation, seen.evidence.observations)]
    lines += ["said", *(f"  {line}" for line in said(diagnosis)), "wrong"]
    lines += [f"  {wrong.kind.property}: {wrong.kind.said}; true: {wrong.kind.truth}" for wrong in found] or ["  no"]
    return "\n".join(lines)


def life(one: Life) -> Iterable[str]:
    yield f"life: room {one.room} {one.sid} made by {one.made_by}; agent {one.agent!r} ({one.settings.agent.name!r})"
    for turn in one.turns:
        yield f"  dispatch {turn.outcome}: {_times(turn)} {turn.id} {turn.job_id} for {turn.name!r} in {turn.room}"
    for dial in one.dials:
        yield f"  dial {dial.outcome}: {_times(dial)} {dial.error} waits {dial.waits} {dial.identity}"
    for dial in one.further:
        yield f"  further phone {dial.outcome}: {_times(dial)} {dial.error} waits {dial.waits} {dial.identity}"
    for event in one.worker:
        yield f"  worker {event.at:.2f} {event.what} {event.id} {event.url} {event.deployment}"
    yield f"  goodbye {one.goodbye:.2f} ({one.ending}), closes {one.closes:.2f}"


def _times(thing: object) -> str:
    slots = ((name, getattr(thing, name)) for name in type(thing).__slots__)  # type: ignore[attr-defined]
    return " ".join(f"{name} {value:.2f}" for name, value in slots if isinstance(value, float) and value < NEVER)


def observation(item: Observation) -> str:
    match item:
        case LogLine():
            when = "no time" if item.at is None else f"{(item.at - CREATED).total_seconds():.2f}"
            fields = {key: value[:40] for key, value in item.fields.items() if key not in _IDS}
            own = "" if item.by_id else " (not by id)"
            return f"{item.file} {item.number} {when} {item.level} {item.message[:70]} {fields}{own}"
        case LogRow():
            written = (item.at - CREATED).total_seconds()
            return f"row {written:.2f} {item.source} {item.state} {item.metadata}"
        case LogFile():
            span = [
                None if t is None else round((t - CREATED).total_seconds(), 2) for t in (item.first_at, item.last_at)
            ]
            return f"file {item.name} {span} zoned {item.zoned}"
        case RoomList():
            return f"{_at(item)} rooms {[room.name for room in item.rooms]}"
        case ParticipantList():
            who = [
                f"{p.identity} {p.state} {p.attributes.get('sip.callStatus', '')} {len(p.tracks)}"
                for p in item.participants
            ]
            return f"{_at(item)} participants of {item.room}: {who}"
        case DispatchList():
            sent = [f"{d.id} {d.agent_name!r} {[(j.id, j.status, j.reason) for j in d.jobs]}" for d in item.dispatches]
            return f"{_at(item)} dispatches of {item.room}: {sent}"
        case Sighting():
            who = [f"{p.identity} {p.attributes.get('sip.callStatus', '')}" for p in item.participants]
            return f"webhook {item.event} {who} {item.left_because}"
        case SipCallResult():
            return f"pasted {item.status} {item.twirp_code} {item.message} {item.sip_status_code}, room {item.room!r}"
    return f"{type(item).__name__}"


def _at(item: RoomList | ParticipantList | DispatchList) -> str:
    return f"{(item.read.now - CREATED).total_seconds():.1f}"


def said(diagnosis: Diagnosis) -> Iterable[str]:
    yield diagnosis.verdict.value
    for item in diagnosis.broken:
        yield f"{item.code} {item.confidence.value} at {item.step.value}, candidates {item.candidates}"
        yield from (f"    {because.source}: {because.text}" for because in item.because)
    yield " ".join(f"{result.step.value}={result.status.value}" for result in diagnosis.steps)
    for out in diagnosis.ruled_out:
        yield f"ruled out {out.code}: {out.because}"


def scenarios() -> str:
    from tests.diagnosis.world.scenarios import SCENARIOS

    return "\n".join(each.told() for each in SCENARIOS)
