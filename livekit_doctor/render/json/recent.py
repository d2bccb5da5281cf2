"""livekit-doctor/recent/v1."""

from typing import Any

from livekit_doctor.evidence.observations import RecentCall
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_recent, triage_of_recent
from livekit_doctor.render.report import LiveRooms, RecentReport
from livekit_doctor.triage.result import Traced

SCHEMA = "livekit-doctor/recent/v1"


def render(report: RecentReport) -> dict[str, Any]:
    """The recent calls, the broken ones first, or the live rooms, newest first; times are ISO 8601 in UTC."""
    return {
        "schema": SCHEMA,
        "exit_status": report.exit_status,
        "calls": [_call(call, report.verdict_of(call)) for call in report.calls],
        "live_rooms": _live(report.live) if report.live else None,
        "next": render_next(after_recent(report)),
        "triage": render_next(triage_of_recent(report)),
        "error": None,
    }


def _call(call: RecentCall, judged: Traced | None) -> dict[str, Any]:
    told = {"call_id": call.call_id, "at": call.at, "source": call.source, "state": call.state}
    if judged is None:
        return {**told, "verdict": None, "code": None, "step": None}
    return {**told, "verdict": judged.verdict, "code": judged.code, "step": judged.step}


def _live(live: LiveRooms) -> dict[str, Any]:
    rooms = [
        {"room": room.name, "created_at": room.created_at, "participants": list(room.participants)}
        for room in live.rooms
    ]
    return {"server": live.server, "total": live.total, "rooms": rooms}
