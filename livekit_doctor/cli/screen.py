"""What a command shows on standard error while it works, and how much it prints at the end."""

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Self

import typer

from livekit_doctor.errors import UserError
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from livekit_doctor.render.console.page import Detail

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only what is wrong, and the answer; no progress.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="All that was seen; what is being done is said on stderr.")
]

_REFRESHES = 8
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Screen:
    """Progress on standard error: a line that is overwritten where somebody sits at it, a line each when
    verbose, else nothing. Raises UserError for quiet and verbose at once."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        if quiet and verbose:
            raise UserError("LKD001", "--quiet and --verbose exclude each other", "leave one out")
        self._quiet, self._verbose = quiet, verbose
        self._message, self._since = "", 0.0
        self._until: float | None = None
        self._live: Live | None = None

    @property
    def detail(self) -> "Detail":
        """How much the console's format prints."""
        from livekit_doctor.render.console.page import Detail

        return Detail.QUIET if self._quiet else Detail.VERBOSE if self._verbose else Detail.NORMAL

    @property
    def is_live(self) -> bool:
        """Whether somebody sees what is printed on stderr while it is."""
        return not self._quiet and not self._verbose and is_terminal()

    def progress(self, message: str, seconds: float | None = None) -> None:
        """What is being done now; `seconds` is how long it takes at the most, and is counted down."""
        now = time.monotonic()
        if message != self._message:
            self._since = now
        self._message = message
        self._until = None if seconds is None else now + seconds
        if self._verbose and self._live is None:
            most = "" if seconds is None else f" (at most {seconds:.0f} s)"
            print(printable(f"… {message}{most}"), file=sys.stderr, flush=True)
        elif self.is_live and self._live is None:
            self._live = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the line."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _started(self) -> "Live":
        from rich.console import Console
        from rich.live import Live

        live = Live(
            console=Console(stderr=True, highlight=False),
            get_renderable=self._line,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _line(self) -> "Text":
        from rich.text import Text

        now = time.monotonic()
        frame = _SPINNER[int(now * _REFRESHES) % len(_SPINNER)]
        left = None if self._until is None else max(0.0, self._until - now)
        shown = f"{left:.0f} s left" if left is not None else f"{now - self._since:.0f} s"
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{frame} ", "cyan").append(printable(self._message)).append(f"  {shown}", "dim")
        return line


def is_terminal() -> bool:
    """Whether standard error is a terminal that can overwrite a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
