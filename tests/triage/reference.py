"""The classification of a call in plain Python, with nothing of the SQL: what all engines are compared with.

It says of one call what the statement says, from the rows as they are, in as few words as possible.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from livekit_doctor.diagnosis.dial_errors import DIALED, Kind, kind_of
from livekit_doctor.diagnosis.rules.rows import BEFORE_THE_ANSWER
from livekit_doctor.diagnosis.states import may_be_of_agent, receives_webhooks
from livekit_doctor.flow import Step
from livekit_doctor.settings import Settings
from livekit_doctor.triage.mapping import (
    AGENT_LEFT,
    BUSY,
    ENDED_BADLY,
    FAILED,
    LEFT,
    LOOSELY_FAILED,
    NOT_PICKED_UP,
    PHONE_FAILED,
    PHONE_LEFT,
    TALKED,
    TROUBLE,
    code_of,
    number_of,
    step_of,
)
from livekit_doctor.triage.plan import SECOND, UNANSWERED, WAS_BUSY, WORDS, Plan, plan_of
from livekit_doctor.triage.terms import ERRORS, LONGEST, STATUS, Window


class Row(NamedTuple):
    """`at` is microseconds since 1970."""

    call_id: str | None
    at: int
    source: str | None
    state: str | None
    metadata: str | None = None


class Judged(NamedTuple):
    """A row of --per-call."""

    call_id: str
    first_at: int
    last_at: int
    n: int
    verdict: str
    agent_step: int
    phone_step: int
    status: int
    way: int
    phone_way: int
    why: int
    retried: int
    skewed: int


AGENT_CAME = (5, 6, 7)
PHONE = (8, 9, 10, 11)
FAILURES = (FAILED, PHONE_FAILED, LOOSELY_FAILED, NOT_PICKED_UP, BUSY, ENDED_BADLY)
IMPLIED = {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 2, 9: 8, 10: 9, 11: 10}


def classify(rows: Iterable[Row], settings: Settings, window: Window) -> dict[str, Judged]:
    """Every call whose first row is in the window, by its id."""
    read = [row for row in rows if row.call_id is not None and window.first <= row.at < window.last]
    read.sort(key=lambda row: (row.call_id, row.at))
    opening, agents, plan = _openings(read, settings), _agents(read, settings), plan_of(settings)
    found = {}
    for call_id, own in groupby(read, key=lambda row: row.call_id):
        judged = _Call(list(own), settings, window, opening, {*agents}, plan).judged()
        if window.since <= judged.first_at < window.until:
            found[str(call_id)] = judged
    return found


def _openings(rows: Iterable[Row], settings: Settings) -> set[tuple[str, str]]:
    pairs = {(row.state or "", row.source or "") for row in rows}
    return {pair for pair in pairs if code_of(pair[0], settings.flow) in (1, 2)}


def _agents(rows: Iterable[Row], settings: Settings) -> set[str]:
    """The components that log that the agent was called or connected, but those that receive that."""
    own = (row for row in rows if code_of(row.state or "", settings.flow) in (5, 6))
    return {row.source or "" for row in own if not receives_webhooks(row.source or "")}


class _Call:
    def __init__(
        self,
        rows: list[Row],
        settings: Settings,
        window: Window,
        opening: set[tuple[str, str]],
        agents: set[str],
        plan: Plan,
    ) -> None:
        self.plan, self.now, self.named = plan, window.now, settings.agent.name
        self.every = [(row.at, code_of(row.state or "", settings.flow), row) for row in rows]
        self.first, self.last = rows[0].at, rows[-1].at
        self.agent = agents.pop() if len(agents) == 1 else None
        self.again = self._again(opening)
        self.begun = self.first if self.again is None else self.again

    def times(self, *codes: int) -> list[int]:
        """All times of these codes, whichever attempt they are of."""
        return [at for at, code, _ in self.every if code in codes or (code == ENDED_BADLY and 12 in codes)]

    def _again(self, opening: set[tuple[str, str]]) -> int | None:
        """When the latest attempt began, where there was one before it."""
        begun = []
        moved = min((at for at, code, _ in self.every if code not in (1, 2)), default=None)
        for pair in opening:
            own = [at for at, _, row in self.every if (row.state or "", row.source or "") == pair]
            if own and max(own) > min(own) and moved is not None and moved < max(own) and not self._repeated(max(own)):
                begun.append(max(own))
        ended = min(self.times(12), default=None)
        for step in (3, 8):
            last = max(self.times(step), default=None)
            if ended is not None and last is not None and last > ended + self.plan.tolerance:
                begun.append(last)
        return min(begun, default=None)

    def _repeated(self, at: int) -> bool:
        """Whether it was delivered again while the phone was on the line, and nothing but the end came of it."""
        answered, ended = self.times(11), self.times(12)
        quiet = max(self.times(*range(3, 12)), default=0) < at
        return bool(answered) and min(answered) < at and quiet and (not ended or min(ended) >= at)

    def since(self, step: int, moment: int) -> int | None:
        """The step's first time where that is not before this moment, else its last one."""
        times = self.times(step)
        return next((at for at in (min(times), max(times)) if at >= moment), None) if times else None

    def judged(self) -> Judged:
        plan, t = self.plan, self._times()
        logged = {step for step, at in t.items() if at is not None}
        failed = any(at >= self.begun for at in self.times(*FAILURES))
        status = 0 if 11 in logged else self._status()
        way = self._way(logged, status)
        refused_at = self._refused_at(logged, status)
        early = {number_of(step) for step in BEFORE_THE_ANSWER}
        fresh = self.last >= self.now - (plan.patience if logged - early else plan.patience_ringing)
        future = self.last > self.now + plan.tolerance
        heard = all(
            self._is_known(row.source) or not may_be_of_agent(row.source or "", row.state or "", self.named)
            for _, _, row in self.every
        )
        ended = t[12]
        too_soon = ended is not None and ended - (t[3] if t[3] is not None else self.begun) <= plan.patience
        answered = t[11]
        lasted = (
            plan.talks is not None
            and ended is not None
            and answered is not None
            and ended - answered >= plan.talks
            and 6 not in logged
            and not failed
        )
        dispatched = self.begun if t[3] is None else max(self.begun, t[3] - plan.tolerance)
        talked = any(at >= dispatched for at in self.times(TALKED))
        holds_back = fresh or too_soon or lasted or talked or self.came_before
        agent_step = plan.breaks[way] if logged and heard and not holds_back else 0
        phone_step = plan.used_steps.get(refused_at, 0)
        awaited = fresh and not future and 12 not in logged and way < 5 and plan.pending[way]
        arrived = way >= 5 if 6 not in plan.not_used else 11 in logged and 11 not in plan.not_used
        if agent_step or phone_step:
            verdict = "broken"
        elif awaited:
            verdict = "in_progress"
        elif not arrived or failed:
            verdict = "unknown"
        else:
            steps = (*plan.ends, 7) if plan.is_heard and t[7] is not None else plan.ends
            together = bool(plan.ends) and all(self._well_before_the_end(step, t) for step in steps)
            margin = plan.moment if self.twice else plan.tolerance
            again = t[3] is not None and t[6] is not None and t[3] - t[6] > margin
            heard = not plan.is_heard or 7 in logged
            shown = self._shown()
            stayed = len(plan.ends) < 2 or (bool(shown) and t[12] is not None and t[12] - max(shown) <= plan.closes)
            called = max(self.times(5), default=None)
            another = called is not None and t[6] is not None and called - t[6] > plan.tolerance and len(plan.ends) > 1
            left = max((at for at in self.times(AGENT_LEFT) if at >= self.begun), default=None)
            alone = left is not None and t[12] is not None and t[12] - left > plan.tolerance
            dialled, answered_last = max(self.times(8, 9, 10), default=0), max(self.times(11), default=None)
            redialled = answered_last is not None and dialled - answered_last > plan.tolerance
            doubt = again or alone or redialled or another or self._left_before(t) or self._in_trouble(t)
            doubt = doubt or self._answered_at_once(t[9], t[11], rang=t[10] is not None)
            verdict = "healthy" if together and heard and stayed and not doubt else "no_fault_seen"
        reasons = (failed, not logged, future, not heard, too_soon, lasted or talked, self.came_before, True)
        why = (1, 7, 6, 2, 3, 4, 5, 8)[reasons.index(True)] if verdict == "unknown" else 0
        phone_way = next((place for place in (4, 3, 2, 1) if PHONE[place - 1] in logged), 0)
        return Judged(
            str(self.every[0][2].call_id),
            self.first,
            self.last,
            len(self.every),
            verdict,
            agent_step,
            phone_step,
            status,
            way,
            phone_way,
            why,
            int(self.again is not None),
            int(self._skewed(t)),
        )

    def _times(self) -> dict[int, int | None]:
        """When each step happened in the latest attempt; those of the agent since it was last dispatched."""
        t = {step: self.since(step, self.begun) for step in range(1, 13)}
        dispatched = self.times(3)
        self.twice = False
        # Opened again after it was answered, and no more: a queue may have delivered that twice.
        last, failures = max(self.times(*range(3, 13)), default=0), self.times(*FAILURES)
        self.came_before = min(self.times(11), default=self.begun) < self.begun > last and not failures
        if dispatched and self.begun <= min(dispatched) < max(dispatched):
            self.twice = True
            cut = max(dispatched) - self.plan.tolerance
            self.came_before |= any((at := t[step]) is not None and at < cut for step in AGENT_CAME)
            t[3] = max(dispatched)
            for step in (4, *AGENT_CAME):
                before = t[step]
                t[step] = (
                    before if before is not None and before >= cut else self.since(step, cut) and max(self.times(step))
                )
        return t

    def _status(self) -> int:
        """The last answer of the attempt, where no row tells of the phone after it."""
        told = max(self.times(*PHONE), default=0)
        talked = any(at >= self.begun for at in self.times(TALKED))
        answers = []
        for at, code, row in self.every:
            kind = (
                0 if code in (PHONE_FAILED, NOT_PICKED_UP, BUSY, ENDED_BADLY) else {12: 1, LOOSELY_FAILED: 2}.get(code)
            )
            in_words = code in (PHONE_FAILED, LOOSELY_FAILED, NOT_PICKED_UP, BUSY)
            answer = _answer(row.metadata or "", in_words=in_words) if kind is not None else 0
            answer = answer or {NOT_PICKED_UP: UNANSWERED, BUSY: WAS_BUSY}.get(code, 0)
            if answer:
                answers.append((kind, at, answer))
        last = [max((one[1:] for one in answers if one[0] == kind), default=None) for kind in range(3)]
        if talked:
            last[1] = None
        if last[2] and last[2][1] < 300 and not self._is_of_dial(*last[2]):
            last[2] = None
        counted = [
            one
            for one in last
            if one and one[0] >= self.begun and told - self.plan.tolerance <= one[0] and not self._went_on(*one)
        ]
        return max(counted)[1] if counted else 0

    def _went_on(self, refused: int, answer: int) -> bool:
        """Whether the call goes on after a refusal: somebody talks, the agent stays, or another phone that was made;
        and where no phone comes of it, whether it is not the first."""
        if max(self.times(TALKED), default=0) - self.plan.tolerance > refused:
            return True
        made = max(self.times(8), default=0)
        failures = self.times(PHONE_FAILED, LOOSELY_FAILED, NOT_PICKED_UP, BUSY)
        none_failed = bool(made) and bool(failures) and min(failures) >= made
        if answer < UNANSWERED and WORDS[answer - 1] not in DIALED:
            return none_failed and self.begun <= made < refused - self.plan.tolerance
        first = self.since(8, self.begun)
        further = none_failed and first is not None and first < made - self.plan.tolerance and made <= refused
        closed = refused + self.plan.closes
        return max(self._shown(), default=0) > closed or further

    def _shown(self) -> list[int]:
        """When rows show the agent."""
        return [at for at, code, row in self.every if code == 7 or (row.source or "") == self.agent]

    def _is_of_dial(self, at: int, words: int) -> bool:
        """Whether LiveKit's words, in a row whose state does not say what failed, are of the dial."""
        if any(at - end > self.plan.moment for end in self.times(12) if end >= self.begun):
            return False
        made = max((one for one in self.times(8, 10, 11) if self.begun <= one <= at), default=None)
        return made is None or (WORDS[words - 1] in DIALED and at - made <= self.plan.answered_within)

    def _way(self, logged: set[int], status: int) -> int:
        for way, step in ((6, 7), (5, 6), (4, 5), (3, 4), (2, 3)):
            if step in logged:
                return way
        dialled = status >= 300 or status in (3, 4)
        return int(dialled or bool(logged & {2, *PHONE}))

    def _refused_at(self, logged: set[int], status: int) -> int:
        if status == 0:
            return 0
        return {1: 8, 2: 8, 4: 11, 5: 9, 6: 8, 7: 8, UNANSWERED: 11}.get(status, 11 if 10 in logged else 10)

    def _is_known(self, source: str | None) -> bool:
        """Whether any row of this component is a step."""
        return any(1 <= code <= ENDED_BADLY for _, code, row in self.every if (row.source or "") == (source or ""))

    def _well_before_the_end(self, step: int, t: dict[int, int | None]) -> bool:
        gone = max((at for at in self.times(PHONE_LEFT) if at >= self.begun), default=None)
        if not self._is_before(step, t[step], t[12], (12, ENDED_BADLY)):
            return False
        return gone is None or self._is_before(step, t[step], gone, (PHONE_LEFT,))

    def _left_before(self, t: dict[int, int | None]) -> bool:
        """Whether somebody left long before the end, or not surely after the agent came, of whom no row says who it
        is, and nobody talked after that."""
        told, talked, ended, answered = self.times(LEFT), max(self.times(TALKED), default=None), t[12], t[11]
        return any(
            ended is not None
            and (ended - at > self.plan.closes or (t[6] is not None and at - t[6] <= self.plan.tolerance))
            and (answered is None or at > answered)
            and not (talked is not None and talked - at > self.plan.tolerance)
            for at in {self.since(LEFT, self.begun), max(told, default=None)}
            if at is not None and at >= self.begun
        )

    def _in_trouble(self, t: dict[int, int | None]) -> bool:
        """Whether a row says so before the end, and none after it shows that the call went on."""
        went_on = max(
            (
                at
                for at, code, row in self.every
                if 0 < code < 12 or code == TALKED or (code not in (12, ENDED_BADLY) and self._is_agents(row))
            ),
            default=None,
        )
        return any(
            (ended := t[12]) is not None
            and ended - at > self.plan.moment
            and not (went_on is not None and went_on - at > self.plan.moment)
            for at in {self.since(TROUBLE, self.begun), max(self.times(TROUBLE), default=None)}
            if at is not None and at >= self.begun
        )

    def _answered_at_once(self, dialled: int | None, answered: int | None, *, rang: bool) -> bool:
        """Whether it was answered as soon as it was dialled, by one clock, and nobody talked."""
        if dialled is None or answered is None or rang or self.times(TALKED):
            return False
        wrote = {row.source or "" for _, code, row in self.every if code in (9, 11)}
        return 0 <= answered - dialled < self.plan.at_once and len(wrote) == 1

    def _is_agents(self, row: Row) -> bool:
        return (row.source or "") == self.agent

    def _is_before(self, step: int, at: int | None, end: int | None, codes: Sequence[int]) -> bool:
        if at is None or end is None:
            return False
        wrote = {row.source or "" for _, code, row in self.every if code in (step, *codes)}
        return end - at > (self.plan.moment if len(wrote) == 1 else self.plan.tolerance)

    def _skewed(self, t: dict[int, int | None]) -> bool:
        """A step is earlier than one that it implies, as far as the statement looks."""
        pairs = [(a, b) for b, a in IMPLIED.items() if b != 1] + [(2, 4), (3, 5), (3, 6), (8, 11)]
        return any(
            (first := t[a]) is not None and (second := t[b]) is not None and second < first - self.plan.tolerance
            for a, b in pairs
        )


def _answer(text: str, *, in_words: bool) -> int:
    """The SIP status in a row's metadata; else the number of what LiveKit says in its words."""
    text = text[:LONGEST]
    found = re.search(STATUS, text)
    if found:
        return int(found[1])
    errors = "\n".join(re.findall(f'{ERRORS}([^"]*)', text))
    kind = kind_of(errors) if errors and in_words else Kind.UNEXPLAINED
    return WORDS.index(kind) + 1 if kind in WORDS else 0


def steps_of(judged: Judged) -> Iterator[Step]:
    yield from (step_of(number) for number in (judged.agent_step, judged.phone_step) if number)


def microseconds(at: datetime) -> int:
    return round(at.timestamp() * SECOND)


def window_around(rows: Sequence[Row], now: int) -> Window:
    """All of them, with nothing to compare them with."""
    first = min((row.at for row in rows), default=now)
    return Window(
        before=first - 1, since=first - 1, until=max(now, max((row.at for row in rows), default=now)) + 1, now=now
    )
