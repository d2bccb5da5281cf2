"""What `watch` shows: a table on a terminal, and a line for each change of state."""

from collections.abc import Sequence
from datetime import datetime
from itertools import compress
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from livekit_doctor.operations.watch import CATEGORY, Change, Run, Standing, Watched
from livekit_doctor.redact import printable
from livekit_doctor.render.console.page import MARKS, WARNING
from livekit_doctor.render.runs import counts, outcome, told
from livekit_doctor.words import counted

WIDE = 120
"""From so many columns on, the table says when the last change was, and from what."""
IN_FULL = 2
"""So many messages are shown in full under the table, in a terminal of TALL lines or more."""
TALL = 20

_COLUMNS: tuple[dict[str, Any], ...] = (
    {"header": ""},
    {"header": "check"},
    {"header": "since", "justify": "right"},
    {"header": "last change"},
    {"header": "code"},
    {"header": "", "overflow": "ellipsis", "ratio": 1},
)


def change_line(change: Change) -> Text:
    """One change: when (UTC), of what, from what to what, the code, and why."""
    after = change.after or "gone"
    states = f"{change.before} -> {after}" if change.before else after
    line = Text(f"{_stamp(change.at)}  {change.check}  ")
    line.append(states, MARKS[change.after][1] if change.after else "")
    line.append("".join(f"  {part}" for part in (change.code, printable(change.message)) if part))
    return line


def run_line(run: Run) -> Text:
    """What came of a run, in one line."""
    return Text(f"{_stamp(run.began_at)}  run {run.number}  {told(run)}")


class Screen:
    """The table of a moment; `clock` is the event loop's, `where` what is served, `doing` what the run
    under way is at, `advice` the command that shows a failure with its fix."""

    def __init__(
        self,
        watched: Watched,
        clock: float,
        now: datetime,
        where: str = "",
        doing: str = "",
        advice: str = "livekit-doctor check",
    ) -> None:
        self.watched, self.clock, self.now, self.where, self.doing = watched, clock, now, where, doing
        self.advice = advice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        feet = self._feet(in_full=console.height >= TALL)
        room = max(3, console.height - 2 - sum(len(foot.wrap(console, options.max_width)) for foot in feet))
        table = [self._table(room, wide=options.max_width >= WIDE)] if self.watched.standings else []
        yield Group(*table, *feet)

    def _table(self, room: int, *, wide: bool) -> RenderableType:
        """A column in which there is nothing is left out, so that the messages have its room."""
        shown, left_out = _fitting(self.watched.standings, room)
        rows = [self._cells(standing, wide=wide) for standing in shown]
        used = [any(cells) for cells in zip(*rows, strict=True)]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True, header_style="dim")
        for column in compress(_COLUMNS, used):
            table.add_column(no_wrap=True, **column)
        for row in rows:
            table.add_row(*compress(row, used))
        if not left_out:
            return table
        more = f"{counted(len(left_out), 'check')} more: {counts([standing.result for standing in left_out])}"
        return Group(table, Text(f"    and {more}", "dim"))

    def _cells(self, standing: Standing, *, wide: bool) -> list[Text]:
        """One for each of the columns, empty where there is nothing to say."""
        result = standing.result
        mark, style = MARKS[result.status]
        quiet = "dim" if result.status in ("passed", "skipped") else ""
        changed = f"{standing.since:%H:%M:%S} was {standing.before}" if standing.before and wide else ""
        return [
            Text(mark, style),
            Text(result.id),
            Text(age((self.now - standing.since).total_seconds()), quiet),
            Text(changed, quiet),
            Text(result.code or "", style),
            Text(printable(result.message), quiet),
        ]

    def _feet(self, *, in_full: bool) -> list[Text]:
        watched, run = self.watched, self.watched.last
        feet = [Text()] if watched.standings else []
        feet += self._in_full() if in_full else []
        feet.append(Text("first run") if run is None else _heading(run))
        moment = f"run {run.number} at {run.began_at:%H:%M:%S} UTC took {run.took:.1f} s   " if run else ""
        feet.append(Text(moment))
        if watched.running_since is not None:
            doing = f": {printable(self.doing)}" if self.doing else ""
            feet[-1].append(f"running for {self.clock - watched.running_since:.0f} s{doing}", "cyan")
        elif watched.next_at is not None:
            feet[-1].append(f"next in {max(0.0, watched.next_at - self.clock):.0f} s", "cyan")
        if run and run.result and run.result.not_tested:
            feet.append(Text(f"not tested: {printable(run.result.not_tested)}", WARNING))
        if self.where:
            feet.append(Text(self.where, "dim"))
        return feet

    def _in_full(self) -> list[Text]:
        """The messages that matter and may be cut off in the table, and where there is more."""
        results = [standing.result for standing in self.watched.standings]
        failed = [result for status in ("failed", "errored") for result in results if result.status == status]
        said = [Text(f"{result.code or ''} {printable(result.message)}".strip()) for result in failed[:IN_FULL]]
        more = [Text(f"{self.advice} says how to fix it", "dim")] if any(one.code for one in failed) else []
        return [*said, *more, Text()] if said else []


def _heading(run: Run) -> Text:
    as_before = "" if run.result else "; the checks are as they were last seen"
    return Text(outcome(run) + as_before, "bold green" if run.outcome == "passed" else "bold red")


def age(seconds: float) -> str:
    """`5 s`, `3 min`, `2 h`, `4 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"


def _fitting(standings: Sequence[Standing], room: int) -> tuple[list[Standing], list[Standing]]:
    """Those for which there is room, in their order: what is well goes first, skipped before passed."""
    if len(standings) <= room:
        return list(standings), []
    dispensable = ("skipped", "passed", "warned", "errored", "failed")
    ranked = sorted(standings, key=lambda s: (s.result.category != CATEGORY, -dispensable.index(s.result.status)))
    kept = {standing.result.id for standing in ranked[: room - 1]}
    shown = [standing for standing in standings if standing.result.id in kept]
    return shown, [standing for standing in standings if standing.result.id not in kept]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
