"""livekit-doctor/probe/v1."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.probing import FEWEST_FOR_P95, Ending, Outcome, Trial
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_probe
from livekit_doctor.render.report import ProbeReport

SCHEMA = "livekit-doctor/probe/v1"


def render(report: ProbeReport) -> dict[str, Any]:
    """The report as JSON values; times are seconds, shares are 0 to 1."""
    judged = report.judged
    rate = next(one.value for one in judged.criteria if one.name == "min_join_rate")
    return {
        "schema": SCHEMA,
        "ok": report.exit_status == 0,
        "exit_status": report.exit_status,
        "at": report.at,
        "server": report.server,
        "agent_name": report.agent_name,
        "canary": report.canary,
        "summary": {
            "count": judged.count,
            **{outcome.value: judged.number_of(outcome) for outcome in Outcome},
            "join_rate": rate,
        },
        "latency": _latency(report),
        "histogram": [{"from": bar.start, "to": bar.end, "count": bar.count} for bar in judged.histogram],
        "criteria": judged.criteria,
        "endings": [_ending(ending, report) for ending in judged.endings],
        "dispatches": list(map(_dispatch, judged.trials)),
        "left_behind": report.left_behind,
        "next": render_next(after_probe(report)),
    }


def _latency(report: ProbeReport) -> dict[str, Any] | None:
    latency = report.judged.latency
    if latency is None:
        return None
    return {
        "count": latency.count,
        "min": latency.min,
        "p50": latency.p50,
        "p95": latency.p95,
        "max": latency.max,
        "p95_is_max": latency.count < FEWEST_FOR_P95,
    }


def _ending(ending: Ending, report: ProbeReport) -> dict[str, Any]:
    finding = ending.finding
    return {
        "outcome": ending.outcome,
        "count": ending.count,
        "code": finding.code,
        "name": catalogue.get(finding.code).name,
        "title": catalogue.get(finding.code).title,
        "confidence": finding.confidence,
        "candidates": finding.candidates,
        "ruled_out": finding.ruled_out,
        "because": [{"source": one.source, "at": one.at, "text": one.text} for one in finding.because],
        "would_settle": finding.would_settle,
        "fix": report.fix_of(finding),
    }


def _dispatch(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "outcome": trial.outcome,
        "room": trial.room or None,
        "dispatch_id": trial.dispatch_id or None,
        "latency": trial.latency,
        "waited": trial.waited,
        "code": trial.finding.code if trial.finding else None,
    }
