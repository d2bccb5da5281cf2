"""What is true of a life at a moment, to one who knows all of it: what may be said, and what must not."""

from dataclasses import dataclass

from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.life import NEVER, Dial, Life, Turn
from tests.diagnosis.world.phone_outcomes import PHONE
from tests.diagnosis.world.worker import ELSEWHERE

AUDIO_ALLOWANCE = 20.0
"""Default `broken_after` of agent_audio."""
DISPATCH_ALLOWANCE = 15.0
"""Default `broken_after` of agent_dispatched, after the room was created."""

SILENT = 15.0
"""Seconds. An agent that has published nothing for so long is silent, whether or not its allowance is over."""

TALKED = 3.0
"""Seconds. Who was there for no longer has hardly talked: that such a call did not come about may be said."""

MAY_HAVE_RUNG_OUT = 480
"""So some carriers say that nobody picked up."""

RESTARTED_WITHIN = 60.0
"""A worker that registers no later than this after a dispatch was on its way when it was made."""


def when_silence_is_known(turn: Turn, dial: Dial) -> float:
    return max(turn.active, dial.answered) + AUDIO_ALLOWANCE


@dataclass(frozen=True, slots=True)
class Truth:
    """`right` are the exact codes that may be said at any confidence, `near` those that may up to likely, and
    `main` the ones that nothing may rule out. `sound`: nothing broke and nothing will, so that no verdict of
    broken is right. `well`: agent and phone were together, and nobody was missed: it may be called healthy."""

    right: frozenset[str]
    near: frozenset[str]
    main: frozenset[str]
    sound: bool
    well: bool
    agent: str
    phone: str


def of(life: Life, now: float) -> Truth:
    """As things are at `now`: what comes later can't be known, and what the allowances leave open is open."""
    turn, dial = life.turn_at(now), life.dial_at(now)
    agent_failed = turn.decided <= now if turn else _not_dispatched(life, now)
    phone_failed = dial is not None and dial.decided <= now
    right, near, main = set[str](), set[str](), set[str]()
    if agent_failed:
        outcome = AGENT[turn.outcome if turn else "none"]
        right |= {outcome.code, *outcome.also}
        near |= set(outcome.near)
        (right if outcome.needs in _NOBODY_THERE else near).update(_of_other_pod(life))
        if turn and outcome.code == "LKD101" and came_late(life, turn, now):
            right.add("LKD109")
        main.add(outcome.code)
    elif turn is None and life.turns and life.turns[0].decided == life.turns[0].at:
        near.add(AGENT[life.turns[0].outcome].code)  # no worker is there for it, and it is not dispatched yet
    if turn and dial and turn.outcome in ("silent", "muted"):
        heard_nothing = min(now, dial.left) - max(turn.active, dial.answered)
        near |= {"LKD408"} if heard_nothing > SILENT else set()
    if phone_failed and dial:
        right |= {PHONE[dial.outcome].code, *PHONE[dial.outcome].also}
        main.add(PHONE[dial.outcome].code)
        near |= {"LKD206"} if dial.sip_status == MAY_HAVE_RUNG_OUT else set()
    if not life.turns and not life.dials and life.closes <= now:
        right |= {"LKD501", "LKD502"}
    together = (
        turn is not None and dial is not None and max(turn.active, dial.answered) < min(now, turn.left, dial.left)
    )
    met = together and turn is not None and turn.room == life.room and not agent_failed and not phone_failed
    will_be = (
        turn is not None
        and dial is not None
        and turn.outcome == "healthy"
        and dial.outcome == "answered"
        and max(turn.active, dial.answered) + TALKED < min(turn.left, dial.left)
    )
    return Truth(
        right=frozenset(right),
        near=frozenset(near),
        main=frozenset(main),
        sound=will_be and not agent_failed and not phone_failed,
        well=met,
        agent=_agent_words(life, turn, agent_failed, now),
        phone=_state(dial.outcome, phone_failed, dial.answered <= now) if dial else "not dialled",
    )


_NOBODY_THERE = ("none", "vanished", "late", "elsewhere", "lost")
"""The states of the worker in which another pod, had it been there, would have taken the job."""


def _of_other_pod(life: Life) -> set[str]:
    """Why the team's other pod could not take it: as true as what kept the first from it."""
    codes = {"LKD105": any(event.what == "lost" for event in life.pod)}
    codes["LKD104"] = any(event.url == ELSEWHERE for event in life.pod)
    return {code for code, is_so in codes.items() if is_so}


def came_late(life: Life, turn: Turn, now: float) -> bool:
    """Whether a worker registered soon after the dispatch, as in a deploy."""
    came = (event.at for event in (*life.worker, *life.pod) if event.what == "registered")
    return any(turn.at < at <= min(now, turn.at + RESTARTED_WITHIN) for at in came)


def _not_dispatched(life: Life, now: float) -> bool:
    """Nobody dispatched, where one that dispatches on the answer has had its time, too."""
    if life.turns:
        return False
    answered = min((dial.answered for dial in life.dials), default=NEVER)
    due = max(0.0, answered if answered < NEVER else 0.0) + DISPATCH_ALLOWANCE
    return min(due, life.closes, life.goodbye) <= now


def _agent_words(life: Life, turn: Turn | None, failed: bool, now: float) -> str:
    if turn is None:
        return "none" if failed else "not dispatched yet"
    if not failed and life.goodbye < turn.active <= now:
        return f"{turn.outcome}, too late"
    return _state(turn.outcome, failed, turn.active <= now)


def _state(outcome: str, failed: bool, there: bool) -> str:
    if failed or outcome == "cancelled":
        return outcome
    return f"{outcome}, there" if there else f"{outcome}, under way"
