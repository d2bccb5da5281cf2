"""livekit-doctor/init/v1."""

from typing import Any

from livekit_doctor.redact import printable
from livekit_doctor.render.json import check as check_json
from livekit_doctor.render.report import InitReport

SCHEMA = "livekit-doctor/init/v1"


def render(report: InitReport) -> dict[str, Any]:
    """What was found and written, and what came of it as livekit-doctor/check/v1 under `check`."""
    return {
        "schema": SCHEMA,
        "exit_status": report.exit_status,
        "file": report.file,
        "server": report.server,
        "found": [{"label": item.label, "status": item.status, "text": printable(item.text)} for item in report.found],
        "taken": list(map(printable, report.taken)),
        "check": check_json.render(report.check) if report.check else None,
        "next": {"text": str(report.next), "command": report.next.command} if report.next else None,
        "error": None,
    }
