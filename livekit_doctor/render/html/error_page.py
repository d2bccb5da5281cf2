"""What the page says where there is no report."""

from dataclasses import dataclass

from livekit_doctor import catalogue
from livekit_doctor.render.html.parts import MARKS, Move, Named, Shown, moves


@dataclass(frozen=True, slots=True)
class ErrorPage:
    title: str
    tone: Shown
    kicker: str
    headline: str
    message: str
    code: Named | None
    meaning: str
    fix: tuple[Move, ...]


def of(command: str, code: str | None, message: str, fix: str) -> ErrorPage:
    """The page's content. A code that has no page of the catalogue is shown by itself."""
    entry = catalogue.get(code) if code in catalogue.codes() else None
    what = f"livekit-doctor {command}".strip()
    return ErrorPage(
        title=f"{what} came to no result",
        tone=MARKS["errored"],
        kicker="No result",
        headline=f"{what} came to no result",
        message=message,
        code=Named(code, entry.name if entry else "", entry.title if entry else "") if code else None,
        meaning=entry.meaning if entry else "",
        fix=_typed(fix),
    )


def _typed(fix: str) -> tuple[Move, ...]:
    """What to do; a fix that is a command and nothing else is code."""
    is_command = "\n" not in fix and fix.startswith(("livekit-doctor ", "lk ", "grep "))
    return (Move("Type", fix),) if is_command else moves(fix)
