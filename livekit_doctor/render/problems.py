"""A fault as an outline tells it: in words, with what shows it, what is ruled out, and the fix."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Finding, RuledOut
from livekit_doctor.diagnosis.result import Broken
from livekit_doctor.render.report import TraceReport
from livekit_doctor.render.words import because_line


class Problem(Struct, frozen=True):
    """A fault, in words. `fix` is as the catalogue renders it: sentences, and code that is indented."""

    code: str
    name: str
    title: str
    confidence: str
    because: tuple[str, ...]
    candidates: tuple[str, ...]
    ruled_out: tuple[str, ...]
    settle_by: tuple[str, ...]
    fix: str


def problem_of(finding: Finding, fix: Callable[[Finding], str]) -> Problem:
    return _problem(finding, finding.ruled_out, finding.would_settle, fix(finding))


def problem_of_break(
    item: Broken, report: TraceReport, ruled_out: Iterable[RuledOut], settle_by: tuple[str, ...]
) -> Problem:
    """What is ruled out, and what would settle it, a trace says of the call and not of each break."""
    return _problem(item, ruled_out, settle_by, report.fix(item))


def _problem(fault: Finding | Broken, ruled_out: Iterable[RuledOut], settle_by: tuple[str, ...], fix: str) -> Problem:
    entry = catalogue.get(fault.code)
    return Problem(
        code=fault.code,
        name=entry.name,
        title=entry.title,
        confidence=fault.confidence.value,
        because=tuple(because_line(one) for one in fault.because),
        candidates=tuple(map(named, fault.candidates)),
        ruled_out=tuple(f"{named(one.code)}: {one.because}" for one in ruled_out),
        settle_by=settle_by,
        fix=fix,
    )


def named(code: str) -> str:
    """A code with its name."""
    return f"{code} {catalogue.get(code).name}"
