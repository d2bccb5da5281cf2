"""livekit-doctor lint."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.lint.result import Linted
    from livekit_doctor.render.report import LintReport


def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files of workers and callers; default: this folder.", metavar="PATH"),
    ] = None,
    strict: options.StrictOption = False,
    config: options.ConfigOption = None,
    show_numbers: options.ShowNumbersOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """What in the source of worker and caller breaks a call? Nothing is run, imported or asked.

    Reads Python, TypeScript and JavaScript, Dockerfiles and manifests, SIP trunks and SIP dispatch rules in JSON.
    A comment on the line silences a finding: # livekit-doctor: ignore LKD701

    Exit status: 0 nothing found that is an error and more than possible (with --strict: nothing at all), 1 something
    is, 2 wrong usage or configuration, 3 nothing that speaks of LiveKit was read.
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    loaded = load(config, paths or [])
    with outputs.opened(output_format, output, screen) as printed:
        with screen, screen.progress.beside("reading the source"):
            linted = linted_of(paths or [], loaded)
        return printed.write(report_on(linted, loaded, strict=strict, show_numbers=show_numbers))


def load(config: Path | None, paths: list[Path]) -> "Loaded":
    """The configuration that is named, else that of a folder that is looked at, else the nearest one upwards."""
    from livekit_doctor.config import CONFIG_VARIABLE, FILE_NAME

    if config is None and CONFIG_VARIABLE not in os.environ:
        own = [path / FILE_NAME for path in paths if (path / FILE_NAME).is_file()]
        config = own[0] if len(own) == 1 else None
    return options.load(config, url=None, agent_name=None)


def linted_of(paths: list[Path], loaded: "Loaded") -> "Linted":
    """Judges the source, with the configuration and where its keys stand."""
    from livekit_doctor.lint.facts import Place
    from livekit_doctor.operations.lint import lint as run_lint

    file = options.config_file(loaded) if loaded.path is not None else None

    def configured(key: str) -> Place | None:
        name, _, line = loaded.origins.get(key, "").rpartition(":")
        return Place(file, int(line)) if file and name and line.isdecimal() else None

    return run_lint(paths or [Path()], loaded.settings, configured)


def report_on(linted: "Linted", loaded: "Loaded", *, strict: bool, show_numbers: bool) -> "LintReport":
    """The report on what was found."""
    from livekit_doctor.lint.result import exit_status
    from livekit_doctor.render.masking import Mask
    from livekit_doctor.render.report import LintReport

    return LintReport(
        linted=linted,
        mask=Mask(show=show_numbers),
        values=options.fix_values(loaded),
        exit_status=exit_status(linted, strict=strict),
        strict=strict,
        configuration=loaded.describe(),
    )
