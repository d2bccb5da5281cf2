"""What a check is: data, and the rules of the diagnosis that it reports."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Literal

from msgspec import Struct

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.setup import Setup

SetupRule = Callable[[Setup], Iterator[Finding]]
Status = Literal["passed", "warned", "failed", "skipped", "errored"]
"""`errored`: it could not be decided."""


class Need(Enum):
    """What is gathered for checks, in words."""

    CONFIGURATION = "the configuration"
    ROOMS = "the connection to LiveKit"
    SIP = "SIP trunks and SIP dispatch rules"
    ENDPOINTS = "the workers' endpoints"
    CANARY = "agent dispatch, with a canary worker"
    PROBE = "your own agent, in a scratch room"
    INSIDE_ROOMS = "the live rooms"
    CALL_LOGS = "the call logs"


class Check(Struct, frozen=True):
    """One check.

    `rules` yield findings: none means passed, and `passed` says in one line what was seen, provided
    that what the check `needs` could be read; what it `uses` it can do without. `inapplicable` gives
    the reason where the check has nothing to look at: then it is skipped. `after` names the checks
    that must not have failed before. Findings whose code is a warning, or which are no more than
    possible, warn; with `strict` those that are possible fail, and where the check is `fatal`, since
    nothing can be asked after it, all do.
    """

    id: str
    title: str
    needs: tuple[Need, ...]
    rules: tuple[SetupRule, ...]
    passed: Callable[[Setup], str]
    after: tuple[str, ...] = ()
    inapplicable: Callable[[Setup], str | None] = lambda _: None
    uses: tuple[Need, ...] = ()
    strict: bool = False
    fatal: bool = False

    @property
    def category(self) -> str:
        return self.id.partition(".")[0]


class CheckResult(Struct, frozen=True, kw_only=True):
    """What came of a check, in words and as findings, the worst first."""

    id: str
    category: str
    title: str
    status: Status
    message: str
    code: str | None = None
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Because, ...] = ()
    duration: float = 0.0
    """Seconds that gathering and judging took."""
