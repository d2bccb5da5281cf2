"""Lines of a console page."""

import re
import textwrap
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console

from livekit_doctor.flow import Confidence
from livekit_doctor.redact import printable
from livekit_doctor.render.console import page as console_page
from livekit_doctor.render.console.page import WARNING, Output, Page
from livekit_doctor.render.formats import FormatName, load
from tests.render.reports import because, check_report, checked, finding, printed, terminal

FIX = """\
Do this first, which takes a sentence that is far longer than the width of a small terminal:
  command --with 'a very long argument' --and 'another argument that is very long' --more

  second line
Then look."""


def page_of(write: Callable[[Page], None], width: int = 62) -> str:
    console = terminal(width)
    write(Page(console))
    return printed(console)


def test_sentences_of_a_fix_wrap_and_its_code_does_not() -> None:
    lines = page_of(lambda page: page.fix(FIX)).split("\n")
    assert lines == [
        "  fix          - Do this first, which takes a sentence that is",
        "                 far longer than the width of a small",
        "                 terminal:",
        "    command --with 'a very long argument' --and 'another argument that is very long' --more",
        "",
        "    second line",
        "               - Then look.",
        "",
    ]


def test_a_single_thing_to_do_has_no_bullet() -> None:
    assert page_of(lambda page: page.fix("Do this:\n  x")) == "  fix          Do this:\n    x\n"


def test_a_command_after_a_sentence_is_not_wrapped() -> None:
    text = "Look into the log of the server if there is one at all: grep -F outbound-room-of-this-very-call FILE"
    assert page_of(lambda page: page.commands("settle by", [text, "Think"])).split("\n") == [
        "  settle by    Look into the log of the server if there is one",
        "               at all:",
        "    grep -F outbound-room-of-this-very-call FILE",
        "               Think",
        "",
    ]


@pytest.mark.parametrize("width", [20, 80, 120])
def test_code_is_indented_little_and_alike_so_that_it_can_be_taken_whole(width: int) -> None:
    code = "from livekit.api import X\n\nawait x(\n    room='outbound-1',\n)"
    fix = f"First:\n{textwrap.indent(code, '  ')}\nThen:\n{textwrap.indent(code, '  ')}"
    seen = page_of(lambda page: page.fix(fix), width)
    assert seen.count(textwrap.indent(code, "    ")) == 2


def test_a_long_word_is_not_broken() -> None:
    name = "outbound-" + "x" * 80
    assert name in page_of(lambda page: page.field("room", f"it is {name}"))


def test_without_a_terminal_nothing_wraps() -> None:
    console = Console(file=StringIO(), width=40, color_system=None)
    Page(console).field("because", "word " * 100)
    assert printed(console).count("\n") == 1


def test_more_candidates_than_are_shown_are_counted() -> None:
    codes = [f"LKD10{number}" for number in range(1, 9)]
    seen = page_of(lambda page: page.candidates(codes), width=400)
    assert seen.count("LKD") == 6
    assert seen.endswith(", and 2 more\n")
    assert page_of(lambda page: page.candidates([])) == ""


@settings(deadline=None)
@given(st.text())
def test_printable_is_one_harmless_line(text: str) -> None:
    assert len(printable(text)) == len(text)
    assert all(char.isprintable() for char in printable(text))
    assert printable(printable(text)) == printable(text)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_whatever_the_text_no_line_steers_the_terminal(text: str) -> None:
    def write(page: Page) -> None:
        page.field("label", text)
        page.fix(f"{printable(text)}:\n  {printable(text)}")
        page.commands("settle by", [f"{text}: lk {text}"])

    assert all(char == "\n" or char.isprintable() for char in page_of(write))


def test_closed_pipe_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich would exit with status 1."""

    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises(BrokenPipeError):
        Page(Output()).line("x")


def test_no_gap_follows_another() -> None:
    def write(page: Page) -> None:
        page.gap()
        page.line("a")
        page.gap()
        page.gap()
        page.line("b")
        page.line()
        page.gap()
        page.line("c")

    assert page_of(write) == "a\n\nb\n\nc\n"


def test_a_traceback_keeps_its_lines() -> None:
    traceback = 'worker log: Traceback (most recent call last):\n  File "/app/agent.py", line 8\nKeyError: 0'
    assert page_of(lambda page: page.quoted("because", traceback)).splitlines() == [
        "  because      worker log: Traceback (most recent call last):",
        '                   File "/app/agent.py", line 8',
        "                 KeyError: 0",
    ]


PALETTES = {
    "xterm": ("000000", "ffffff"),
    "VS Code": ("1e1e1e", "ffffff"),
    "GNOME": ("1d1d1d", "ffffff"),
    "Solarized": ("002b36", "fdf6e3"),
}
"""Backgrounds, dark and light, of terminals as they come."""


@pytest.mark.parametrize("name", PALETTES)
def test_a_warning_can_be_read_on_dark_and_on_light(name: str) -> None:
    """3:1 is what WCAG asks for of large text and marks. A theme does not change a colour above 15."""
    colour = Color.parse(WARNING)
    assert (colour.number or 0) > 15
    drawn = colour.get_truecolor().hex.removeprefix("#")
    assert min(contrast(drawn, background) for background in PALETTES[name]) > 3.4


def test_no_style_is_a_yellow_that_terminals_choose() -> None:
    sources = Path(console_page.__file__).parent.glob("*.py")
    assert not [
        source.name for source in sources if "yellow" in re.sub('""".*?"""', "", source.read_text(), flags=re.S)
    ]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_fault_of_many_calls_has_its_fix_once() -> None:
    """Fifty calls that broke alike are no hundred screens: each says its room, its evidence and how to trace it."""
    calls = [
        finding(
            "LKD401", Confidence.LIKELY, because(f"room: {room} broke at: agent dispatched", "ListDispatch"), room=room
        )
        for room in ("outbound-1", "outbound-2", "outbound-3")
    ]
    report = check_report(checked("room_presence.live", "failed", calls[0].because[0].text, *calls))
    text = load(FormatName.CONSOLE)(report)
    assert text.count("from livekit.api import") == 2, "two ways to dispatch, once each"
    assert text.count("as for the first call with LKD401") == 2
    for room in ("outbound-1", "outbound-2", "outbound-3"):
        assert f"livekit-doctor trace --room {room}\n" in text
