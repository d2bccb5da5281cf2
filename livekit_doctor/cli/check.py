"""livekit-doctor check."""

from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.exits import WRONG_NAMES, Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption

if TYPE_CHECKING:
    from livekit_doctor.checks.check import Check, CheckResult


def check(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only these categories or check ids; repeatable.", metavar="ID"),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", help="Not these categories or check ids; repeatable.", metavar="ID"),
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Dispatch your own agent into a scratch room: it runs its code.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="For all of it.", metavar="SECONDS")] = 60,
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
    selected = select(only or [], skip or [])
    with outputs.opened(output_format, output, screen) as printed:
        from livekit_doctor.hearts.check import Options
        from livekit_doctor.hearts.check import check as run_check
        from livekit_doctor.render.masking import mask_of
        from livekit_doctor.render.report import CheckReport

        settings = loaded.settings
        how = Options(probe=probe, read_only=read_only, timeout=timeout)
        with screen:
            checked = options.run(run_check(settings, selected, how, screen.progress), screen.progress)
        return printed.write(
            CheckReport(
                results=checked.results,
                mask=mask_of(checked.evidence, show=show_numbers),
                values=options.fix_values(loaded),
                server=settings.livekit.url,
                configuration=loaded.describe(),
                exit_status=exit_status(checked.results, strict=strict),
                left_behind=checked.left_behind,
                strict=strict,
            )
        )


def select(only: list[str], skip: list[str]) -> "tuple[Check, ...]":
    """The checks that are named by category or id; raises UserError for a name that is neither."""
    from livekit_doctor.checks import CATEGORIES, CHECK_IDS, CHECKS
    from livekit_doctor.config.issues import nearest
    from livekit_doctor.errors import UserError

    known = (*CATEGORIES, *CHECK_IDS)
    for name in (*only, *skip):
        if name not in known:
            meant = nearest(name, known)
            hint = f'; did you mean "{meant}"?' if meant else ""
            fix = (
                f"one of the categories {', '.join(CATEGORIES)},\nor one of the checks that livekit-doctor check lists"
            )
            raise UserError("LKD001", f'no check or category "{name}"{hint}', fix, Exit.USAGE)

    def named(item: "Check", names: list[str]) -> bool:
        return item.id in names or item.category in names

    chosen = tuple(item for item in CHECKS if (not only or named(item, only)) and not named(item, skip))
    if not chosen:
        raise UserError("LKD001", "--only and --skip leave no check to run", "livekit-doctor check --help", Exit.USAGE)
    return chosen


def exit_status(results: "tuple[CheckResult, ...]", *, strict: bool) -> Exit:
    """2 where configuration or credentials are at fault, 1 where a check failed, 3 undecided."""
    failed = [result for result in results if result.status == "failed"]
    for finding in (finding for result in failed for finding in result.findings):
        if finding.code in ("LKD002", "LKD004") or finding.values.get("kind") in WRONG_NAMES:
            return Exit.USAGE
    statuses = {result.status for result in results}
    if failed or (strict and "warned" in statuses):
        return Exit.FAILED
    return Exit.UNDECIDED if "errored" in statuses else Exit.OK
