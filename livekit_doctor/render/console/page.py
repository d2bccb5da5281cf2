"""Lines of a console page: marks, labels with hanging text, and code that is never wrapped."""

import textwrap
from collections.abc import Iterable
from enum import Enum, auto
from typing import IO

from rich.console import Console
from rich.text import Text

from livekit_doctor import catalogue
from livekit_doctor.redact import printable
from livekit_doctor.render.commands import LK, split_command, uses_lk

LABEL = 14
"""Width of the label column."""

CODE = 4
"""How far code is indented: little and always the same, so that it is easily taken whole."""

NARROWEST, UNDER = 24, 8
"""Where a head leaves fewer columns for its text than the first, the text stands under it, so far indented."""

SHOWN_CANDIDATES = 6
"""The console names this many; JSON has them all."""

WARNING = "color(166)"
"""An orange: what terminals call yellow can't be read on white. With the usual palettes it has a contrast of at
least 3.5, on light and on dark, and themes leave these colours as they are."""

MARKS: dict[str, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "passed": ("ok", "green"),
    "broken": ("XX", "bold red"),
    "failed": ("XX", "bold red"),
    "warned": ("!!", WARNING),
    "errored": ("EE", "bold magenta"),
    "pending": ("..", "cyan"),
    "unknown": ("??", WARNING),
    "skipped": ("--", "dim"),
}
"""The mark and the style of each status."""


class Detail(Enum):
    """How much is shown: with QUIET only what is wrong and the answer, with VERBOSE all that was seen."""

    QUIET = auto()
    NORMAL = auto()
    VERBOSE = auto()


class Output(Console):
    """Standard output, or a `file`: plain when it is no terminal; honours NO_COLOR and the width."""

    def __init__(self, file: IO[str] | None = None) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Leaves the exit status to the command line; rich would exit with 1."""
        raise BrokenPipeError


class Page:
    """Writes to a console; wraps at its width on a terminal, and never elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._width = console.width if console.is_terminal else 100_000
        self._after_gap = True
        self._lk_is_explained = False

    def line(self, *parts: tuple[str, str] | str) -> None:
        """One line of parts, each a text or a text with a style. It is not wrapped: it may be code."""
        self._print(parts, soft_wrap=True)

    def heading(self, *parts: tuple[str, str] | str) -> None:
        """The same, in words, which wraps between two of them."""
        self._print(parts, soft_wrap=not self.console.is_terminal)

    def _print(self, parts: Iterable[tuple[str, str] | str], *, soft_wrap: bool) -> None:
        text = Text()
        for part in parts:
            said, style = (part, "") if isinstance(part, str) else part
            text.append(printable(said), style)
        text.rstrip()
        self._after_gap = not text
        self.console.print(text, soft_wrap=soft_wrap)

    def gap(self) -> None:
        """An empty line, unless one has just been printed."""
        if not self._after_gap:
            self.line()

    def field(self, label: str, text: str, *, style: str = "", indent: int = 2) -> None:
        """A label and its text, which hangs under itself when it is long."""
        self.hanging([(f"{' ' * indent}{label:<{LABEL - 1}}", "dim")], text, style=style)

    def hanging(self, head: list[tuple[str, str] | str], text: str, *, style: str = "") -> None:
        """A head, and a text that hangs under itself when it is long; on a narrow terminal, under the head."""
        used = sum(len(part if isinstance(part, str) else part[0]) for part in head)
        if used + len(text) > self._width and self._width - used < NARROWEST and used > UNDER:
            self.line(*head)
            head, used = [" " * UNDER], UNDER
        wrapped = self._wrap(printable(text), used) or [""]
        self.line(*head, (wrapped[0], style))
        for more in wrapped[1:]:
            self.line(" " * used, (more, style))

    def fields(self, label: str, texts: Iterable[str], *, style: str = "") -> None:
        """Several texts under one label."""
        for number, text in enumerate(texts):
            self.field(label if number == 0 else "", text, style=style)

    def quoted(self, label: str, text: str) -> None:
        """A text under a label, and the lines of a traceback in it as they are."""
        first, *lines = text.strip().splitlines() or [""]
        self.field(label, first)
        for line in lines:
            self.line(" " * (LABEL + 3), printable(line))

    def commands(self, label: str, texts: Iterable[str]) -> None:
        """Several texts under one label. A command at the end of one is not wrapped."""
        for number, text in enumerate(texts):
            said, command = split_command(text)
            self.field(label if number == 0 else "", said)
            if command:
                self.line(" " * CODE, (printable(command), "bold"))
                self._explain_lk(command)

    def candidates(self, codes: Iterable[str], detail: Detail = Detail.NORMAL) -> None:
        """What it may turn out to be: the first by name, the others counted unless VERBOSE."""
        named = [f"{code} {catalogue.get(code).name}" for code in codes]
        shown = len(named) if detail is Detail.VERBOSE else SHOWN_CANDIDATES
        if named:
            more = f", and {len(named) - shown} more" if len(named) > shown else ""
            self.field("could be", ", ".join(named[:shown]) + more)

    def fix(self, text: str) -> None:
        """A fix as the catalogue renders it: sentences wrap, code lines do not."""
        lines = text.splitlines()
        sentences = [line for line in lines if line and not line.startswith("  ")]
        bullet = "- " if len(sentences) > 1 else ""
        for number, line in enumerate(lines):
            if line.startswith("  "):
                self.line(" " * CODE, (printable(line[2:]), "bold"))
                self._explain_lk(line)
            elif line:
                label = f"  {'fix' if number == 0 else '':<{LABEL - 1}}"
                self.hanging([(label, "dim"), bullet], line)
            else:
                self.line()

    def _explain_lk(self, code: str) -> None:
        """Under the first command of it on the page; in one line of code there is no second one."""
        if uses_lk(code) and not self._lk_is_explained:
            self._lk_is_explained = True
            self.field("", f"({LK})", style="dim")

    def _wrap(self, text: str, used: int) -> list[str]:
        return textwrap.wrap(text, max(20, self._width - used), break_long_words=False, break_on_hyphens=False)
