"""`trace` without anything: the recent calls with what their rows say, or the live rooms."""

import sys
from typing import TYPE_CHECKING

from livekit_doctor.cli import options
from livekit_doctor.cli.exits import WRONG_NAMES, Exit
from livekit_doctor.cli.screen import Screen
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.diagnosis.setup import Setup
    from livekit_doctor.render.report import RecentReport

SHOWN = 20


def recent(loaded: "Loaded", screen: Screen, *, timeout: float, show_numbers: bool, typed: str) -> "RecentReport":
    """The recent calls of the log, the broken ones first, or the live rooms where no call logs are configured. Raises
    UserError where they can't be known."""
    rows = loaded.settings.call_logs
    if not rows.dsn and not rows.file:
        return _live(loaded, screen, timeout=timeout, show_numbers=show_numbers)

    from livekit_doctor.evidence.observations import LogTable
    from livekit_doctor.operations.recent import recent_calls
    from livekit_doctor.render.masking import mask_of
    from livekit_doctor.render.report import RecentReport

    with screen:
        found = options.run(options.within(recent_calls(loaded.settings, screen.progress), timeout), screen.progress)
    setup = found.setup
    _require_rows(setup, options.fix_values(loaded))
    mask = mask_of(setup.evidence, show=show_numbers)
    table = setup.latest(LogTable)
    for line in table.skipped_lines if table else ():
        print(f"LKD602 skipped {printable(mask(line))}", file=sys.stderr)
    return RecentReport(found.calls[:SHOWN], mask, verdicts=found.verdicts, options=typed)


def _require_rows(setup: "Setup", values: dict[str, str]) -> None:
    """Raises UserError where the logs could not be read, or may hide their rows."""
    from livekit_doctor import catalogue
    from livekit_doctor.diagnosis.rules.call_logs import call_logs_unreadable
    from livekit_doctor.errors import UserError

    for finding in call_logs_unreadable(setup):
        status = Exit.USAGE if finding.values.get("kind") in WRONG_NAMES else Exit.UNDECIDED
        fix = catalogue.render_fix(catalogue.get(finding.code), {**values, **finding.values})
        raise UserError(finding.code, finding.because[0].text, fix, status)


def _live(loaded: "Loaded", screen: Screen, *, timeout: float, show_numbers: bool) -> "RecentReport":
    from livekit_doctor.diagnosis.room_presence import matching_rooms
    from livekit_doctor.errors import UserError
    from livekit_doctor.evidence.observations import ParticipantList
    from livekit_doctor.operations.live_rooms import live_rooms
    from livekit_doctor.render.masking import mask_of
    from livekit_doctor.render.report import LiveRoom, LiveRooms, RecentReport

    settings = loaded.settings
    if settings.livekit.missing:
        *others, last = settings.livekit.missing
        missing = f"{', '.join(others)} and {last}" if others else last
        raise UserError(
            "LKD001",
            f"nothing to list: no call logs are configured, and without {missing} LiveKit can't be asked for its rooms",
            "livekit-doctor trace CALL_ID, or livekit-doctor trace --room ROOM, or set what is missing",
            Exit.USAGE,
        )
    with screen:
        setup = options.run(options.within(live_rooms(settings, SHOWN, screen.progress), timeout), screen.progress)
    if problem := next((entry.problem for entry in setup.evidence.coverage if entry.problem), None):
        raise options.unreached(problem, loaded)
    inside = {listing.room_sid: listing for listing in setup.all(ParticipantList)}
    matching = matching_rooms(setup)
    rooms = tuple(
        LiveRoom(room.name, room.created_at, tuple(who.kind for who in inside[room.sid].participants))
        for room in matching
        if room.sid in inside
    )
    live = LiveRooms(settings.livekit.url, rooms, len(matching), settings.rooms.pattern)
    return RecentReport((), mask_of(setup.evidence, show=show_numbers), live=live)
