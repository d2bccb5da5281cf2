"""The documentation, built: without a warning, with no dead link, and in step with what it is made from."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

from livekit_doctor import catalogue
from livekit_doctor.catalogue.sip_statuses import registered, sip_status
from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.cli.app import app
from livekit_doctor.config.reader import paths
from livekit_doctor.flow import Step
from livekit_doctor.render.formats import FormatName
from livekit_doctor.settings import Settings
from tests.each import each
from tools.docs import configuration
from tools.docs.formats import WORDS
from tools.docs.hook import linked

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
COMMANDS: Mapping[str, object] = get_command(app).commands  # type: ignore[attr-defined]


class Page(HTMLParser):
    """The links of a page, what can be linked to in it, what it loads, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self._words: list[str] = []
        self._main = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids.update(value for name, value in values.items() if name in ("id", "name"))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loads.append(values["href"])
        elif "src" in values:
            self.loads.append(values["src"])
        self._main += tag == "article"

    def handle_endtag(self, tag: str) -> None:
        self._main -= tag == "article"

    def handle_data(self, data: str) -> None:
        if self._main:
            self._words.append(data)

    @property
    def text(self) -> str:
        """The words of the page proper, white space made one."""
        return " ".join("".join(self._words).split())


class Site:
    def __init__(self, folder: Path, said: str) -> None:
        self.folder = folder
        self.said = said
        self.pages = {
            str(path.relative_to(folder)): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
        }

    def text(self, name: str) -> str:
        return self.pages[name].text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said[-3000:]
    return Site(folder, said)


def plain(markdown: str) -> str:
    """A line of the catalogue as a page shows it."""
    return " ".join(markdown.replace("`", "").split())


# The site as a whole


def test_it_builds_without_a_warning(site: Site) -> None:
    assert not [line for line in site.said.splitlines() if "WARNING" in line or "ERROR" in line]


def test_every_internal_link_leads_to_a_page_and_a_place_in_it(site: Site) -> None:
    dead = []
    for name, page in site.pages.items():
        if name == "404.html":  # its links are from the root, for wherever it is shown
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(parts.path))) if parts.path else name
            place = unquote(parts.fragment)
            if target not in site.pages or (place and place not in site.pages[target].ids):
                dead.append(f"{name}: {link}")
    assert not dead


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    outside = {url for page in site.pages.values() for url in page.loads if urlsplit(url).netloc}
    assert not outside
    for style in site.folder.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8"))


def test_every_page_is_in_the_navigation(site: Site) -> None:
    start = site.pages["index.html"]
    linked_to = {os.path.normpath(urlsplit(link).path) for link in start.links}
    assert {name for name in site.pages if name != "404.html"} <= linked_to


def test_the_search_index_has_every_code(site: Site) -> None:
    index = json.loads((site.folder / "search" / "search_index.json").read_text())
    titles = {entry["title"] for entry in index["docs"]}
    assert {f"{code} {catalogue.get(code).name}" for code in catalogue.codes()} <= titles


# The catalogue


@each("code", catalogue.codes())
def test_a_codes_page_says_what_the_catalogue_says(code: str, site: Site) -> None:
    entry, text = catalogue.get(code), site.text(f"codes/{code}.html")
    for words in (entry.title, entry.meaning, entry.concluded, entry.ruled_out_by):
        assert plain(words) in text
    for line in entry.example.splitlines():
        assert " ".join(line.split()) in text
    for fix in entry.fix:
        say, code_to_type = catalogue.fill_fix(fix, {})
        assert plain(say) in text
        for line in (code_to_type or "").splitlines():
            assert " ".join(line.split()) in text
    for candidate in entry.candidates:
        assert f"{candidate}.html" in site.pages[f"codes/{code}.html"].links


def test_the_list_of_codes_links_each(site: Site) -> None:
    page = site.pages["codes/index.html"]
    for code in catalogue.codes():
        assert f"{code}.html" in page.links
        assert catalogue.get(code).title in page.text


@each("status", registered())
def test_the_sip_statuses_say_what_the_catalogue_says(status: int, site: Site) -> None:
    text = site.text("sip-statuses.html")
    assert f"{status} {sip_status(status).name}" in text
    for meaning in sip_status(status).meanings:
        say, code = catalogue.fill_fix(meaning.fix, {})
        assert plain(meaning.means)[1:] in text
        assert plain(say) in text
        for line in filter(None, (code or "").splitlines()):
            assert " ".join(line.split()) in text.replace("\xa0", " ")


# The command line


@each("name", COMMANDS)
def test_a_commands_page_has_every_option_with_its_words(name: str, site: Site) -> None:
    text = site.text(f"commands/{name}.html")
    for option in COMMANDS[name].params:  # type: ignore[attr-defined]
        if option.hidden:
            assert option.help is None, "what nobody is to read"
            continue
        if option.param_type_name == "option":
            for spelling in option.opts:
                assert spelling in text
        assert " ".join(option.help.split()) in text
    help_text = COMMANDS[name].help  # type: ignore[attr-defined]
    assert " ".join(help_text.split()) in text


def shown() -> Iterator[tuple[str, str]]:
    """Each command line of ours that a page shows in code or in a picture, and where."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```(?:sh|text)$(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for found in re.findall(r"(?:^|\$ |\| )livekit-doctor ([^|#]*)", line):
                    yield str(page.relative_to(ROOT)), found.strip()
        for found in re.findall(r"`livekit-doctor ([^`]+)`", text):
            yield str(page.relative_to(ROOT)), found.strip()
    for drawing in (ROOT / "docs" / "images").glob("*.svg"):
        for found in re.findall(r">\$ livekit-doctor (.+)$", drawing.read_text(encoding="utf-8"), re.MULTILINE):
            yield str(drawing.relative_to(ROOT)), found


@each("page, line", sorted(set(shown())))
def test_a_command_line_that_is_shown_can_be_typed(page: str, line: str) -> None:
    name, *words = line.split()
    known = {spelling for option in COMMANDS[name].params for spelling in option.opts}  # type: ignore[attr-defined]
    assert {word.split("=")[0] for word in words if word.startswith("-") and word != "-"} <= known


def test_pages_show_enough_command_lines_to_be_worth_that() -> None:
    assert len(set(shown())) > 30


@each("page", PAGES, name=lambda page: page.stem)
def test_options_in_prose_are_options_of_some_command(page: Path) -> None:
    known = {spelling for command in COMMANDS.values() for option in command.params for spelling in option.opts}  # type: ignore[attr-defined]
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for option in re.findall(r"`(?:livekit-doctor \w+ )?(--[a-z-]+)", prose):
        assert option in known | {"--help", "--version"}


def test_the_output_of_check_that_is_shown_has_every_check() -> None:
    text = (ROOT / "docs" / "commands" / "check.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^  (?:ok|XX|!!|--|EE)  ([a-z_.]+) ", text, re.MULTILINE)) == CHECK_IDS


# The configuration


@each("path", paths())
def test_the_configuration_has_every_key_in_words(path: str, site: Site) -> None:
    assert f" {path} " in f" {site.text('configuration.html')} "
    said = configuration.comments(configuration.EXAMPLE.read_text(encoding="utf-8"))
    assert configuration._words(path, said), "say in checks.yaml what it is"


def test_the_configurations_defaults_are_those_of_the_types() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| (.*) \|$", configuration.reference(), re.MULTILINE))
    settings = Settings()
    assert rows["livekit.timeout"] == f"`{settings.livekit.timeout:g}`"
    assert rows["call_logs.table"] == f'`"{settings.call_logs.table}"`'
    assert (
        rows["flow.allowances.sip_answered.broken_after"] == f"`{settings.flow.allowances.sip_answered.broken_after:g}`"
    )
    assert rows["flow.allowances.agent_audio.after"] == '`["agent_connected","sip_answered"]`'
    assert rows["sip.outbound_trunks[].id"] == "required"
    assert rows["agent.name"] == "not set"


def test_the_configuration_has_no_other_key(site: Site) -> None:
    written = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", configuration.reference(), re.MULTILINE))
    assert written == set(paths())


# The rest


def test_the_flow_page_has_every_step(site: Site) -> None:
    for step in Step:
        assert f" {step} " in site.text("why-agents-dont-join.html")


def test_the_formats_page_has_every_format(site: Site) -> None:
    assert set(FormatName) <= set(WORDS)
    for form in FormatName:
        assert WORDS[form].replace("`", "") in site.text("formats.html")


def test_codes_become_links_in_prose_and_nowhere_else() -> None:
    text = "LKD401 and `LKD402`, [LKD403](x.md), LKD999.\n# LKD404\n```text\nLKD405\n```\nLKD406"
    assert linked(text, "a/b.md") == text.replace("LKD401", "[LKD401](../codes/LKD401.md)").replace(
        "LKD406", "[LKD406](../codes/LKD406.md)"
    )
    assert linked("LKD401 LKD402", "codes/LKD401.md") == "LKD401 [LKD402](LKD402.md)"


def test_what_is_not_known_is_an_error(tmp_path: Path) -> None:
    from mkdocs.exceptions import PluginError

    from tools.docs.hook import on_page_markdown

    page = type("P", (), {"file": type("F", (), {"src_uri": "x.md"})})
    with pytest.raises(PluginError, match="nothing is called 'opinions'"):
        on_page_markdown("<!-- opinions: check -->", page)
