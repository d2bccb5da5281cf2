"""The public Python API, which `livekit_doctor` offers by name: `from livekit_doctor import check, trace, diagnose`.

The commands `check` and `trace` are these functions and a format. Nothing here prints, exits or asks.
Results hold what was read as it was read, phone numbers included; `mask` and `to_dict` mask them.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from livekit_doctor.bundle import Bundle, bundle_of
from livekit_doctor.bundle.files import Target
from livekit_doctor.bundle.files import read as read_bundle
from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.checks.check import CheckResult
from livekit_doctor.checks.selection import select
from livekit_doctor.cli.exits import exit_status_of_check, exit_status_of_trace
from livekit_doctor.config import FILE_NAME, load
from livekit_doctor.diagnosis.core import diagnose as diagnose_call
from livekit_doctor.diagnosis.correlation import Subject, parse_subject
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.result import (
    AttemptResult,
    Broken,
    Diagnosis,
    RoomResult,
    StepResult,
    TimelineEntry,
    UndatedEntry,
    WarningResult,
)
from livekit_doctor.errors import ConfigError, UserError
from livekit_doctor.evidence.observations import Coverage, Evidence, Problem
from livekit_doctor.flow import Confidence, Leg, Status, Step, Verdict
from livekit_doctor.operations import check as check_operation
from livekit_doctor.operations import trace as trace_operation
from livekit_doctor.operations.inputs import require_a_source
from livekit_doctor.progress import Progress, beginnings
from livekit_doctor.render.masking import mask_of, names_in
from livekit_doctor.render.report import CheckReport, TraceReport, fix_values_of
from livekit_doctor.settings import Settings

__all__ = [
    "AttemptResult",
    "Because",
    "Broken",
    "Bundle",
    "CheckResult",
    "CheckRun",
    "Confidence",
    "ConfigError",
    "Coverage",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Leg",
    "Problem",
    "RoomResult",
    "RuledOut",
    "Settings",
    "Status",
    "Step",
    "StepResult",
    "Subject",
    "TimelineEntry",
    "TraceRun",
    "UndatedEntry",
    "UserError",
    "Verdict",
    "WarningResult",
    "check",
    "diagnose",
    "load_bundle",
    "load_settings",
    "trace",
]


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What `check` found: one result a check, in the order in which the command prints them."""

    results: tuple[CheckResult, ...]
    left_behind: tuple[str, ...]
    """What of an experiment could not be removed again, each with the reason; normally empty."""
    strict: bool
    settings: Settings = field(repr=False)
    evidence: Evidence = field(repr=False)

    @property
    def exit_status(self) -> Literal[0, 1, 2, 3]:
        """What the command would exit with: 0 all passed, 1 a check failed, 2 configuration or credentials
        are at fault, 3 a check could not be decided."""
        return _status(exit_status_of_check(self.results, strict=self.strict))

    @property
    def ok(self) -> bool:
        """Whether a deploy may go on: nothing failed, and everything could be decided."""
        return self.exit_status == 0

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """The checks that warned, failed or could not be decided."""
        return tuple(result for result in self.results if result.status in ("warned", "failed", "errored"))

    def fix(self, found: CheckResult | Finding) -> str:
        """What to type, of a check (its worst finding) or of one finding; empty where there is nothing to fix."""
        report = self._report(show_numbers=True)
        return report.fix_of(found) if isinstance(found, Finding) else report.fix(found) or ""

    def mask(self, text: str) -> str:
        """The text with the phone numbers in it masked, for a log that others read."""
        return mask_of(self.evidence, show=False)(text)

    def to_dict(self, *, show_numbers: bool = False) -> dict[str, Any]:
        """The result as `livekit-doctor/check/v1`, ready for `json.dumps`. Phone numbers are masked,
        but not in what is to be typed."""
        from livekit_doctor.render.json.check import render

        return _plain(render(self._report(show_numbers=show_numbers)))

    def _report(self, *, show_numbers: bool) -> CheckReport:
        return CheckReport(
            results=self.results,
            mask=mask_of(self.evidence, show=show_numbers),
            values=fix_values_of(self.settings, FILE_NAME),
            server=self.settings.livekit.url,
            configuration="configuration: given by the program that called check()",
            exit_status=self.exit_status,
            left_behind=self.left_behind,
            strict=self.strict,
            at=self.evidence.now,
        )


@dataclass(frozen=True, slots=True)
class TraceRun:
    """What `trace` found: the diagnosis, and the evidence that it goes by."""

    diagnosis: Diagnosis
    subject: Subject
    settings: Settings = field(repr=False)
    evidence: Evidence = field(repr=False)

    @property
    def verdict(self) -> Verdict:
        return self.diagnosis.verdict

    @property
    def exit_status(self) -> Literal[0, 1, 2, 3]:
        """What the command would exit with: 0 healthy or in progress, 1 broken, 2 configuration or
        credentials are at fault, 3 undecided for want of evidence."""
        return _status(exit_status_of_trace(self.diagnosis))

    @property
    def ok(self) -> bool:
        """Whether the call is healthy, or on its way with nothing broken."""
        return self.exit_status == 0

    def fix(self, broken: Broken) -> str:
        """What to type for a break of the diagnosis."""
        return self._report(show_numbers=True).fix(broken)

    def mask(self, text: str) -> str:
        """The text with the phone numbers in it masked, for a log that others read."""
        return mask_of(self.evidence, show=False, names=names_in(self.diagnosis))(text)

    def to_dict(self, *, show_numbers: bool = False) -> dict[str, Any]:
        """The result as `livekit-doctor/trace/v1`, ready for `json.dumps`. Phone numbers are masked,
        but not in ids and in what is to be typed."""
        from livekit_doctor.render.json.trace import render

        return _plain(render(self._report(show_numbers=show_numbers)))

    def save(self, path: str | os.PathLike[str], *, show_numbers: bool = False, force: bool = False) -> None:
        """Keeps all that was read as a bundle for `load_bundle` and `trace --bundle`; a name in .gz is compressed.

        It has no secrets, and other numbers in the place of phone numbers unless `show_numbers`. `force` replaces
        a file. Raises UserError where the file can't be written.
        """
        bundle = bundle_of(
            self.evidence,
            self.settings,
            self.subject,
            config_file=FILE_NAME,
            numbers="shown" if show_numbers else "masked",
        )
        with Target(os.fspath(path), force=force) as target:
            target.save(bundle)

    def _report(self, *, show_numbers: bool) -> TraceReport:
        return TraceReport(
            diagnosis=self.diagnosis,
            mask=mask_of(self.evidence, show=show_numbers, names=names_in(self.diagnosis)),
            values=fix_values_of(self.settings, FILE_NAME),
            server=self.settings.livekit.url,
            exit_status=self.exit_status,
            at=self.evidence.now,
        )


def load_settings(
    path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None, **overrides: object
) -> Settings:
    """The configuration as the commands find it: checks.yaml, the environment and `.env`.

    `path` is the file; without one it is `$LIVEKIT_DOCTOR_CONFIG`, or checks.yaml in the current folder and
    upwards, and without any the defaults hold. `environ` is read in place of `os.environ`. `overrides` are sections
    of checks.yaml and rank above all else: `load_settings(agent={"name": "My Agent"}, probe={"timeout": 30})`;
    secrets may be among them. Times are seconds.

    Raises ConfigError, which lists every mistake with its place.
    """
    file = Path(path) if path is not None else None
    return load(file, overrides, environ, check_ids=lambda: CHECK_IDS, given_in="load_settings()").settings


def load_bundle(path: str | os.PathLike[str]) -> Bundle:
    """A call that `trace --save` or `TraceRun.save` kept: `diagnose(b.evidence, b.settings, b.subject)`.

    Raises UserError for what is no bundle, is damaged, or was saved by a version that knows more.
    """
    return read_bundle(os.fspath(path))


async def check(
    *,
    settings: Settings | None = None,
    only: str | Iterable[str] = (),
    skip: str | Iterable[str] = (),
    probe: bool = False,
    read_only: bool = False,
    strict: bool = False,
    timeout: float = 60.0,  # noqa: ASYNC109 (it ends with what is known by then)
    progress: Callable[[str], None] | None = None,
) -> CheckRun:
    """Would an outbound call work now? As `livekit-doctor check`.

    `settings` default to `load_settings()`. `only` and `skip` name categories or check ids. `probe` dispatches
    your own agent into a scratch room, and so runs its code; `read_only` creates nothing at all. With `strict`
    warnings fail too. `timeout` is for all of it, in seconds. `progress` is told what is being done, in words.

    A fault that the checks look for is a result and raises nothing. Raises ConfigError for a configuration that
    can't be used, and UserError for an unknown check, and for a probe that could ring a phone. Cancelling it
    removes what was created.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be above 0 seconds, not {timeout:g}")
    settings = settings if settings is not None else load_settings()
    options = check_operation.Options(probe=probe, read_only=read_only, timeout=timeout)
    selected = select(_names(only), _names(skip))
    checked = await check_operation.check(settings, selected, options, _told(progress))
    return CheckRun(checked.results, checked.left_behind, strict, settings, checked.evidence)


async def trace(
    call: str | None = None,
    *,
    room: str | None = None,
    settings: Settings | None = None,
    wait: float = 0.0,
    read_only: bool = False,
    progress: Callable[[str], None] | None = None,
) -> TraceRun:
    """At which step did this call break? As `livekit-doctor trace`.

    `call` is a call id or any LiveKit id at hand (RM_, AD_, AJ_, SCL_, PA_, AW_), `room` the name of its room; one
    of them is needed. `settings` default to `load_settings()`. `wait` follows the call for so many seconds at the
    most, until both legs are decided. `read_only` creates nothing, not even a canary's scratch room. `progress` is
    told what is being done, in words.

    What can't be read is in the diagnosis (`coverage`) and raises nothing. Raises ConfigError for a configuration
    that can't be used, and UserError where neither call nor room is given or there is nothing that could be read.
    """
    if not call and not room:
        raise UserError("LKD001", "trace() was not told which call", 'await trace("CALL_ID"), or trace(room="ROOM")')
    settings = settings if settings is not None else load_settings()
    require_a_source(settings)
    subject = parse_subject(call or None, room or None)
    options = trace_operation.Options(wait=wait, read_only=read_only)
    traced = await trace_operation.trace(settings, subject, options, _told(progress))
    return TraceRun(traced.diagnosis, traced.subject, settings, traced.evidence)


def diagnose(evidence: Evidence, settings: Settings, subject: Subject | str) -> Diagnosis:
    """The diagnosis of this evidence, and nothing else: no network, no clock, no file. The same arguments
    give the same answer. `subject` is what the call was asked for by; a text is a call id or a LiveKit id."""
    return diagnose_call(evidence, settings, parse_subject(subject, None) if isinstance(subject, str) else subject)


def _names(given: str | Iterable[str]) -> Iterable[str]:
    return (given,) if isinstance(given, str) else given


def _told(progress: Callable[[str], None] | None) -> Progress:
    """What begins, in words, to who asked to be told."""
    return Progress(beginnings(lambda doing: progress(doing.what))) if progress else Progress()


def _status(status: int) -> Literal[0, 1, 2, 3]:
    match status:
        case 0 | 1 | 2 | 3:
            return status
    raise AssertionError(status)


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(document)
    return plain
