"""What `check` has found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.render.report.shared import TRACE, Shown, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from livekit_doctor.checks.check import CheckResult
    from livekit_doctor.diagnosis.findings import Finding
    from livekit_doctor.render.masking import Mask


class Untested(Struct, frozen=True):
    """What a check that passed does not say, and why, or what to do for it."""

    what: str
    because: str

    def __str__(self) -> str:
        return f"{self.what} ({self.because})"


class CheckReport(Shown, frozen=True):
    """`configuration` says in one line where the settings come from; `at` is when it was checked (UTC)."""

    kind: ClassVar = "check"
    results: tuple[CheckResult, ...]
    mask: Mask
    values: Mapping[str, str]
    server: str | None
    configuration: str
    exit_status: int
    left_behind: tuple[str, ...] = ()
    strict: bool = False
    """Whether a warning is a failure."""
    at: datetime | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.mask, "results", "left_behind")

    @property
    def not_tested(self) -> str:
        """What passing does not say, in one line; empty where it says all, or that was not asked for by --only or
        --skip."""
        return "; ".join(item.what for item in self.untested)

    @property
    def untested(self) -> tuple[Untested, ...]:
        """No API lists the registered workers, only a real job shows one (design fact 16); and none shows whether
        livekit-sip runs without dialling (facts 24 and 35)."""
        return tuple(self._untested())

    def _untested(self) -> Iterator[Untested]:
        probe, sip = self._result("agent_dispatch.probe"), self._result("sip_trunks.service")
        if probe and probe.status == "skipped":
            name = self.values.get("agent_name")
            worker = f'a worker is registered as "{name}"' if name else "your agent's worker is registered"
            yield Untested(f"whether {worker}", probe.message)
        if sip and sip.status == "passed":
            yield Untested("whether livekit-sip runs", "only a call shows it: livekit-doctor test-call NUMBER")

    def _result(self, id: str) -> CheckResult | None:
        return next((result for result in self.results if result.id == id), None)

    @property
    def broken_room(self) -> str | None:
        """The live room of a call that is broken, the worst first."""
        at_fault = (finding for result in self.results for finding in result.findings)
        return next((finding.room for finding in at_fault if finding.room), None)

    def fix_of(self, finding: Finding) -> str:
        """The fix to type for a finding, its placeholders filled. That of a live call begins with its trace."""
        values = {**self.values, **told(finding.code, finding.values, self.mask)}
        return self.trace_of(finding) + catalogue.render_fix(catalogue.get(finding.code), values)

    def trace_of(self, finding: Finding) -> str:
        """The command that tells more of a live call; empty where the finding is of none."""
        return f"{catalogue.render(TRACE, {'room': finding.room})}\n" if finding.room else ""

    def fix(self, result: CheckResult) -> str | None:
        """The fix of a check: that of its worst finding."""
        return self.fix_of(result.findings[0]) if result.findings else None
