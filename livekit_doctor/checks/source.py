"""source: what of the worker's and the caller's code breaks a call, where `check` is given it."""

from livekit_doctor.checks.check import CheckResult
from livekit_doctor.lint.result import Linted, is_fault


def result_of(linted: Linted) -> CheckResult:
    """The findings of `lint` as those of one check, the worst first."""
    found = sorted(linted.findings, key=lambda one: (not is_fault(one), one.finding.confidence.rank))
    findings = tuple(one.finding for one in found)
    if found:
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        message = f"{first.place}: {first.finding.because[0].text}{more}"
        status = "failed" if is_fault(first) else "warned"
    elif linted.parsed:
        status, message = "passed", f"{linted.parsed} of {linted.files} files speak of LiveKit; nothing found in them"
    else:
        status, message = "errored", f"no source that speaks of LiveKit under {', '.join(linted.paths)}"
    return CheckResult(
        id="source.code",
        category="source",
        title="source of worker and caller",
        status=status,  # type: ignore[arg-type]
        message=message,
        code=findings[0].code if findings else None,
        findings=findings,
        evidence=tuple(because for finding in findings for because in finding.because),
        duration=linted.took,
    )
