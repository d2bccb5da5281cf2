"""What a command shows on standard error while it works, and how much it prints at the end."""

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Self

import typer

from livekit_doctor.errors import UserError
from livekit_doctor.progress import Doing, Progress, beginnings
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from livekit_doctor.render.console.page import Detail

QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Only what is wrong, and the answer; no progress. Documents (json, junit, html, prometheus) stay whole.",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="All that was seen; what is being done is said on stderr.")
]

_REFRESHES = 8
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BAR = 24


class Screen:
    """Progress on standard error: lines that are overwritten where somebody sits at it, a line each when
    verbose, else nothing. Raises UserError for quiet and verbose at once."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        if quiet and verbose:
            raise UserError("LKD001", "--quiet and --verbose exclude each other", "leave one out")
        self._quiet, self._verbose = quiet, verbose
        self._under_way: tuple[Doing, ...] = ()
        self._live: Live | None = None
        self.progress = Progress(beginnings(_print) if verbose else self._show)

    @property
    def detail(self) -> "Detail":
        """How much the console's format prints."""
        from livekit_doctor.render.console.page import Detail

        return Detail.QUIET if self._quiet else Detail.VERBOSE if self._verbose else Detail.NORMAL

    @property
    def is_quiet(self) -> bool:
        return self._quiet

    @property
    def is_live(self) -> bool:
        """Whether somebody sees what is printed on stderr while it is."""
        return not self._quiet and not self._verbose and is_terminal()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the lines."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _show(self, under_way: tuple[Doing, ...]) -> None:
        self._under_way = under_way
        if self._live is None and self.is_live:
            self._live = self._started()

    def _started(self) -> "Live":
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        live = Live(
            console=console,
            get_renderable=lambda: lines(self._under_way, monotonic(), console.width),
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live


def lines(under_way: tuple[Doing, ...], now: float, width: int) -> "Text":
    """A line for each thing, no wider than `width`: how much of it is done, and for how long it has been under
    way, or will be at the most; `now` is on time.monotonic()'s clock."""
    from rich.text import Text

    frame = _SPINNER[int(now * _REFRESHES) % len(_SPINNER)]
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, doing in enumerate(under_way):
        tail = f"{_done(doing)}  {_time(doing, now)}"
        what = Text(printable(doing.what))
        what.truncate(max(8, width - len(tail) - 2), overflow="ellipsis")
        text.append("\n" if number else "").append(f"{frame} ", "cyan").append(what).append(tail, "dim")
    return text


def _done(doing: Doing) -> str:
    if doing.share is None:
        return f"  {doing.amount}" if doing.amount else ""
    share = min(1.0, doing.share)
    return f"  [{'#' * round(share * _BAR):.<{_BAR}}] {share:4.0%} of {doing.amount}"


def _time(doing: Doing, now: float) -> str:
    """What takes longer than it should counts upwards again."""
    if doing.until is not None and doing.until > now:
        return f"{doing.until - now:.0f} s left"
    return f"{now - doing.since:.0f} s"


def _print(doing: Doing) -> None:
    most = "" if doing.until is None else f" (at most {doing.until - monotonic():.0f} s)"
    print(printable(f"… {doing.what}{most}"), file=sys.stderr, flush=True)


def is_terminal() -> bool:
    """Whether standard error is a terminal that can overwrite a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
