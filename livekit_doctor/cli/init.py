"""livekit-doctor init."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.init.proposal import Answers, Proposal
    from livekit_doctor.render.report import CheckReport, InitReport, NextStep


PATIENCE = 20.0
"""Seconds, of those for all, that are for finding out what is there."""


def init(
    file: Annotated[Path, typer.Option("--file", help="The file to write.", metavar="FILE", show_default=True)] = Path(
        "checks.yaml"
    ),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take the likeliest, and say which and why.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not run check on the file.")] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, help="How long asking, writing and the check may take together.", metavar="SECONDS"
        ),
    ] = 90,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Finds out what is there, writes checks.yaml, and runs check on it.

    Needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment or in .env; with
    CALL_LOGS_DATABASE_URL it finds the log table too. It only reads, creates nothing but the file, and
    writes no secret into it; then check runs as usual, with its scratch room, unless --no-check. Where
    there is no terminal to ask on it does as with --yes.

    Exit status: that of check; 2 wrong usage, credentials missing or rejected; 3 LiveKit can't be reached.
    """
    from msgspec.structs import replace

    from livekit_doctor.config import load

    outputs.refuse_over([("--file", str(file))], output)
    screen = Screen(quiet=quiet, verbose=verbose)
    # Without a terminal nothing needs an answer: of several candidates the likeliest is taken and
    # said, nothing is overwritten, and what is a guess stays a comment in the file.
    asks = not yes and _somebody_is_there()
    loaded = load(file, {"livekit.url": url, "agent.name": agent_name}, unwritten=True)
    _require_credentials(loaded)
    with outputs.opened(output_format, output, screen) as printed:
        proposal, answers, thinking = _written(
            file, loaded, screen, asks=asks, force=force, patience=max(0.1, min(PATIENCE, timeout / 2 - started.gone()))
        )

        from livekit_doctor.render.report import NextStep

        report = _report(file, proposal, answers, asked=asks)
        if no_check:
            return printed.write(replace(report, next=NextStep(_command(file, "check"))))
        printed.begin(report)
        check = _check(file, screen, timeout, started.gone() - thinking)
        return printed.write(replace(report, check=check, next=_next(check, file, answers)))


def _written(
    file: Path, loaded: "Loaded", screen: Screen, *, asks: bool, force: bool, patience: float
) -> "tuple[Proposal, Answers, float]":
    """What is there, and what of it was taken, once it is in the file; and how many seconds the questions took."""
    from livekit_doctor.whole_file import WholeFile

    began = time.monotonic()
    force = force or (asks and file.is_file() and typer.confirm(f"{file} exists. Replace it?", err=True))
    thinking = time.monotonic() - began
    with WholeFile(str(file), "--file", force=force, public=True) as written:
        if file.exists() and not file.is_file():
            raise UserError("LKD001", f"{file}: not a file that could be replaced", "name another file")
        from livekit_doctor.cli.init_questions import asked
        from livekit_doctor.init.proposal import best

        proposal = _discovered(loaded, screen, patience)
        began = time.monotonic()
        answers = asked(proposal) if asks else best(proposal)
        thinking += time.monotonic() - began

        from livekit_doctor.evidence.reading import utc_now
        from livekit_doctor.init.draft import render

        text = render(proposal, answers, utc_now())
        _refuse_secrets(text)
        written.write(text.encode(), _loads)
    return proposal, answers, thinking


def _report(file: Path, proposal: "Proposal", answers: "Answers", *, asked: bool) -> "InitReport":
    """What is known before `check` has run. `asked`: a person chose, and knows why."""
    from livekit_doctor.init.proposal import reasons
    from livekit_doctor.redact import redact_text
    from livekit_doctor.render.found import found
    from livekit_doctor.render.report import InitReport

    return InitReport(
        file=str(file),
        server=redact_text(proposal.url),
        found=tuple(found(proposal, answers)),
        taken=() if asked else tuple(reasons(proposal, answers)),
    )


def _check(file: Path, screen: Screen, timeout: float, gone: float) -> "CheckReport":
    """`check` as it is run by itself, on this file."""
    from livekit_doctor.checks import CHECKS
    from livekit_doctor.cli.check import report_of
    from livekit_doctor.operations.check import Options

    return report_of(options.load(file, url=None, agent_name=None), CHECKS, Options(timeout=timeout, gone=gone), screen)


def _loads(path: Path) -> None:
    """Raises RuntimeError for a file that the tool could not read back: that is its own fault."""
    from livekit_doctor.checks import CHECK_IDS
    from livekit_doctor.config import ConfigError, load

    try:
        load(path, check_ids=lambda: CHECK_IDS)
    except ConfigError as error:
        raise RuntimeError(f"what would be written is not valid, so nothing was: {error.message}") from error


def _refuse_secrets(text: str) -> None:
    """A name that has a secret in it was left out when it was read, or is known: there is no file with half of it."""
    from livekit_doctor.known_secrets import REMOVED, without

    values = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if without(text) != text or any(REMOVED in line for line in values):
        message = "a name that was found has one of your secrets in it, so nothing was written"
        raise UserError("LKD001", message, "rename what has a key, secret or password in its name", Exit.USAGE)


def _somebody_is_there() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def _require_credentials(loaded: "Loaded") -> None:
    """Raises UserError that says what to put into .env."""
    examples = {
        "LIVEKIT_URL": "wss://my-project.livekit.cloud",
        "LIVEKIT_API_KEY": "...",
        "LIVEKIT_API_SECRET": "...",
    }
    missing = loaded.settings.livekit.missing
    if missing:
        names = f"{', '.join(missing[:-1])} and {missing[-1]} are" if missing[1:] else f"{missing[0]} is"
        lines = [f"{name}={examples[name]}" for name in missing]
        fix = "\n".join(("put into .env in this folder, then livekit-doctor init:", *lines))
        raise UserError("LKD002", f"{names} not set: LiveKit can't be asked what is there", fix, Exit.USAGE)


def _discovered(loaded: "Loaded", screen: Screen, patience: float) -> "Proposal":
    """What is there; raises UserError where LiveKit can't be asked."""
    from livekit_doctor.init.discover import discover
    from livekit_doctor.init.proposal import propose

    with screen:
        found = options.run(discover(loaded.settings, progress=screen.progress, patience=patience), screen.progress)
    if found.unreached:
        raise options.unreached(found.unreached, loaded, "; nothing was written")
    origins = loaded.origins
    return propose(
        found,
        url_from=_said_by("LIVEKIT_URL", origins.get("livekit.url", "")),
        database_from=_said_by("CALL_LOGS_DATABASE_URL", origins.get("call_logs.dsn", "")),
        agent_from=_said_by("LIVEKIT_AGENT_NAME", origins.get("agent.name", "")),
    )


def _said_by(variable: str, origin: str) -> str:
    """Where a setting comes from: a variable, one in .env, or the command line."""
    return f"{variable} in {origin}" if origin.endswith(".env") else origin


# What to do next


def _command(file: Path, *words: str) -> str:
    """A command of the tool, with --config where it would not find this file by itself."""
    import shlex

    from livekit_doctor.config import CONFIG_VARIABLE, FILE_NAME

    found = os.path.abspath(file) == os.path.abspath(FILE_NAME) and not os.environ.get(CONFIG_VARIABLE)
    return shlex.join(["livekit-doctor", *words, *(() if found else ("--config", str(file)))])


def _next(check: "CheckReport", file: Path, answers: "Answers") -> "NextStep":
    """A call that is broken now comes before all else that can be typed: its trace reads more of it."""
    from livekit_doctor.render.report import NextStep

    name_agent = f"set agent.name in {file}" if answers.agent is None else ""
    if room := check.broken_room:
        return NextStep(_command(file, "trace", "--room", room), name_agent, "do what its fix says")
    if name_agent:
        return NextStep(_command(file, "check"), name_agent)
    count = f"count the calls of the last 24 hours with {_command(file, 'triage')}" if answers.table else ""
    if check.exit_status == Exit.OK:
        return NextStep(_command(file, "check", "--probe"), after=" and ".join(filter(None, (f"commit {file}", count))))
    return NextStep(_command(file, "check"), before="do what the fixes above say", after=count)
