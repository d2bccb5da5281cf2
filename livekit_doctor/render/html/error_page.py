"""What the page says where there is no result."""

from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.render.html.parts import MARKS, Move, Named, moves
from livekit_doctor.render.report import ErrorReport


def of(report: ErrorReport) -> dict[str, Any]:
    """The page's content. A code that the catalogue does not have is shown by itself."""
    code = report.code
    entry = catalogue.get(code) if code in catalogue.codes() else None
    headline = f"{f'livekit-doctor {report.command}'.strip()} came to no result"
    return {
        "title": f"{headline}{f', {code}' if code else ''}",
        "tone": MARKS["errored"],
        "command": report.command,
        "headline": headline,
        "message": report.message,
        "code": Named(code, entry.name if entry else "", entry.title if entry else "") if code else None,
        "meaning": entry.meaning if entry else "",
        "fix": _typed(report.fix),
    }


def _typed(fix: str) -> tuple[Move, ...]:
    """What to do; a fix that is a command and nothing else is code."""
    is_command = "\n" not in fix and fix.startswith(("livekit-doctor ", "lk ", "grep "))
    return (Move("Type", fix),) if is_command else moves(fix)
