"""The command to run next, of each kind of report: what a person reads out of the whole, said for a program.

Words in capitals in a command, such as FILE, are for whoever types it to fill in.
"""

import shlex
from collections.abc import Iterable, Iterator

from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.flow import Verdict
from livekit_doctor.render.commands import split_command
from livekit_doctor.render.report import (
    CheckReport,
    CleanReport,
    ErrorReport,
    LintReport,
    NextStep,
    ProbeReport,
    RecentReport,
    TraceReport,
    TriageReport,
)

_OWN = "livekit-doctor "


def after_check(report: CheckReport) -> NextStep | None:
    """The trace of a live call that is broken; else what would settle the worst finding, or its page; after a check
    that passed, the probe that it did not make."""
    if report.broken_room:
        return NextStep(_typed("trace", "--room", report.broken_room), "see at which step the live call broke")
    bad = ("failed", "errored", "warned") if report.strict else ("failed", "errored")
    wrong = [result for status in bad for result in report.results if result.status == status]
    findings = [finding for result in wrong for finding in result.findings]
    if wrong:
        codes = [result.code for result in wrong if result.code]
        return _of_findings(findings) or _page(codes) or NextStep(_typed("check"), "when that is mended")
    if any(item.because.startswith("add --probe") for item in report.untested):
        return NextStep(_typed("check", "--probe"), "see whether a worker takes a job: it runs your agent's code")
    return None


def after_trace(report: TraceReport) -> NextStep | None:
    """What would settle the verdict; else the page of the break, or the same trace while the call is on its way."""
    diagnosis = report.diagnosis
    if diagnosis.verdict is Verdict.HEALTHY:
        return None
    if diagnosis.verdict is Verdict.IN_PROGRESS:
        what = _subject(diagnosis)
        return NextStep(_typed("trace", "--wait", "60", *what), "follow the call") if what else None
    return _settling(diagnosis.would_settle) or _page(item.code for item in diagnosis.broken)


def after_clean(report: CleanReport) -> NextStep | None:
    """After a dry run, the same without it."""
    return NextStep(_typed("clean"), "remove them") if report.number_of("found") else None


def after_probe(report: ProbeReport) -> NextStep | None:
    return _of_findings(ending.finding for ending in report.judged.endings)


def after_recent(report: RecentReport) -> NextStep | None:
    """The trace of the first that is broken, or else of the newest."""
    if report.calls:
        first = report.calls[0]
        judged = report.verdict_of(first)
        command = f"{_OWN}trace {shlex.join(_call(first.call_id))}{report.options}"
        if judged is None:
            return NextStep(command, "see at which step the newest call broke")
        which = "the newest that broke" if judged.verdict is Verdict.BROKEN else "the newest call"
        return NextStep(command, f"look at {which}")
    if report.live and report.live.rooms:
        return NextStep(_typed("trace", "--room", report.live.rooms[0].name), "see how the newest call is doing")
    return None


def triage_of_recent(report: RecentReport) -> NextStep | None:
    """What counts all calls, of which the recent ones are a few."""
    if not report.calls:
        return None
    return NextStep(f"{_OWN}triage{report.options}", "count all calls of the last 24 hours by where they broke")


def after_triage(report: TriageReport) -> NextStep | None:
    """The trace of one call of the largest group that is broken."""
    broken = [group for group in report.triage.groups if group.code and group.call_ids]
    if not broken:
        return None
    worst = max(broken, key=lambda group: group.calls)
    if report.trace_options is None:
        return NextStep(
            f"{report.command} --where {worst.id} --detail 3", f"look at the newest calls with {worst.code}"
        )
    options = f"{report.trace_options.strip()} " if report.trace_options.strip() else ""
    command = f"{_OWN}trace {options}{shlex.join(_call(worst.call_ids[0]))}"
    return NextStep(command, f"look at one of the {worst.calls} calls with {worst.code}")


def after_lint(report: LintReport) -> NextStep | None:
    """The page of the worst finding; where the source explains nothing, the check of what is deployed."""
    found = sorted(report.linted.findings, key=lambda one: not report.fails(one))
    if found:
        return _page(one.finding.code for one in found)
    return NextStep(_typed("check"), "see whether the worker is registered") if report.linted.parsed else None


def after_error(report: ErrorReport) -> NextStep | None:
    """What the fix of an error tells to type, where that is a command of this tool."""
    return _settling(report.fix.splitlines())


def _subject(diagnosis: Diagnosis) -> tuple[str, ...]:
    if diagnosis.room is None or diagnosis.call_id:
        return _call(diagnosis.call_id) if diagnosis.call_id else ()
    return ("--room", diagnosis.room.name)


def _call(call_id: str) -> tuple[str, ...]:
    """The id as an argument, also one that looks like an option."""
    return ("--", call_id) if call_id.startswith("-") else (call_id,)


def _of_findings(findings: Iterable[Finding]) -> NextStep | None:
    found = list(findings)
    return _settling(text for one in found for text in one.would_settle) or _page(one.code for one in found)


def _settling(texts: Iterable[str]) -> NextStep | None:
    return next(_commands(texts), None)


def _commands(texts: Iterable[str]) -> Iterator[NextStep]:
    for text in texts:
        before, command = split_command(text.strip())
        if command.startswith(_OWN):
            yield NextStep(command, before.rstrip(":"))
        elif text.strip().startswith(_OWN):
            yield NextStep(text.strip())


def _page(codes: Iterable[str]) -> NextStep | None:
    code = next(iter(codes), None)
    return NextStep(_typed("explain", code), f"read what {code} means, and how to mend it") if code else None


def _typed(*words: str) -> str:
    return _OWN + shlex.join(words)
