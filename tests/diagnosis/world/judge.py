"""Whether a diagnosis is wrong, and in which way."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Confidence, Leg, Verdict
from tests.diagnosis.world import truth
from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.cases import Case
from tests.diagnosis.world.phone_outcomes import PHONE
from tests.diagnosis.world.sight import (
    fell_between_looks,
    is_hidden,
    nothing_dates_the_call,
    nothing_is_of_the_call,
    pasted_without_a_time,
    published,
    seen_dial,
    seen_turn,
    shows_answer,
    told_well_by_rows,
)
from tests.diagnosis.world.truth import Truth


class Property(StrEnum):
    """What no diagnosis may do."""

    HEALTHY_CALLED_BROKEN = "healthy called broken"
    WRONG_CODE = "wrong exact code"
    """At likely or proven, and not one that is true of the latest dispatch or dial."""
    TRUTH_RULED_OUT = "truth ruled out"
    BROKEN_CALLED_HEALTHY = "called healthy"
    HIDDEN = "called healthy, nothing shows the fault"
    """Nothing that was observed can tell what went wrong, and the team's own rows do not say that it went well."""
    BY_ORDER = "depends on order"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """Wrong verdicts that are alike: what was said, and what was true."""

    property: str
    said: str
    truth: str


@dataclass(frozen=True, slots=True)
class Wrong:
    kind: Kind
    case: str


def judged(case: Case) -> Diagnosis:
    return diagnose(case.evidence, case.life.settings, case.subject)


def wrongs(case: Case, diagnosis: Diagnosis, *, orders: bool = False) -> Iterator[Wrong]:
    """`orders`: also with the observations in another order, which costs a second diagnosis."""
    true = truth.of(case.life, case.now)
    for which, said, leg in _wrongs(case, diagnosis, true):
        if which is Property.BROKEN_CALLED_HEALTHY and is_hidden(case):
            if told_well_by_rows(case) or published(case):
                continue
            which = Property.HIDDEN
        yield Wrong(Kind(which.value, said, _true_words(case, true, leg)), case.id)
    if orders and (differs := _by_order(case, diagnosis)):
        yield Wrong(Kind(Property.BY_ORDER.value, differs, _true_words(case, true, "")), case.id)


def _wrongs(case: Case, diagnosis: Diagnosis, true: Truth) -> Iterator[tuple[Property, str, str]]:
    for item in diagnosis.broken:
        shown = _of_the_last_shown(case, item.leg)
        if item.code in shown and (item.confidence is not Confidence.PROVEN or _cannot_be_known(case, item.leg)):
            continue
        undated = item.leg is Leg.PHONE and any(pasted_without_a_time(case))
        unknown = nothing_dates_the_call(case) or nothing_is_of_the_call(case)
        if item.confidence is Confidence.POSSIBLE and (any(shown) or undated or unknown):
            continue  # what failed before, in other words; or what was pasted, for want of anything else
        said = f"{item.code} {item.confidence.value}"
        leg = item.leg.value
        if true.sound:
            yield Property.HEALTHY_CALLED_BROKEN, said, leg
        elif item.confidence is not Confidence.POSSIBLE and not catalogue.get(item.code).broad:
            near = item.confidence is Confidence.LIKELY and item.code in true.near
            if item.code not in true.right and not near:
                yield Property.WRONG_CODE, said, leg
    for code in sorted({out.code for out in diagnosis.ruled_out} & true.main):
        yield Property.TRUTH_RULED_OUT, code, ""
    if diagnosis.verdict is Verdict.HEALTHY and not true.well:
        yield Property.BROKEN_CALLED_HEALTHY, "healthy", ""


def _of_the_last_shown(case: Case, leg: Leg) -> frozenset[str]:
    """What is true of the attempts before the latest where nothing that was observed shows that one. To say so up to
    likely is right: nobody who reads it can know better, nor say that it is proven (law 3)."""
    turns, dials = case.life.turns, case.life.dials
    if leg is Leg.PHONE:
        dial = case.life.dial_at(case.now)
        before = [*dials[: dials.index(dial)], *case.life.further] if dial and not seen_dial(case, dial) else ()
        before = [
            *before,
            *(() if dial and shows_answer(case, dial) else (each for each in case.life.further if each.twin)),
        ]
        codes = {code for each in before for code in (PHONE[each.outcome].code, *PHONE[each.outcome].also)}
        return frozenset(codes | {"LKD206" for each in before if each.sip_status == truth.MAY_HAVE_RUNG_OUT})
    turn = case.life.turn_at(case.now)
    earlier = turns[: turns.index(turn)] if turn and not seen_turn(case, turn) else ()
    codes = {code for each in earlier for code in (AGENT[each.outcome].code, *AGENT[each.outcome].also)}
    return frozenset(codes | {"LKD109" for each in earlier if truth.came_late(case.life, each, case.now)})


def _cannot_be_known(case: Case, leg: Leg) -> bool:
    """Whether the latest dispatch was deleted again: the one that is left in the list is the latest that stands; or
    the latest dial came and went between two looks."""
    turn, dial = case.life.turn_at(case.now), case.life.dial_at(case.now)
    if leg is Leg.PHONE:
        return dial is not None and fell_between_looks(case, dial)
    return leg is Leg.AGENT and turn is not None and turn.deleted <= case.now


def _true_words(case: Case, true: Truth, leg: str) -> str:
    """The true state of the leg, and whether nothing that was observed shows that there was a later attempt."""
    words = {"agent": [true.agent], "phone": [true.phone]}.get(leg, [true.agent, true.phone])
    turn, dial = case.life.turn_at(case.now), case.life.dial_at(case.now)
    unseen = leg != "phone" and turn is not None and turn is not case.life.turns[0] and not seen_turn(case, turn)
    unseen |= leg != "agent" and dial is not None and dial is not case.life.dials[0] and not seen_dial(case, dial)
    return " / ".join(words) + (", unseen" if unseen else "")


def _by_order(case: Case, diagnosis: Diagnosis) -> str:
    pick = random.Random(f"order {case.id}")
    shuffled = list(case.evidence.observations)
    pick.shuffle(shuffled)
    other = diagnose(replace(case.evidence, observations=tuple(shuffled)), case.life.settings, case.subject)
    before, after = _essence(diagnosis), _essence(other)
    if before == after:
        return ""
    return " or ".join(sorted((_short(diagnosis), _short(other))))


def _essence(diagnosis: Diagnosis) -> object:
    found = [(b.step, b.code, b.confidence, frozenset(b.candidates), b.consequences) for b in diagnosis.broken]
    steps = [(result.step, result.status) for result in diagnosis.steps]
    return diagnosis.verdict, found, steps, {out.code for out in diagnosis.ruled_out}


def _short(diagnosis: Diagnosis) -> str:
    found = ", ".join(f"{b.code} {b.confidence.value}" for b in diagnosis.broken)
    return found or diagnosis.verdict.value
