"""What every page is made of: a status, a fault with its evidence, and what to type."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.result import Broken
from livekit_doctor.flow import Confidence
from livekit_doctor.render.commands import split_command

SURENESS: Mapping[Confidence, str] = {
    Confidence.PROVEN: "the evidence excludes every other code",
    Confidence.LIKELY: "it fits best; the evidence does not exclude all others",
    Confidence.POSSIBLE: "the evidence allows it, and allows others too",
}


class Shown(Struct, frozen=True):
    """How a status is shown: the name of its shape and colour, and its word."""

    mark: str
    word: str


MARKS: Mapping[str, Shown] = {
    "ok": Shown("ok", "ok"),
    "passed": Shown("ok", "passed"),
    "healthy": Shown("ok", "healthy"),
    "broken": Shown("bad", "broken"),
    "failed": Shown("bad", "failed"),
    "warned": Shown("warn", "warning"),
    "errored": Shown("odd", "not decided"),
    "undecided": Shown("odd", "not decided"),
    "unknown": Shown("odd", "unknown"),
    "pending": Shown("wait", "may still come"),
    "in_progress": Shown("wait", "in progress"),
    "no_fault_seen": Shown("odd", "no fault seen"),
    "skipped": Shown("none", "skipped"),
}


class Move(Struct, frozen=True):
    """One thing to do, in words, and what to type for it; empty where the words are all."""

    say: str
    code: str = ""


class Named(Struct, frozen=True):
    """A code by its name; `text` is what is to be said of it."""

    code: str
    name: str
    text: str = ""


def fault(found: Finding | Broken, fix: str) -> dict[str, Any]:
    """A code that was found, how that is known, and what to do.

    What a trace has ruled out, and what would settle it, it says of the call and not of each break.
    """
    entry = catalogue.get(found.code)
    finding = found if isinstance(found, Finding) else None
    return {
        "code": found.code,
        "name": entry.name,
        "title": entry.title,
        "meaning": entry.meaning,
        "confidence": found.confidence,
        "sureness": SURENESS[found.confidence],
        "because": found.because,
        "candidates": tuple(named(other) for other in found.candidates),
        "ruled_out": tuple(named(item.code, item.because) for item in finding.ruled_out) if finding else (),
        "settle_by": advice(finding.would_settle) if finding else (),
        "followed_by": tuple(named(other) for other in found.consequences) if isinstance(found, Broken) else (),
        "fix": moves(fix),
    }


def named(code: str, text: str = "") -> Named:
    return Named(code, catalogue.get(code).name, text)


def advice(texts: Iterable[str]) -> tuple[Move, ...]:
    """What would settle it; the command at the end of a text is what to type."""
    return tuple(Move(said.removesuffix(":"), command) for said, command in map(split_command, texts))


def moves(fix: str) -> tuple[Move, ...]:
    """A fix as the catalogue renders it: each sentence, and the indented code that follows it."""
    return tuple(_moves(fix.splitlines()))


def _moves(lines: Sequence[str]) -> Iterator[Move]:
    say, code = "", list[str]()
    for line in lines:
        if line and not line.startswith("  "):
            if say:
                yield _move(say, code)
            say, code = line, []
        else:
            code.append(line[2:])
    if say or any(code):
        yield _move(say, code)


def _move(say: str, code: Sequence[str]) -> Move:
    text = "\n".join(code).strip("\n")
    return Move(say.removesuffix(":") if text else say, text)


def clock(at: datetime | None) -> str:
    """The time of day in UTC, to a tenth of a second; empty where it is not known."""
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}" if at else ""


def offset(at: datetime | None, start: datetime | None) -> str:
    """How long after the start, such as +0.4 s."""
    if at is None or start is None:
        return ""
    after = at - start
    sign, after = ("+", after) if after >= timedelta() else ("−", -after)
    seconds = after.total_seconds()
    if seconds < 100:
        return f"{sign}{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours} h {minutes} min" if hours else f"{sign}{minutes} min {seconds} s"
