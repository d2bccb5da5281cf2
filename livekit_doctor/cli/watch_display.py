"""How `watch` is seen: as a live table where somebody sits at a terminal, else as a line a change; for
programs as JSON Lines."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from msgspec.structs import replace
from rich.console import Console, Group
from rich.live import Live

from livekit_doctor.cli.outputs import is_unicode
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.operations.watch import Outcome, Watched
from livekit_doctor.render.console.page import Output
from livekit_doctor.render.console.watch import Screen, change_line, run_line
from livekit_doctor.render.formats import FormatName
from livekit_doctor.render.json.watch import JsonLines, documents

REFRESHED = 4
"""Times a second, for the countdown."""


class Display(Protocol):
    def tell(self, watched: Watched) -> None:
        """A run begins, or has ended."""

    def say(self, doing: str) -> None:
        """What is under way."""


class Lines:
    """A line for each change, and one when what comes of the runs is another."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outcome: Outcome | None = None

    def tell(self, watched: Watched) -> None:
        run = watched.last
        if run is None or watched.running_since is not None:
            return
        lines = [change_line(change) for change in watched.latest]
        if run.outcome != self._outcome:
            lines.append(run_line(run))
        self._outcome = run.outcome
        for line in lines:
            self._console.print(line, soft_wrap=True)

    def say(self, doing: str) -> None:
        """Nobody waits at a pipe."""


class Table:
    """The table of the moment, and above it the changes, one under the other."""

    def __init__(self, console: Console, clock: Callable[[], float], where: str, advice: str) -> None:
        self._clock, self._where, self._advice = clock, where, advice
        self._watched: Watched | None = None
        self._doing = ""
        self.live = Live(console=console, get_renderable=self._screen, auto_refresh=False)

    async def refreshing(self) -> None:
        """In the loop that prints as well: from a thread, rich's Live would take the height that is being printed for
        the one on the screen, and leave a part of a table there, or print over lines."""
        while True:
            await asyncio.sleep(1 / REFRESHED)
            self.live.refresh()

    def tell(self, watched: Watched) -> None:
        is_first = watched.last is not None and watched.last.number == 1
        self._watched, self._doing = watched, ""
        if watched.running_since is None and not is_first and watched.latest:
            self.live.console.print(Group(*map(change_line, watched.latest)))
        self.live.refresh()

    def say(self, doing: str) -> None:
        self._doing = doing

    def end(self) -> None:
        """The last state stays, without a countdown; where there is none, nothing does."""
        if self._watched is None or self._watched.last is None:
            self.live.transient = True
        else:
            self._watched = replace(self._watched, running_since=None, next_at=None)

    def _screen(self) -> Screen | str:
        if self._watched is None:
            return ""
        return Screen(self._watched, self._clock(), utc_now(), self._where, self._doing, self._advice)


class Stream:
    """What `Lines` says, for a program: a JSON document a line."""

    def __init__(self) -> None:
        self._form = JsonLines(ascii_only=not is_unicode())
        self._outcome: Outcome | None = None

    def tell(self, watched: Watched) -> None:
        if watched.last is None or watched.running_since is not None:
            return
        for document in documents(watched, self._outcome):
            sys.stdout.write(self._form.line(document))
        self._outcome = watched.last.outcome
        sys.stdout.flush()

    def say(self, doing: str) -> None:
        """Nobody waits at a pipe."""


@contextmanager
def display(
    clock: Callable[[], float],
    where: str,
    form: FormatName = FormatName.CONSOLE,
    advice: str = "livekit-doctor check",
) -> Iterator[Display]:
    """As it fits standard output. `advice` is the command that shows a failure with its fix."""
    if form is FormatName.JSON:
        yield Stream()
        return
    console = Output()
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(console)
        return
    table = Table(console, clock, where, advice)
    with table.live:
        refreshing = asyncio.get_running_loop().create_task(table.refreshing())
        try:
            yield table
        finally:
            refreshing.cancel()
            table.end()
