"""What a conclusion is worth that was drawn from lines which a person picked.

A rule that reads a whole log may say "and nothing came after". Where lines were picked, what came after
may have been left out: such a conclusion is weaker, or none.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.evidence.observations import Component
from livekit_doctor.flow import Confidence

_BY_A_GAP: dict[str, tuple[Component, Confidence | None]] = {
    "LKD401": ("server", None),
    "LKD412": ("server", Confidence.LIKELY),
    "LKD413": ("server", Confidence.LIKELY),
    "LKD501": ("server", None),
    "LKD502": ("server", None),
    "LKD103": ("worker", Confidence.POSSIBLE),
    "LKD105": ("worker", Confidence.LIKELY),
    "LKD108": ("worker", Confidence.LIKELY),
}
"""The codes that rules conclude from what a log does not say: which log, and the most that picked lines
of it allow. None: nothing."""


def weighed(call: Call, findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stand, each at the confidence that its lines allow."""
    return list(_weighed(call, findings))


def _weighed(call: Call, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        log, most = _BY_A_GAP.get(finding.code, (None, None))
        if log is None or call.component_logs.has(log) or not _is_of(finding, log):
            yield finding
        elif most is not None and most.rank > finding.confidence.rank:
            candidates = finding.candidates or catalogue.get(finding.code).candidates
            yield replace(finding, confidence=most, candidates=candidates)
        elif most is not None:
            yield finding


def _is_of(finding: Finding, log: Component) -> bool:
    """Whether the finding rests on lines of this log, and not on LiveKit's own answers."""
    return any(item.source == f"{log} log" for item in finding.because)
