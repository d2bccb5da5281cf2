"""A progress bar on stderr, where somebody sits at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from livekit_doctor.cli.screen import Screen
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """Does nothing without a `display`."""

    def __init__(self, display: "Progress | None" = None, task: "TaskID | None" = None) -> None:
        self._display, self._task = display, task

    def update(self, done: int, remark: str) -> None:
        if self._display is not None and self._task is not None:
            self._display.update(self._task, completed=done, remark=remark)

    def say(self, message: str) -> None:
        """In place of what is under way."""
        if self._display is not None and self._task is not None:
            self._display.update(self._task, description=printable(message))


@contextmanager
def progress_bar(total: int, what: str, screen: Screen) -> Iterator[Bar]:
    """A bar of `total` things, gone when it is left."""
    if not screen.is_live:
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        yield Bar(display, display.add_task(what, total=total, remark=""))
