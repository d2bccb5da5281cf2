"""Whether a diagnosis is wrong, and in which way."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Confidence, Leg, Status, Step, Verdict
from tests.diagnosis.world import truth
from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.cases import Case
from tests.diagnosis.world.phone_outcomes import PHONE
from tests.diagnosis.world.sight import is_hidden, seen_dial, seen_turn
from tests.diagnosis.world.truth import Truth


class Property(StrEnum):
    """What no diagnosis may do."""

    HEALTHY_CALLED_BROKEN = "healthy called broken"
    WRONG_CODE = "wrong exact code"
    """At likely or proven, and not one that is true of the latest dispatch or dial."""
    TRUTH_RULED_OUT = "truth ruled out"
    BROKEN_CALLED_HEALTHY = "called healthy"
    HIDDEN = "called healthy, nothing shows the fault"
    """Agent and phone were seen together, and nothing that was observed can tell what became of it then."""
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
        if which is Property.BROKEN_CALLED_HEALTHY and _both_shown(diagnosis) and is_hidden(case):
            which = Property.HIDDEN
        yield Wrong(Kind(which.value, said, _true_words(case, true, leg)), case.id)
    if orders and (differs := _by_order(case, diagnosis)):
        yield Wrong(Kind(Property.BY_ORDER.value, differs, _true_words(case, true, "")), case.id)


def _wrongs(case: Case, diagnosis: Diagnosis, true: Truth) -> Iterator[tuple[Property, str, str]]:
    for item in diagnosis.broken:
        if item.confidence is not Confidence.PROVEN and item.code in _of_the_last_shown(case, item.leg):
            continue
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
        before = dials[: dials.index(dial)] if dial and not seen_dial(case, dial) else ()
        return frozenset(code for each in before for code in (PHONE[each.outcome].code, *PHONE[each.outcome].also))
    turn = case.life.turn_at(case.now)
    earlier = turns[: turns.index(turn)] if turn and not seen_turn(case, turn) else ()
    return frozenset(code for each in earlier for code in (AGENT[each.outcome].code, *AGENT[each.outcome].also))


def _both_shown(diagnosis: Diagnosis) -> bool:
    status = {result.step: result.status for result in diagnosis.steps}
    return status[Step.AGENT_CONNECTED] is status[Step.SIP_ANSWERED] is Status.OK


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
