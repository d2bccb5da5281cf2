"""Hostile text in every field of every report that can hold one, in every format."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from html import unescape
from html.parser import HTMLParser
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from livekit_doctor.catalogue import Entry
from livekit_doctor.catalogue.lookup import Topic
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.report import ExplainReport, Report
from tests.documents import validated
from tests.each import each
from tests.render.every_report import HOSTILE, every_report
from tests.render.test_github import obeyed
from tests.render.test_junit import schema
from tests.render.test_lint import sarif_errors
from tests.render.test_markdown import ALLOWED, PARSERS
from tests.render.test_markdown import Page as MarkdownPage

OURS = {
    *("code", "status", "candidates", "consequences", "id", "category", "kind", "codes", "leg", "step", "name"),
    *("change", "source_kind", "outcome", "state", "numbers"),
}
"""Fields whose text is the tool's own: a code, a word of a list, the id of a check."""
NAMES = {"RoomResult", "LiveRoom", "By", "OutboundTrunk", "BundleNote"}
"""What has a name that is not ours."""
EVIL = f"=cmd|' /C calc'!A0 {HOSTILE}"


@cache
def hostile() -> Mapping[str, Report]:
    """The reports with this in each text that is not the tool's own."""
    reports = every_report().items()
    return {name: _evil(report) for name, report in reports if not isinstance(report, ExplainReport)}


def _evil(value: Any, field: str = "", kind: str = "") -> Any:
    if isinstance(value, Enum) or (field in OURS and not (field == "name" and kind in NAMES)):
        return value
    if type(value) is str:
        return EVIL
    if isinstance(value, tuple):
        return tuple(_evil(item, field, kind) for item in value)
    if isinstance(value, dict):
        return {key: _evil(item, field, kind) for key, item in value.items()}
    if isinstance(value, Struct) and not isinstance(value, Entry | Topic):
        own = type(value).__name__
        return replace(value, **{name: _evil(getattr(value, name), name, own) for name in value.__struct_fields__})
    return value


class Page(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def console(text: str) -> None:
    assert not {char for char in text if char != "\n" and not char.isprintable()}


def junit(text: str) -> None:
    schema().validate(text)


def github(text: str) -> None:
    assert {level for level, _, _ in obeyed(text)} <= {"error", "warning"}
    assert not any(properties.get("title") == "x" for _, properties, _ in obeyed(text))
    assert not {char for char in text if char != "\n" and not char.isprintable()}


def markdown(text: str) -> None:
    for html in PARSERS:
        assert MarkdownPage(text, html).tags <= ALLOWED


def html(text: str) -> None:
    page = Page(text)
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("style", "src", "srcset")]
    links = [value for name, value in page.attributes if name in ("href", "action", "xlink:href")]
    assert not [link for link in links if not link.startswith(("#", "data:image/svg+xml,"))]
    assert not {
        char for char in unescape(re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)) if _steers(char)
    }


def _steers(char: str) -> bool:
    return char not in "\n\u00a0\u00ad" and not char.isprintable()


def sarif(text: str) -> None:
    assert not sarif_errors(text)
    assert not {char for char in text if char != "\n" and not char.isprintable()}


def prometheus(text: str) -> None:
    assert list(text_string_to_metric_families(text))


HOLDS: Mapping[FormatName, Callable[[str], None]] = {
    FormatName.CONSOLE: console,
    FormatName.JSON: validated,
    FormatName.JUNIT: junit,
    FormatName.GITHUB: github,
    FormatName.MARKDOWN: markdown,
    FormatName.HTML: html,
    FormatName.PROMETHEUS: prometheus,
    FormatName.SARIF: sarif,
}


def test_every_format_is_tried() -> None:
    assert set(HOLDS) == set(FormatName)


@each("form", FormatName)
@each("name", every_report())
def test_whatever_stands_in_a_report_it_is_text(name: str, form: FormatName) -> None:
    if name in hostile():
        HOLDS[form](load(form)(hostile()[name]))
