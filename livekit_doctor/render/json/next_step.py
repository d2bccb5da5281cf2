"""The command to run next, as every document has it that is not of a catalogue's page."""

from typing import Any

from livekit_doctor.redact import printable
from livekit_doctor.render.report import NextStep


def render(step: NextStep | None) -> dict[str, Any] | None:
    """What for, in words, and what to type."""
    return {"text": printable(step.before or step.command), "command": step.command} if step else None
