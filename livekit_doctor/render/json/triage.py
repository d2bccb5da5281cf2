"""livekit-doctor/triage/v1."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_triage
from livekit_doctor.render.report import TriageReport
from livekit_doctor.triage.result import By, Group, Rise, Triage

SCHEMA = "livekit-doctor/triage/v1"


def render(report: TriageReport) -> dict[str, Any]:
    """The report as JSON values; times are ISO 8601 in UTC, lengths of time seconds, shares 0 to 1."""
    triage = report.triage
    return {
        "schema": SCHEMA,
        "exit_status": report.exit_status,
        "at": triage.at,
        "source": triage.source,
        "window": {
            "since": triage.since,
            "until": triage.until,
            "before": triage.before,
            "part_seconds": triage.bucket,
        },
        "calls": {
            "total": triage.calls,
            "before": triage.calls_before,
            "by_part": triage.hours,
            "retried": triage.retried,
            "clocks_differ": triage.skewed,
            "stopped_dialing": triage.stopped_dialing,
            "stopped_ringing": triage.stopped_ringing,
        },
        "took": triage.took,
        "criterion": triage.criterion,
        "funnel": triage.ladder,
        "groups": [_group(group, triage, report) for group in triage.groups],
        "by": [_by(by) for by in triage.by],
        "traced": triage.traced,
        "unmapped_states": triage.unmapped,
        "metadata_keys": triage.keys,
        "notes": triage.notes,
        "next": render_next(after_triage(report)),
        "error": None,
    }


def _group(group: Group, triage: Triage, report: TriageReport) -> dict[str, Any]:
    return {
        "id": group.id,
        "verdict": group.verdict,
        "code": group.code,
        "name": catalogue.get(group.code).name if group.code else None,
        "step": group.step,
        "confidence": group.confidence,
        "candidates": group.candidates,
        "sip_status": group.sip_status,
        "calls": group.calls,
        "share": group.calls / triage.calls if triage.calls else None,
        "before": group.before if triage.before else None,
        "share_before": group.before / triage.calls_before if triage.calls_before else None,
        "change": group.change or None,
        **_rise(group.rose),
        "share_before_that": group.rose.share_before if group.rose else None,
        "share_since": group.rose.share_since if group.rose else None,
        "by_part": group.hours,
        "first_at": group.first_at,
        "last_at": group.last_at,
        "call_ids": group.call_ids[:_IDS],
        "reasons": [{"reason": reason, "calls": calls} for reason, calls in group.reasons],
        "fix": report.fix_of(group) if group.code else None,
    }


_IDS = 20


def _rise(rise: Rise | None) -> dict[str, Any]:
    return {
        "rose_at": rise.at if rise else None,
        "rose_from": rise.earliest if rise else None,
        "rose_to": rise.latest if rise else None,
    }


def _by(by: By) -> dict[str, Any]:
    return {
        "key": by.key,
        "without": by.without,
        "cut": by.cut,
        "values": [
            {
                "value": value.value,
                "calls": value.calls,
                "broken": value.broken,
                "stands_out": value.stands_out,
                "group": value.group or None,
                "of_group": value.of_group,
                "share_of_others": value.others if value.stands_out else None,
                **_rise(value.rose),
            }
            for value in by.values
        ],
    }
