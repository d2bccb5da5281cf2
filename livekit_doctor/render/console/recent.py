"""The recent calls with what their rows say, or the live rooms with their participants, a line each."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from livekit_doctor.flow import Verdict
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import Detail, Page
from livekit_doctor.render.next_step import after_recent, triage_of_recent
from livekit_doctor.render.report import LiveRooms, RecentReport
from livekit_doctor.render.words import NO_CALL_LOGS, TRACE_ROOM, by_its_rows


def render(report: RecentReport, console: Console, _: Detail = Detail.NORMAL) -> None:
    """Prints the list. A call id and a room's name are to be typed, and not masked."""
    page = Page(console)
    if report.live is not None:
        _live(page, report, report.live)
        return
    page.line((report.headline, "bold"))
    if not report.calls:
        return
    page.line()
    _calls(page, report)
    page.line()
    page.commands("next", _next(report))


def _calls(page: Page, report: RecentReport) -> None:
    """Where a line would not fit into the terminal, without the last state: it tells less than the verdict."""
    judged = [report.verdict_of(call) for call in report.calls]
    told = [
        (call.call_id, f"{call.at:%Y-%m-%d %H:%M:%S}", by_its_rows(one) or "-", f"{call.source}: {call.state}")
        for call, one in zip(report.calls, judged, strict=True)
    ]
    rows = [("call id", "last row (UTC)", "by its rows", "last state"), *told]
    if not report.verdicts:
        rows = [(name, at, state, "") for name, at, _, state in rows]
    elif page.console.is_terminal and max(map(len, _lines(rows))) > page.console.width:
        rows = [(name, at, verdict, "") for name, at, verdict, _ in rows]
    for number, line in enumerate(_lines(rows)):
        broken = number > 0 and (one := judged[number - 1]) is not None and one.verdict is Verdict.BROKEN
        page.line((line, "red" if broken else "" if number else "bold"))


def _lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as what is in them."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip() for row in cells]


def _next(report: RecentReport) -> Iterable[str]:
    for step in (after_recent(report), triage_of_recent(report)):
        if step is not None:
            yield f"{step.before}: {step.command}"


def _live(page: Page, report: RecentReport, live: LiveRooms) -> None:
    page.line((f"{report.headline}  {printable(live.server or '')}", "bold"))
    if live.rooms:
        page.line()
        rows = [(room.name, f"{room.created_at:%Y-%m-%d %H:%M:%S}", room.who) for room in live.rooms]
        for number, line in enumerate(_lines([("room", "since (UTC)", "participants"), *rows])):
            page.line((line, "" if number else "bold"))
        page.line()
        page.line(f"{TRACE_ROOM} tells where a call broke")
    page.hanging([], NO_CALL_LOGS, style="dim")
