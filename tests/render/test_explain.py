"""Pages of the catalogue as printed: snapshots, and what holds for all of them."""

import json
import re
from collections.abc import Iterable

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.catalogue.sip_statuses import registered
from livekit_doctor.render import github, markdown
from livekit_doctor.render.console import explain as explain_console
from livekit_doctor.render.explained import explained, lines_of
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.markdown.explain_page import page as markdown_page
from livekit_doctor.render.report import ExplainReport
from tests.each import each
from tests.render.reports import printed, terminal
from tests.render.test_github import obeyed
from tests.render.test_junit import cases

junit = load(FormatName.JUNIT)
PAGES = ("401", "LKD602", "LKD402", "sip-403", "sip-499")
EVERYTHING = (*catalogue.codes(), *(f"sip-{code}" for code in registered()), "sip-499")


def report(words: Iterable[str], listed: Iterable[str] = ()) -> ExplainReport:
    return ExplainReport(tuple(map(look_up, words)), tuple(map(catalogue.get, listed)))


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("word", PAGES)
def test_console(word: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    explain_console.render(report([word]), console)
    assert printed(console) == snapshot


def test_colours(snapshot: SnapshotAssertion) -> None:
    console = terminal(100, colour=True)
    explain_console.render(report(["404"]), console)
    explain_console.render(report([], ["LKD401", "LKD701"]), console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("word", PAGES)
def test_markdown(word: str, snapshot: SnapshotAssertion) -> None:
    assert markdown.render(report([word])) == snapshot


def test_json(snapshot: SnapshotAssertion) -> None:
    document = JsonFormat()(report(PAGES, ["LKD401"]))
    assert json.loads(document) == snapshot(extension_class=JSONSnapshotExtension)


@each("word", EVERYTHING)
def test_sentences_wrap_and_code_does_not(word: str) -> None:
    page = explained(look_up(word))
    console = terminal(44)
    explain_console.render(report([word]), console)
    lines = printed(console).splitlines()
    code = [line for section in page.sections for item in section.items for line in (item.code or "").splitlines()]
    for line in code:
        assert f"    {line}".rstrip() in lines
    typed = {f"    {line}".rstrip() for line in code}
    long = [line for line in lines if len(line) > 44 and line not in typed]
    assert all(len(line.split()[-1]) > 30 or " " not in line.strip("- ") for line in long), "one word that is wider"
    assert "{{" not in "\n".join(lines)


@each("word", EVERYTHING)
def test_markdown_has_all_the_words_of_the_page(word: str) -> None:
    page = explained(look_up(word))
    text = re.sub(r"\\([*|`])", r"\1", markdown_page(page).replace("&lt;", "<").replace("&amp;", "&"))
    for section in page.sections:
        assert f"\n## {section.title}\n" in text
        for item in section.items:
            assert item.text in text
            for line in (item.code or "").splitlines():
                assert line in text
    assert text.count("```") % 2 == 0


@each("word", EVERYTHING)
def test_junit_has_all_the_words_of_the_page_and_nothing_fails(word: str) -> None:
    page = explained(look_up(word))
    (case,) = cases(junit(report([word])))
    assert (case.name, case.result) == (f"{page.label} {page.name}", [])
    assert case.system_out.splitlines() == [page.title, *lines_of(page)]
    text = "\n".join(lines_of(page))
    for section in page.sections:
        assert f"\n{section.title}\n" in text
        assert all(item.text in text for item in section.items)


def test_junit_of_the_list_has_a_case_a_code() -> None:
    found = cases(junit(report([], catalogue.codes())))
    assert [case.name.split()[0] for case in found] == list(catalogue.codes())


def test_github_has_the_consoles_text_and_no_annotation() -> None:
    console = terminal(80)
    explain_console.render(report(PAGES), console)
    assert printed(console).rstrip() in github.render(report(PAGES))
    assert obeyed(github.render(report(PAGES))) == []
