"""What the page of a run of checks says."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from livekit_doctor.checks.check import CheckResult
from livekit_doctor.render.html.parts import MARKS, fault
from livekit_doctor.render.json import check as check_json
from livekit_doctor.render.report import CheckReport
from livekit_doctor.render.words import moment


def of(report: CheckReport) -> dict[str, Any]:
    """The page's content."""
    counts = {status: number for status, number in check_json.summary(report.results).items() if number}
    ok = report.exit_status == 0
    said = ", ".join(f"{number} {status}" for status, number in counts.items())
    categories = tuple(
        {
            "title": category.replace("_", " ").replace("sip", "SIP"),
            "rows": tuple(_row(result, report) for result in results),
        }
        for category, results in groupby(report.results, key=lambda result: result.category)
    )
    rows = (row for category in categories for row in category["rows"])
    not_passed = tuple(row for row in rows if row["faults"] or row["shown"].mark in ("bad", "odd", "warn"))
    return {
        "title": f"{'ok' if ok else 'not ok'}: {said or 'no check was run'} · livekit-doctor check",
        "tone": MARKS["ok" if ok else "errored" if report.exit_status == 3 else "failed"],
        "kicker": "ok" if ok else "not ok",
        "headline": _headline(report, counts),
        "counts": tuple((MARKS[status], number) for status, number in counts.items()),
        "facts": tuple(_facts(report)),
        "untested": tuple(map(str, report.untested)),
        "left_behind": report.left_behind,
        "categories": categories,
        "not_passed": not_passed,
        "at_fault": tuple(row for row in not_passed if row["faults"]),
    }


def _headline(report: CheckReport, counts: dict[str, int]) -> str:
    total = len(report.results)
    if not total:
        return "No check was run"
    if report.exit_status == 0 and not counts.get("warned"):
        return "No check found a fault"
    if report.exit_status == 0:
        return "No check failed, with warnings"
    failed, errored = counts.get("failed", 0), counts.get("errored", 0)
    if failed:
        return f"{failed} of {total} checks failed"
    if errored:
        return f"{errored} of {total} checks could not be decided"
    return f"{counts.get('warned', 0)} of {total} checks warn"


def _facts(report: CheckReport) -> Iterator[tuple[str, str]]:
    if report.server:
        yield "server", report.server
    label, _, text = report.configuration.partition(": ")
    yield (label, text) if text else ("configuration", report.configuration)
    if report.at:
        yield "when", moment(report.at)


def _row(result: CheckResult, report: CheckReport) -> dict[str, Any]:
    return {
        "id": result.id,
        "title": result.title,
        "shown": MARKS[result.status],
        "code": result.code or "",
        "message": result.message,
        "took": _took(result.duration),
        "evidence": () if result.findings else result.evidence,  # a fault has its own
        "faults": tuple(fault(finding, report.fix_of(finding)) for finding in result.findings),
    }


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
