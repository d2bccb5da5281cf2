"""What triage found: calls by the step at which they broke, counted."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from livekit_doctor.flow import Confidence, Leg, Step, Verdict


class Rung(Struct, frozen=True):
    """How many calls came so far on their leg. `p50` and `p95` are seconds since the step that it is timed from, read
    off counts below fixed edges; None where nothing was timed."""

    step: Step
    leg: Leg
    calls: int
    p50: float | None = None
    p95: float | None = None


class Rise(Struct, frozen=True):
    """When a share rose from `share_before` to `share_since`: probably at `at`, at the beginning of a part of the
    window, and as far as the counts tell not before the part of `earliest` nor after that of `latest`."""

    at: datetime
    earliest: datetime
    latest: datetime
    share_before: float
    share_since: float


class Group(Struct, frozen=True):
    """Calls of one outcome. `id` is what --where takes, such as LKD402, sip-486 or unknown.

    `hours` is how many of them began in each part of the window; `worse` and `better` whether the share has changed
    against the window before by more than chance. `rose` is when the share rose, where it did at one moment.
    """

    id: str
    verdict: Verdict
    calls: int
    before: int
    code: str | None = None
    step: Step | None = None
    confidence: Confidence | None = None
    candidates: tuple[str, ...] = ()
    sip_status: int | None = None
    reasons: tuple[tuple[str, int], ...] = ()
    hours: tuple[int, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None
    call_ids: tuple[str, ...] = ()
    change: Literal["worse", "better", ""] = ""
    """Nothing where it may be chance."""
    rose: Rise | None = None


class Value(Struct, frozen=True):
    """A value of a key: how many calls have it, and how many of those broke. `stands_out` where their share is higher
    than that of all others by more than chance; then `group` is the outcome that does."""

    value: str
    calls: int
    broken: int
    stands_out: bool = False
    group: str = ""
    of_group: int = 0
    others: float = 0.0
    """The share of that outcome among the calls with another value."""
    rose: Rise | None = None


class By(Struct, frozen=True):
    """`cut`: the key has so many values that only the most frequent are here."""

    key: str
    values: tuple[Value, ...]
    without: int = 0
    """Calls of which no row has it."""
    cut: bool = False


class Traced(Struct, frozen=True):
    """What `trace` says of a call from its rows."""

    call_id: str
    verdict: Verdict
    code: str | None
    step: Step | None
    because: tuple[str, ...]


class Criterion(Struct, frozen=True):
    """--fail-over: the share of the broken calls, and what it may be."""

    limit: float
    value: float | None
    status: Literal["passed", "failed", "undecided"]


class Triage(Struct, frozen=True):
    """`since` to `until` are the calls' first rows; `before` is where the window to compare with begins, None where
    there is none. `bucket` is the length of a part of the window, in seconds."""

    source: str
    at: datetime
    since: datetime
    until: datetime
    before: datetime | None
    bucket: float
    calls: int
    calls_before: int
    hours: tuple[int, ...]
    ladder: tuple[Rung, ...]
    groups: tuple[Group, ...]
    retried: int = 0
    skewed: int = 0
    stopped_dialing: int = 0
    stopped_ringing: int = 0
    by: tuple[By, ...] = ()
    traced: tuple[Traced, ...] = ()
    criterion: Criterion | None = None
    unmapped: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    took: float | None = None
    where: tuple[str, ...] = ()

    def of(self, verdict: Verdict) -> int:
        return sum(group.calls for group in self.groups if group.verdict is verdict)

    @property
    def broken(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.verdict is Verdict.BROKEN)
