"""What the latest rows of the log table tell: its states, where a row says its room, who dials."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.states import step_of_state
from livekit_doctor.evidence.call_logs.near_names import nearest_names
from livekit_doctor.evidence.call_logs.rows import STATES_FROM_ROWS
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import DEFAULT_STATES, LEGS, Leg, Step
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.init.texts import can_be_written
from livekit_doctor.settings import ALWAYS_LOGGED, Flow
from livekit_doctor.words import folded

_FAILURE = lazy_re.compile(
    r"fail|err|disconn|left|leav|time_?d?out|reject|declin|cancel|abort|miss|drop|lost|no[_ t]|un"
)
_AGENT = lazy_re.compile(r"agent|worker|bot", re.IGNORECASE)
_ROOM_KEYS = ("room", "roomname", "livekitroom", "livekitroomname", "lkroom")
_DEEPEST = 3
_LONGEST = 100
"""Characters of a state that can be a key: YAML takes up to 1024, each escape for ten."""
_ENOUGH = 3
"""Calls, or rooms, from which a habit is concluded."""


class State(Struct, frozen=True):
    """A state in use and the step that it stands for: of the tool's own knowledge, or only of a likeness (`guess`)."""

    name: str
    rows: int
    step: Step | None = None
    guess: Step | None = None


class AlwaysLogged(Struct, frozen=True):
    """The states whose absence means something, and why; not `known`: nothing tells, the default stays."""

    states: tuple[str, ...]
    why: str
    known: bool = True


class RoomInRows(Struct, frozen=True):
    """Where a row says its room: a column, or a path into the metadata."""

    path: str
    rows: int
    of: int


def states_in_use(rows: Iterable[LogRow]) -> tuple[State, ...]:
    """The states of these rows, most frequent first."""
    counted = Counter(row.state for row in rows if row.state)
    return tuple(_state(name, count) for name, count in counted.most_common())


def _state(name: str, rows: int) -> State:
    if step := step_of_state(name, Flow()):
        return State(name, rows, step)
    if not can_be_written(name) or len(name) > _LONGEST:
        return State(name, rows)
    near = nearest_names(name, DEFAULT_STATES, 1)
    guess = DEFAULT_STATES[near[0]] if near and not _FAILURE.search(name.lower()) else None
    return State(name, rows, guess=guess)


def mapped_states(table: TableSeen) -> int:
    """How many different states of the table's rows stand for a step for certain."""
    return sum(1 for state in states_in_use(table.rows) if state.step)


def always_logged(rows: Iterable[LogRow], steps: Mapping[str, Step]) -> AlwaysLogged:
    """By step of the default: the state that each call has whose agent has written anything from
    there on. `steps` are those of the states in use."""
    calls = _whole_calls(rows)
    states: list[str] = []
    reasons: list[str] = []
    always: dict[int, list[str]] = {}
    for default in ALWAYS_LOGGED:
        step = DEFAULT_STATES[default]
        later = LEGS[Leg.AGENT][LEGS[Leg.AGENT].index(step) :]
        reached = [call for call in calls if any(_is_agents(row) or steps.get(row.state) in later for row in call)]
        having = Counter(state for call in reached for state in {row.state for row in call} if steps.get(state) is step)
        with_it = sum(1 for call in reached if any(steps.get(row.state) is step for row in call))
        if len(reached) < _ENOUGH:
            states.append(default)
            continue
        if with_it == len(reached):
            name = having.most_common(1)[0][0]
            states.append(name)
            always.setdefault(len(reached), []).append(name)
        else:
            lacking = f"{len(reached) - with_it} of {len(reached)} calls that the agent wrote rows of have none"
            reasons.append(f"no state of {step}: {lacking}")
    for calls_with, names in always.items():
        reasons.insert(0, f"{' and '.join(names)}: in all {calls_with} calls that the agent wrote rows of")
    if not reasons:
        return AlwaysLogged(tuple(states), "too few calls in the log to tell", known=False)
    return AlwaysLogged(tuple(states), "; ".join(reasons))


def _whole_calls(rows: Iterable[LogRow]) -> list[list[LogRow]]:
    """The rows by call; of as many rows as are read at most, the oldest call may be cut off."""
    calls: dict[str, list[LogRow]] = {}
    ordered = sorted(rows, key=lambda row: row.at)
    for row in ordered:
        calls.setdefault(row.call_id, []).append(row)
    if len(ordered) >= STATES_FROM_ROWS:
        calls.pop(ordered[0].call_id)
    return list(calls.values())


def _is_agents(row: LogRow) -> bool:
    return bool(_AGENT.search(row.source))


def who_dials(rows: Iterable[LogRow], steps: Mapping[str, Step]) -> tuple[str, str] | None:
    """The value of flow.placed_by and what shows it: the source of the rows that report dialling."""
    dialling = (Step.SIP_PARTICIPANT_CREATED, Step.SIP_DIALING)
    sources = Counter(row.source for row in rows if steps.get(row.state) in dialling and row.source)
    if not sources:
        return None
    agents = [source for source in sources if _AGENT.search(source)]
    if agents and len(agents) < len(sources):
        return None
    placed_by = "agent" if agents else "edge_function"
    return placed_by, f"rows about dialling have the source {sources.most_common(1)[0][0]}"


def room_in_rows(table: TableSeen, live: Iterable[str]) -> RoomInRows | None:
    """The column or path that names the rooms; one with a live room in it before any other."""
    if table.columns.room:
        named = sum(1 for row in table.rows if row.room and not row.room.startswith("RM_"))
        return RoomInRows(table.columns.room, named, len(table.rows)) if named else None
    if not table.columns.metadata:
        return None
    live_rooms = set(live)
    found: Counter[tuple[str, ...]] = Counter()
    sure: Counter[tuple[str, ...]] = Counter()
    for row in table.rows:
        for path, value in _strings(_parsed(row.metadata)):
            named = folded(path[-1]) in _ROOM_KEYS or tuple(map(folded, path[-2:])) == ("room", "name")
            if value in live_rooms or (named and not value.startswith("RM_")):
                found[path] += 1
                sure[path] += value in live_rooms
    if not found:
        return None
    best = max(found, key=lambda path: (sure[path] > 0, found[path], -len(path), path))
    return RoomInRows(".".join((table.columns.metadata, *best)), found[best], len(table.rows))


def rooms_of_rows(table: TableSeen, place: RoomInRows | None) -> Iterator[tuple[LogRow, str]]:
    """The rows that say their room, each with it."""
    if place is None:
        return
    if table.columns.room:
        yield from ((row, row.room) for row in table.rows if row.room)
        return
    path = tuple(place.path.removeprefix(f"{table.columns.metadata}.").split("."))
    for row in table.rows:
        yield from ((row, value) for at, value in _strings(_parsed(row.metadata)) if at == path)


def metadata_of(row: LogRow) -> dict[str, str]:
    """The texts and whole numbers at the top of a row's metadata."""
    value = _parsed(row.metadata)
    items = value.items() if isinstance(value, dict) else ()
    return {key: str(item) for key, item in items if isinstance(item, str | int) and not isinstance(item, bool)}


def _parsed(text: str) -> object:
    try:
        value = json.loads(text)
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _strings(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts in a JSON value that a path in checks.yaml can lead to, not too deep."""
    if isinstance(value, str) and value and path:
        yield path, value
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        for key, item in value.items():
            if key and "." not in key and can_be_written(key):
                yield from _strings(item, (*path, key))
