"""The command line as Typer reads it."""

from functools import cache, partial
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_group

from livekit_doctor import __version__
from livekit_doctor.cli import (
    check,
    clean,
    completion,
    demo,
    explain,
    init,
    lint,
    mcp,
    placed_call,
    probe,
    trace,
    triage,
    watch,
)
from livekit_doctor.cli.exits import Exit

app = typer.Typer(
    name="livekit-doctor",
    help="Finds the step at which an outbound LiveKit phone call breaks.\n\n"
    "Begin with init. LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are read from the environment or from .env. "
    "There is more in COMMAND --help.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"livekit-doctor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("init", short_help="In an empty folder: write checks.yaml from what is there, and check it.")(init.init)
app.command("lint", short_help="In the source: what of worker and caller breaks a call.")(lint.lint)
app.command("check", short_help="Before a deploy: would an outbound call work now?")(check.check)
app.command("trace", short_help="In an incident: the step at which one call broke.")(trace.trace)
app.command("triage", short_help="Many calls: how many broke where, since when, and what they share.")(triage.triage)
app.command("probe", short_help="Many dispatches of your agent: how many get it, how soon.")(probe.probe)
app.command("test-call", short_help="One real outbound call, followed on both legs.")(placed_call.place_call)
app.command("watch", short_help="Repeats check; shows changes; serves metrics and health.")(watch.watch)
app.command("clean", short_help="Removes what runs of this tool have left at LiveKit.")(clean.clean)
app.command("explain", short_help="What a diagnosis code or a SIP status means, and the fix.")(explain.explain)
app.command("mcp", short_help="The commands that read, as tools for a coding agent.")(mcp.mcp)
app.command("demo", short_help="The incidents behind this tool, from a recording.")(demo.demo)
app.command("completion", short_help="A script, by which your shell completes what you type.")(completion.completion)


built = cache(partial(get_group, app))
"""All commands with their options; a fork of a process that has them already need not make them."""


def execute(arguments: list[str]) -> int:
    """Runs one command and returns its exit status; raises UserError for wrong usage.

    Typer's own way of running turns an interrupt and a closed pipe into statuses that are not ours.
    """
    if not arguments:
        execute(["--help"])
        return Exit.USAGE
    command = built()
    try:
        with command.make_context("livekit-doctor", list(arguments)) as context:
            return int(command.invoke(context) or Exit.OK)
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except TyperException as error:
        from livekit_doctor.cli.wrong_usage import wrong_usage

        raise wrong_usage(error, arguments, command) from error
