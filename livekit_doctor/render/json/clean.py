"""livekit-doctor/clean/v1."""

from typing import Any

from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_clean
from livekit_doctor.render.report import CleanReport

SCHEMA = "livekit-doctor/clean/v1"


def render(report: CleanReport) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "schema": SCHEMA,
        "ok": report.exit_status == 0,
        "exit_status": report.exit_status,
        "at": report.at,
        "server": report.server,
        "dry_run": report.dry_run,
        "rooms": report.rooms,
        "next": render_next(after_clean(report)),
    }
