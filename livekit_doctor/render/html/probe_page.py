"""What the page of several probes says."""

from collections.abc import Iterator
from typing import Any

from livekit_doctor.diagnosis.probing import FEWEST_FOR_P95, Outcome, Trial
from livekit_doctor.render.html.parts import MARKS, Shown, fault
from livekit_doctor.render.report import ProbeReport
from livekit_doctor.render.words import ENDINGS, criterion_sentence, got_their, moment, took

COLUMN, GAP, TALLEST, HEAD, FOOT, LEFT = 64, 10, 150, 26, 44, 12
"""Lengths in the histogram, in its own units."""


def of(report: ProbeReport) -> dict[str, Any]:
    """The page's content."""
    judged, latency = report.judged, report.judged.latency
    joined = judged.number_of(Outcome.JOINED)
    headline = f"{joined} of {judged.count} {'dispatches' if judged.count > 1 else 'dispatch'} {got_their(report)}"
    until = "the job request" if report.canary else "the agent being ACTIVE"
    few = latency is not None and latency.count < FEWEST_FOR_P95
    kicker = {0: "ok", 3: "not decided"}.get(report.exit_status, "not ok")
    spread = (("min", latency.min), ("p50", latency.p50), ("p95", latency.p95), ("max", latency.max)) if latency else ()
    return {
        "title": f"{kicker}: {headline} · livekit-doctor probe",
        "tone": MARKS[{0: "ok", 3: "undecided"}.get(report.exit_status, "failed")],
        "kicker": kicker,
        "headline": headline,
        "facts": tuple(_facts(report)),
        "criteria": tuple((MARKS[one.status], criterion_sentence(one, report)) for one in judged.criteria),
        "counts": tuple(_counts(report)),
        "latencies": tuple((name, f"{value:.2f} s") for name, value in spread),
        "measured": f"from the dispatch to {until}; percentiles by nearest rank",
        "too_few": f"of {latency.count} the p95 is the slowest one: it means something from --count {FEWEST_FOR_P95} on"
        if latency and few
        else "",
        "histogram": _histogram(report) if judged.histogram else None,
        "endings": tuple(
            {
                "shown": _mark(ending.outcome),
                "count": ending.count,
                "name": ENDINGS.get(ending.outcome, ending.outcome.value),
                "fault": fault(ending.finding, report.fix_of(ending.finding)),
            }
            for ending in judged.endings
        ),
        "trials": tuple(map(_trial, judged.trials)),
        "left_behind": report.left_behind,
    }


def _facts(report: ProbeReport) -> Iterator[tuple[str, str]]:
    if report.canary:
        yield "dispatched", "a canary each"
    else:
        yield "agent", report.agent_name or "the unnamed worker"
    if report.server:
        yield "server", report.server
    if report.at:
        yield "when", moment(report.at)


def _mark(outcome: Outcome) -> Shown:
    if outcome is Outcome.JOINED:
        return MARKS["ok"]
    return MARKS["undecided" if outcome is Outcome.UNDECIDED else "failed"]


def _counts(report: ProbeReport) -> Iterator[tuple[Shown, str, int]]:
    yield _mark(Outcome.JOINED), got_their(report), report.judged.number_of(Outcome.JOINED)
    for outcome, name in ENDINGS.items():
        if number := report.judged.number_of(outcome):
            yield _mark(outcome), name, number


def _histogram(report: ProbeReport) -> dict[str, Any]:
    """Its columns, and where each is drawn: `x` is the left edge, `y` the top."""
    bars = report.judged.histogram
    most = max(bar.count for bar in bars)
    base = HEAD + TALLEST
    columns = tuple(
        {
            "label": f"{bar.start:g} to {bar.end:g}",
            "count": bar.count,
            "x": LEFT + place * (COLUMN + GAP),
            "y": base - (height := round(bar.count * TALLEST / most)),
            "height": height,
        }
        for place, bar in enumerate(bars)
    )
    return {
        "width": 2 * LEFT - GAP + len(bars) * (COLUMN + GAP),
        "height": base + FOOT,
        "base": base,
        "columns": columns,
        "description": ", ".join(f"{column['label']} s: {column['count']}" for column in columns),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "shown": _mark(trial.outcome),
        "outcome": "joined" if trial.outcome is Outcome.JOINED else ENDINGS[trial.outcome],
        "seconds": took(trial),
        "room": trial.room,
        "dispatch_id": trial.dispatch_id,
        "code": trial.finding.code if trial.finding else "",
    }
