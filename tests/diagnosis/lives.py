"""Whole lives of calls, second by second: what a look at the room and at the rows would show.

Each life is drawn from a seed: names, timings within the allowances, what is logged, and by which
clock. A healthy one has no fault; a broken one is a healthy one with one thing taken away.
"""

import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import (
    Dispatch,
    Job,
    LogRow,
    Observation,
    Participant,
    Room,
    SipDispatchRule,
)
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis import factories as f

Pick = random.Random


def _word(pick: Pick, length: int = 8) -> str:
    return "".join(pick.choices(string.ascii_lowercase + string.digits, k=length))


@dataclass
class Stay:
    """A participant's time in the room."""

    participant: Participant
    joined: float
    left: float = float("inf")
    active: float | None = None
    audio: float | None = None
    states: list[tuple[float, str]] = field(default_factory=list)

    def at(self, t: float) -> Participant | None:
        if not self.joined <= t < self.left:
            return None
        p = replace(self.participant, joined_at=f.at(self.joined))
        if self.active is not None and t < self.active:
            p = replace(p, state="JOINED")
        if self.audio is not None:
            p = replace(p, tracks=(f.audio(sid="TR_" + p.sid),) if t >= self.audio else ())
        status = [status for when, status in self.states if when <= t]
        if status:
            p = replace(p, attributes={**p.attributes, "sip.callStatus": status[-1]})
        return p


@dataclass
class Work:
    """A job of a dispatch; ListDispatch shows it from `listed` on (design fact 10)."""

    job: Job
    listed: float


@dataclass
class Sent:
    """A dispatch and its time in ListDispatch."""

    dispatch: Dispatch
    created: float
    deleted: float = float("inf")
    jobs: list[Work] = field(default_factory=list)

    def at(self, t: float) -> Dispatch | None:
        if not self.created <= t < self.deleted:
            return None
        jobs = tuple(work.job for work in self.jobs if work.listed <= t)
        return replace(self.dispatch, created_at=f.at(self.created), jobs=jobs)


@dataclass
class Life:
    """One call. Times are true seconds since the room was created; the rows' clocks are `ahead` of them."""

    variant: str
    pick: Pick
    settings: Settings
    room: str
    agent: str
    call_id: str
    sid: str
    closes: float = float("inf")
    dispatched: list[Sent] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    logged: list[tuple[float, str, str]] = field(default_factory=list)
    ahead: dict[str, float] = field(default_factory=dict)
    rules: tuple[SipDispatchRule, ...] = ()
    rooms_in_rows: bool = False
    other_rooms: list[tuple[Room, tuple[Dispatch, ...]]] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    """Named moments, for what is done to this life afterwards."""
    _seen: dict[tuple[float, bool, bool], tuple[Observation, ...]] = field(default_factory=dict)
    """What was seen when, as evidence is kept: a life that is looked at has come to its form."""

    def log(self, t: float, source: str, state: str) -> None:
        self.logged.append((t, source, state))

    def api(self, t: float) -> tuple[Observation, ...]:
        """What a look through the API shows at `t`; `Date` has whole seconds."""
        now = float(int(t)) if t > 1 else t
        others = tuple(room for room, _ in self.other_rooms)
        sip = (f.rules(t, *self.rules),) if self.rules else ()
        own = Room(sid=self.sid, name=self.room, created_at=f.at(0), empty_timeout=300, departure_timeout=20)
        if not 0 <= t < self.closes:
            return (*self._dated(f.closed(t, *others), t, now), *sip)
        inside = [item for item in (*(s.at(t) for s in self.stays), *(s.at(t) for s in self.dispatched)) if item]
        self.pick.shuffle(inside)
        items = [*f.look(t, *inside, room=own, beside=others)]
        for room, sent in self.other_rooms:
            items += [
                f.participants(t, room=room.name, sid=room.sid),
                f.dispatches(t, *sent, room=room.name, sid=room.sid),
            ]
        return (*self._dated(tuple(items), t, now), *sip)

    @staticmethod
    def _dated(items: tuple[Observation, ...], t: float, now: float) -> tuple[Observation, ...]:
        return tuple(replace(item, read=replace(f.read(t), clock_at=f.at(now))) for item in items)

    def rows(self, t: float) -> tuple[LogRow, ...]:
        """The rows that are in the table at `t`, ordered by their own times."""
        there = [(when + self.ahead.get(source, 0), source, state) for when, source, state in self.logged if when <= t]
        there.sort(key=lambda item: item[0])
        room = self.room if self.rooms_in_rows else ""
        return tuple(
            replace(f.row(when, state, source, room=room, call_id=self.call_id, order=n), read=f.read(t, "call_logs"))
            for n, (when, source, state) in enumerate(there)
        )

    def judged(self, looks: Iterable[float], *, api: bool = True, rows: bool = True) -> Diagnosis:
        """The diagnosis at the last of these moments, with all that was seen at each of them."""
        from livekit_doctor.diagnosis.core import diagnose

        looks = sorted(looks)
        observations: list[Observation] = []
        for t in looks:
            look = (t, api, rows)
            if look not in self._seen:
                self._seen[look] = (*(self.rows(t) if rows else ()), *(self.api(t) if api else ()))
            observations += self._seen[look]
        known = Subject(call_id=self.call_id, room=self.room if api else None)
        return diagnose(
            f.Evidence(now=f.at(looks[-1]) + f.AHEAD, observations=tuple(observations), coverage=f.READ),
            self.settings,
            known,
        )

    def sip(self) -> Stay:
        return next(stay for stay in self.stays if stay.participant.kind == "SIP")

    def voice(self) -> Stay:
        return next(stay for stay in self.stays if stay.participant.kind == "AGENT")

    def moments(self, count: int = 40) -> list[float]:
        """Moments worth looking at: anywhere, and just before and after each event."""
        times = [stay_time for s in self.stays for stay_time in (s.joined, s.left, s.active, s.audio) if stay_time]
        times += [when for s in self.stays for when, _ in s.states]
        times += [t for s in self.dispatched for t in (s.created, s.deleted, *(w.listed for w in s.jobs))]
        times += [when for when, _, _ in self.logged]
        times = [t for t in times if 0 <= t < 1e6]
        end = min(max(times), 1e4) + 30
        near = [t + d for t in times for d in (-0.02, 0.02, 0.3, 1.2, 3.1)]
        anywhere = [self.pick.uniform(0, end) for _ in range(count)]
        every = [*near, *anywhere, 14.9, 15.5, 16.5, self.closes - 0.05, self.closes + 0.05]
        return sorted(t for t in every if 0 <= t < 1e6)


# Healthy lives


def _new(variant: str, pick: Pick, **settings: object) -> Life:
    agent, call_id = f"{_word(pick)} {_word(pick, 4).title()}", _word(pick, 10)
    values: dict[str, object] = {"agent": Agent(name=agent)} | settings
    room = f"{_word(pick, 4)}-{call_id}-{pick.randrange(10**9)}"
    return Life(
        variant=variant,
        pick=pick,
        settings=Settings(**values),  # type: ignore[arg-type]
        room=room,
        agent=agent,
        call_id=call_id,
        sid="RM_" + _word(pick, 12),
        # The edge function's clock is not behind the log store's; the worker's may be anything.
        ahead={
            "edge": pick.choice([0, 0, pick.uniform(0, 4)]),
            "agent": pick.choice([0, pick.uniform(-40, 40), -3600]),
        },
        rooms_in_rows=pick.random() < 0.5,
    )


def _agent(life: Life, dispatched: float, sent: Sent, *, latest: float = 12.0, starts: float | None = None) -> float:
    """A worker takes the job, the agent joins: within its allowance of `starts`. When it is ACTIVE."""
    pick = life.pick
    begins = dispatched if starts is None else starts
    active = begins + pick.choice([pick.uniform(0.3, 1.5), pick.uniform(0.3, latest)])
    taken = pick.uniform(begins + 0.05, active - 0.1)
    joined = pick.uniform(taken, active)
    identity = "agent-AJ_" + _word(pick)
    working = f.job(taken, identity, id="AJ_" + _word(pick, 12), worker_id="AW_" + _word(pick, 12))
    sent.jobs.append(Work(working, taken + pick.choice([0.3, pick.uniform(0.2, 7)])))
    voice = f.agent(0, name=sent.dispatch.agent_name, identity=identity, sid="PA_" + _word(pick))
    life.stays.append(Stay(voice, joined, active=active))
    # A row that is dated long before it is written is taken for an old one, so that the next is missed.
    if pick.random() < 0.9 and life.ahead["agent"] >= -f.SETTINGS.call_logs.clock_tolerance:
        life.log(pick.uniform(taken, joined), "agent", "agent_entrypoint_called")
    life.log(active + pick.uniform(0, 0.4), "agent", "agent_connected")
    life.marks |= {"active": active, "taken": taken}
    return active


def _phone(life: Life, placed: float, *, to_ring: float = 30, to_answer: float = 150) -> float:
    """The phone joins, is dialed, rings and is answered, within its allowances. When it is answered."""
    pick = life.pick
    ringing = placed + pick.choice([pick.uniform(0.2, 3), pick.uniform(0.2, to_ring)])
    answered = ringing + pick.choice([pick.uniform(0.2, 15), pick.uniform(0.2, to_answer)])
    states = [(placed, "dialing"), (ringing, "ringing")]
    if pick.random() < 0.2:
        states.append((answered - 0.1, "automation"))
    states.append((answered, "active"))
    if pick.random() < 0.15:  # answered without ringing, as some carriers do
        answered = ringing
        states = [(placed, "dialing"), (answered, "active")]
    life.stays.append(
        Stay(f.phone("", sid="PA_" + _word(pick), identity="sip_" + _word(pick, 4)), placed, states=states)
    )
    life.marks |= {"placed": placed, "ringing": ringing, "answered": answered}
    return answered


def _talk_and_end(life: Life, active: float, answered: float) -> None:
    """The agent speaks, they talk, and the call ends in one of the usual ways."""
    pick = life.pick
    life.voice().audio = pick.choice([active + 0.1, max(active, answered) + pick.uniform(0.2, 18)])
    ends = max(active, answered, life.voice().audio or 0) + pick.uniform(4, 60)
    sip, voice = life.sip(), life.voice()
    life.marks |= {"ends": ends}
    if pick.random() < 0.6:
        life.log(ends + pick.uniform(0, 1), pick.choice(["agent", "edge"]), "call_ended")
    match pick.choice(["callee", "callee", "agent deletes room", "agent leaves first", "transfer"]):
        case "callee":
            sip.states.append((ends, "hangup"))
            sip.left = ends + pick.uniform(0.05, 0.4)
            voice.left = pick.choice([sip.left + pick.uniform(0, 2), sip.left + 20])
            life.closes = sip.left + 20
        case "agent deletes room":
            sip.left = voice.left = life.closes = ends
        case "agent leaves first":
            voice.left = ends
            sip.left = ends + pick.uniform(0.05, 2.5)
            life.closes = sip.left + pick.choice([0, 20])
        case "transfer":
            comes = ends
            voice.left = comes + pick.uniform(0.5, 8)
            goes = voice.left + pick.uniform(1, 30)
            if pick.random() < 0.5:
                second = f.human(0, f.audio(sid="TR_" + _word(pick)), identity=_word(pick), sid="PA_" + _word(pick))
                life.stays.append(Stay(second, comes, goes))
            else:
                second = f.phone("", sid="PA_" + _word(pick), identity="sip_" + _word(pick))
                rings = [(comes, "dialing"), (comes + 0.2, "ringing"), (comes + 0.4, "active")]
                life.stays.append(Stay(second, comes, goes, states=rings))
            sip.left = goes + pick.uniform(-0.4, 0.4)
            life.closes = max(goes, sip.left) + 20


def _requested(life: Life) -> None:
    if life.pick.random() < 0.7:
        life.log(-life.pick.uniform(0.1, 3), "edge", "call_requested")


def dispatched_first(pick: Pick) -> Life:
    """CreateRoom, CreateDispatch, CreateSIPParticipant."""
    life = _new("dispatched_first", pick)
    _requested(life)
    sent_at = pick.choice([pick.uniform(0.05, 1), pick.uniform(0.05, 14)])
    if pick.random() < 0.5:
        life.log(0.05, "edge", "room_created")
        life.dispatched.append(Sent(f.automatic(room=life.room), 0))
    else:
        sent_at = 0.0  # CreateDispatch makes the room
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), sent_at)
    life.dispatched.append(sent)
    life.log(sent_at + 0.05, "edge", "agent_dispatched")
    active = _agent(life, sent_at, sent)
    placed = sent_at + pick.uniform(0.1, 8)
    if pick.random() < 0.8:
        life.log(placed + 0.1, "edge", "sip_participant_created")
    _talk_and_end(life, active, _phone(life, placed))
    return life


def phone_first(pick: Pick) -> Life:
    """CreateSIPParticipant makes the room, then CreateDispatch."""
    life = _new("phone_first", pick)
    _requested(life)
    life.dispatched.append(Sent(f.automatic(room=life.room), 0))
    answered = _phone(life, 0.0)
    sent_at = pick.choice([pick.uniform(0.1, 2), pick.uniform(0.1, 14)])
    life.log(0.1, "edge", "sip_participant_created")
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), sent_at)
    life.dispatched.append(sent)
    if sent_at > 2 or pick.random() < 0.8:  # not logged and late, it is missed in the rows
        life.log(sent_at + 0.05, "edge", "agent_dispatched")
    _talk_and_end(life, _agent(life, sent_at, sent), answered)
    return life


def created_with_agents(pick: Pick) -> Life:
    """CreateRoom(agents=[...]): no automatic dispatch, and nobody logs one."""
    life = _new("created_with_agents", pick)
    _requested(life)
    life.log(0.05, "edge", "room_created")
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), 0)
    life.dispatched.append(sent)
    placed = pick.uniform(0.1, 10)
    if pick.random() < 0.8:
        life.log(placed + 0.1, "edge", "sip_participant_created")
    _talk_and_end(life, _agent(life, 0, sent), _phone(life, placed))
    return life


def agent_dials(pick: Pick) -> Life:
    """The agent dials the phone after it has joined."""
    life = _new("agent_dials", pick, flow=Flow(placed_by="agent"))
    _requested(life)
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), 0)
    life.dispatched.append(sent)
    life.log(0.05, "edge", "agent_dispatched")
    active = _agent(life, 0, sent)
    placed = active + pick.uniform(0.1, 14)
    if pick.random() < 0.6:
        life.log(placed + 0.1, "agent", "sip_participant_created")
    _talk_and_end(life, active, _phone(life, placed))
    return life


def answered_first(pick: Pick) -> Life:
    """CreateSIPParticipant(wait_until_answered), then CreateDispatch: the agent comes to an answered call."""
    life = _new("answered_first", pick)
    _requested(life)
    if pick.random() < 0.6:
        life.log(0.05, "edge", "room_created")
    life.dispatched.append(Sent(f.automatic(room=life.room), 0))
    placed = pick.uniform(0.1, 5)
    if pick.random() < 0.4:
        life.log(placed - 0.05, "edge", pick.choice(["dialing", "calling the customer"]))
    answered = _phone(life, placed)
    returned = answered + pick.uniform(0.02, 0.5)
    if pick.random() < 0.7:
        life.log(returned, "edge", "sip_participant_created")
    sent_at = returned + pick.uniform(0.02, 2)
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), sent_at)
    life.dispatched.append(sent)
    if pick.random() < 0.7:
        life.log(sent_at + 0.05, "edge", "agent_dispatched")
    _talk_and_end(life, _agent(life, sent_at, sent), answered)
    return life


def inbound(pick: Pick) -> Life:
    """A SIP dispatch rule with the agent; ringing until the agent publishes audio."""
    life = _new("inbound", pick)
    life.rules = (SipDispatchRule(id="SDR_" + _word(pick), kind="individual", agents=(life.agent,)),)
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), 0)
    life.dispatched.append(sent)
    active = _agent(life, 0, sent)
    speaks = active + pick.uniform(0.1, 18)
    life.marks |= {"answered": speaks}
    caller = f.phone("", rule=life.rules[0].id, sid="PA_" + _word(pick))
    life.stays.append(Stay(caller, pick.uniform(0, 0.2), states=[(0, "ringing"), (speaks + 0.1, "active")]))
    _talk_and_end(life, active, active)
    life.voice().audio = speaks
    shift = speaks + 2
    for stay in life.stays:
        for name in ("left",):
            setattr(stay, name, getattr(stay, name) + shift)
    life.sip().states = [(0, "ringing"), (speaks + 0.1, "active")]
    for stay in life.stays:
        if stay.participant.kind in ("STANDARD",) or (stay is not life.sip() and stay.participant.kind == "SIP"):
            stay.joined += shift
            stay.states = [(when + shift, status) for when, status in stay.states]
    life.closes += shift
    life.logged = [
        (when + shift if state == "call_ended" else when, source, state) for when, source, state in life.logged
    ]
    return life


def publisher_worker(pick: Pick) -> Life:
    """A worker of type JT_PUBLISHER: its job comes when the phone publishes (design fact 8)."""
    agent_settings = {"job_type": "publisher"}
    life = _new("publisher_worker", pick)
    life.settings = Settings(agent=Agent(name=life.agent, **agent_settings))  # type: ignore[arg-type]
    _requested(life)
    life.log(0.05, "edge", "room_created")
    sent = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), 0)
    life.dispatched.append(sent)
    placed = pick.choice([pick.uniform(0.1, 3), pick.uniform(0.1, 60)])
    if pick.random() < 0.8:
        life.log(placed + 0.1, "edge", "sip_participant_created")
    answered = _phone(life, placed)
    _talk_and_end(life, _agent(life, 0, sent, starts=placed + 0.1), answered)
    return life


def unnamed_worker(pick: Pick) -> Life:
    """A worker without a name gets the automatic dispatch."""
    life = _new("unnamed_worker", pick)
    life.agent = ""
    life.settings = Settings(agent=Agent(name=pick.choice(["", "", None])))
    _requested(life)
    life.log(0.05, "edge", "room_created")
    sent = Sent(f.automatic(room=life.room), 0)
    life.dispatched.append(sent)
    placed = pick.uniform(0.1, 10)
    if pick.random() < 0.8:
        life.log(placed + 0.1, "edge", "sip_participant_created")
    active = _agent(life, 0, sent)
    life.voice().participant = replace(life.voice().participant, attributes={})
    _talk_and_end(life, active, _phone(life, placed))
    return life


def name_not_known(pick: Pick) -> Life:
    """The agent's name is not configured."""
    life = pick.choice([dispatched_first, phone_first, created_with_agents, answered_first])(pick)
    life.variant = "name_not_known"
    life.settings = Settings()
    return life


def dispatched_again(pick: Pick) -> Life:
    """The first dispatch came before any worker and is lost (fact 7); the edge function dispatches again."""
    life = dispatched_first(pick)
    life.variant = "dispatched_again"
    lost = Sent(f.dispatch(name=life.agent, id="AD_" + _word(pick, 12), room=life.room), life.dispatched[-1].created)
    later = pick.uniform(0.5, 12)
    for sent in life.dispatched:
        if sent.dispatch.agent_name:
            sent.created += later
            for work in sent.jobs:
                work.listed += later
                work.job = replace(work.job, started_at=(work.job.started_at or f.at(0)) + f.timedelta(seconds=later))
    for stay in life.stays:
        stay.joined, stay.left = stay.joined + later, stay.left + later
        stay.active = None if stay.active is None else stay.active + later
        stay.audio = None if stay.audio is None else stay.audio + later
        stay.states = [(when + later, status) for when, status in stay.states]
    moved = ("agent_entrypoint_called", "agent_connected", "call_ended", "sip_participant_created")
    life.logged = [(t + later if state in moved else t, source, state) for t, source, state in life.logged]
    life.logged.append((later + lost.created + 0.05, "edge", "agent_dispatched"))
    life.closes += later
    life.dispatched.insert(0, lost)
    return life


HEALTHY: dict[str, Callable[[Pick], Life]] = {
    make.__name__: make
    for make in (
        dispatched_first,
        phone_first,
        created_with_agents,
        agent_dials,
        answered_first,
        inbound,
        publisher_worker,
        unnamed_worker,
        name_not_known,
        dispatched_again,
    )
}


# Broken lives


@dataclass
class Fault:
    """What is wrong with a life, and from when to when a look can show it.

    `codes` are the right answers, the exact one and its broad one; `watched` whether it takes looks
    from before the break on.
    """

    life: Life
    step: str
    codes: tuple[str, ...]
    due: float
    until: float
    watched: bool = False
    told_by_rows: bool = False
    """Whether the rows alone tell, once they are old."""


def _placed(pick: Pick) -> Life:
    """A call of one of the usual flows, answered within a minute, that goes on and on."""
    life = pick.choice([dispatched_first, phone_first, created_with_agents])(pick)
    _endless(life)
    return life


def _endless(life: Life) -> None:
    life.logged = [item for item in life.logged if item[2] != "call_ended"]
    life.stays = [stay for stay in life.stays if stay in (life.sip(), life.voice())]
    sip, answered = life.sip(), life.marks["placed"] + life.pick.uniform(1, 20)
    if not sip.participant.attributes.get("sip.ruleID"):
        sip.states = [(life.marks["placed"], "dialing"), (answered - 0.5, "ringing"), (answered, "active")]
    life.marks["answered"] = answered
    sip.left = life.voice().left = life.closes = 200.0
    life.voice().audio = max(life.marks["active"], answered) + 0.5


def _without_agent(life: Life) -> None:
    life.stays = [stay for stay in life.stays if stay.participant.kind != "AGENT"]
    life.logged = [item for item in life.logged if item[1] != "agent"]


def _dispatched(life: Life) -> Sent:
    return next(sent for sent in life.dispatched if sent.dispatch.agent_name == life.agent)


def _due(life: Life, *since: float, allowed: float = 15) -> float:
    """After the allowance, the whole second of `Date`, and a second look."""
    return max(since) + allowed + 1 + 4


def no_worker(pick: Pick) -> Fault:
    life = _placed(pick)
    _without_agent(life)
    _dispatched(life).jobs.clear()
    due = _due(life, _dispatched(life).created)
    return Fault(life, "job_assigned", ("LKD402",), due, life.closes)


def no_worker_of_this_name(pick: Pick) -> Fault:
    """The dispatch's name differs by case from the worker's, which is configured."""
    fault = no_worker(pick)
    life = fault.life
    sent = _dispatched(life)
    sent.dispatch = replace(sent.dispatch, agent_name=life.agent.upper())
    fault.codes = ("LKD102", "LKD402")
    return fault


def declined(pick: Pick) -> Fault:
    life = _placed(pick)
    _without_agent(life)
    sent = _dispatched(life)
    when = sent.created + 0.3
    sent.jobs = [Work(f.declined_job(when), when + 0.4)]
    return Fault(life, "job_assigned", ("LKD404", "LKD402"), _due(life, when), life.closes)


def entrypoint_crashed(pick: Pick) -> Fault:
    life = _placed(pick)
    logged_entrypoint = any(state == "agent_entrypoint_called" for _, _, state in life.logged)
    step = "entrypoint_called"
    if pick.random() < 0.3 and logged_entrypoint:
        kept = [item for item in life.logged if item[2] == "agent_entrypoint_called"]
        _without_agent(life)
        life.logged += kept
        step = "either"
    else:
        _without_agent(life)
    since = max(_dispatched(life).created, life.marks["placed"], life.marks["taken"])
    listed = max(work.listed for work in _dispatched(life).jobs)
    # Until ListDispatch has the job, there is none.
    return Fault(life, step, ("LKD406", "LKD402"), max(_due(life, since), listed + 4), life.closes)


def agent_left(pick: Pick) -> Fault:
    life = _placed(pick)
    life.voice().left = life.marks["active"] + pick.uniform(20, 60)
    step = ("LKD407", "LKD406")
    due = _due(life, life.voice().left, allowed=10)
    return Fault(life, "agent_connected", step, due, life.closes, watched=True)


def agent_silent(pick: Pick) -> Fault:
    life = _placed(pick)
    life.voice().audio = None
    due = _due(life, life.marks["active"], life.marks["answered"], allowed=20)
    return Fault(life, "agent_audio", ("LKD408",), due, life.closes, watched=True)


def not_dispatched(pick: Pick) -> Fault:
    life = phone_first(pick) if pick.random() < 0.5 else dispatched_first(pick)
    _endless(life)
    _without_agent(life)
    life.dispatched = [Sent(f.automatic(room=life.room), 0)]
    life.logged = [item for item in life.logged if item[2] != "agent_dispatched"]
    if not any(state == "sip_participant_created" for _, _, state in life.logged):
        life.log(life.marks["placed"] + 0.1, "edge", "sip_participant_created")
    # The rows' clocks may be ahead, so that they look younger than they are.
    since = max(life.marks["answered"] - 12, life.marks["placed"] + 0.1 + 4)
    return Fault(life, "agent_dispatched", ("LKD401",), max(_due(life, 0.0, since), life.marks["answered"] + 5), 200.0)


def dispatched_elsewhere(pick: Pick) -> Fault:
    fault = not_dispatched(pick)
    life = fault.life
    other = Room(sid="RM_" + _word(pick, 12), name=life.room + " ", created_at=f.at(1), departure_timeout=20)
    sent = f.dispatch(1.0, name=life.agent, id="AD_" + _word(pick, 12), room=other.name)
    life.other_rooms.append((other, (sent,)))
    life.log(1.1, "edge", "agent_dispatched")
    fault.codes = ("LKD409", "LKD401")
    return fault


def dispatch_deleted(pick: Pick) -> Fault:
    life = phone_first(pick)
    _endless(life)
    _without_agent(life)
    sent = _dispatched(life)
    sent.jobs.clear()
    sent.deleted = sent.created + pick.uniform(3, 12)
    if not any(state == "agent_dispatched" for _, _, state in life.logged):
        life.log(sent.created + 0.05, "edge", "agent_dispatched")
    due = max(_due(life, sent.deleted), life.marks["answered"] + 5)
    return Fault(life, "agent_dispatched", ("LKD413", "LKD401"), due, life.closes, watched=True)


def refused(pick: Pick) -> Fault:
    """Dialing, then gone; the agent waits alone until the room closes."""
    life = _placed(pick)
    sip = life.sip()
    sip.states = [(life.marks["placed"], "dialing")]
    sip.left = life.marks["placed"] + pick.uniform(2.5, 30)
    life.closes = life.voice().left = max(sip.left, life.marks["active"]) + 20
    life.voice().audio = life.marks["active"] + 0.1
    return Fault(life, "sip_ringing", ("LKD205",), sip.left + 2.5, life.closes, watched=True)


def never_answered(pick: Pick) -> Fault:
    life = _placed(pick)
    sip = life.sip()
    ringing = life.marks["placed"] + pick.uniform(0.5, 3)
    sip.states = [(life.marks["placed"], "dialing"), (ringing, "ringing")]
    sip.left = ringing + pick.uniform(10, 60)
    life.closes = life.voice().left = max(sip.left, life.marks["active"]) + 20
    life.voice().audio = life.marks["active"] + 0.1
    return Fault(life, "sip_answered", ("LKD206",), sip.left + 2.5, life.closes, watched=True)


def dialing_for_ever(pick: Pick) -> Fault:
    life = _placed(pick)
    life.sip().states = [(life.marks["placed"], "dialing")]
    life.voice().audio = life.marks["active"] + 0.1
    return Fault(life, "sip_ringing", ("LKD205",), life.marks["placed"] + 37, life.closes)


def never_dialled(pick: Pick) -> Fault:
    """No SIP participant: nothing in the evidence says why, so that it is unknown."""
    life = _placed(pick)
    life.stays = [stay for stay in life.stays if stay.participant.kind != "SIP"]
    life.logged = [item for item in life.logged if item[2] != "sip_participant_created"]
    life.voice().audio = life.marks["active"] + 0.1
    return Fault(life, "", ("unknown",), max(life.marks["active"], 15) + 3, life.closes)


def rule_without_agent(pick: Pick) -> Fault:
    life = inbound(pick)
    _without_agent(life)
    life.logged.clear()
    life.sip().states = [(0, "ringing")]
    life.sip().left = life.closes = 100.0
    life.stays = [life.sip()]
    wrong = pick.random() < 0.5
    other = ("Agent " + _word(pick),) if wrong else ()
    life.rules = tuple(replace(rule, agents=other) for rule in life.rules)
    life.dispatched = [Sent(f.dispatch(name=name, room=life.room), 0) for name in other] or [
        Sent(f.automatic(room=life.room), 0)
    ]
    codes = ("LKD303",) if wrong else ("LKD302",)
    return Fault(life, "agent_dispatched", codes, 17, life.closes)


def inbound_and_silent(pick: Pick) -> Fault:
    life = inbound(pick)
    life.voice().audio = None
    life.logged = [item for item in life.logged if item[2] != "call_ended"]
    life.stays = [life.sip(), life.voice()]
    life.sip().states = [(0, "ringing")]
    life.sip().left = life.voice().left = life.closes = 100.0
    return Fault(life, "agent_audio", ("LKD408",), life.marks["active"] + 22, life.closes)


def no_publisher_worker(pick: Pick) -> Fault:
    life = publisher_worker(pick)
    life.marks["placed"] = life.sip().joined
    _endless(life)
    _without_agent(life)
    _dispatched(life).jobs.clear()
    return Fault(life, "job_assigned", ("LKD402",), _due(life, life.sip().joined), life.closes)


BROKEN: dict[str, Callable[[Pick], Fault]] = {
    make.__name__: make
    for make in (
        no_worker,
        no_worker_of_this_name,
        declined,
        entrypoint_crashed,
        agent_left,
        agent_silent,
        not_dispatched,
        dispatched_elsewhere,
        dispatch_deleted,
        refused,
        never_answered,
        dialing_for_ever,
        never_dialled,
        rule_without_agent,
        inbound_and_silent,
        no_publisher_worker,
    )
}
