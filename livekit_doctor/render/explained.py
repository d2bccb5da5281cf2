"""A page of the catalogue as sections, which all formats print that are read by a person."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.catalogue import Entry, Fix
from livekit_doctor.catalogue.lookup import Topic, report_code
from livekit_doctor.catalogue.sip_statuses import SipStatus
from livekit_doctor.flow import SPEC, Step
from livekit_doctor.render.commands import LK, split_command, uses_lk

WHO = {"carrier": "the carrier", "callee": "the callee", "network": "the network between carrier and callee"}

LOGIN_ASKED = (401, 407)


class Item(Struct, frozen=True):
    """A sentence, and what to type or a picture for it; `code` is never wrapped."""

    text: str
    code: str | None = None
    language: str = "text"
    marked: bool = True
    """Whether it is one of several, each with a mark of its own."""


class Section(Struct, frozen=True):
    title: str
    items: tuple[Item, ...]


class Explained(Struct, frozen=True):
    """One page: `label` and `name` identify it, `facts` are what is known of it in a few words."""

    label: str
    name: str
    title: str
    facts: str
    sections: tuple[Section, ...]
    note: str = ""
    """What else the word could have meant, and how to ask for that."""


def explained(topic: Topic) -> Explained:
    """The page of what was asked for."""
    if isinstance(topic.page, SipStatus):
        return _status(topic.page)
    also = topic.also
    note = f"{also.code} is a SIP status too, {also.name}: livekit-doctor explain sip-{also.code}" if also else ""
    return _entry(topic.page, note)


def _entry(entry: Entry, note: str) -> Explained:
    step = f"breaks the step {step_title(entry.step)!r}" if entry.step else "breaks no step by itself"
    broad = ", broad: it is narrowed down to one of its candidates where evidence allows it" if entry.broad else ""
    sections = [
        Section("What it means", (_paragraph(entry.meaning),)),
        Section("How it is concluded", (_paragraph(entry.concluded),)),
        Section("What rules it out", (_paragraph(entry.ruled_out_by),)),
    ]
    if entry.candidates:
        items = tuple(Item(f"{code} {catalogue.get(code).name}") for code in entry.candidates)
        sections.append(Section("What it can turn out to be" if entry.broad else "What looks the same", items))
    sections += [
        Section("What settles it", tuple(_settles(line) for line in entry.settled_by)),
        Section("Fix", tuple(_fix(fix) for fix in entry.fix)),
        Section("Example", (Item("", entry.example.rstrip("\n"), marked=False),)),
    ]
    facts = f"{entry.severity}; {step}{broad}"
    return Explained(entry.code, entry.name, entry.title, facts, tuple(map(_with_lk, sections)), note)


def _status(status: SipStatus) -> Explained:
    known = "" if status.registered else f"not registered, so what its class says: {status.code // 100}xx; "
    report = catalogue.get(report_code(status))
    arrives = (
        f"CreateSIPParticipant with wait_until_answered fails with the Twirp code {status.twirp}, which is HTTP "
        f"{status.http}; sip_status_code in the error's meta is {status.code}. Without wait_until_answered it has "
        "returned success long before, and all that is seen is that the SIP participant leaves within 0.4 s."
    )
    if status.code in LOGIN_ASKED:
        arrives += (
            " livekit-sip answers a request for a login by itself; where that fails the error has no SIP status, and "
            "its message says so (LKD208)."
        )
    meanings = []
    for meaning in status.meanings:
        say, code = catalogue.fill_fix(meaning.fix, {})
        text = f"{meaning.means} ({WHO[meaning.who]} says no). Fix: {say}{':' if code else ''}"
        meanings.append(Item(text[0].upper() + text[1:], code, meaning.fix.language or "text"))
    return Explained(
        f"SIP {status.code}",
        status.name,
        "An answer that refuses an outbound call",
        f"{known}reported as {report.code} {report.name}",
        (
            Section("What it can mean, the likeliest first, and what to do", tuple(meanings)),
            Section("How it reaches your code", (Item(arrives, marked=False),)),
        ),
    )


def lines_of(page: Explained) -> Iterator[str]:
    """The page as plain text, without its head. Nothing is wrapped."""
    yield page.facts
    if page.note:
        yield page.note
    for section in page.sections:
        yield ""
        yield section.title
        for item in section.items:
            if item.text:
                yield f"  {'- ' if item.marked else ''}{item.text}"
            yield from (f"    {line}".rstrip() for line in (item.code or "").splitlines())


def step_title(step: str) -> str:
    """A step's title, such as "agent dispatched"."""
    return SPEC[Step(step)].title


def _paragraph(text: str) -> Item:
    return Item(" ".join(text.split()), marked=False)


def _settles(line: str) -> Item:
    said, command = split_command(catalogue.fill(line, {}))
    return Item(said, command or None, "shell")


def _with_lk(section: Section) -> Section:
    """The section; where its commands need the LiveKit CLI, with what that is."""
    commands = any(uses_lk(item.code or item.text) for item in section.items)
    return replace(section, items=(*section.items, Item(f"{LK}."))) if commands else section


def _fix(fix: Fix) -> Item:
    say, code = catalogue.fill_fix(fix, {})
    return Item(f"{say}:" if code else say, code, fix.language or "text")
