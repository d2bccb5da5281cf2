"""`trace` without anything: the recent calls with their last state."""

import sys
from typing import TYPE_CHECKING

from livekit_doctor.cli import options
from livekit_doctor.cli.exits import WRONG_NAMES, Exit
from livekit_doctor.cli.options import Format
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.diagnosis.setup import Setup
    from livekit_doctor.evidence.observations import RecentCall

SHOWN = 20


def recent(loaded: "Loaded", output_format: Format, *, show_numbers: bool) -> int:
    """Lists the recent calls of the log, newest first. A call id is to be typed, and not masked."""
    from msgspec import structs

    from livekit_doctor.diagnosis.setup import Setup
    from livekit_doctor.evidence import call_logs
    from livekit_doctor.evidence.livekit_client import utc_now
    from livekit_doctor.evidence.observations import Evidence, LogTable, RecentCalls
    from livekit_doctor.render.masking import mask_of

    reading = options.run(call_logs.read_recent(loaded.settings.call_logs, SHOWN))
    setup = Setup(Evidence(now=utc_now()).plus(reading), loaded.settings)
    _require_rows(setup, options.fix_values(loaded))
    mask = mask_of(setup.evidence, show=show_numbers)
    calls = [
        structs.replace(call, source=mask(call.source), state=mask(call.state))
        for listing in setup.all(RecentCalls)
        for call in listing.calls
    ]
    table = setup.latest(LogTable)
    for line in table.skipped_lines if table else ():
        print(f"LKD602 skipped {printable(mask(line))}", file=sys.stderr)
    if output_format is Format.JSON:
        rows = [{"call_id": c.call_id, "at": c.at, "source": c.source, "state": c.state} for c in calls]
        options.print_json({"schema": "livekit-doctor/recent/v1", "calls": rows})
    else:
        _print(calls)
    return Exit.OK


def _require_rows(setup: "Setup", values: dict[str, str]) -> None:
    """Raises UserError where the logs could not be read, or may hide their rows."""
    from livekit_doctor import catalogue
    from livekit_doctor.diagnosis.rules.call_logs import call_logs_unreadable
    from livekit_doctor.errors import UserError

    for finding in call_logs_unreadable(setup):
        status = Exit.USAGE if finding.values.get("kind") in WRONG_NAMES else Exit.UNDECIDED
        fix = catalogue.render_fix(catalogue.get(finding.code), {**values, **finding.values})
        raise UserError(finding.code, finding.because[0].text, fix, status)
    if any(entry.status == "not_configured" for entry in setup.evidence.coverage):
        raise UserError(
            "LKD001",
            "no call logs are configured, so there are no recent calls to list",
            "livekit-doctor trace CALL_ID, or livekit-doctor trace --room ROOM, or set CALL_LOGS_DATABASE_URL",
            Exit.USAGE,
        )


def _print(calls: "list[RecentCall]") -> None:
    from livekit_doctor.render.console.page import Page

    page = Page(options.console())
    if not calls:
        page.line("the call logs are empty")
        return
    ids = [printable(call.call_id) for call in calls]
    width = max(map(len, ids))
    page.line((f"{'call id':<{width}}  last row (UTC)       state", "bold"))
    for shown, call in zip(ids, calls, strict=True):
        state = printable(f"{call.source}: {call.state}")
        page.line(f"{shown:<{width}}  {call.at:%Y-%m-%d %H:%M:%S}  {state}")
    page.line()
    page.line("livekit-doctor trace CALL_ID tells where a call broke")
