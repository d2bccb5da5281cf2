"""livekit-doctor/explain/v1."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.catalogue import Entry, Fix
from livekit_doctor.catalogue.lookup import Topic, report_code
from livekit_doctor.catalogue.sip_statuses import SipStatus
from livekit_doctor.render.report import ExplainReport

SCHEMA = "livekit-doctor/explain/v1"


def render(report: ExplainReport) -> dict[str, Any]:
    """The pages that were asked for, and the codes that were listed, as JSON values."""
    return {
        "schema": SCHEMA,
        "exit_status": report.exit_status,
        "explained": [_topic(topic) for topic in report.topics],
        "codes": [_brief(entry) for entry in report.listed],
    }


def _topic(topic: Topic) -> dict[str, Any]:
    if isinstance(topic.page, SipStatus):
        return _status(topic.page)
    return _entry(topic.page) | {"also_sip_status": topic.also.code if topic.also else None}


def _brief(entry: Entry) -> dict[str, Any]:
    return {
        "code": entry.code,
        "name": entry.name,
        "title": entry.title,
        "step": entry.step,
        "severity": entry.severity,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": "code",
        **_brief(entry),
        "broad": entry.broad,
        "candidates": entry.candidates,
        "meaning": _line(entry.meaning),
        "concluded": _line(entry.concluded),
        "ruled_out_by": _line(entry.ruled_out_by),
        "settled_by": [catalogue.fill(line, {}) for line in entry.settled_by],
        "fix": [_fix(fix) for fix in entry.fix],
        "example": entry.example,
    }


def _status(status: SipStatus) -> dict[str, Any]:
    return {
        "kind": "sip_status",
        "sip_status": status.code,
        "name": status.name,
        "registered": status.registered,
        "code": report_code(status),
        "twirp_code": status.twirp,
        "http_status": status.http,
        "meanings": [{"who": item.who, "means": item.means, "fix": _fix(item.fix)} for item in status.meanings],
    }


def _fix(fix: Fix) -> dict[str, Any]:
    say, code = catalogue.fill_fix(fix, {})
    return {"say": say, "language": fix.language, "code": code, "when": fix.when}


def _line(text: str) -> str:
    return " ".join(text.split())
