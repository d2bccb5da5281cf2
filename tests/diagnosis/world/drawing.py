"""A life drawn from a seed: which outcomes, in which order, with which retries, and how it ends."""

import random
from collections.abc import Mapping

from livekit_doctor.settings import Agent, Flow, LiveKit, Settings
from tests.diagnosis.world.agent_outcomes import AGENT, AgentOutcome
from tests.diagnosis.world.life import NEVER, OWN_URL, Dial, Guest, Life, Maker, Pick, Turn, word
from tests.diagnosis.world.phone_outcomes import PHONE, PhoneOutcome, busy, given_up
from tests.diagnosis.world.pods import CLOUD_URL, restart, second_pod
from tests.diagnosis.world.truth import when_silence_is_known
from tests.diagnosis.world.worker import Worker

DEPARTURE, EMPTY = 20.0, 300.0
"""LiveKit's default timeouts of a room (design fact 18)."""
ALONE = 4.5
"""How long a phone is alone at least where its agent left too early: a hang-up may take half of it."""


def draw(seed: str) -> Life:
    pick = random.Random(seed)
    agent = f"{word(pick, 6)} {word(pick, 4)}"
    call_id = word(pick, 10)
    life = Life(
        seed=seed,
        settings=Settings(),
        call_id=call_id,
        room=f"outbound-{call_id}-{pick.randrange(10**6)}",
        sid="RM_" + word(pick, 12),
        agent=agent,
        made_by="room",
    )
    agents, phones = _outcomes(pick)
    order = pick.choices(["dispatch", "phone", "answer", "agent"], [6, 3, 2, 1])[0]
    if order == "answer" and phones[-1] not in ("answered", "media_timeout"):
        order = "phone"
    life.made_by = pick.choice(_MAKERS[order])
    first = 0.0 if life.made_by in ("agents", "dispatch") else pick.uniform(0.05, 1)
    if order == "dispatch":
        _dial(life, pick, phones, first + pick.uniform(0.05, 5))
    elif order in ("phone", "answer"):
        _dial(life, pick, phones, 0.0)
        first = pick.uniform(0.1, 3)
    if order == "answer":
        first = next(dial.answered for dial in life.dials if dial.answered < NEVER) + pick.uniform(0.05, 1)
    worker = Worker(life, pick)
    _dispatch(life, pick, worker, agents, first)
    if order == "agent":
        _dial(life, pick, phones, _when_it_dials(life) + pick.uniform(0.1, 4))
    _end(life, pick)
    _cut(life)
    _consult(life, random.Random(f"further {seed}"))
    worker.afterwards(life.closes)
    second_pod(life, random.Random(f"pod {seed}"))
    restart(life, random.Random(f"restart {seed}"))
    named = Agent(name=agent if pick.random() < 0.9 else None)
    flow = Flow(placed_by="agent" if order == "agent" else "edge_function")
    url = OWN_URL if pick.random() < 0.7 else None
    life.settings = Settings(agent=named, flow=flow, livekit=LiveKit(url=CLOUD_URL if life.cloud else url))
    _dial_twice(life, random.Random(f"twice {seed}"))
    _with_others(life, random.Random(f"others {seed}"))
    return life


def _consult(life: Life, pick: Pick) -> None:
    """In the middle of a good call the agent dials a colleague, who comes or does not."""
    turn, dial = life.turns[-1] if life.turns else None, life.dials[-1] if life.dials else None
    if turn is None or dial is None or (turn.outcome, dial.outcome) != ("healthy", "answered") or pick.random() > 0.15:
        return
    since, until = max(turn.active, dial.answered) + 1, min(dial.left, turn.left) - 1
    at = pick.uniform(since, max(since, until))
    outcome = pick.choice(_CONSULTED)
    identity = pick.choice(["colleague", "sip_" + word(pick, 6)])
    further = Dial(outcome, at, "PA_" + word(pick, 12), identity, "SCL_" + word(pick, 12), pick.random() < 0.7)
    PHONE[outcome].happens(pick, further)
    if outcome == "answered":
        further.left = until + 0.5
    if max(further.answered if outcome == "answered" else further.decided, since) < until:
        life.further.append(further)


def _dial_twice(life: Life, pick: Pick) -> None:
    """The edge function was called twice, and so the phone of a good call is dialled a second time: it is busy with
    the first."""
    turn, dials = life.turns[-1] if life.turns else None, life.dials
    if turn is None or len(dials) != 1 or (turn.outcome, dials[0].outcome) != ("healthy", "answered"):
        return
    if life.settings.flow.placed_by == "agent" or pick.random() > 0.08:
        return
    first = dials[0]
    at = first.at + pick.uniform(0.3, 8)
    identity = pick.choice(["callee-2", "sip_" + word(pick, 6)])
    twin = Dial("refused", at, "PA_" + word(pick, 12), identity, "SCL_" + word(pick, 12), first.waits, twin=True)
    busy(pick, twin)
    if max(twin.refused_at, turn.active, first.answered) + 5 < min(first.left, turn.left):
        life.further.append(twin)


def _with_others(life: Life, pick: Pick) -> None:
    """A recorder from the answer on, or somebody who listens in for a while; and an agent with a name of its own."""
    for turn in life.turns:
        if pick.random() < 0.08:
            turn.named = f"{word(pick, 5)}-{turn.job_id[-3:]}"
    answered = next((dial for dial in life.dials if dial.answered < dial.left), None)
    if answered is None or pick.random() > 0.15:
        return
    until = min(answered.left, life.closes)
    if pick.random() < 0.6:
        egress = "EG_" + word(pick, 12)
        life.guests.append(Guest("EGRESS", egress, "PA_" + word(pick, 12), answered.answered + 0.3, until + 0.04))
    else:
        came, gone = sorted(pick.uniform(answered.answered, until) for _ in range(2))
        life.guests.append(Guest("STANDARD", pick.choice(["dashboard", "coach"]), "PA_" + word(pick, 12), came, gone))


_CONSULTED = ("answered", "refused", "refused", "rings_out", "unreachable", "auth_failed", "trunk_unknown", "no_sip")


def _when_it_dials(life: Life) -> float:
    """An agent that dials the phone itself does so once it is there."""
    turn = life.turns[-1] if life.turns else None
    there = turn is not None and turn.room == life.room and turn.active < turn.left
    return turn.active if turn and there else NEVER


_MAKERS: dict[str, list[Maker]] = {
    "dispatch": ["room", "agents", "dispatch"],
    "phone": ["phone"],
    "answer": ["room", "phone"],
    "agent": ["room", "agents", "dispatch"],
}


def _outcomes(pick: Pick) -> tuple[list[str], list[str]]:
    """Of most lives one thing goes wrong at most; retries come after what failed."""
    agents = ["healthy"] if pick.random() < 0.5 else _some(pick, AGENT, 1)
    phones = ["answered"] if pick.random() < (0.65 if agents == ["healthy"] else 0.88) else _some(pick, PHONE, 1)
    if agents != ["none"] and pick.random() < 0.3:
        agents = _some(pick, {key: each for key, each in AGENT.items() if each.again}, pick.choice([1, 1, 2])) + agents
    if phones != ["never"] and pick.random() < 0.2:
        phones = _some(pick, {key: each for key, each in PHONE.items() if each.again}, pick.choice([1, 1, 2])) + phones
    return agents, phones


def _some(pick: Pick, among: Mapping[str, AgentOutcome | PhoneOutcome], count: int) -> list[str]:
    return pick.choices(list(among), [each.weight for each in among.values()], k=count)


def _dial(life: Life, pick: Pick, outcomes: list[str], at: float) -> None:
    identity, waits = pick.choice(["callee", "sip_" + word(pick, 6)]), pick.random() < 0.4
    for outcome in outcomes:
        dial = Dial(outcome, at, "PA_" + word(pick, 12), identity, "SCL_" + word(pick, 12), waits)
        PHONE[outcome].happens(pick, dial)
        if at < NEVER and dial.at < NEVER:
            life.dials.append(dial)
            at = min(dial.left, dial.refused_at) + pick.uniform(1, 15)


def _dispatch(life: Life, pick: Pick, worker: Worker, outcomes: list[str], at: float) -> None:
    for number, outcome in enumerate(outcomes):
        outcome = worker.possible(outcome, first=number == 0)
        if number == 0 and life.made_by in ("agents", "dispatch") and outcome in _INTO_NO_ROOM:
            life.made_by, at = "room", pick.uniform(0.05, 1)
        if outcome == "none":
            worker.ready("any", at, NEVER)
            return
        job, name, room = "AJ_" + word(pick, 12), life.agent, life.room
        if outcome == "wrong_name":
            name = pick.choice([name.swapcase(), name + " ", name.replace(" ", "-"), name[:-1]])
        if outcome == "other_room":
            room = life.other_room = pick.choice([life.room[:-1], life.room.swapcase(), "demo-" + word(pick)])
        turn = Turn(outcome, at, "AD_" + word(pick, 12), job, "", "PA_" + word(pick, 12), name, room)
        turn.variant = pick.randrange(2)
        AGENT[outcome].happens(pick, turn)
        turn.worker_id = worker.ready(AGENT[outcome].needs, at, life.turns[-1].at if life.turns else NEVER)
        if outcome == "stray":
            turn.worker_id = "AW_" + word(pick, 12)
        if outcome in _TIDIED and pick.random() < 0.12:
            turn.deleted = turn.said + pick.uniform(8, 30)
        life.turns.append(turn)
        known = max(turn.said if turn.said < NEVER else turn.at, turn.decided)
        known = known if outcome in ("leaves", "deleted_later") else min(known, turn.at + 25)
        at = known + pick.choice([pick.uniform(0.3, 3), pick.uniform(0.5, 20)])


_TIDIED = ("no_worker", "vanished", "too_early", "full", "declined", "hangs", "frozen")
"""The outcomes without a job, of which some teams delete the dispatch later."""
_INTO_NO_ROOM = ("none", "agents_ignored", "other_room")
"""The outcomes of which the call's room is not made by the dispatch."""


# How it ends


def _end(life: Life, pick: Pick) -> None:
    turn = life.turns[-1] if life.turns else None
    dial = life.dials[-1] if life.dials else None
    last = turn.at if turn else 0.0
    if dial is None:
        life.ending, life.closes = "empty", max(EMPTY, last + 1)
        if pick.random() < 0.5:
            life.ending, life.closes = "edge_deletes", last + pick.uniform(10, 60)
    elif dial.outcome == "answered":
        _goodbye(life, pick, turn, dial)
    elif dial.outcome == "cancelled":
        dial.left = life.goodbye = pick.uniform(dial.joined + 0.2, min(dial.answered, dial.at + 20))
        given_up(dial, dial.left)
        if dial.ringing > dial.left:
            dial.ringing = NEVER
        life.ending = pick.choice(["edge_deletes", "departure"])
        life.closes = dial.left + (0.05 if life.ending == "edge_deletes" else DEPARTURE)
    else:
        ended = min(dial.left, dial.refused_at)
        joined = any(each.joined < NEVER for each in life.dials)
        life.ending, life.closes = ("departure", ended + DEPARTURE) if joined else ("empty", max(EMPTY, ended))
        if pick.random() < 0.3:
            life.ending, life.closes = "edge_deletes", ended + pick.uniform(0.3, 3)


def _goodbye(life: Life, pick: Pick, turn: Turn | None, dial: Dial) -> None:
    """The phone was answered: somebody says goodbye."""
    came = max(turn.active, dial.answered) if turn and turn.room == life.room else NEVER
    life.ending = pick.choice(["callee", "callee", "edge_deletes"])
    if turn is None or came == NEVER:
        least = max(dial.answered, turn.at if turn else 0.0)
        at = least + pick.choice([pick.uniform(1, 20), pick.uniform(8, 90)])
    elif turn.outcome == "healthy" and pick.random() < 0.12 and came > max(dial.answered, turn.at) + 0.6:
        at = pick.uniform(max(dial.answered, turn.at) + 0.2, came - 0.1)
    elif turn.outcome == "healthy":
        life.ending = pick.choice(["callee", "callee", "agent_deletes", "agent_leaves", "edge_deletes"])
        at = max(came, turn.audio) + pick.choice([pick.uniform(0.5, 3), pick.uniform(4, 25), pick.uniform(4, 120)])
    elif turn.outcome in ("silent", "muted"):
        at = when_silence_is_known(turn, dial) + pick.uniform(1, 60)
    else:
        at = max(turn.left, dial.answered) + pick.uniform(ALONE, 40)
    life.goodbye = dial.left = at
    dial.left_reason = "CLIENT_INITIATED"
    life.closes = at + DEPARTURE
    if life.ending in ("agent_deletes", "edge_deletes"):
        life.closes = at + 0.05
    elif life.ending == "agent_leaves" and turn is not None:
        turn.left, turn.left_reason = at, "CLIENT_REQUEST_LEAVE"
        dial.left = at + pick.uniform(0.05, 2.5)
        life.closes = dial.left + pick.choice([0.05, DEPARTURE])
    elif turn is not None and turn.left == NEVER and turn.active < at and pick.random() < 0.6:
        turn.left, turn.left_reason = at + pick.uniform(0.1, 2), "CLIENT_REQUEST_LEAVE"


_WAITED_FOR = ("never_connects", "blocks", "no_media", "stray")


def _cut(life: Life) -> None:
    """Nothing happens in a room that is closed."""
    closes = life.closes
    life.turns = [turn for turn in life.turns if turn.at < closes - 0.1]
    life.dials = [dial for dial in life.dials if dial.at < closes - 0.1]
    for turn in life.turns:
        _cut_turn(life, turn)


def _cut_turn(life: Life, turn: Turn) -> None:
    closes, phone = life.closes, life.dials[-1] if life.dials else None
    if turn.outcome in ("silent", "muted"):
        turn.decided = when_silence_is_known(turn, phone) if phone else NEVER
        if turn.decided > (phone.left if phone else closes):
            turn.decided = NEVER
    ended = min(closes, min(phone.left, phone.refused_at) if phone else closes)
    if turn.outcome in ("leaves", "deleted_later") and turn.left >= ended:
        turn.outcome, turn.decided = "healthy", NEVER
        if turn.deleted >= closes:
            turn.deleted = NEVER
    for name in ("asked", "said", "assigned", "listed", "ran", "joined", "active", "audio", "failed", "deleted"):
        if getattr(turn, name) >= closes:
            setattr(turn, name, NEVER)
    if turn.joined < closes and turn.left > closes:
        deleted = life.ending in ("agent_deletes", "edge_deletes")
        turn.left, turn.left_reason = closes, "SERVICE_REQUEST_DELETE_ROOM" if deleted else "ROOM_CLOSED"
    if turn.decided > closes:
        turn.decided = closes if turn.outcome in _WAITED_FOR and turn.assigned < NEVER else NEVER
