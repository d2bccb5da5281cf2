"""livekit-doctor check."""

import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit, exit_status_of_check
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from livekit_doctor.checks.check import Check, CheckResult
    from livekit_doctor.config import Loaded
    from livekit_doctor.operations.check import Checked, Options
    from livekit_doctor.render.report import CheckReport


def check(
    only: options.OnlyOption = None,
    skip: options.SkipOption = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Dispatch your own agent into a scratch room: it runs its code.")
    ] = False,
    strict: options.StrictOption = False,
    source: Annotated[
        list[Path] | None,
        typer.Option("--source", help="Read this source too, as lint does; repeatable.", metavar="PATH"),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="How long all of it may take, removal included.", metavar="SECONDS"),
    ] = 60,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            min=0,
            max=86_400,
            help="Repeat it so long, until it passes: for a deploy that waits for its worker.",
            metavar="SECONDS",
        ),
    ] = 0,
    call_logs: options.CallLogsOption = None,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    read_only: options.ReadOnlyOption = False,
    show_numbers: options.ShowNumbersOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Would an outbound call work now? If not, what is wrong, and what to type.

    It makes a scratch room at LiveKit for a worker of its own, with --probe a second one for your agent, and
    removes them; --read-only makes none. Nothing else is created or changed. What earlier runs have left it says.

    Exit status: 0 all passed (warnings too, unless --strict), 1 a check failed, 2 wrong usage,
    configuration, credentials, table or column, 3 a check could not be decided.
    With --wait it is that of the last time; status 2 does not wait.
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    loaded = options.load(config, url=url, agent_name=agent_name, call_logs=call_logs)

    from livekit_doctor.checks.selection import select

    selected = select(only or [], skip or [])
    with outputs.opened(output_format, output, screen) as printed:
        from livekit_doctor.operations.check import Options

        gone = iter((started.gone(),))

        def once() -> "CheckReport":
            how = Options(probe=probe, read_only=read_only, timeout=timeout, gone=next(gone, 0.0))
            notes = _of_source(source, loaded) if source else ()
            return report_of(loaded, selected, how, screen, strict=strict, show_numbers=show_numbers, notes=notes)

        return printed.write(_waited(once, wait, screen) if wait else once())


PAUSE = 3.0
"""Seconds from the end of one try to the next: a worker registers within that, and a server is not worn out."""


def _waited(once: "Callable[[], CheckReport]", wait: float, screen: Screen) -> "CheckReport":
    """The report of the first try that passes, or of the last that began in time. What is wrong is said on standard
    error when it is another than before."""
    import asyncio

    deadline, said = monotonic() + wait, ""
    while True:
        report = once()
        left = deadline - monotonic()
        if report.exit_status in (Exit.OK, Exit.USAGE) or left <= 0:
            return report
        wrong = _wrong_now(report)
        if wrong != said and not screen.is_quiet:
            print(f"not yet, {left:.0f} s left: {wrong}", file=sys.stderr, flush=True)
        said = wrong
        with screen:
            screen.progress("waiting for the check to pass", left)
            options.run(asyncio.sleep(min(PAUSE, left)), screen.progress)


def _wrong_now(report: "CheckReport") -> str:
    """What does not pass, in one line."""
    bad = ("failed", "errored", "warned") if report.strict else ("failed", "errored")
    wrong = [result for result in report.results if result.status in bad]
    first = next(iter(wrong), None)
    if first is None:
        return "the check does not pass"
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return printable(f"{first.code or ''} {first.id}: {first.message}".strip()) + more


def _of_source(source: list[Path], loaded: "Loaded") -> "tuple[CheckResult, ...]":
    from livekit_doctor.checks.source import result_of
    from livekit_doctor.cli.lint import linted_of

    return (result_of(linted_of(source, loaded)),)


def report_of(
    loaded: "Loaded",
    selected: "Iterable[Check]",
    how: "Options",
    screen: Screen,
    *,
    strict: bool = False,
    show_numbers: bool = False,
    notes: "tuple[CheckResult, ...]" = (),
) -> "CheckReport":
    """Runs these checks, and makes a report of what they came to."""
    from livekit_doctor.operations.check import check as run_check

    with screen:
        checked = options.run(run_check(loaded.settings, selected, how, screen.progress), screen.progress)
    return report_on(checked, loaded, strict=strict, show_numbers=show_numbers, notes=notes)


def report_on(
    checked: "Checked",
    loaded: "Loaded",
    *,
    strict: bool,
    show_numbers: bool,
    notes: "tuple[CheckResult, ...]" = (),
) -> "CheckReport":
    """The report on a run of checks; `notes` are results of whoever ran them, which stand before theirs."""
    from livekit_doctor.render.masking import mask_of
    from livekit_doctor.render.report import CheckReport

    results = (*notes, *checked.results)
    return CheckReport(
        results=results,
        mask=mask_of(checked.evidence, show=show_numbers),
        values=options.fix_values(loaded),
        server=loaded.settings.livekit.url,
        configuration=loaded.describe(),
        exit_status=exit_status_of_check(results, strict=strict),
        left_behind=checked.left_behind,
        strict=strict,
        at=checked.evidence.now,
    )
