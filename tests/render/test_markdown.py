"""Markdown, as a CommonMark parser with tables reads it, and as GitHub's own does."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import cmarkgfm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from livekit_doctor.redact import printable
from livekit_doctor.render import markdown
from livekit_doctor.render.formats import Format
from livekit_doctor.render.markdown import escape
from livekit_doctor.render.report import ExplainReport
from tests.each import each
from tests.render.every_report import HOSTILE, every_report, hostile_reports
from tests.thorough import examples

FORM: Format = markdown.render
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


def commonmark(text: str) -> str:
    rendered: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return rendered


def github(text: str) -> str:
    """GitHub's parser, which makes links of more than is marked as one."""
    rendered: str = cmarkgfm.github_flavored_markdown_to_html(text)
    return rendered


PARSERS: list[Callable[[str], str]] = [commonmark, github]


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str, html: Callable[[str], str]) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html(text))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@each("html", PARSERS)
@each("name", every_report())
def test_a_page_has_the_answer_first_and_no_surprise(name: str, html: Callable[[str], str]) -> None:
    report = every_report()[name]
    text = FORM(report)
    page = Page(text, html)
    if isinstance(report, ExplainReport):
        assert text.startswith(("# ", "| code |"))
        assert page.tags <= ALLOWED | {"h1", "h2", "em", "a"}, "the catalogue's own words may name an address"
    else:
        assert text.startswith("### livekit-doctor ")
        assert page.tags <= ALLOWED, page.tags - ALLOWED
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@each("html", PARSERS)
@each("name", hostile_reports())
def test_what_was_read_stays_text(name: str, html: Callable[[str], str]) -> None:
    page = Page(FORM(hostile_reports()[name]), html)
    assert page.tags <= ALLOWED, page.tags - ALLOWED
    assert printable(HOSTILE) in page.text


@pytest.mark.parametrize("html", PARSERS)
@pytest.mark.parametrize(
    "text", ["1. one", "- two", "+ x", "=====", "2) y", "    code", "<b>", "&amp;", "a_b_c", "__x__", "|"]
)
def test_escaped_text_reads_as_it_was(text: str, html: Callable[[str], str]) -> None:
    page = Page(escape(text), html)
    assert page.text.strip() == text.strip()
    assert page.tags == {"p"}


LINKS = (
    "http://evil.example/x",
    "_http://evil.example/x",
    "9http://evil.example",
    "call_https://evil.example",
    "éhttp://evil.example",
    "(HTTPS://evil.example)",
    "www.evil.example",
    "_www.evil.example",
    "é_www.evil.example",
    "_ftp://evil.example",
    "mail@evil.example",
    "mailto:mail@evil.example",
    "xmpp:mail@evil.example/x",
    "@somebody",
    "[a](http://evil.example)",
    "`www.evil.example`",
    "a`@b\\",
    "![x](http://evil.example/x.png)",
)


@each("html", PARSERS)
@each("text", LINKS)
def test_no_link_comes_of_what_was_read(text: str, html: Callable[[str], str]) -> None:
    """It reads and copies as it was: in a sentence, in a list, in bold, in a table."""
    told = escape(text)
    for form in ("{}", "- because: {}", "**{}: x** (likely): {}", "| a | b |\n|---|---|\n| {} | {} |", "### {}: {}"):
        page = Page(form.format(told, told), html)
        assert not page.tags & {"a", "img", "em", "del"}, html(told)
        assert page.text.count(text) == form.count("{}")


PIECES = st.sampled_from([*LINKS, *"`\\|_*~<>&#@:./ w", "http://", "www.", "mailto:", "``", "a", "é", "1. ", "\n"])


@settings(max_examples=examples(100, thorough=300), deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(PARSERS))
def test_whatever_was_read_reads_as_it_was(text: str, html: Callable[[str], str]) -> None:
    shown = printable(text).strip()
    page = Page(f"| a | b |\n|---|---|\n| x | {escape(text)} |\n", html)
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert " ".join(page.text.split()) == " ".join(f"a b x {shown}".split())


@pytest.mark.parametrize("html", PARSERS)
def test_code_to_type_is_whole(html: Callable[[str], str]) -> None:
    page = html(FORM(every_report()["trace broken"]))
    assert re.search(
        r"<pre><code>lk dispatch create --room \S+ --agent-name (?:'|&#39;)Front Desk 7(?:'|&#39;)\n</code></pre>", page
    ), page


@pytest.mark.parametrize("html", PARSERS)
def test_code_with_fences_and_addresses_in_it_stays_as_it_is(html: Callable[[str], str]) -> None:
    code = "echo '```'\n````\ncurl http://lk.example.com www.x.example a@b.example"
    page = Page("\n".join(markdown._fix("Type this:\n" + "\n".join(f"  {line}" for line in code.splitlines()))), html)
    assert code in page.text
    assert "a" not in page.tags


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
    assert FORM(every_report()[name]) == snapshot
