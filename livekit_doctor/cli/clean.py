"""livekit-doctor clean."""

from datetime import timedelta
from typing import Annotated

import typer

from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption


def clean(
    rooms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ROOM",
            help="Scratch rooms by name, also such that a run may be using; default: all that none can be using.",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            help="All scratch rooms that are older: 0s, 10m, 2h. That ends runs under way that use them.",
            metavar="DURATION",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing: say what would be removed.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="How long all of it may take.", metavar="SECONDS")
    ] = 60,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    read_only: options.RefusedReadOnlyOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Removes what runs of this tool have left at LiveKit: scratch rooms, and the agents in them.

    Only rooms with exactly the name of a scratch room (livekit-doctor- and 12 hexadecimal digits), and of those
    only such that no run can be using any more, unless they are named or --older-than is given. It creates
    nothing. An agent in such a room is put out of it.

    Exit status: 0 nothing is left over, 1 something is (it could not be removed, or --dry-run), 2 wrong usage,
    configuration or credentials, 3 LiveKit could not be asked.
    """
    from livekit_doctor.errors import UserError
    from livekit_doctor.operations import clean as operation
    from livekit_doctor.render.report import CleanReport

    screen = Screen(quiet=quiet, verbose=verbose)
    if rooms and older_than is not None:
        raise UserError("LKD001", "ROOM and --older-than exclude each other", "leave one out", Exit.USAGE)
    operation.require_own(rooms or ())
    age = None if older_than is None else _duration(older_than)
    loaded = options.load(config, url=url, agent_name=None)
    options.require_credentials(loaded.settings.livekit)
    named = tuple(dict.fromkeys(rooms or ()))
    how = operation.Options(named, age, dry_run or read_only, max(0.1, timeout - started.gone()))
    with outputs.opened(output_format, output, screen) as printed:
        with screen:
            work = operation.clean(loaded.settings, how, screen.progress)
            cleaned = options.run(options.within(work, timeout), screen.progress)
        if cleaned.problem is not None:
            raise options.unreached(cleaned.problem, loaded)
        return printed.write(CleanReport(cleaned.rooms, how.dry_run, loaded.settings.livekit.url, cleaned.at))


def _duration(text: str) -> timedelta:
    from livekit_doctor.errors import UserError
    from livekit_doctor.triage.moments import length_of

    length = timedelta(0) if text.strip() == "0s" else length_of(text)
    if length is None:
        what = f"--older-than {text}: not a length of time, with its unit"
        raise UserError("LKD001", what, "--older-than 10m (also 0s, 90m, 2h, 7d)", Exit.USAGE)
    return length
