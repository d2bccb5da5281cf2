"""What the page of the recent calls, or of the live rooms, says."""

import shlex
from typing import Any

from livekit_doctor.flow import Verdict
from livekit_doctor.render.html.parts import MARKS, Shown
from livekit_doctor.render.next_step import triage_of_recent
from livekit_doctor.render.report import RecentReport
from livekit_doctor.render.words import NO_CALL_LOGS, by_its_rows
from livekit_doctor.triage.result import Traced


def of(report: RecentReport) -> dict[str, Any]:
    """The page's content. A call id and a room's name are to be typed, and not masked."""
    calls = tuple(
        {
            "call_id": call.call_id,
            "at": call.at,
            "mark": _mark(judged := report.verdict_of(call)),
            "verdict": by_its_rows(judged),
            "source": call.source,
            "state": call.state,
            "command": f"livekit-doctor trace {shlex.quote(call.call_id)}{report.options}",
        }
        for call in report.calls
    )
    further = triage_of_recent(report)
    live = report.live
    rooms = tuple(
        {"room": room, "command": f"livekit-doctor trace --room {shlex.quote(room.name)}"}
        for room in (live.rooms if live else ())
    )
    return {
        "title": f"{'Live rooms' if live else 'Recent calls'} · livekit-doctor trace",
        "tone": MARKS["skipped"],
        "headline": report.headline[:1].upper() + report.headline[1:],
        "server": (live.server or "") if live else "",
        "calls": calls,
        "rooms": rooms,
        "judged": bool(report.verdicts),
        "further": further,
        "note": NO_CALL_LOGS if live else "",
    }


def _mark(judged: Traced | None) -> Shown:
    marks = {Verdict.BROKEN: "broken", Verdict.HEALTHY: "ok", Verdict.IN_PROGRESS: "pending"}
    return MARKS[marks.get(judged.verdict, "unknown") if judged else "skipped"]
