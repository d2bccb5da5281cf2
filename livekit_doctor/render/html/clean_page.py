"""What the page of `clean` says."""

from msgspec import Struct

from livekit_doctor.render.html.parts import MARKS, Shown
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.report import CleanReport
from livekit_doctor.render.words import about_room, moment


class RoomRow(Struct, frozen=True):
    shown: Shown
    name: str
    message: str


class CleanPage(Struct, frozen=True):
    title: str
    tone: Shown
    kicker: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    rooms: tuple[RoomRow, ...]
    exit_status: int
    document: str


_MARKS = {"removed": "ok", "found": "failed", "not_removed": "failed"}


def of(report: CleanReport) -> CleanPage:
    """The page's content."""
    kicker = "not ok" if report.exit_status else "ok"
    facts = (("server", report.server or ""), ("when", moment(report.at) if report.at else ""))
    return CleanPage(
        title=f"{kicker}: {report.headline} · livekit-doctor clean",
        tone=MARKS["failed" if report.exit_status else "ok"],
        kicker=kicker,
        headline=report.headline[:1].upper() + report.headline[1:],
        facts=tuple((name, text) for name, text in facts if text),
        rooms=tuple(
            RoomRow(MARKS[_MARKS.get(found.outcome, "skipped")], found.room, about_room(found, report.at))
            for found in report.rooms
        ),
        exit_status=report.exit_status,
        document=JsonFormat()(report),
    )
