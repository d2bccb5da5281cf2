"""livekit-doctor/recent/v1."""

from typing import Any

from livekit_doctor.render.report import LiveRooms, RecentReport

SCHEMA = "livekit-doctor/recent/v1"


def render(report: RecentReport) -> dict[str, Any]:
    """The recent calls or the live rooms, newest first; times are ISO 8601 in UTC."""
    calls = [
        {"call_id": call.call_id, "at": call.at, "source": call.source, "state": call.state} for call in report.calls
    ]
    return {
        "schema": SCHEMA,
        "exit_status": report.exit_status,
        "calls": calls,
        "live_rooms": _live(report.live) if report.live else None,
        "error": None,
    }


def _live(live: LiveRooms) -> dict[str, Any]:
    rooms = [
        {"room": room.name, "created_at": room.created_at, "participants": list(room.participants)}
        for room in live.rooms
    ]
    return {"server": live.server, "total": live.total, "rooms": rooms}
