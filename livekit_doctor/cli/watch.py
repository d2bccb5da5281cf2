"""livekit-doctor watch."""

import math
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.check import report_on
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import Screen
from livekit_doctor.errors import ConfigError, UserError
from livekit_doctor.progress import Progress
from livekit_doctor.render.formats import ENDINGS, FormatName

if TYPE_CHECKING:
    from livekit_doctor.checks.check import Check, CheckResult
    from livekit_doctor.config import Loaded
    from livekit_doctor.operations.check import Options
    from livekit_doctor.operations.watch import Plan, Result, Run
    from livekit_doctor.render.report import CheckReport, ErrorReport

LISTEN = "127.0.0.1:7889"
"""Not 9464, OpenTelemetry's: an agent on the same machine may well have that."""
CREDENTIALS = ("LKD002", "LKD004")


def _finite(seconds: float) -> float:
    """`nan` and `inf` are numbers to Python."""
    if not math.isfinite(seconds):
        raise typer.BadParameter(f"{seconds} is no number of seconds")
    return seconds


def watch(
    interval: Annotated[
        float,
        typer.Option(
            "--interval",
            min=1,
            max=86_400,
            callback=_finite,
            help="From one run's start to the next's.",
            metavar="SECONDS",
        ),
    ] = 60,
    listen: Annotated[
        str,
        typer.Option(
            "--listen", help="Where /metrics, /healthz and /livez are served; off for nowhere.", metavar="HOST:PORT"
        ),
    ] = LISTEN,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many runs.", metavar="N")] = None,
    only: options.OnlyOption = None,
    skip: options.SkipOption = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Dispatch your own agent in every run: it runs its code each time.")
    ] = False,
    strict: options.StrictOption = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, max=86_400, callback=_finite, help="How long a run may take.", metavar="SECONDS"
        ),
    ] = 60,
    call_logs: options.CallLogsOption = None,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    read_only: options.ReadOnlyOption = False,
    show_numbers: options.ShowNumbersOption = False,
    output_format: Annotated[
        list[FormatName] | None,
        typer.Option("--format", "-f", help="How to say what changes: console or json; any other with an --output."),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            help="A file that each run replaces by its result, as check has it; repeatable. Its format is said by "
            f"--format or by its ending ({', '.join(ENDINGS)}).",
            metavar="FILE",
        ),
    ] = None,
    debug: options.DebugOption = False,
) -> int:
    """Repeats check, shows what changes, and serves it to Prometheus and to health checks.

    /healthz answers 200 while the last run passed and is recent, else 503; /livez while watch itself is
    well. Each run makes a scratch room and removes it; --read-only makes none.

    Exit status: 0, 1, 3 with --count: that of the last run, as check has it; 2 wrong usage,
    configuration or credentials at the start; 130 interrupted.
    """
    from livekit_doctor.checks.selection import select
    from livekit_doctor.cli.watch_outputs import streamed

    chosen = outputs.destinations(output_format or (), output or (), stream=True)
    streamed(chosen)
    selected = select(only or [], skip or [])

    def load(known: Path | None) -> "Loaded":
        return options.load(known or config, url=url, agent_name=agent_name, call_logs=call_logs)

    loaded = load(None)
    if loaded.settings.call_logs.file == "-":
        message = "standard input can be read once only, and watch reads the call logs in every run"
        raise UserError("LKD001", message, "livekit-doctor watch --call-logs FILE", Exit.USAGE)

    from livekit_doctor.operations.check import Options
    from livekit_doctor.operations.watch import Plan

    how = Options(probe=probe, read_only=read_only, timeout=timeout)
    typed = {"--agent-name": agent_name, "--url": url, "--config": config, "--call-logs": call_logs}
    given = [*(("--only", one) for one in only or []), *(("--skip", one) for one in skip or []), *typed.items()]
    words = [word for option, value in given if value is not None for word in (option, str(value))]
    check_as_here = shlex.join(["livekit-doctor", "check", *(["--probe"] if probe else []), *words])
    rounds = Rounds(load, loaded, selected, how, strict=strict, show_numbers=show_numbers)
    return _watch(rounds, Plan(interval, timeout, count), listen, chosen, check_as_here)


def _watch(
    rounds: "Rounds", plan: "Plan", listen: str, chosen: Sequence[outputs.Destination], check_as_here: str
) -> int:
    """Serves, shows, writes and runs, until it is told to stop. `check_as_here` is the command that shows what a run
    does."""
    import asyncio
    from contextlib import AsyncExitStack

    from livekit_doctor.cli.watch_display import display
    from livekit_doctor.cli.watch_outputs import ReportFiles, streamed
    from livekit_doctor.cli.watch_server import address_of, serving
    from livekit_doctor.evidence.reading import utc_now
    from livekit_doctor.operations.watch import Run, Watched
    from livekit_doctor.operations.watch import watch as run_watch

    address = address_of(listen)
    now = Watched(plan, started_at=utc_now())
    say: Callable[[str], None] = Screen().progress

    async def work() -> Watched:
        nonlocal now, say
        clock = asyncio.get_running_loop().time
        now = Watched(plan, started_at=utc_now(), touched=clock())
        async with AsyncExitStack() as stack:
            files = await stack.enter_async_context(ReportFiles(chosen))
            where = await stack.enter_async_context(serving(address, lambda: now)) if address else None
            if where is not None:
                print(f"listening on {where}", file=sys.stderr)
                if not where.is_local:
                    note = "note: other machines can ask too, without a password, and see which checks fail"
                    print(note, file=sys.stderr)
            shown = stack.enter_context(display(clock, str(where or ""), streamed(chosen), check_as_here))
            say = shown.say
            rounds.progress = Progress(lambda under_way: shown.say(", ".join(doing.what for doing in under_way)))

            def tell(watched: Watched) -> None:
                nonlocal now
                now = watched
                shown.tell(watched)

            async def write(run: Run) -> tuple[str, ...]:
                return await files.write(rounds.report_of(run))

            return await run_watch(rounds, plan, tell, write)

    watched = options.run(work(), lambda message: say(message))
    return watched.last.exit_status if watched.last else Exit.OK


class Rounds:
    """Makes one check of everything, with the configuration as it is on disk at that moment.

    A configuration that can't be read is said, and the last good one is used; the same file is read
    again and again, so that one that is gone for a moment is not taken for none.
    """

    def __init__(
        self,
        load: "Callable[[Path | None], Loaded]",
        loaded: "Loaded",
        selected: "tuple[Check, ...]",
        how: "Options",
        *,
        strict: bool,
        show_numbers: bool,
    ) -> None:
        self._load, self._loaded, self._selected, self._how = load, loaded, selected, how
        self._strict, self._show_numbers = strict, show_numbers
        self._is_first = True
        self._report: CheckReport | None = None
        self.progress = Progress()

    async def __call__(self) -> "Result":
        from livekit_doctor.operations.check import check
        from livekit_doctor.operations.watch import Result

        problem = await self._reload()
        loaded = self._loaded
        checked = await check(loaded.settings, self._selected, self._how, self.progress)
        report = report_on(
            checked,
            loaded,
            strict=self._strict,
            show_numbers=self._show_numbers,
            notes=(problem,) if problem else (),
        )
        if self._is_first:
            _require_credentials(report)
        self._is_first = False
        self._report = report
        return Result(report.results, report.exit_status, report.server, report.left_behind, report.not_tested)

    def report_of(self, run: "Run") -> "CheckReport | ErrorReport":
        """What `check` would have said of the run that has just ended; of one that came to nothing, why."""
        from livekit_doctor.render.report import ErrorReport

        failure = run.failure
        if failure is not None:
            return ErrorReport("check", failure.code, failure.message, run.fix, run.exit_status)
        assert self._report is not None
        return self._report

    async def _reload(self) -> "CheckResult | None":
        """In a thread: a file may hang, too."""
        import asyncio

        from livekit_doctor.operations.watch import CONFIGURATION, own

        try:
            self._loaded = await asyncio.to_thread(self._load, self._loaded.path)
        except ConfigError as error:
            message = f"{error.message.partition(chr(10))[0]}; the last good one is used"
            return own(CONFIGURATION, "warned", message, error.code)
        return None


def _require_credentials(report: "CheckReport") -> None:
    """Raises UserError where they are missing or rejected."""
    for result in report.results:
        if result.status == "failed" and result.code in CREDENTIALS:
            raise UserError(result.code, result.message, report.fix(result) or "", Exit.USAGE)
