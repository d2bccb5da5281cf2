"""The catalogue as Markdown, for a ticket and for the documentation, which is built with it."""

from collections.abc import Iterable

from livekit_doctor.catalogue import Entry
from livekit_doctor.render.explained import Explained, Item, explained
from livekit_doctor.render.report import ExplainReport

FENCES = {"shell": "sh"}
"""What a fence calls a language where it is not the catalogue's word."""


def render(report: ExplainReport) -> str:
    """The pages, each under a heading of the first level, or the list as a table."""
    pages = "\n".join(page(explained(topic)) for topic in report.topics)
    return pages + (table(report.listed) if report.listed else "")


def page(one: Explained) -> str:
    """One page. CommonMark; code is fenced."""
    lines = [f"# {one.label} {escaped(one.name)}", "", f"**{escaped(one.title)}**", "", f"*{escaped(one.facts)}*", ""]
    if one.note:
        lines += [escaped(one.note), ""]
    for section in one.sections:
        lines += [f"## {section.title}", ""]
        for item in section.items:
            lines += _item(item)
        if lines[-1]:
            lines.append("")
    return "\n".join(lines)


def table(entries: Iterable[Entry]) -> str:
    """A row a code."""
    rows = ["| code | name | title | severity |", "|---|---|---|---|"]
    rows += [f"| {entry.code} | {entry.name} | {escaped(entry.title)} | {entry.severity} |" for entry in entries]
    return "\n".join(rows) + "\n"


def escaped(text: str) -> str:
    """Text that reads as it is: no tags, no emphasis. What stands between backticks is code and stays."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _plain(text.replace("`", "\\`"))
    return "`".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*").replace("|", "\\|")


def _item(item: Item) -> list[str]:
    lines = [("- " if item.marked else "") + escaped(item.text)] if item.text else []
    if item.code is None:
        return lines
    indent = "    " if item.marked else ""
    fence = "`" * 3
    code = [f"{indent}{line}".rstrip() for line in item.code.splitlines()]
    return [*lines, "", f"{indent}{fence}{FENCES.get(item.language, item.language)}", *code, f"{indent}{fence}", ""]
