"""`trace` without anything: the recent calls with their last state."""

from typing import TYPE_CHECKING

from livekit_doctor.cli import options
from livekit_doctor.cli.exits import WRONG_NAMES, Exit
from livekit_doctor.cli.options import Format

if TYPE_CHECKING:
    from livekit_doctor.settings import Settings

SHOWN = 20


def recent(settings: "Settings", output_format: Format) -> int:
    """Lists the recent calls of the log, newest first."""
    from livekit_doctor.errors import UserError
    from livekit_doctor.evidence import call_logs
    from livekit_doctor.evidence.observations import RecentCalls
    from livekit_doctor.render.page import Page

    reading = options.run(call_logs.read_recent(settings.call_logs, SHOWN))
    problem = next((entry.problem for entry in reading.coverage if entry.problem), None)
    if problem is not None:
        status = Exit.USAGE if problem.values.get("kind") in WRONG_NAMES else Exit.UNDECIDED
        raise UserError(problem.code, problem.message, "", status)
    if any(entry.status == "not_configured" for entry in reading.coverage):
        raise UserError(
            "LKD001",
            "no call logs are configured, so there are no recent calls to list",
            "livekit-doctor trace CALL_ID, or livekit-doctor trace --room ROOM, or set CALL_LOGS_DATABASE_URL",
            Exit.USAGE,
        )
    calls = [call for item in reading.observations if isinstance(item, RecentCalls) for call in item.calls]
    if output_format is Format.JSON:
        rows = [{"call_id": c.call_id, "at": c.at, "source": c.source, "state": c.state} for c in calls]
        options.print_json({"schema": "livekit-doctor/recent/v1", "calls": rows})
        return Exit.OK
    page = Page(options.console())
    if not calls:
        page.line("the call logs are empty")
        return Exit.OK
    width = max(len(call.call_id) for call in calls)
    page.line((f"{'call id':<{width}}  last row (UTC)       state", "bold"))
    for call in calls:
        page.line(f"{call.call_id:<{width}}  {call.at:%Y-%m-%d %H:%M:%S}  {call.source}: {call.state}")
    page.line()
    page.line("livekit-doctor trace CALL_ID tells where a call broke")
    return Exit.OK
