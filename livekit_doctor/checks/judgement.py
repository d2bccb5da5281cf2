"""What comes of each check, given the evidence."""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from livekit_doctor import catalogue
from livekit_doctor.checks import CHECKS
from livekit_doctor.checks.check import Check, CheckResult, Need, Status
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.flow import Confidence
from livekit_doctor.settings import Severity


class Gathered(Struct, frozen=True):
    """How the gathering went: the seconds that each need took, and where it came to nothing, why.

    `left_out` are needs that were not gathered on purpose, with the reason.
    """

    took: Mapping[Need, float] = field(default_factory=dict)
    without: Mapping[Need, str] = field(default_factory=dict)
    left_out: Mapping[Need, str] = field(default_factory=dict)


class _Verdict(Struct, frozen=True):
    status: Status
    message: str
    findings: tuple[Finding, ...] = ()
    stops: str = ""
    """Why the checks after this one can't be judged; empty: they can."""


def with_prerequisites(wanted: Iterable[Check]) -> tuple[Check, ...]:
    """The wanted checks and, for each, all that must not have failed before it; in print order."""
    by_id = {item.id: item for item in CHECKS}
    needed: set[str] = set()

    def add(item: Check) -> None:
        needed.add(item.id)
        for earlier in item.after:
            add(by_id[earlier])

    for item in wanted:
        add(item)
    return tuple(item for item in CHECKS if item.id in needed)


def judge(wanted: Iterable[Check], setup: Setup, gathered: Gathered) -> tuple[CheckResult, ...]:
    """The results, in print order: of the wanted checks, and of what has kept one from being judged."""
    wanted = set(wanted)
    verdicts: dict[str, _Verdict] = {}
    for item in with_prerequisites(wanted):
        verdicts[item.id] = _verdict(item, setup, gathered, verdicts)
    return tuple(
        _result(item, verdicts[item.id], setup.settings.checks.get(item.id), gathered)
        for item in with_prerequisites(wanted)
        if item in wanted or verdicts[item.id].status in ("failed", "errored")
    )


def _verdict(item: Check, setup: Setup, gathered: Gathered, before: Mapping[str, _Verdict]) -> _Verdict:
    """As the catalogue has it. That a check is off or a warning is no reason to judge those after
    it by evidence that is not there."""
    if stopped := next(filter(None, (before[earlier].stops for earlier in item.after)), ""):
        return _Verdict("skipped", stopped, stops=stopped)
    if left_out := _first(item.needs, gathered.left_out) or item.inapplicable(setup):
        return _Verdict("skipped", left_out)
    try:
        found = (finding for rule in item.rules for finding in rule(setup))
        findings = tuple(sorted(found, key=lambda finding: (not _fails(finding, item), finding.confidence.rank)))
        without = _first(item.needs, gathered.without)
        passed = "" if findings or without else item.passed(setup)
    except Exception as error:
        return _Verdict("errored", one_line(error), stops=f"because {item.id} errored")
    if findings:
        return _found(item, findings)
    if without:
        return _Verdict("errored", without, stops=f"because {item.id} errored")
    return _Verdict("passed", passed)


def _found(item: Check, findings: tuple[Finding, ...]) -> _Verdict:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    message = findings[0].because[0].text + more
    if _fails(findings[0], item):
        return _Verdict("failed", message, findings, stops=f"because {item.id} failed")
    return _Verdict("warned", message, findings)


def _result(item: Check, verdict: _Verdict, severity: Severity | None, gathered: Gathered) -> CheckResult:
    """The verdict as it is configured to be shown."""
    status, message, findings = verdict.status, verdict.message, verdict.findings
    if severity == "off":
        status, message, findings = "skipped", "switched off in the configuration", ()
    elif severity == "warning" and status in ("failed", "errored"):
        status = "warned"
    return CheckResult(
        id=item.id,
        category=item.category,
        title=item.title,
        status=status,
        message=message,
        code=findings[0].code if findings else None,
        findings=findings,
        evidence=tuple(because for finding in findings for because in finding.because),
        duration=max((gathered.took.get(need, 0.0) for need in item.needs), default=0.0),
    )


def _fails(finding: Finding, item: Check) -> bool:
    if item.fatal:
        return True
    if finding.confidence is Confidence.POSSIBLE and not item.strict:
        return False
    return catalogue.get(finding.code).severity == "error"


def _first(needs: Iterable[Need], reasons: Mapping[Need, str]) -> str:
    return next((reasons[need] for need in needs if need in reasons), "")


def one_line(error: Exception) -> str:
    """What was raised, without secrets."""
    from livekit_doctor.redact import redact_text

    text = redact_text(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
