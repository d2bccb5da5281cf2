"""What experiments have shown: a call that was placed, a probe; and what is left of them to be cleaned."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from livekit_doctor import catalogue
from livekit_doctor.render.report.call import TraceReport
from livekit_doctor.render.report.shared import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit_doctor.diagnosis.findings import Finding
    from livekit_doctor.diagnosis.probing import Judged
    from livekit_doctor.evidence.observations import OutboundTrunk, SipCallResult
    from livekit_doctor.evidence.scratch_rooms import FoundRoom


class PlacedCallReport(Shown, frozen=True):
    """A test call: its diagnosis, what was dialled, and what CreateSIPParticipant answered."""

    kind: ClassVar = "placed_call"
    trace: TraceReport
    number: str
    trunk_id: str
    trunk: OutboundTrunk | None
    """As it is listed; None where it is not."""
    agent_name: str | None
    answer: SipCallResult | None
    left_behind: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.trace.mask, "number", "trunk", "answer", "left_behind")

    @property
    def exit_status(self) -> int:
        return self.trace.exit_status


class CleanReport(Shown, frozen=True):
    """The scratch rooms that were there, and what became of them; `at` is when they were listed (UTC)."""

    kind: ClassVar = "clean"
    rooms: tuple[FoundRoom, ...]
    dry_run: bool
    server: str | None
    at: datetime | None = None

    def __post_init__(self) -> None:
        from livekit_doctor.render.masking import Mask

        super().__post_init__()
        self._show(Mask(), "rooms")

    def number_of(self, *outcomes: str) -> int:
        return sum(found.outcome in outcomes for found in self.rooms)

    @property
    def exit_status(self) -> int:
        """1 where something is left over."""
        return int(self.number_of("not_removed", "found") > 0)

    @property
    def headline(self) -> str:
        """What was done, in one line."""
        counts = {
            "removed": self.number_of("removed"),
            "not removed": self.number_of("not_removed"),
            "would be removed": self.number_of("found"),
            "may be in use": self.number_of("in_use"),
            "not there": self.number_of("gone"),
        }
        told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        return f"scratch rooms: {told}" if told else "no scratch room is left over"


class ProbeReport(Shown, frozen=True):
    """`agent_name` is None where canaries stood in for the agent; `server` is the URL asked; `at` is when the
    last dispatch had ended (UTC)."""

    kind: ClassVar = "probe"
    judged: Judged
    agent_name: str | None
    canary: bool
    values: Mapping[str, str]
    server: str | None
    exit_status: int
    left_behind: tuple[str, ...] = ()
    at: datetime | None = None

    def __post_init__(self) -> None:
        from livekit_doctor.render.masking import Mask

        super().__post_init__()
        self._show(Mask(), "judged", "left_behind")

    def fix_of(self, finding: Finding) -> str:
        """The fix to type for how dispatches ended, its placeholders filled."""
        return catalogue.render_fix(catalogue.get(finding.code), {**self.values, **finding.values})
