"""What a format is given: the result and what it needs to print it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from livekit_doctor import catalogue
from livekit_doctor.catalogue import Entry, Fix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from livekit_doctor.catalogue.lookup import Topic
    from livekit_doctor.checks.check import CheckResult
    from livekit_doctor.diagnosis.findings import Finding
    from livekit_doctor.diagnosis.probing import Judged
    from livekit_doctor.diagnosis.result import Broken, Diagnosis
    from livekit_doctor.evidence.observations import Coverage, OutboundTrunk, RecentCall, SipCallResult
    from livekit_doctor.render.masking import Mask
    from livekit_doctor.settings import Settings
    from livekit_doctor.triage.result import Group, Triage

QUOTED = ("LKD404", "LKD405", "LKD411")
"""Codes whose fix quotes what a server or an agent said; there is nothing in it to be typed."""


TRACE = Fix(
    say="Trace this call first: that reads more of it than check does, and may be surer",
    shell="livekit-doctor trace --room {{room}}",
)


def fix_values_of(settings: Settings, config_file: str) -> dict[str, str]:
    """What the configuration has to fill into a fix; `config_file` is what fixes call it."""
    values = {
        "agent_name": settings.agent.name,
        "url": settings.livekit.url,
        "schema": settings.call_logs.schema,
        "table": settings.call_logs.table,
        "column": settings.call_logs.columns.call_id,
        "config_file": config_file,
    }
    return {key: value for key, value in values.items() if value}


def _told(code: str, values: Mapping[str, str], mask: Mask) -> Mapping[str, str]:
    """The values for a fix. Numbers in it are to be typed, and whole, but for those in a quotation."""
    if code not in QUOTED or "detail" not in values:
        return values
    return {**values, "detail": mask(values["detail"])}


def _show(report: Struct, mask: Mask, *names: str) -> None:
    """What was read becomes what is shown of it (see `shown`)."""
    from livekit_doctor.render.shown import shown

    for name in names:
        force_setattr(report, name, shown(getattr(report, name), mask))


class BundleNote(Struct, frozen=True):
    """Which bundle was diagnosed: its name, when it was saved (UTC), by which version of the tool,
    and whether phone numbers were masked in it."""

    name: str
    created_at: datetime
    version: str
    masked: bool


class TraceReport(Struct, frozen=True):
    """`server` is the URL asked; `values` are the configuration's for the placeholders of a fix;
    `bundle` is None for what has been read just now; `at` is when that was (UTC)."""

    kind: ClassVar = "trace"
    diagnosis: Diagnosis
    mask: Mask
    values: Mapping[str, str]
    server: str | None
    exit_status: int
    bundle: BundleNote | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        _show(self, self.mask, "diagnosis")

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
        return catalogue.render_fix(catalogue.get(code), {**known, **self.values, **_told(code, values, self.mask)})


class PlacedCallReport(Struct, frozen=True):
    """A test call: its diagnosis, what was dialled, and what CreateSIPParticipant answered."""

    kind: ClassVar = "test_call"
    trace: TraceReport
    number: str
    trunk_id: str
    trunk: OutboundTrunk | None
    """As it is listed; None where it is not."""
    agent_name: str | None
    answer: SipCallResult | None
    left_behind: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _show(self, self.trace.mask, "number", "trunk", "answer", "left_behind")

    @property
    def exit_status(self) -> int:
        return self.trace.exit_status


class Untested(Struct, frozen=True):
    """What a check that passed does not say, and why, or what to do for it."""

    what: str
    because: str

    def __str__(self) -> str:
        return f"{self.what} ({self.because})"


class CheckReport(Struct, frozen=True):
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
        _show(self, self.mask, "results", "left_behind")

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
        values = {**self.values, **_told(finding.code, finding.values, self.mask)}
        fix = catalogue.render_fix(catalogue.get(finding.code), values)
        return f"{catalogue.render(TRACE, {'room': finding.room})}\n{fix}" if finding.room else fix

    def fix(self, result: CheckResult) -> str | None:
        """The fix of a check: that of its worst finding."""
        return self.fix_of(result.findings[0]) if result.findings else None


class ProbeReport(Struct, frozen=True):
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

        _show(self, Mask(), "judged", "left_behind")

    def fix_of(self, finding: Finding) -> str:
        """The fix to type for how dispatches ended, its placeholders filled."""
        return catalogue.render_fix(catalogue.get(finding.code), {**self.values, **finding.values})


class LiveRoom(Struct, frozen=True):
    """A room as it is now: since when (UTC), and the kinds of its participants, such as AGENT and SIP, one each."""

    name: str
    created_at: datetime
    participants: tuple[str, ...]

    @property
    def who(self) -> str:
        """Its participants in a few words."""
        counts = Counter(self.participants)
        who = [kind if number == 1 else f"{number} {kind}" for kind, number in sorted(counts.items())]
        return ", ".join(who) or "none"


class LiveRooms(Struct, frozen=True):
    """The newest rooms, newest first, of `total` that are live and match `pattern`; `server` is the URL asked."""

    server: str | None
    rooms: tuple[LiveRoom, ...]
    total: int
    pattern: str = "*"


class RecentReport(Struct, frozen=True):
    """The recent calls, newest first. Where no call logs are configured, the live rooms stand in their place."""

    kind: ClassVar = "recent"
    calls: tuple[RecentCall, ...]
    mask: Mask
    exit_status: int = 0
    live: LiveRooms | None = None

    def __post_init__(self) -> None:
        _show(self, self.mask, "calls")

    @property
    def headline(self) -> str:
        """What is listed, in one line."""
        live = self.live
        if live is None:
            return "the recent calls, with their last state" if self.calls else "the call logs are empty"
        if not live.rooms:
            return "no live room" if live.pattern == "*" else f'no live room matches "{live.pattern}"'
        if len(live.rooms) < live.total:
            return f"the {len(live.rooms)} newest of {live.total} live rooms"
        return "the live rooms, newest first"


class Found(Struct, frozen=True):
    """One thing that `init` looked for. `unknown`: it is not there; `warned`: it is, and something is wrong."""

    label: str
    status: Literal["ok", "unknown", "warned"]
    text: str


class NextStep(Struct, frozen=True):
    """What to type next, and in words what to do before and after that."""

    command: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return ", then ".join(filter(None, (self.before, self.command, self.after)))


class InitReport(Struct, frozen=True):
    """The file that was written, from what. Phone numbers are only counted.

    `taken` says of what there were several which was taken, and why. `check` is None where it has not run;
    `next` is None as long as it is still to run.
    """

    kind: ClassVar = "init"
    file: str
    server: str
    found: tuple[Found, ...]
    taken: tuple[str, ...] = ()
    check: CheckReport | None = None
    next: NextStep | None = None

    def __post_init__(self) -> None:
        from livekit_doctor.render.masking import Mask

        _show(self, Mask(show=True), "found", "taken")

    @property
    def exit_status(self) -> int:
        return self.check.exit_status if self.check else 0


class ExplainReport(Struct, frozen=True):
    """The pages that were asked for, in that order, or the codes that were listed."""

    kind: ClassVar = "explain"
    topics: tuple[Topic, ...] = ()
    listed: tuple[Entry, ...] = ()
    exit_status: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The codes in it, with or without their pages."""
        pages = (topic.page for topic in self.topics)
        return (*(page for page in pages if isinstance(page, Entry)), *self.listed)


class TriageReport(Struct, frozen=True):
    """Many calls by what became of them. `shown` is how many groups and values a person is shown; `values` are the
    configuration's for the placeholders of a fix."""

    kind: ClassVar = "triage"
    triage: Triage
    mask: Mask
    values: Mapping[str, str]
    exit_status: int
    shown: int = 12
    command: str = "livekit-doctor triage"
    """The command with what it was given, to be typed again with more."""
    trace_options: str = ""
    """What `trace` must be given besides, to read the same."""

    def __post_init__(self) -> None:
        _show(self, self.mask, "triage")

    def fix_of(self, group: Group) -> str:
        """The fix of a group's code: what is to be typed of one call has a place for it."""
        call_id = next(iter(group.call_ids), "CALL_ID")
        code = catalogue.get(group.code or "")
        return catalogue.render_fix(code, {"call_id": call_id, **self.values})


class ErrorReport(Struct, frozen=True):
    """Why a command came to no result. `command` is as typed, such as test-call; empty where it is not known.
    `code` is None for what is no diagnosis: an interrupt, an internal error."""

    kind: ClassVar = "error"
    command: str
    code: str | None
    message: str
    fix: str
    exit_status: int


Report = (
    CheckReport
    | TraceReport
    | ProbeReport
    | PlacedCallReport
    | RecentReport
    | InitReport
    | ExplainReport
    | TriageReport
    | ErrorReport
)
