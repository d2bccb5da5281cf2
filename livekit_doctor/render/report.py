"""What a format is given: the result and what it needs to print it."""

from collections.abc import Mapping
from dataclasses import dataclass

from livekit_doctor import catalogue
from livekit_doctor.checks.check import CheckResult
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.result import Broken, Diagnosis
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.render.masking import Mask


@dataclass(frozen=True, slots=True)
class TraceReport:
    """`server` is the URL asked; `values` are the configuration's for the placeholders of a fix."""

    diagnosis: Diagnosis
    mask: Mask
    values: Mapping[str, str]
    server: str | None
    exit_status: int

    def fix(self, item: Broken) -> str:
        """The fix to type for a break, its placeholders filled."""
        return self._fix(item.code, item.values)

    def fix_of_unread(self, entry: Coverage) -> str:
        """What to type so that a source can be read; empty where it was."""
        return self._fix(entry.problem.code, entry.problem.values) if entry.problem else ""

    def _fix(self, code: str, values: Mapping[str, str]) -> str:
        known = {
            "call_id": self.diagnosis.call_id or "",
            "room": self.diagnosis.room.name if self.diagnosis.room else "",
        }
        return catalogue.render_fix(catalogue.get(code), {**known, **self.values, **values})


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`configuration` says in one line where the settings come from."""

    results: tuple[CheckResult, ...]
    mask: Mask
    values: Mapping[str, str]
    server: str | None
    configuration: str
    exit_status: int
    left_behind: tuple[str, ...] = ()

    @property
    def not_tested(self) -> str:
        """What passing does not say: no API lists the registered workers, only a real job shows one
        (design fact 16). Empty where a job was tried, or not asked for by --only or --skip."""
        probe = next((result for result in self.results if result.id == "agent_dispatch.probe"), None)
        if probe is None or probe.status != "skipped":
            return ""
        name = self.values.get("agent_name")
        return f'whether a worker is registered as "{name}"' if name else "whether your agent's worker is registered"

    def fix_of(self, finding: Finding) -> str:
        """The fix to type for a finding, its placeholders filled."""
        return catalogue.render_fix(catalogue.get(finding.code), {**self.values, **finding.values})

    def fix(self, result: CheckResult) -> str | None:
        """The fix of a check: that of its worst finding."""
        return self.fix_of(result.findings[0]) if result.findings else None
