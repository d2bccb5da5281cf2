"""The diagnosis of a call: what `trace` prints, in the shape of livekit-doctor/trace/v1."""

from datetime import datetime

from msgspec import Struct

from livekit_doctor.diagnosis.findings import Because, RuledOut
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.flow import Confidence, Leg, Status, Step, Verdict


class StepResult(Struct, frozen=True, kw_only=True):
    """A step's status. `evidence` is why; `at` when it happened, where that is known."""

    step: Step
    leg: Leg
    status: Status
    at: datetime | None = None
    evidence: tuple[Because, ...] = ()


class Broken(Struct, frozen=True, kw_only=True):
    """Where a leg broke. `values` fill the placeholders of the catalogue's fix."""

    step: Step
    leg: Leg
    code: str
    confidence: Confidence
    candidates: tuple[str, ...]
    because: tuple[Because, ...]
    values: dict[str, str]
    consequences: tuple[str, ...] = ()


class TimelineEntry(Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened. `clock` says whose clock dated it."""

    at: datetime
    source: str
    event: str
    detail: str = ""
    clock: str = ""


class UndatedEntry(Struct, frozen=True, kw_only=True):
    """What is told of the call with no more than a time of day, or without any (empty): when it was among the others
    nobody knows."""

    time_of_day: str
    source: str
    event: str
    detail: str = ""


class WarningResult(Struct, frozen=True, kw_only=True):
    code: str
    message: str


class RoomResult(Struct, frozen=True, kw_only=True):
    """The room of the call. `open` is None where nobody could look."""

    name: str
    sid: str = ""
    how: str = ""
    open: bool | None = None
    created_at: datetime | None = None
    age: float | None = None
    """Seconds at the last look."""


class AttemptResult(Struct, frozen=True, kw_only=True):
    """One attempt under the call id: its place (1 is the oldest), and what came of it."""

    number: int
    room: str | None
    started_at: datetime | None
    verdict: Verdict
    code: str | None
    step: Step | None


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The answer to `trace`. `broken[0]` is the primary break; `not_covered` are the steps of a
    healthy call that no source could see; `look_again` (seconds) is set where a second look at
    the room would turn an impression into a verdict."""

    call_id: str | None
    room: RoomResult | None
    verdict: Verdict
    broken: tuple[Broken, ...]
    steps: tuple[StepResult, ...]
    ruled_out: tuple[RuledOut, ...]
    would_settle: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    warnings: tuple[WarningResult, ...]
    attempts: tuple[AttemptResult, ...]
    coverage: tuple[Coverage, ...]
    inbound: bool = False
    not_covered: tuple[Step, ...] = ()
    look_again: float | None = None
    undated: tuple[UndatedEntry, ...] = ()

    @property
    def evidence_found(self) -> bool:
        """Whether anything at all is known of the call."""
        return bool(self.timeline or self.undated) or any(result.status is Status.OK for result in self.steps)
