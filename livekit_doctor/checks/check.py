"""What a check is: data, and the rules of the diagnosis that it reports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from msgspec import Struct

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.setup import Setup

SetupRule = Callable[[Setup], Iterator[Finding]]


class Need(Enum):
    """What a check must have gathered before its rules can speak."""

    CONFIGURATION = auto()
    ROOMS = auto()
    SIP = auto()
    ENDPOINTS = auto()
    CANARY = auto()
    PROBE = auto()
    INSIDE_ROOMS = auto()
    CALL_LOGS = auto()


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    `rules` yield findings: none means passed, and `passed` says in one line what was seen.
    `inapplicable` gives the reason where the check has nothing to look at: then it is skipped.
    `after` names the checks that must not have failed before. Findings that are no more than
    possible are warnings, unless `strict`.
    """

    id: str
    title: str
    needs: tuple[Need, ...]
    rules: tuple[SetupRule, ...]
    passed: Callable[[Setup], str]
    after: tuple[str, ...] = ()
    inapplicable: Callable[[Setup], str | None] = lambda _: None
    strict: bool = False

    @property
    def category(self) -> str:
        return self.id.partition(".")[0]


class CheckResult(Struct, frozen=True, kw_only=True):
    """What came of a check. `values` fill the placeholders of the code's fix."""

    id: str
    category: str
    title: str
    status: str
    """passed, warned, failed, skipped or errored."""
    message: str
    code: str | None = None
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Because, ...] = ()
    duration: float = 0.0
    """Seconds that gathering and judging took."""
