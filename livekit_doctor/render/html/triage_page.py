"""What the page of many calls says."""

from collections.abc import Iterator
from typing import Any

from livekit_doctor.flow import SPEC, Verdict
from livekit_doctor.render.html.parts import MARKS, advice
from livekit_doctor.render.report import TriageReport
from livekit_doctor.render.triage_words import (
    bars,
    change_of,
    criterion_sentence,
    explained,
    headline,
    next_commands,
    rose,
    share,
    span,
    title_of,
    told_once,
    traced_line,
    value_sentence,
    window_of,
)
from livekit_doctor.render.words import LEGS, moment
from livekit_doctor.triage.result import By, Group, Rung, Triage


def of(report: TriageReport) -> dict[str, Any]:
    """The page's content."""
    triage = report.triage
    shown = (group for group in triage.groups if group.calls and (not triage.where or group.id in triage.where))
    kicker = {0: "counted", 1: "not ok", 3: "not decided"}.get(report.exit_status, "not ok")
    tone = MARKS[{0: "skipped", 1: "failed"}.get(report.exit_status, "undecided")]
    return {
        "title": f"{headline(triage)} · livekit-doctor triage",
        "tone": tone,
        "kicker": kicker,
        "headline": headline(triage),
        "facts": tuple(_facts(report)),
        "rungs": tuple(_rung(rung, triage.calls) for rung in triage.ladder),
        "groups": tuple(_group(group, triage) for group in shown),
        "by": tuple(_by(by, report) for by in triage.by),
        "traced": tuple((one.call_id, traced_line(one)) for one in triage.traced),
        "notes": tuple(told_once(triage)),
        "next": advice(next_commands(triage, report.command, report.trace_options)),
    }


def _facts(report: TriageReport) -> Iterator[tuple[str, str]]:
    triage = report.triage
    yield "window", window_of(triage)
    yield "read", triage.source
    if triage.before:
        yield "before", f"{triage.calls_before:,} calls"
    if triage.criterion:
        yield "criterion", criterion_sentence(triage.criterion)
    yield "when", moment(triage.at)


def _rung(rung: Rung, calls: int) -> dict[str, Any]:
    return {
        "leg": LEGS[rung.leg],
        "title": SPEC[rung.step].title,
        "calls": f"{rung.calls:,}",
        "share": share(rung.calls, calls),
        "took": ("" if value is None else f"~{value:.1f} s" for value in (rung.p50, rung.p95)),
    }


def _group(group: Group, triage: Triage) -> dict[str, Any]:
    mark = "failed" if group.verdict is Verdict.BROKEN else {"in_progress": "pending"}.get(group.verdict, group.verdict)
    return {
        "shown": MARKS[mark],
        "title": title_of(group),
        "said": explained(group),
        "rose": rose(group, triage),
        "calls": f"{group.calls:,}",
        "share": share(group.calls, triage.calls),
        "change": change_of(group, triage),
        "bars": bars(group.hours, triage.hours),
        "span": span(group, triage),
    }


def _by(by: By, report: TriageReport) -> dict[str, Any]:
    rows = (
        {
            "value": value.value,
            "calls": f"{value.calls:,}",
            "broken": f"{value.broken:,}",
            "share": share(value.broken, value.calls),
            "said": value_sentence(by, value, report.triage) if value.stands_out else "",
        }
        for value in by.values[: report.shown]
    )
    return {"key": by.key, "rows": tuple(rows)}
