"""livekit-doctor/recent/v1."""

from typing import Any

from livekit_doctor.render.report import RecentReport

SCHEMA = "livekit-doctor/recent/v1"


def render(report: RecentReport) -> dict[str, Any]:
    """The recent calls, newest first; times are ISO 8601 in UTC."""
    calls = [
        {"call_id": call.call_id, "at": call.at, "source": call.source, "state": call.state} for call in report.calls
    ]
    return {"schema": SCHEMA, "exit_status": report.exit_status, "calls": calls, "error": None}
