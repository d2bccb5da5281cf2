"""Pages of the catalogue as printed: snapshots, and what holds for all of them."""

import json
import re

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.catalogue.sip_statuses import registered
from livekit_doctor.render import explain_markdown
from livekit_doctor.render.console import explain as explain_console
from livekit_doctor.render.explained import explained
from livekit_doctor.render.json import explain as explain_json
from tests.render.reports import printed, terminal

PAGES = ("401", "LKD602", "LKD402", "sip-403", "sip-499")
EVERYTHING = (*catalogue.codes(), *(f"sip-{code}" for code in registered()), "sip-499")


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("word", PAGES)
def test_console(word: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    explain_console.render([explained(look_up(word))], console)
    assert printed(console) == snapshot


def test_colours(snapshot: SnapshotAssertion) -> None:
    console = terminal(100, colour=True)
    explain_console.render([explained(look_up("404"))], console)
    explain_console.render_list([catalogue.get("LKD401"), catalogue.get("LKD701")], console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("word", PAGES)
def test_markdown(word: str, snapshot: SnapshotAssertion) -> None:
    assert explain_markdown.render([explained(look_up(word))]) == snapshot


def test_json(snapshot: SnapshotAssertion) -> None:
    document = explain_json.render(map(look_up, PAGES), [catalogue.get("LKD401")])
    assert json.loads(msgspec.json.encode(document)) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize("word", EVERYTHING)
def test_sentences_wrap_and_code_does_not(word: str) -> None:
    page = explained(look_up(word))
    console = terminal(44)
    explain_console.render([page], console)
    lines = printed(console).splitlines()
    code = [line for section in page.sections for item in section.items for line in (item.code or "").splitlines()]
    for line in code:
        assert f"    {line}".rstrip() in lines
    typed = {f"    {line}".rstrip() for line in code}
    long = [line for line in lines if len(line) > 44 and line not in typed]
    assert all(len(line.split()[-1]) > 30 or " " not in line.strip("- ") for line in long), "one word that is wider"
    assert "{{" not in "\n".join(lines)


@pytest.mark.parametrize("word", EVERYTHING)
def test_markdown_has_all_the_words_of_the_page(word: str) -> None:
    page = explained(look_up(word))
    text = re.sub(r"\\([*|`])", r"\1", explain_markdown.page(page).replace("&lt;", "<").replace("&amp;", "&"))
    for section in page.sections:
        assert f"\n## {section.title}\n" in text
        for item in section.items:
            assert item.text in text
            for line in (item.code or "").splitlines():
                assert line in text
    assert text.count("```") % 2 == 0
