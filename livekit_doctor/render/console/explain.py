"""The catalogue for a person: pages that wrap, and code that does not."""

import textwrap

from rich.console import Console
from rich.text import Text

from livekit_doctor.catalogue import Entry
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import WARNING, Detail
from livekit_doctor.render.explained import Explained, Item, explained
from livekit_doctor.render.report import ExplainReport

WIDEST = 100
"""Text of a page is not wider than this: long lines read badly."""


def render(report: ExplainReport, console: Console, _: Detail = Detail.NORMAL) -> None:
    """Prints the pages, an empty line between two, or the list. Pages wrap where they are piped, too:
    COLUMNS or 80."""
    for number, topic in enumerate(report.topics):
        if number:
            console.print()
        _page(explained(topic), console)
    if report.listed:
        _list(report.listed, console)


def _list(entries: tuple[Entry, ...], console: Console) -> None:
    """Code, name and title; a code is one line where it is piped, for grep."""
    longest = max(len(entry.name) for entry in entries)
    for entry in entries:
        style = WARNING if entry.severity == "warning" else "red"
        head = [("  ", ""), (entry.code, style), (f"  {entry.name:<{longest}}  ", "bold")]
        if console.is_terminal:
            _hanging(console, head, entry.title)
        else:
            console.print(Text.assemble(*head, entry.title), soft_wrap=True)
    console.print()
    _hanging(console, [], "The page of one: livekit-doctor explain LKD401")
    _hanging(console, [], "A SIP status: livekit-doctor explain sip-486")


def _page(page: Explained, console: Console) -> None:
    _hanging(console, [(page.label, "bold"), ("  ", "")], page.name, style="bold")
    _hanging(console, [], page.title)
    _hanging(console, [], page.facts, style="dim")
    if page.note:
        _hanging(console, [], page.note, style=WARNING)
    for section in page.sections:
        console.print()
        _hanging(console, [], section.title, style="bold")
        for item in section.items:
            _item(item, console)


def _item(item: Item, console: Console) -> None:
    if item.text:
        _hanging(console, [("  - " if item.marked else "  ", "dim")], item.text)
    for line in (item.code or "").splitlines():
        console.print(Text(f"    {printable(line)}".rstrip(), style="bold"), soft_wrap=True)


def _hanging(console: Console, head: list[tuple[str, str]], text: str, *, style: str = "") -> None:
    used = sum(len(part) for part, _ in head)
    width = max(20, min(console.width, WIDEST) - used)
    wrapped = textwrap.wrap(printable(text), width, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(wrapped):
        start = head if number == 0 else [(" " * used, "")]
        console.print(Text.assemble(*start, (line, style)), soft_wrap=True)
