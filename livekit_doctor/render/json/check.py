"""livekit-doctor/check/v1."""

from collections import Counter
from typing import Any

from livekit_doctor.checks.check import CheckResult
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_check
from livekit_doctor.render.report import CheckReport

SCHEMA = "livekit-doctor/check/v1"
STATUSES = ("passed", "warned", "failed", "skipped", "errored")


def summary(results: tuple[CheckResult, ...]) -> dict[str, int]:
    """How many checks have each status."""
    counts = Counter[str](result.status for result in results)
    return {status: counts[status] for status in STATUSES}


def render(report: CheckReport) -> dict[str, Any]:
    """The report as JSON values; durations are milliseconds. Numbers are masked but in `fix`."""
    return {
        "schema": SCHEMA,
        "ok": report.exit_status == 0,
        "exit_status": report.exit_status,
        "at": report.at,
        "server": report.server,
        "configuration": report.configuration,
        "summary": summary(report.results),
        "not_tested": report.not_tested or None,
        "checks": [
            {
                "id": result.id,
                "category": result.category,
                "title": result.title,
                "status": result.status,
                "code": result.code,
                "message": result.message,
                "fix": report.fix(result),
                "duration_ms": round(result.duration * 1000, 1),
                "evidence": [
                    {"source": because.source, "at": because.at, "text": because.text} for because in result.evidence
                ],
                "findings": [
                    {
                        "code": finding.code,
                        "confidence": finding.confidence,
                        "candidates": finding.candidates,
                        "would_settle": finding.would_settle,
                        "fix": report.fix_of(finding),
                    }
                    for finding in result.findings
                ],
            }
            for result in report.results
        ],
        "left_behind": report.left_behind,
        "next": render_next(after_check(report)),
    }
