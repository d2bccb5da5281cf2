"""What the statement must know of the settings: which step breaks after how far a call has come, and the allowances.

Where a call broke is asked of `diagnose` itself, with the rows of a call that has come so far and no further.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

from msgspec import Struct

from livekit_doctor.diagnosis import dial_errors
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.result import Broken
from livekit_doctor.diagnosis.rules.rows import WAY
from livekit_doctor.diagnosis.states import says_phone_failed, step_of_state
from livekit_doctor.diagnosis.times import AT_ONCE, MOMENT, NOBODY_WAITS, ROOM_CLOSES_AFTER
from livekit_doctor.evidence.observations import Evidence, LogRow, Read
from livekit_doctor.flow import DEFAULT_STATES, LEGS, Leg, Step, used_at
from livekit_doctor.settings import Flow, Settings
from livekit_doctor.triage.mapping import number_of

SECOND = 1_000_000
"""Times in the statement are whole microseconds since 1970."""

WORDS: tuple[Kind, ...] = (
    *(Kind.TRUNK_MISSING, Kind.NO_SIP, Kind.AUTH_FAILED, Kind.MEDIA_FAILED, Kind.TRUNK_UNUSABLE),
    *(Kind.QUOTA, Kind.CREDENTIALS),
)
"""What LiveKit says of a failed phone leg in words. Its place here, 1 first, stands where a SIP status would."""
UNANSWERED, WAS_BUSY = len(WORDS) + 1, len(WORDS) + 2
"""Stand there for a state that says that nobody picked up, or that the phone was busy."""
_STATES_OF = {
    UNANSWERED: ("no_answer", "not_answered", "call_not_answered", "phone_not_answered"),
    WAS_BUSY: ("busy", "line_busy", "phone_busy", "call_busy"),
}

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = timedelta(days=1)


class Plan(Struct, frozen=True):
    """`breaks` and `pending` are by how far the agent's leg has come, as an index into the way to the agent: the number
    of the step that broke (0: none), and whether a step may still come."""

    breaks: tuple[int, ...]
    pending: tuple[bool, ...]
    not_used: frozenset[int]
    used_steps: dict[int, int]
    """For each step of the phone's leg the one at which a break there is told; 0 for none."""
    tolerance: int
    patience: int
    """How long the agent's rows may take."""
    patience_ringing: int
    """The same, while nothing says that whoever places the call is past the ringing."""
    answered_within: int
    """What takes longer from the dial to its answer is unusual."""
    talks: int | None
    """Who is on the line for so long has talked; None where the agent's states are known."""
    at_once: int
    moment: int
    closes: int
    """How long after the last participant left the end may be logged."""

    @property
    def is_heard(self) -> bool:
        """Whether a call is well only if its agent was heard: by its own row, or one of somebody who talked with it."""
        return not {6, 7} & self.not_used

    @property
    def ends(self) -> tuple[int, ...]:
        """The steps that show agent and phone, where the team's calls have them."""
        return tuple(number for number in (6, 11) if number not in self.not_used)


def plan_of(settings: Settings) -> Plan:
    allowances = settings.flow.allowances
    not_used = settings.flow.not_used
    agent, ringing = allowances.agent_connected.broken_after, allowances.sip_answered.broken_after
    breaks = [agent_break(way, settings) for way in range(len(WAY))]
    return Plan(
        breaks=tuple(number_of(item.step) if item else 0 for item in breaks),
        pending=tuple(any(step not in not_used for step in WAY[max(way + 1, 2) :]) for way in range(len(WAY))),
        not_used=frozenset(map(number_of, not_used)),
        used_steps={
            number_of(step): number_of(used) if (used := used_at(step, not_used)) else 0 for step in LEGS[Leg.PHONE]
        },
        tolerance=_us(settings.call_logs.clock_tolerance),
        patience=_us(agent),
        patience_ringing=_us(agent + ringing),
        answered_within=_us(allowances.sip_answered.slow_after),
        talks=_us(NOBODY_WAITS.total_seconds()) if settings.call_logs.always_logged is None else None,
        at_once=_us(AT_ONCE.total_seconds()),
        moment=_us(MOMENT.total_seconds()),
        closes=_us(ROOM_CLOSES_AFTER.total_seconds() + settings.call_logs.clock_tolerance),
    )


def agent_break(way: int, settings: Settings) -> Broken | None:
    """What `trace` says of a call that is long over and whose rows lead so far on the way to the agent."""
    state = _state_for(WAY[way], settings.flow)
    return _break((Leg.CALL, Leg.AGENT), (_row(state, 0),), settings) if state else None


def phone_break(status: int, step: Step, settings: Settings) -> Broken | None:
    """What `trace` says of a phone that was refused with this status, or in these words, at this step."""
    said = _failing_state(settings.flow)
    if status in _STATES_OF:
        said, metadata = next(name for name in _STATES_OF[status] if step_of_state(name, settings.flow) is None), ""
    elif status < 300:
        metadata = f'{{"error": "{_words(WORDS[status - 1])}"}}'
    else:
        metadata = f'{{"sip_status_code": {status}}}'
    before = [Step.SIP_PARTICIPANT_CREATED, *([Step.SIP_RINGING] if step is Step.SIP_ANSWERED else [])]
    states = [state for each in before if (state := _state_for(each, settings.flow))]
    rows = [_row(state, place) for place, state in enumerate(states)]
    return _break((Leg.PHONE,), (*rows, _row(said, len(rows), metadata)), settings)


def pattern_of(kind: Kind) -> str:
    """The regular expression by which `trace` knows it."""
    return next(pattern for of, pattern in dial_errors.TEXTS if of is kind)


@cache
def _words(kind: Kind) -> str:
    """An error's text of this kind."""
    first = pattern_of(kind).partition("|")[0]
    assert dial_errors.kind_of(first) is kind, first
    return first


def _break(legs: tuple[Leg, ...], rows: tuple[LogRow, ...], settings: Settings) -> Broken | None:
    evidence = Evidence(now=_MOMENT + _LATER, observations=rows)
    found = diagnose(evidence, settings, Subject(call_id="call"))
    return next((item for item in found.broken if item.leg in legs), None)


def _row(state: str, place: int, metadata: str = "") -> LogRow:
    read = Read(source="call logs", at=_MOMENT + _LATER)
    at = _MOMENT + timedelta(seconds=place)
    return LogRow(read=read, call_id="call", at=at, source="component", state=state, metadata=metadata, order=place)


def _state_for(step: Step, flow: Flow) -> str:
    """A state that stands for the step in this flow; empty where there is none."""
    names: Iterable[str] = (step.value, *DEFAULT_STATES, *flow.states)
    return next((name for name in names if step_of_state(name, flow) is step), "")


def _failing_state(flow: Flow) -> str:
    """A state that says that the phone's leg failed, and is no step in this flow."""
    names = ("sip_participant_failed", "sip_call_failed", "dial_failed", *(f"phone_{n}failed" for n in range(9)))
    return next(name for name in names if step_of_state(name, flow) is None and says_phone_failed(name))


def _us(seconds: float) -> int:
    return round(seconds * SECOND)


assert LEGS[Leg.AGENT] == WAY[2:]
