"""The recent calls with their last state, or the live rooms with their participants, a line each."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console

from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import Page
from livekit_doctor.render.report import LiveRooms, RecentReport
from livekit_doctor.render.words import NO_CALL_LOGS, TRACE_ROOM


def render(report: RecentReport, console: Console) -> None:
    """Prints the list. A call id and a room's name are to be typed, and not masked."""
    page = Page(console)
    if report.live is not None:
        _live(page, report, report.live)
        return
    if not report.calls:
        page.line(report.headline)
        return
    rows = ((call.call_id, call.at, f"{call.source}: {call.state}") for call in report.calls)
    _table(page, ("call id", "last row (UTC)", "state"), rows)
    page.line()
    page.line("livekit-doctor trace CALL_ID tells where a call broke")


def _live(page: Page, report: RecentReport, live: LiveRooms) -> None:
    page.line((f"{report.headline}  {printable(live.server or '')}", "bold"))
    if live.rooms:
        page.line()
        _table(page, ("room", "since (UTC)", "participants"), ((r.name, r.created_at, r.who) for r in live.rooms))
        page.line()
        page.line(f"{TRACE_ROOM} tells where a call broke")
    page.hanging([], NO_CALL_LOGS, style="dim")


def _table(page: Page, head: tuple[str, str, str], rows: Iterable[tuple[str, datetime, str]]) -> None:
    cells = [(printable(name), f"{at:%Y-%m-%d %H:%M:%S}", printable(text)) for name, at, text in rows]
    wide, narrow = (max(len(row[place]) for row in (head, *cells)) for place in (0, 1))
    for number, (name, at, text) in enumerate((head, *cells)):
        page.line((f"{name:<{wide}}  {at:<{narrow}}  {text}", "" if number else "bold"))
