"""What a command prints in place of its result: every key of its schema, and nothing in it but the error."""

from typing import Any

from livekit_doctor.render.json.next_step import render as render_next
from livekit_doctor.render.json.schemas import schema_of
from livekit_doctor.render.next_step import after_error
from livekit_doctor.render.report import ErrorReport

_COMMANDS = ("check", "clean", "explain", "init", "lint", "probe", "test-call", "trace", "triage")


def render(report: ErrorReport) -> dict[str, Any]:
    """The document of the command that was typed; that of `check` where it is none that has one."""
    command = report.command if report.command in _COMMANDS else "check"
    error = {"code": report.code, "message": report.message, "fix": report.fix}
    empty = _empty(schema_of(f"livekit-doctor/{command}/v1"))
    document = {**empty, "exit_status": report.exit_status, "error": error}
    if "next" in document:
        document["next"] = render_next(after_error(report))
    if command == "trace":
        document["warnings"] = [{"code": report.code, "message": report.message}]
    return document


def _empty(schema: dict[str, Any]) -> Any:
    """The value that says nothing, of those that the schema allows."""
    match schema:
        case {"const": value}:
            return value
        case {"enum": values} if "unknown" in values:
            return "unknown"
        case {"type": "object", "properties": properties, "required": names}:
            return {name: _empty(properties[name]) for name in names}
        case {"type": "array"}:
            return []
        case {"type": "boolean"}:
            return False
        case {"type": "integer"}:
            return 0
    return None
