"""livekit-doctor probe."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.diagnosis.probing import Judged
    from livekit_doctor.settings import LiveKit


def _share(given: str | float) -> float:
    """0.95 and 95% are the same. The default is a number already."""
    text = str(given).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        meant = f"; did you mean {text}%?" if 1 < share <= 100 else ""
        raise typer.BadParameter(f"'{text}' is neither between 0 and 1 nor a percentage such as 95%{meant}")
    return share


def probe(
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many dispatches.", metavar="N")] = 5,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=50, help="How many at a time.", metavar="K")
    ] = 3,
    canary: Annotated[
        bool, typer.Option("--canary", help="A worker of the tool's own in place of your agent.")
    ] = False,
    min_join_rate: Annotated[
        float,
        typer.Option("--min-join-rate", parser=_share, help="Share that must get its agent.", metavar="SHARE"),
    ] = 1.0,
    max_p95: Annotated[
        float | None,
        typer.Option("--max-p95", min=0, help="The slowest that 95 % of the joins may be.", metavar="SECONDS"),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.1, help="For each agent to join; default: probe.timeout.", metavar="SECONDS"),
    ] = None,
    total_timeout: Annotated[
        float | None,
        typer.Option(
            "--total-timeout",
            min=0.1,
            help="For all dispatches, the removal of their rooms included; default: enough for each to time out.",
            metavar="SECONDS",
        ),
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", help="Dispatch metadata; {call_id} and {room} are filled in.", metavar="TEXT"),
    ] = None,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    read_only: options.RefusedReadOnlyOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Dispatches your agent many times into scratch rooms: how many get it, and how soon.

    It makes a scratch room for each dispatch, and removes it. It runs your agent's code; the dispatch attribute
    livekit_doctor.probe marks a probe.

    Exit status: 0 criteria met, 1 not met, 2 wrong usage, configuration or credentials, 3 undecided.
    Ctrl-C prints what has ended by then; exit status 130.
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    if read_only:
        message = "a probe creates scratch rooms and runs the agent, which --read-only forbids"
        raise UserError("LKD001", message, "livekit-doctor probe, without --read-only", Exit.USAGE)
    further = {"probe.metadata": metadata, "probe.timeout": timeout}
    loaded = options.load(config, url=url, agent_name=agent_name, further=further)
    settings = loaded.settings
    values = options.fix_values(loaded)
    _require_credentials(settings.livekit, values)

    from livekit_doctor.cli.bar import progress_bar
    from livekit_doctor.diagnosis.probing import Limits
    from livekit_doctor.operations.probe import Options
    from livekit_doctor.operations.probe import probe as run_probe
    from livekit_doctor.render.report import ProbeReport

    how = Options(count=count, concurrency=concurrency, canary=canary, timeout=total_timeout, gone=started.gone())
    limits = Limits(min_join_rate=min_join_rate, max_p95=max_p95)
    with outputs.opened(output_format, output, screen) as printed:
        with progress_bar(count, "canaries" if canary else "dispatches", screen) as bar:
            probed = options.run(
                run_probe(settings, how, limits, lambda seen: bar.update(seen.done, f"{seen.joined} joined")), bar.say
            )
        if probed.stopped:
            ended = len(probed.judged.trials)
            print(f"interrupted: {ended} of {count} dispatches had ended, and this is of those", file=sys.stderr)
        return printed.write(
            ProbeReport(
                judged=probed.judged,
                agent_name=None if canary else settings.agent.name,
                canary=canary,
                values=values,
                server=settings.livekit.url,
                exit_status=Exit.INTERRUPTED if probed.stopped else exit_status(probed.judged),
                left_behind=probed.left_behind,
                at=probed.evidence.now,
            )
        )


def exit_status(judged: "Judged") -> Exit:
    """2 where the credentials are at fault, else by the criteria."""
    if any(ending.finding.code in ("LKD002", "LKD004") for ending in judged.endings):
        return Exit.USAGE
    statuses = {criterion.status for criterion in judged.criteria}
    if "failed" in statuses:
        return Exit.FAILED
    return Exit.UNDECIDED if "undecided" in statuses else Exit.OK


def _require_credentials(settings: "LiveKit", values: dict[str, str]) -> None:
    from livekit_doctor import catalogue

    if settings.missing:
        fix = catalogue.render_fix(catalogue.get("LKD002"), {**values, "detail": settings.missing[0]})
        verb = "is" if len(settings.missing) == 1 else "are"
        raise UserError("LKD002", f"{', '.join(settings.missing)} {verb} not set", fix, Exit.USAGE)
