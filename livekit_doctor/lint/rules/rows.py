"""The rows that the code writes into the call state logs: LKD603 and LKD606."""

from collections.abc import Iterator

from livekit_doctor.diagnosis.names import few, near_miss
from livekit_doctor.diagnosis.states import is_understood, step_of_state
from livekit_doctor.flow import DEFAULT_STATES, Confidence
from livekit_doctor.lint.facts import LogRow, Place
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged


def rows_of(judged: Judged) -> tuple[LogRow, ...]:
    """Each once, in the order of the files; a helper may write several states at one place."""
    rows = {
        (event.place, event.state.shown): event
        for flow in judged.facts.flows
        for event in flow.events
        if isinstance(event, LogRow)
    }
    return tuple(rows[key] for key in sorted(rows))


def unmapped_state(judged: Judged) -> Iterator[Located]:
    """LKD603: a state that the code writes has no step.

    `possible`, since it may stand for none; `likely` for a near miss of one that has.
    """
    mapped = {**DEFAULT_STATES, **judged.settings.flow.states}
    others: dict[str, dict[str, Place]] = {}
    for row in rows_of(judged):
        state = row.state.text
        if not state or step_of_state(state, judged.settings.flow) or is_understood(state):
            continue
        meant = next((other for other in mapped if near_miss(other, state)), None)
        if meant is None:
            others.setdefault(row.place.path, {}).setdefault(state, row.place)
            continue
        text = f'writes the state "{state}", which has no step; "{meant}" has, and differs in {near_miss(state, meant)}'
        yield located("LKD603", Confidence.LIKELY, row.place, text, detail=state, step=mapped[meant].value)
    for states in others.values():
        yield _without_step(states)


def _without_step(states: dict[str, Place]) -> Located:
    """One finding a file: a team that logs much writes dozens of such."""
    (state, place), *more = states.items()
    listed = few(f'"{one}"' for one in states)
    text = f"writes the state {listed}, which has no step" if not more else (
        f"writes {len(states)} states that have no step: {listed}"
    )  # fmt: skip
    further = ((where, f'"{one}"') for one, where in more[:4])
    return located("LKD603", Confidence.POSSIBLE, place, text, *further, detail=state)


def state_never_written(judged: Judged) -> Iterator[Located]:
    """LKD603: the configuration maps a state that the code does not write. Others may write it."""
    rows = rows_of(judged)
    if not rows or any(row.state.text is None for row in rows):
        return
    written = {row.state.text for row in rows}
    for state, step in judged.settings.flow.states.items():
        place = judged.configured(f"flow.states.{state}")
        if state in written or place is None:
            continue
        meant = next((other for other in written if other and near_miss(state, other)), None)
        text = f'maps "{state}" to {step.value}, and nothing here writes it'
        text += f'; "{meant}" is written' if meant else ""
        confidence = Confidence.LIKELY if meant else Confidence.POSSIBLE
        yield located("LKD603", confidence, place, text, detail=meant or state, step=step.value)


def room_not_logged(judged: Judged) -> Iterator[Located]:
    """LKD606: no row says which room the call is in. `possible`: the room's name may have the call id in it."""
    rows = rows_of(judged)
    if not rows or judged.settings.rooms.name_template or any(row.keys is None for row in rows):
        return
    if any("room" in key.lower() for row in rows for key in row.keys or ()):
        return
    text = f"none of the {len(rows)} rows that this code writes has the room's name" if len(rows) > 1 else (
        "the row that this code writes does not have the room's name"
    )  # fmt: skip
    yield located("LKD606", Confidence.POSSIBLE, rows[0].place, text)
