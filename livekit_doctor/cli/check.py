"""livekit-doctor check."""

from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.exits import exit_status_of_check
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="How long all of it may take.", metavar="SECONDS")
    ] = 60,
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

    Exit status: 0 all passed (warnings too, unless --strict), 1 a check failed, 2 wrong usage,
    configuration, credentials, table or column, 3 a check could not be decided.
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    loaded = options.load(config, url=url, agent_name=agent_name, call_logs=call_logs)

    from livekit_doctor.checks.selection import select

    selected = select(only or [], skip or [])
    with outputs.opened(output_format, output, screen) as printed:
        from livekit_doctor.operations.check import Options

        how = Options(probe=probe, read_only=read_only, timeout=timeout)
        return printed.write(report_of(loaded, selected, how, screen, strict=strict, show_numbers=show_numbers))


def report_of(
    loaded: "Loaded",
    selected: "Iterable[Check]",
    how: "Options",
    screen: Screen,
    *,
    strict: bool = False,
    show_numbers: bool = False,
) -> "CheckReport":
    """Runs these checks, and makes a report of what they came to."""
    from livekit_doctor.operations.check import check as run_check

    with screen:
        checked = options.run(run_check(loaded.settings, selected, how, screen.progress), screen.progress)
    return report_on(checked, loaded, strict=strict, show_numbers=show_numbers)


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
