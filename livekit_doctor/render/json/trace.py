"""livekit-doctor/trace/v1."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.result import Broken, RoomResult
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_trace
from livekit_doctor.render.report import BundleNote, TraceReport

SCHEMA = "livekit-doctor/trace/v1"


def render(report: TraceReport) -> dict[str, Any]:
    """The report as JSON values; times are ISO 8601 in UTC. Numbers are masked but in `fix` and ids."""
    diagnosis = report.diagnosis
    return {
        "schema": SCHEMA,
        "call_id": diagnosis.call_id,
        "room": diagnosis.room.name if diagnosis.room else None,
        "room_details": _room(diagnosis.room) if diagnosis.room else None,
        "at": report.at,
        "server": report.server,
        "bundle": _bundle(report.bundle) if report.bundle else None,
        "direction": "inbound" if diagnosis.inbound else "outbound",
        "attempts": [
            {
                "number": attempt.number,
                "room": attempt.room,
                "started_at": attempt.started_at,
                "verdict": attempt.verdict,
                "step": attempt.step,
                "code": attempt.code,
            }
            for attempt in diagnosis.attempts
        ],
        "verdict": diagnosis.verdict,
        "exit_status": report.exit_status,
        "broken": [_broken(item, report) for item in diagnosis.broken],
        "steps": [
            {
                "step": result.step,
                "leg": result.leg,
                "status": result.status,
                "at": result.at,
                "evidence": [_because(because) for because in result.evidence],
            }
            for result in diagnosis.steps
        ],
        "not_covered": diagnosis.not_covered,
        "ruled_out": diagnosis.ruled_out,
        "would_settle": diagnosis.would_settle,
        "timeline": diagnosis.timeline,
        **({"undated": diagnosis.undated} if diagnosis.undated else {}),
        "warnings": diagnosis.warnings,
        "coverage": [_coverage(entry, report) for entry in diagnosis.coverage],
        "next": render_next(after_trace(report)),
    }


def _bundle(bundle: BundleNote) -> dict[str, Any]:
    numbers = "masked" if bundle.masked else "shown"
    return {"name": bundle.name, "created_at": bundle.created_at, "version": bundle.version, "numbers": numbers}


def _coverage(entry: Coverage, report: TraceReport) -> dict[str, Any]:
    error = None
    if entry.problem:
        message = entry.problem.message
        error = {"code": entry.problem.code, "message": message, "fix": report.fix_of_unread(entry)}
    shown: dict[str, Any] = {"source": entry.source, "status": entry.status, "error": error}
    if entry.not_recognised is not None:
        shown |= {"recognised": entry.recognised, "not_recognised": entry.not_recognised}
        shown |= {"unknown_lines": entry.unknown_lines}
        counts = {"set_aside": entry.set_aside, "unnamed": entry.unnamed}
        shown |= {name: count for name, count in counts.items() if count}
        shown |= {"set_aside_of": list(entry.set_aside_of)} if entry.set_aside_of else {}
    if entry.lines is not None:
        shown |= {"lines": entry.lines}
    return shown


def _room(room: RoomResult) -> dict[str, Any]:
    return {
        "name": room.name,
        "sid": room.sid or None,
        "found_by": room.how,
        "open": room.open,
        "created_at": room.created_at,
        "age": room.age,
    }


def _broken(item: Broken, report: TraceReport) -> dict[str, Any]:
    return {
        "step": item.step,
        "leg": item.leg,
        "code": item.code,
        "name": catalogue.get(item.code).name,
        "title": catalogue.get(item.code).title,
        "confidence": item.confidence,
        "candidates": item.candidates,
        "because": [_because(because) for because in item.because],
        "fix": report.fix(item),
        "consequences": item.consequences,
    }


def _because(because: Because) -> dict[str, Any]:
    return {"source": because.source, "at": because.at, "text": because.text}
