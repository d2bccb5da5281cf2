"""Many calls as points: a group each, and the criterion."""

from collections.abc import Iterator

from livekit_doctor import catalogue
from livekit_doctor.flow import Verdict
from livekit_doctor.render.outline import Outline, Point, Standing, agreed
from livekit_doctor.render.problems import Problem, named
from livekit_doctor.render.report import TriageReport
from livekit_doctor.render.triage_words import (
    change_of,
    criterion_sentence,
    explained,
    headline,
    next_commands,
    rose,
    share,
    title_of,
    told_once,
    traced_line,
    value_sentence,
    window_of,
)
from livekit_doctor.triage.result import Group


def of_triage(report: TriageReport) -> Outline:
    """Broken calls have failed where --fail-over says so, and are a warning otherwise."""
    triage = report.triage
    shown = [group for group in triage.groups if group.calls and (not triage.where or group.id in triage.where)]
    return agreed(
        Outline(
            command="triage",
            subject=f"{window_of(triage)}  {triage.source}",
            headline=headline(triage),
            exit_status=report.exit_status,
            points=(*_criterion(report), *(_point(group, report) for group in shown), *_values(report)),
            notes=(
                *(f"{one.call_id}: {traced_line(one)}" for one in triage.traced),
                *told_once(triage),
                *next_commands(triage, report.command, report.trace_options),
            ),
            at=triage.at,
        )
    )


def _criterion(report: TriageReport) -> Iterator[Point]:
    one = report.triage.criterion
    if one:
        status: Standing = "passed" if one.status == "passed" else "failed" if one.status == "failed" else "errored"
        yield Point("fail_over", "criteria", "share of the calls that broke", status, criterion_sentence(one))


def _point(group: Group, report: TriageReport) -> Point:
    triage = report.triage
    change = change_of(group, triage)
    counted = f"{group.calls:,} calls, {share(group.calls, triage.calls)}"
    told = (counted, f"{change} against before" if change else "", explained(group), rose(group, triage))
    status: Standing = "skipped"
    if group.verdict is Verdict.BROKEN:
        status = "failed" if report.exit_status == 1 else "warned"
    problems = (_problem(group, report),) if group.code else ()
    return Point(group.id, "calls", title_of(group), status, "; ".join(filter(None, told)), problems=problems)


def _problem(group: Group, report: TriageReport) -> Problem:
    assert group.code is not None
    entry = catalogue.get(group.code)
    because = (f"{group.calls:,} of {report.triage.calls:,} calls, such as {', '.join(group.call_ids[:3])}",)
    return Problem(
        code=group.code,
        name=entry.name,
        title=entry.title,
        confidence=group.confidence.value if group.confidence else "",
        because=because,
        candidates=tuple(map(named, group.candidates)),
        ruled_out=(),
        settle_by=(),
        fix=report.fix_of(group),
    )


def _values(report: TriageReport) -> Iterator[Point]:
    for by in report.triage.by:
        for value in by.values[: report.shown]:
            told = f"{value.broken:,} of {value.calls:,} calls broke, {share(value.broken, value.calls)}"
            if value.stands_out:
                told += f"; {value_sentence(by, value, report.triage)}"
            yield Point(f"{by.key}={value.value}", f"by {by.key}", value.value, "skipped", told)
