"""What a rule concludes."""

from datetime import datetime

from msgspec import Struct, field

from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Confidence, Step


class Because(Struct, frozen=True, kw_only=True, gc=False):
    """One piece of evidence. `source` is what was read, such as ListDispatch or call_state_logs."""

    source: str
    text: str
    at: datetime | None = None


def logged(row: LogRow, more: str = "") -> Because:
    """A row as evidence: who logged which state, and after it, as it is, what more there is to say."""
    text = f"{row.source or 'a component'} logged {row.state}{more}"
    return Because(source=row.read.source, at=row.at, text=text)


class RuledOut(Struct, frozen=True, kw_only=True):
    code: str
    because: str


class Finding(Struct, frozen=True, kw_only=True):
    """A fault that a rule found, with its evidence.

    `candidates` are the codes that the same evidence allows; `values` fill the placeholders
    of the catalogue's fix; `step` is the step of the flow that broke, None for a fault of
    the set-up that concerns no single call; `room` is the live room that it is about: a trace of it reads more.
    """

    code: str
    confidence: Confidence
    because: tuple[Because, ...]
    step: Step | None = None
    candidates: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    ruled_out: tuple[RuledOut, ...] = ()
    would_settle: tuple[str, ...] = ()
    room: str | None = None
