"""What a command prints in place of its result: every key of its schema, and nothing in it but the error."""

from typing import Any

from livekit_doctor.render.json import check, clean, explain, init, lint, placed_call, probe, trace, triage
from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.next_step import after_error
from livekit_doctor.render.report import ErrorReport


def render(report: ErrorReport) -> dict[str, Any]:
    """The document of the command that was typed; that of `check` where it is none that has one."""
    error = {"code": report.code, "message": report.message, "fix": report.fix}
    empty = _EMPTY.get(report.command, _EMPTY["check"])
    document = {**empty, "exit_status": report.exit_status, "error": error}
    if "next" in document:
        document["next"] = render_next(after_error(report))
    if report.command == "trace":
        document["warnings"] = [{"code": report.code, "message": report.message}]
    return document


_EMPTY: dict[str, dict[str, Any]] = {
    "trace": {
        "schema": trace.SCHEMA,
        **dict.fromkeys(("call_id", "room", "room_details", "at", "server", "bundle", "direction")),
        "attempts": [],
        "verdict": "unknown",
        "exit_status": None,
        **{key: [] for key in ("broken", "steps", "not_covered", "ruled_out", "would_settle", "timeline")},
        **{key: [] for key in ("warnings", "coverage")},
        "next": None,
    },
    "probe": {
        "schema": probe.SCHEMA,
        "ok": False,
        "exit_status": None,
        **dict.fromkeys(("at", "server", "agent_name", "canary", "summary", "latency")),
        **{key: [] for key in ("histogram", "criteria", "endings", "dispatches", "left_behind")},
        "next": None,
    },
    "test-call": {
        "schema": placed_call.SCHEMA,
        "exit_status": None,
        **dict.fromkeys(("number", "trunk_id", "agent_name", "answer", "trace")),
        "verdict": "unknown",
        "left_behind": [],
        "next": None,
    },
    "init": {
        "schema": init.SCHEMA,
        "exit_status": None,
        **dict.fromkeys(("file", "server", "check", "next")),
        "found": [],
        "taken": [],
    },
    "clean": {
        "schema": clean.SCHEMA,
        "ok": False,
        "exit_status": None,
        **dict.fromkeys(("at", "server", "dry_run", "next")),
        "rooms": [],
    },
    "explain": {
        "schema": explain.SCHEMA,
        "exit_status": None,
        "explained": [],
        "codes": [],
    },
    "triage": {
        "schema": triage.SCHEMA,
        "exit_status": None,
        **dict.fromkeys(("at", "source", "window", "calls", "took", "criterion")),
        **{key: [] for key in ("funnel", "groups", "by", "traced", "unmapped_states", "metadata_keys", "notes")},
        "next": None,
    },
    "lint": {
        "schema": lint.SCHEMA,
        "ok": False,
        "exit_status": None,
        **dict.fromkeys(("configuration", "took")),
        "summary": dict.fromkeys(("failed", "warned", "files", "parsed", "tests", "ignored"), 0),
        **{key: [] for key in ("paths", "findings", "explained", "not_followed", "passed_over")},
        "next": None,
    },
    "check": {
        "schema": check.SCHEMA,
        "ok": False,
        "exit_status": None,
        "at": None,
        "server": None,
        "configuration": None,
        "summary": dict.fromkeys(check.STATUSES, 0),
        "not_tested": None,
        "checks": [],
        "left_behind": [],
        "next": None,
    },
}
