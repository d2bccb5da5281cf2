"""What the page of `clean` says."""

from typing import Any

from livekit_doctor.render.html.parts import MARKS
from livekit_doctor.render.report import CleanReport
from livekit_doctor.render.words import about_room, moment

_MARKS = {"removed": "ok", "found": "failed", "not_removed": "failed"}


def of(report: CleanReport) -> dict[str, Any]:
    """The page's content."""
    kicker = "not ok" if report.exit_status else "ok"
    facts = (("server", report.server or ""), ("when", moment(report.at) if report.at else ""))
    return {
        "title": f"{kicker}: {report.headline} · livekit-doctor clean",
        "tone": MARKS["failed" if report.exit_status else "ok"],
        "kicker": kicker,
        "headline": report.headline[:1].upper() + report.headline[1:],
        "facts": tuple((name, text) for name, text in facts if text),
        "rooms": tuple(
            (MARKS[_MARKS.get(found.outcome, "skipped")], found.room, about_room(found, report.at))
            for found in report.rooms
        ),
    }
