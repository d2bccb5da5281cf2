"""From what a person has at hand to one call: its rows, its attempts, its room."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.names import near_room
from livekit_doctor.diagnosis.states import step_of_state
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.observations import (
    DispatchList,
    Evidence,
    LogLine,
    LogRow,
    MeantRoom,
    Observation,
    ParticipantList,
    Room,
    RoomList,
    Sighting,
    room_named,
)
from livekit_doctor.flow import LEGS, Leg, Step, order
from livekit_doctor.settings import Flow, Settings

LIVEKIT_ID = lazy_re.compile(r"(RM|AD|AJ|SCL|PA|AW)_[A-Za-z0-9]{6,}")


class Subject(Struct, frozen=True, kw_only=True):
    """What is asked about: a call id, a room name, a LiveKit id, or several of them."""

    call_id: str | None = None
    room: str | None = None
    livekit_id: str | None = None


def parse_subject(text: str | None, room: str | None) -> Subject:
    """`text` is a call id or a LiveKit id such as RM_…, AD_…, AJ_…, SCL_…, PA_…, AW_…"""
    if text and LIVEKIT_ID.fullmatch(text):
        return Subject(livekit_id=text, room=room)
    return Subject(call_id=text, room=room)


class RoomRef(Struct, frozen=True, kw_only=True):
    """A room of the call and how it was found. `sid` is empty where only the name is known."""

    name: str
    how: str
    sid: str = ""


def steps_of(rows: Iterable[LogRow], flow: Flow) -> dict[str, Step | None]:
    """The step that each state of these rows stands for."""
    return {state: step_of_state(state, flow) for state in dict.fromkeys(row.state for row in rows)}


class _Attempt(Struct):
    call_id: str
    rows: list[LogRow] = field(default_factory=list)
    rooms: set[str] = field(default_factory=set)
    aside: bool = False
    """In another room, beside a call that is under way: rows without a room are that call's."""
    told: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """When each component first logged each state."""
    moved_on: datetime | None = None
    """When it first went beyond its opening."""
    answered: bool = False
    sources: set[str] = field(default_factory=set)
    before_end: set[str] = field(default_factory=set)
    ended: dict[str, datetime] = field(default_factory=dict)
    """When each component said that the call had ended."""

    def may_hold(self, row: LogRow) -> bool:
        is_here = row.room in self.rooms or not self.rooms if row.room else not self.aside
        return row.call_id == self.call_id and is_here

    def has_aside(self, row: LogRow) -> bool:
        """Whether this row is of another room while the call goes on: its component did not log the like of the call,
        as whoever places it again does."""
        is_new = (row.source, row.state) not in self.told
        return row.call_id == self.call_id and self.answered and not self.ended and bool(row.room) and is_new

    def is_over_at(self, row: LogRow, step: Step, tolerance: timedelta) -> bool:
        """Rows of one time have no order: one transaction may have written them all."""
        opened = self.told.get((row.source, row.state))
        if step in OPENING and opened and self.moved_on and max(opened, self.moved_on) < row.at:
            return True
        if not self.ended:
            return False
        if order(step) >= order(Step.AGENT_CONNECTED) and step is not Step.SIP_PARTICIPANT_CREATED:
            return False
        if row.source in self.ended:
            return self.ended[row.source] < row.at
        # A component that had logged nothing before the end has logged this attempt by another clock.
        again = row.source in self.before_end and step not in LEGS[Leg.AGENT]
        return again and row.at - max(self.ended.values()) > tolerance

    def add(self, row: LogRow, step: Step | None) -> None:
        self.rows.append(row)
        self.sources.add(row.source)
        if row.room:
            self.rooms.add(row.room)
        self.told.setdefault((row.source, row.state), row.at)
        if step not in OPENING:
            self.moved_on = self.moved_on or row.at
        if step is None:
            return
        self.answered = self.answered or step is Step.SIP_ANSWERED
        self.aside = self.aside and step not in ASKED
        if step is Step.CALL_ENDED:
            self.ended[row.source] = row.at
            self.before_end = set(self.sources)


OPENING = (Step.CALL_REQUESTED, Step.ROOM_CREATED)
ASKED = (Step.CALL_REQUESTED, Step.AGENT_DISPATCHED)
"""What only a call that is asked for has."""


def attempts(rows: Iterable[LogRow], flow: Flow, tolerance: timedelta) -> tuple[tuple[LogRow, ...], ...]:
    """The rows of a call, an attempt each, oldest first.

    A new attempt begins with another room, when a component says again that it opens the call,
    or with a step on the way to the agent after the call had ended. Between two components
    only what lies further apart than `tolerance` has an order (design fact 29).
    """
    rows = sorted(rows, key=attrgetter("at", "order"))
    steps = steps_of(rows, flow)
    result: list[_Attempt] = []
    for row in rows:
        step = steps[row.state]
        current = next((attempt for attempt in reversed(result) if attempt.may_hold(row)), None)
        if current is None or (step and current.is_over_at(row, step, tolerance)):
            current = _Attempt(row.call_id, aside=any(one.has_aside(row) for one in result))
            result.append(current)
        current.add(row, step)
    return tuple(tuple(attempt.rows) for attempt in _side_rooms_first(_without_repeated(result, steps), steps))


def _side_rooms_first(result: list[_Attempt], steps: dict[str, Step | None]) -> list[_Attempt]:
    """With a room that was opened and left behind while the call went on in another, as to consult somebody before a
    transfer, before that call: the latest attempt is the one that went on."""
    kept: list[_Attempt] = []
    for attempt in result:
        around = next((one for one in kept if _is_around(one, attempt, steps)), None)
        kept.insert(kept.index(around) if around else len(kept), attempt)
    return kept


def _is_around(one: _Attempt, other: _Attempt, steps: dict[str, Step | None]) -> bool:
    """Whether one was answered before the other began, in which nobody was called; or which nobody asked for, and one
    went on for longer. What no step stands for makes no attempt."""
    apart = bool(one.rooms and other.rooms) and one.rooms.isdisjoint(other.rooms)
    own, told = {steps[row.state] for row in one.rows}, {steps[row.state] for row in other.rows} - {None}
    if one.call_id != other.call_id or not apart:
        return False
    answered = any(steps[row.state] is Step.SIP_ANSWERED and row.at < other.rows[0].at for row in one.rows)
    called = not told.isdisjoint((Step.CALL_REQUESTED, *LEGS[Leg.PHONE]))
    longer = one.rows[-1].at > other.rows[-1].at
    return (answered and (not called or (longer and told.isdisjoint(ASKED)))) or (not told and own != {None})


def _without_repeated(result: list[_Attempt], steps: dict[str, Step | None]) -> list[_Attempt]:
    """Without an opening that was delivered again in mid-call, which whoever places the call finds open: the phone had
    been answered, and nothing but the end came of it."""
    kept: list[_Attempt] = []
    for attempt in result:
        before = next((one for one in reversed(kept) if one.call_id == attempt.call_id), None)
        of_it = {steps[row.state] for row in attempt.rows} - {None}
        if (
            before is not None
            and of_it <= {*OPENING, Step.CALL_ENDED}
            and not before.ended
            and attempt.rooms <= before.rooms
            and any(steps[row.state] is Step.SIP_ANSWERED for row in before.rows)
        ):
            before.rows += attempt.rows
            before.ended |= attempt.ended
        else:
            kept.append(attempt)
    return kept


def mentions(text: str, call_id: str) -> bool:
    """Whether `text` holds the id as a whole word: call-1 is not in call-12."""
    return bool(re.search(rf"(?<![0-9A-Za-z]){re.escape(call_id)}(?![0-9A-Za-z])", text))


def live_rooms(evidence: Evidence) -> tuple[Room, ...]:
    """All rooms that any reading has shown, each as it was last seen; newest first."""
    seen: dict[str, Room] = {}
    for item in sorted(
        (item for item in evidence.observations if isinstance(item, RoomList)), key=lambda item: item.read.at
    ):
        seen.update({room.sid: room for room in item.rooms})
    return tuple(sorted(seen.values(), key=lambda room: room.created_at, reverse=True))


def find_room(subject: Subject, rows: Iterable[LogRow], evidence: Evidence, settings: Settings) -> RoomRef | None:
    """The room of the call, by the surest way that leads to exactly one (design section 2)."""
    rows = tuple(rows)
    if subject.room:
        return RoomRef(name=subject.room, how="the name that was given")
    if subject.livekit_id:
        pasted = _pasted_room(subject, evidence)
        ref = _room_of_id(subject.livekit_id, evidence) or pasted or _room_in_logs(evidence)
        return replace(ref, sid=_sid_of(subject.livekit_id, ref.name, evidence)) if ref and not ref.sid else ref
    named = [row.room for row in rows if row.room]
    if named:
        return RoomRef(name=named[-1], how="the call's log rows")
    if not subject.call_id:
        return _pasted_room(subject, evidence)
    by_template = _fill(settings.rooms.name_template, subject.call_id, rows)
    if by_template:
        return RoomRef(name=by_template, how=f"rooms.name_template {settings.rooms.name_template}")
    found = tuple(_rooms_mentioning(subject.call_id, evidence))
    if len({ref.name for ref in found}) == 1:
        return found[0]
    return None if found else _pasted_room(subject, evidence) or _room_in_logs(evidence)


def _pasted_room(subject: Subject, evidence: Evidence) -> RoomRef | None:
    named = pasted_rooms(subject, evidence.observations)
    return RoomRef(name=named[0], how="the only room that the pasted text names") if len(named) == 1 else None


def pasted_rooms(subject: Subject, observations: Iterable[Observation]) -> tuple[str, ...]:
    """The rooms that pasted text names: of several those that it names together with the id asked for."""
    picked = [item for item in observations if item.read.excerpt]
    if subject.room:
        return (subject.room,)
    asked = subject.call_id or subject.livekit_id
    with_id = [item for item in picked if asked and mentions(_texts_of(item), asked)]
    rooms = tuple(dict.fromkeys(filter(None, map(room_named, with_id))))
    rooms = rooms or _named_by(picked)
    said = {item.room for item in picked if isinstance(item, MeantRoom)} & {*rooms}
    return tuple(said) if len(said) == 1 else _without_mistyped(rooms, picked)


def named_rooms(observations: Iterable[Observation]) -> tuple[str, ...]:
    """The rooms that pasted text names, whichever is meant."""
    picked = [item for item in observations if item.read.excerpt]
    return _without_mistyped(_named_by(picked), picked)


def _named_by(picked: Iterable[Observation]) -> tuple[str, ...]:
    """A list of a server's rooms names no call's, where anything else names one, or is a line of its own of some
    call."""
    listed: list[Observation] = []
    others: list[Observation] = []
    for item in picked:
        (listed if isinstance(item, Sighting) and item.lists == "rooms" else others).append(item)
    rooms = tuple(dict.fromkeys(filter(None, map(room_named, others))))
    if rooms or any(isinstance(item, LogLine) for item in others):
        return rooms
    return tuple(dict.fromkeys(map(room_named, listed)))


def _without_mistyped(rooms: tuple[str, ...], picked: Iterable[Observation]) -> tuple[str, ...]:
    """Of rooms with almost one name the one that has the phone: into the others something was sent by mistake."""
    with_phone = {room_named(item) for item in picked if _is_of_phone(item)} & {*rooms}
    own = next(iter(with_phone), "")
    mistyped = len(with_phone) == 1 and all(room == own or near_room(room, own) for room in rooms)
    return (own,) if mistyped else rooms


def _is_of_phone(item: Observation) -> bool:
    if isinstance(item, LogLine):
        return item.log == "sip" or item.message.startswith("API SIP.CreateSIPParticipant")
    return isinstance(item, Sighting) and item.has_phone


def _texts_of(item: Observation) -> str:
    """The names and ids of an observation, in one text."""
    if isinstance(item, LogLine):
        return " ".join((item.message, *item.fields.values()))
    if isinstance(item, LogRow):
        return f"{item.call_id} {item.room} {item.metadata}"
    if not isinstance(item, Sighting):
        return room_named(item)
    words = [item.room, item.room_sid, item.info.metadata if item.info else ""]
    for dispatch in item.dispatches:
        words += (dispatch.id, dispatch.metadata, *(job.id for job in dispatch.jobs))
    for participant in item.participants:
        words += (participant.sid, participant.metadata, participant.attributes.get("sip.callID", ""))
    return " ".join(words)


def _room_in_logs(evidence: Evidence) -> RoomRef | None:
    """The one room that the lines of the components' logs name that have the call's id."""
    lines = [item for item in evidence.observations if isinstance(item, LogLine) and item.by_id]
    named = {line.fields["room"]: line for line in reversed(lines) if line.fields.get("room")}
    if len(named) != 1:
        return None
    ((name, line),) = named.items()
    return RoomRef(name=name, how=f"the {line.log} log, line {line.number}")


def _sid_of(livekit_id: str, room: str, evidence: Evidence) -> str:
    """The sid of the room that lines tell of together with the id: another call may have had a room of the name. Empty
    where none does, or several, as for a worker."""
    lines = (item for item in evidence.observations if isinstance(item, LogLine) and item.fields.get("room") == room)
    told = {line.fields["room_id"] for line in lines if line.fields.get("room_id") and _tells_of(line, livekit_id)}
    return told.pop() if len(told) == 1 else ""


def _tells_of(line: LogLine, livekit_id: str) -> bool:
    return any(livekit_id in (value, job_of_identity(value)) for value in line.fields.values())


def _room_of_id(livekit_id: str, evidence: Evidence) -> RoomRef | None:
    for room in live_rooms(evidence):
        if room.sid == livekit_id:
            return RoomRef(name=room.name, sid=room.sid, how="its sid")
    found: list[RoomRef] = []
    for item in evidence.observations:
        if isinstance(item, DispatchList):
            for dispatch in item.dispatches:
                ids = {dispatch.id, *(job.id for job in dispatch.jobs)}
                if livekit_id in ids | {job.worker_id for job in dispatch.jobs}:
                    found.append(RoomRef(name=item.room, sid=item.room_sid, how=f"dispatch {dispatch.id}"))
        elif isinstance(item, ParticipantList):
            for participant in item.participants:
                if livekit_id in (participant.sid, participant.attributes.get("sip.callID")):
                    found.append(RoomRef(name=item.room, sid=item.room_sid, how=f"participant {participant.identity}"))
    if found:  # in whichever order they were read
        return min(found, key=lambda ref: (ref.how, ref.name, ref.sid))
    return None


def _rooms_mentioning(call_id: str, evidence: Evidence) -> Iterator[RoomRef]:
    for room in live_rooms(evidence):
        if mentions(room.name, call_id):
            yield RoomRef(name=room.name, sid=room.sid, how="its name has the call id")
        elif mentions(room.metadata, call_id):
            yield RoomRef(name=room.name, sid=room.sid, how="its metadata has the call id")
    for item in evidence.observations:
        if isinstance(item, DispatchList):
            for dispatch in item.dispatches:
                if mentions(dispatch.metadata, call_id):
                    how = f"the metadata of its dispatch {dispatch.id} has the call id"
                    yield RoomRef(name=item.room, sid=item.room_sid, how=how)


def _fill(template: str | None, call_id: str, rows: tuple[LogRow, ...]) -> str | None:
    """The template with {call_id} and the rows' metadata filled in; None where a value is missing."""
    if not template:
        return None
    values: dict[str, object] = {}
    for row in rows:
        values.update(_top_level(row.metadata))
    values["call_id"] = call_id
    names = re.findall(r"{(\w+)}", template)
    if any(name not in values for name in names):
        return None
    return re.sub(r"{(\w+)}", lambda match: str(values[match[1]]), template)


def _top_level(metadata: str) -> Mapping[str, Any]:
    try:
        value = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def call_id_in(metadata: str) -> str | None:
    """The call id that a room's or dispatch's JSON metadata carries, under the usual keys."""
    value = _top_level(metadata)
    for key in ("call_id", "callId", "call-id"):
        if isinstance(value.get(key), str | int) and value[key]:
            return str(value[key])
    return None
