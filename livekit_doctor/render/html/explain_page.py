"""What the pages of the catalogue say as one page: one to read, several as a manual, or the list of all."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.catalogue import Entry
from livekit_doctor.catalogue.lookup import Topic
from livekit_doctor.flow import FLOW, SPEC, Step
from livekit_doctor.render.explained import Section, explained
from livekit_doctor.render.html.parts import MARKS, Shown
from livekit_doctor.render.report import ExplainReport
from livekit_doctor.render.words import LEGS

SIP = "SIP statuses"


class Row(Struct, frozen=True):
    """A code or a SIP status in a table of contents or a list; `id` is that of its page on this one."""

    id: str
    label: str
    name: str
    title: str
    shown: Shown
    severity: str


def of(report: ExplainReport) -> dict[str, Any]:
    """The page's content."""
    ids = {_id(topic) for topic in report.topics}
    leaves = tuple(_leaf(topic, ids) for topic in report.topics)
    listed = tuple((entry.group, _row(entry)) for entry in report.listed)
    several = len(leaves) > 1
    first = leaves[0]["row"] if leaves else None
    single = f"{first.label} {first.name}" if first and not several else ""
    headline = single or _headline(report)
    return {
        "title": f"{headline} · livekit-doctor explain",
        "tone": first.shown if first and single else MARKS["skipped"],
        "kicker": "What they mean, how they are concluded, and what to type" if several else "Each has a page",
        "headline": headline,
        "leaves": leaves,
        "contents": _grouped((leaf["group"], leaf["row"]) for leaf in leaves) if several else (),
        "listed": _grouped(listed),
    }


def _headline(report: ExplainReport) -> str:
    every = len(report.entries) == len(catalogue.codes())
    return f"The {len(report.entries)} diagnosis codes" if every else f"{len(report.topics)} pages of the catalogue"


def _id(topic: Topic) -> str:
    page = topic.page
    return page.code if isinstance(page, Entry) else f"sip-{page.code}"


def _row(entry: Entry) -> Row:
    shown = MARKS["warned" if entry.severity == "warning" else "failed"]
    return Row(entry.code, entry.code, entry.name, entry.title, shown, entry.severity)


def _grouped(rows: Iterable[tuple[str, Row]]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """By their titles, in the order in which they come."""
    return tuple((title, tuple(row for _, row in found)) for title, found in groupby(rows, key=lambda pair: pair[0]))


def _leaf(topic: Topic, ids: Collection[str]) -> dict[str, Any]:
    """A page of the catalogue. `steps` are those of the leg that it breaks, each as it is then."""
    page, told = topic.page, explained(topic)
    if isinstance(page, Entry):
        row, group, step = _row(page), page.group, page.step
    else:
        row = Row(_id(topic), told.label, told.name, told.title, MARKS["failed"], "refused")
        group, step = SIP, None
    others = {one for one in ids if one != row.id}
    return {
        "row": row,
        "group": group,
        "facts": told.facts,
        "note": told.note,
        "leg": LEGS[SPEC[Step(step)].leg] if step else "",
        "steps": tuple(_steps(Step(step))) if step else (),
        "parts": tuple((section.title, tuple(_told(section, others))) for section in told.sections),
    }


def _steps(broken: Step) -> Iterator[tuple[str, Shown]]:
    """The steps of its leg: what comes before has happened, what comes after is not reached."""
    status = "ok"
    for spec in FLOW:
        if spec.leg is SPEC[broken].leg:
            status = "broken" if spec.step is broken else "skipped" if status == "broken" else status
            yield spec.title, MARKS[status]


def _told(section: Section, others: Collection[str]) -> Iterator[dict[str, Any]]:
    """Each sentence, and what to type or a picture for it."""
    for item in section.items:
        yield {"spans": tuple(_spans(item.text, others)), "code": item.code or "", "marked": item.marked}


def _spans(text: str, others: Collection[str]) -> Iterator[tuple[str, str]]:
    """The pieces of a sentence: text, code between backticks, or a code whose page is on this one."""
    parts = text.split("`")
    for number, part in enumerate(parts):
        if number % 2 and len(parts) % 2:
            yield part, "code"
        else:
            for word in filter(None, re.split(r"\b(LKD\d{3})\b", part)):
                yield word, "link" if word in others else "text"
