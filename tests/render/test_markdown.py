"""Markdown, as a CommonMark parser with tables reads it."""

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from livekit_doctor.redact import printable
from livekit_doctor.render import markdown
from livekit_doctor.render.interface import Format, text_of
from livekit_doctor.render.markdown import escape
from livekit_doctor.render.report import ExplainReport
from tests.render.every_report import HOSTILE, every_report, hostile_reports

FORM: Format = markdown
ALLOWED = {
    "h3",
    "p",
    "ul",
    "li",
    "strong",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "pre",
    "code",
    "details",
    "summary",
}


def html(text: str) -> str:
    rendered: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return rendered


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html(text))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", every_report())
def test_a_page_has_the_answer_first_and_no_surprise(name: str) -> None:
    report = every_report()[name]
    text = text_of(report, FORM)
    page = Page(text)
    if isinstance(report, ExplainReport):
        assert text.startswith(("# ", "| code |"))
        assert page.tags <= ALLOWED | {"h1", "h2", "em"}
    else:
        assert text.startswith("### livekit-doctor ")
        assert page.tags <= ALLOWED, page.tags - ALLOWED
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", hostile_reports())
def test_what_was_read_stays_text(name: str) -> None:
    page = Page(text_of(hostile_reports()[name], FORM))
    assert page.tags <= ALLOWED, page.tags - ALLOWED
    assert printable(HOSTILE) in page.text


@pytest.mark.parametrize(
    "text", ["1. one", "- two", "+ x", "=====", "2) y", "    code", "<b>", "&amp;", "a_b_c", "__x__", "|"]
)
def test_escaped_text_reads_as_it_was(text: str) -> None:
    page = Page(escape(text))
    assert page.text.strip() == text.strip()
    assert page.tags == {"p"}


def test_code_to_type_is_whole() -> None:
    page = html(text_of(every_report()["trace broken"], FORM))
    assert re.search(r"<pre><code>lk dispatch create --room \S+ --agent-name 'Front Desk 7'\n</code></pre>", page), page


def test_code_with_fences_in_it_does_not_leave_its_fence() -> None:
    text = "\n".join(markdown._fix("Type this:\n  echo '```'\n  ````\n  done"))
    assert "echo '```'\n````\ndone" in html(text)


@pytest.mark.parametrize(
    "name",
    [
        "check",
        "trace both legs",
        "probe dropped",
        "test-call refused",
        "recent",
        "recent live",
        "init",
        "init unchecked",
        "error",
    ],
)
def test_as_a_whole(name: str, snapshot: SnapshotAssertion) -> None:
    assert text_of(every_report()[name], FORM) == snapshot
