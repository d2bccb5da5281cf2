"""What the page of a diagnosed call says."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.result import Diagnosis, StepResult, TimelineEntry
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.flow import NOTHING_BROKEN, SPEC
from livekit_doctor.render.html.ladder import NARROW, WIDE, groups, ladder, start_of
from livekit_doctor.render.html.parts import MARKS, Named, Shown, advice, clock, fault, moves, named, offset
from livekit_doctor.render.report import TraceReport
from livekit_doctor.render.words import (
    REMARKS,
    UNDECIDED,
    VERDICTS,
    bundle_note,
    left_out,
    moment,
    not_covered,
    room_state,
    verdict_sentence,
)

MOST_SOURCES = 12
"""The filter has a box for so many sources; the rarer ones share the last."""
LONG = 30
"""From so many entries on the timeline scrolls by itself."""

_READ: Mapping[str, Shown] = {
    "read": Shown("ok", "read"),
    "empty": Shown("none", "read, and empty"),
    "unread": Shown("bad", "not read"),
    "not_configured": Shown("none", "not configured"),
}


def of(report: TraceReport) -> dict[str, Any]:
    """The page's content."""
    diagnosis = report.diagnosis
    primary = diagnosis.broken[0] if diagnosis.broken else None
    headline = catalogue.get(primary.code).title if primary else verdict_sentence(diagnosis)
    kicker = f"Broke at: {SPEC[primary.step].title}" if primary else VERDICTS[diagnosis.verdict]
    breaks = [{"step": SPEC[item.step].title, "fault": fault(item, report.fix(item))} for item in diagnosis.broken]
    others = bool(primary and (primary.candidates or primary.consequences))
    return {
        "title": _title(diagnosis, kicker),
        "tone": MARKS[diagnosis.verdict.value],
        "kicker": kicker,
        "headline": headline[:1].upper() + headline[1:],
        "facts": tuple(_facts(report)),
        "legs": tuple(_legs(report)),
        "breaks": breaks,
        "doubtful": bool(diagnosis.ruled_out or diagnosis.would_settle or others),
        "not_covered": not_covered(diagnosis) if diagnosis.verdict in NOTHING_BROKEN else "",
        "unread": tuple(_unread(report)),
        "settle_by": advice(diagnosis.would_settle),
        "ruled_out": tuple(named(item.code, item.because) for item in diagnosis.ruled_out),
        "warnings": tuple(_warnings(report)),
        "attempts": tuple(_attempts(diagnosis)),
        "ladders": tuple(ladder(diagnosis, geometry) for geometry in (WIDE, NARROW)),
        "inbound": diagnosis.inbound,
        "timeline": _timeline(report),
        "coverage": tuple((entry.source, _READ[entry.status], _remark(entry)) for entry in diagnosis.coverage),
    }


def _title(diagnosis: Diagnosis, kicker: str) -> str:
    what = diagnosis.call_id or (diagnosis.room.name if diagnosis.room else "")
    code = f", {diagnosis.broken[0].code}" if diagnosis.broken else ""
    return " · ".join(filter(None, (f"{kicker}{code}", what, "livekit-doctor trace")))


def _facts(report: TraceReport) -> Iterator[tuple[str, str]]:
    diagnosis = report.diagnosis
    if diagnosis.call_id:
        yield "call", diagnosis.call_id
    room = diagnosis.room
    yield "room", f"{room.name} ({room_state(room, diagnosis)})" if room else "unknown"
    if report.server:
        yield "server", report.server
    if diagnosis.inbound:
        yield "direction", "inbound"
    if bundle := report.bundle:
        yield "bundle", bundle_note(bundle)
    if report.at:
        yield "when", moment(report.at)


def _legs(report: TraceReport) -> Iterator[dict[str, Any]]:
    start = start_of(report.diagnosis)
    for title, steps in groups(report.diagnosis):
        yield {"title": title, "steps": tuple(_step(step, start) for step in steps)}


def _step(step: StepResult, start: datetime | None) -> dict[str, Any]:
    return {
        "title": SPEC[step.step].title,
        "shown": MARKS[step.status.value],
        "time": clock(step.at),
        "after": offset(step.at, start),
        "evidence": step.evidence,
        "remark": "" if step.evidence else REMARKS.get(step.status, ""),
    }


def _unread(report: TraceReport) -> Iterator[dict[str, Any]]:
    """Sources that could not be read for one reason, and what to type so that they can."""
    if report.diagnosis.verdict not in UNDECIDED:
        return
    for (code, message), entries in _problems(report.diagnosis).items():
        yield {
            "sources": ", ".join(entry.source for entry in entries),
            "problem": named(code, message),
            "fix": moves(report.fix_of_unread(entries[0])),
        }


def _problems(diagnosis: Diagnosis) -> dict[tuple[str, str], list[Coverage]]:
    found: dict[tuple[str, str], list[Coverage]] = {}
    for entry in diagnosis.coverage:
        if entry.problem:
            found.setdefault((entry.problem.code, entry.problem.message), []).append(entry)
    return found


def _warnings(report: TraceReport) -> Iterator[Named]:
    """What is not said already among what could not be read."""
    said = _problems(report.diagnosis) if report.diagnosis.verdict in UNDECIDED else {}
    for item in report.diagnosis.warnings:
        if (item.code, item.message) not in said:
            yield named(item.code, item.message)


def _attempts(diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    if len(diagnosis.attempts) < 2:
        return
    for attempt in diagnosis.attempts:
        at = f" at {SPEC[attempt.step].title}, {attempt.code}" if attempt.step else ""
        yield {
            "number": attempt.number,
            "latest": attempt is diagnosis.attempts[-1],
            "shown": MARKS[attempt.verdict.value],
            "started": attempt.started_at,
            "room": attempt.room or "room unknown",
            "came_of_it": f"{VERDICTS[attempt.verdict].lower()}{at}",
        }


def _timeline(report: TraceReport) -> dict[str, Any]:
    """`boxes` are those of the filter: the sources, most frequent first, and how many entries each has. An entry's
    `source_number` is the box that it belongs to."""
    told = report.diagnosis.timeline
    proving = [one for item in report.diagnosis.broken for one in item.because if one.at]
    counts = Counter(entry.source for entry in told).most_common()
    boxes = tuple(counts)
    if len(counts) > MOST_SOURCES:
        kept, rest = counts[: MOST_SOURCES - 1], counts[MOST_SOURCES - 1 :]
        boxes = (*kept, (f"{len(rest)} other sources", sum(count for _, count in rest)))
    number = {source: min(place, len(boxes) - 1) for place, (source, _) in enumerate(counts)}
    days = sorted({f"{entry.at:%Y-%m-%d}" for entry in told})
    start = told[0].at if told else None
    entries = tuple(
        {
            "at": entry.at,
            "time": clock(entry.at) if len(days) == 1 else f"{entry.at:%m-%d} {clock(entry.at)}",
            "after": offset(entry.at, start),
            "source": entry.source,
            "source_number": number[entry.source],
            "event": entry.event,
            "detail": entry.detail,
            "is_evidence": any(_is_from(one, entry) for one in proving),
        }
        for entry in told
    )
    clocks = sorted({entry.clock.replace("_", " ") for entry in told if entry.clock})
    return {
        "entries": entries,
        "boxes": boxes,
        "evidence": sum(entry["is_evidence"] for entry in entries),
        "day": " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
        "clocks": ", ".join(clocks) if len(clocks) > 1 else "",
        "long": len(entries) > LONG,
        "undated": report.diagnosis.undated,
    }


def _is_from(because: Because, entry: TimelineEntry) -> bool:
    """Whether this piece of evidence is that entry."""
    return (because.source, because.at) == (entry.source, entry.at) and entry.event in because.text


def _remark(entry: Coverage) -> str:
    remark = ""
    if entry.problem:
        name = catalogue.get(entry.problem.code).name
        remark = f"{entry.problem.code} {name}: {entry.problem.message}"
    if entry.not_recognised is not None:
        remark = "; ".join(filter(None, (remark, _recognised(entry))))
    return remark


def _recognised(entry: Coverage) -> str:
    counts = ", ".join(f"{kind}: {count}" for kind, count in entry.recognised.items())
    first = "".join(f"; {line}" for line in entry.unknown_lines)
    of_all = f"; looked at closely, of {entry.lines} lines in all" if entry.lines else ""
    aside = "".join(f"; {note}" for note in left_out(entry))
    return f"recognised: {counts or 'nothing'}; lines not recognised: {entry.not_recognised}{first}{aside}{of_all}"
