"""livekit-doctor/lint/v1."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.lint.facts import Place
from livekit_doctor.lint.result import Located
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_lint
from livekit_doctor.render.report import LintReport

SCHEMA = "livekit-doctor/lint/v1"


def render(report: LintReport) -> dict[str, Any]:
    """The report as JSON values; lines and columns count from 1, `took` is seconds."""
    linted = report.linted
    failed = sum(map(report.fails, linted.findings))
    return {
        "schema": SCHEMA,
        "ok": report.exit_status == 0,
        "exit_status": report.exit_status,
        "configuration": report.configuration or None,
        "paths": linted.paths,
        "summary": {
            "failed": failed,
            "warned": len(linted.findings) - failed,
            "files": linted.files,
            "parsed": linted.parsed,
            "tests": linted.tests,
            "ignored": linted.ignored,
        },
        "findings": [_finding(one, report) for one in linted.findings],
        "explained": linted.explained,
        "not_followed": [{**_place(one.place), "what": one.what} for one in linted.unfollowed],
        "passed_over": [{"file": one.path, "why": one.why} for one in linted.skipped],
        "took": linted.took,
        "next": render_next(after_lint(report)),
        "error": None,
    }


def _finding(one: Located, report: LintReport) -> dict[str, Any]:
    finding = one.finding
    entry = catalogue.get(finding.code)
    return {
        **_place(one.place),
        "code": finding.code,
        "name": entry.name,
        "title": entry.title,
        "status": "failed" if report.fails(one) else "warned",
        "confidence": finding.confidence.value,
        "message": finding.because[0].text,
        "because": [{"source": because.source, "text": because.text} for because in finding.because],
        "related": [_place(place) for place in one.related],
        "candidates": finding.candidates,
        "fix": report.fix_of(finding),
    }


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.path, "line": place.line, "column": place.column}
