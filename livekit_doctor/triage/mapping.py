"""What each (state, source) pair of the log says, as numbers that SQL can join.

The pairs of a window are some dozens. They are mapped here by the code that `trace` uses, so that SQL never matches
a name, and no dialect's regular expressions count.
"""

from collections.abc import Iterable

from msgspec import Struct

from livekit_doctor.diagnosis.known_good import is_unknown
from livekit_doctor.diagnosis.states import (
    Who,
    may_be_of_agent,
    receives_webhooks,
    says_busy,
    says_failed,
    says_not_picked_up,
    says_phone_failed,
    says_talked,
    says_what_failed,
    step_of_state,
    who_left,
)
from livekit_doctor.flow import Step, order
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import Flow, Settings

OTHER = 0
"""Of a state that says nothing of these. A step has the number of its place in the flow, 1 to 12."""
ENDED_BADLY = 13
"""The call ended, and the state says by itself that it failed."""
TALKED, FAILED, PHONE_FAILED, AGENT_LEFT, PHONE_LEFT, LOOSELY_FAILED, LEFT, TROUBLE = 14, 15, 16, 17, 18, 19, 20, 21
"""LOOSELY_FAILED: the state does not say what failed. LEFT: nor who left."""
NOT_PICKED_UP, BUSY = 22, 23
"""Of the phone, by the state itself."""
_GONE = {Who.AGENT: AGENT_LEFT, Who.PHONE: PHONE_LEFT, Who.SOMEBODY: LEFT}

MOST_PAIRS = 2_000
"""More are not names of states and components: one of the columns holds ids."""
MOST_BITS = 60
MOST_OPENINGS = 12


def number_of(step: Step) -> int:
    """The step's place in the flow, 1 first."""
    return order(step) + 1


def step_of(number: int) -> Step:
    return list(Step)[number - 1]


class Pair(Struct, frozen=True):
    """A state and the component that logged it, and how often. `source` is None where only the states were read."""

    state: str
    source: str | None
    count: int = 0


class Entry(Struct, frozen=True):
    """What rows of a pair say. `bit` is one for each component that logs anything that is no step and may be the
    agent's; `opening` numbers the pairs that open a call (0: none); `component` numbers the components (0: not known).
    """

    state: str
    source: str | None
    code: int
    bit: int
    opening: int
    component: int


class Mapping(Struct, frozen=True):
    """`by_state`: the pairs are joined by their state alone, and a call with a row that is no step is not judged by
    what is missing in it."""

    entries: tuple[Entry, ...]
    unmapped: tuple[Pair, ...]
    """The pairs that no step stands for, most frequent first."""
    by_state: bool

    @property
    def codes(self) -> frozenset[int]:
        return frozenset(entry.code for entry in self.entries)

    @property
    def openings(self) -> int:
        return max((entry.opening for entry in self.entries), default=0)

    def opening_of(self, number: int) -> int | None:
        """The step that this pair opens a call with, where no other pair is this step: then their times are one."""
        codes = {entry.code for entry in self.entries if entry.opening == number}
        (code,) = codes
        return code if sum(entry.code == code for entry in self.entries) == 1 else None

    @property
    def each_state_of_one(self) -> bool:
        """No state is logged by two components: it alone says which entry a row is of."""
        return len({entry.state for entry in self.entries}) == len(self.entries)

    def component_of(self, *codes: int) -> int | None:
        """The one component that logs these; None where there are several, or it is not known."""
        found = {entry.component for entry in self.entries if entry.code in codes}
        return found.pop() if len(found) == 1 and 0 not in found else None

    @property
    def agent(self) -> int | None:
        """The one component that logs that the agent was called or connected, and does not receive that."""
        steps = {number_of(Step.ENTRYPOINT_CALLED), number_of(Step.AGENT_CONNECTED)}
        own = (entry for entry in self.entries if entry.code in steps and not receives_webhooks(entry.source or ""))
        found = {entry.component for entry in own}
        return found.pop() if len(found) == 1 and 0 not in found else None

    @property
    def has_bits(self) -> bool:
        return any(entry.bit for entry in self.entries)


def mapping_of(pairs: Iterable[Pair], settings: Settings) -> Mapping:
    """The pairs by what they say. Where there are too many of them, or no source is known, by state alone."""
    flow, agent = settings.flow, settings.agent.name
    known = list(pairs)
    by_state = len(known) > MOST_PAIRS or any(pair.source is None for pair in known)
    if by_state:
        counts: dict[str, int] = {}
        for pair in known:
            counts[pair.state] = counts.get(pair.state, 0) + pair.count
        known = [Pair(state, None, count) for state, count in counts.items()]
    codes = {pair: code_of(pair.state, flow) for pair in known}
    unmapped = sorted((pair for pair in known if not _is_step(codes[pair])), key=lambda pair: -pair.count)
    components = {source: number for number, source in enumerate(dict.fromkeys(pair.source for pair in known), 1)}
    bits = {source: number for number, source in enumerate(dict.fromkeys(pair.source for pair in unmapped))}
    openings = 0
    entries = []
    for pair in known:
        code = codes[pair]
        opens = code in (1, 2) and openings < MOST_OPENINGS
        openings += opens
        has_bit = _is_step(code) or may_be_of_agent(pair.source or "", pair.state, agent)
        entries.append(
            Entry(
                state=pair.state,
                source=pair.source,
                code=code,
                bit=_bit(bits.get(pair.source), code, by_state) if has_bit else 0,
                opening=openings if opens else 0,
                component=0 if by_state else components[pair.source],
            )
        )
    return Mapping(tuple(entries), tuple(unmapped), by_state)


def code_of(state: str, flow: Flow) -> int:
    """What a state says: the number of its step, or one of the numbers after these."""
    state = redact_text(state)
    step = step_of_state(state, flow)
    if step is Step.CALL_ENDED and says_failed(state):
        return ENDED_BADLY
    if step is not None:
        return number_of(step)
    if says_not_picked_up(state):
        return NOT_PICKED_UP
    if says_busy(state) and says_failed(state):
        return BUSY
    if says_failed(state):
        of_phone = PHONE_FAILED if says_what_failed(state) else LOOSELY_FAILED
        return of_phone if says_phone_failed(state) else FAILED
    who = who_left(state)
    return _GONE[who] if who else TALKED if says_talked(state) else TROUBLE if is_unknown(state) else OTHER


def _is_step(code: int) -> bool:
    return OTHER < code <= ENDED_BADLY


def _bit(place: int | None, code: int, by_state: bool) -> int:
    """A component is known where one of its rows is a step: then its bit is there twice. One beyond those that have a
    bit of their own, and any where components are not known, is never known."""
    if place is None:
        return 0
    if by_state or place >= MOST_BITS:
        return 0 if _is_step(code) else 1 << MOST_BITS
    return 1 << place
