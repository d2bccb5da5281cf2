"""livekit-doctor init."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.init.proposal import Answers, Proposal
    from livekit_doctor.render.report import CheckReport, InitReport, NextStep


def init(
    file: Annotated[Path, typer.Option("--file", help="The file to write.", metavar="FILE", show_default=True)] = Path(
        "checks.yaml"
    ),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take the likeliest, and say which and why.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not run check on the file.")] = False,
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
    CALL_LOGS_DATABASE_URL it finds the log table too. Creates nothing but the file, and writes no
    secret into it; then check runs as usual. Where there is no terminal to ask on it does as with --yes.

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
        proposal, answers = _written(file, loaded, screen, asks=asks, force=force)

        from livekit_doctor.render.report import NextStep

        report = _report(file, proposal, answers, asked=asks)
        if no_check:
            return printed.write(replace(report, next=NextStep(_command(file, "check"))))
        printed.begin(report)
        check = _check(file, screen)
        return printed.write(replace(report, check=check, next=_next(check, file, answers)))


def _written(file: Path, loaded: "Loaded", screen: Screen, *, asks: bool, force: bool) -> "tuple[Proposal, Answers]":
    """What is there, and what of it was taken, once it is in the file."""
    from livekit_doctor.whole_file import WholeFile

    force = force or (asks and file.is_file() and typer.confirm(f"{file} exists. Replace it?", err=True))
    with WholeFile(str(file), "--file", force=force, public=True) as written:
        if file.exists() and not file.is_file():
            raise UserError("LKD001", f"{file}: not a file that could be replaced", "name another file")
        from livekit_doctor.cli.init_questions import asked
        from livekit_doctor.init.proposal import best

        proposal = _discovered(loaded, screen)
        answers = asked(proposal) if asks else best(proposal)

        from livekit_doctor.evidence.reading import utc_now
        from livekit_doctor.init.draft import render

        text = render(proposal, answers, utc_now())
        _refuse_secrets(text, loaded)
        written.write(text.encode(), _loads)
    return proposal, answers


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


def _check(file: Path, screen: Screen) -> "CheckReport":
    """`check` as it is run by itself, on this file."""
    from livekit_doctor.checks import CHECKS
    from livekit_doctor.cli.check import report_of
    from livekit_doctor.operations.check import Options

    return report_of(options.load(file, url=None, agent_name=None), CHECKS, Options(), screen)


def _loads(path: Path) -> None:
    """Raises RuntimeError for a file that the tool could not read back: that is its own fault."""
    from livekit_doctor.checks import CHECK_IDS
    from livekit_doctor.config import ConfigError, load

    try:
        load(path, check_ids=CHECK_IDS)
    except ConfigError as error:
        raise RuntimeError(f"what would be written is not valid, so nothing was: {error.message}") from error


def _refuse_secrets(text: str, loaded: "Loaded") -> None:
    """Nothing that was found should quote a secret. Where something does, there is no file."""
    from livekit_doctor.evidence.call_logs.dsn import parse_dsn
    from livekit_doctor.evidence.call_logs.problems import LogsUnreadable

    livekit, dsn = loaded.settings.livekit, loaded.settings.call_logs.dsn
    try:
        passwords = parse_dsn(dsn).passwords if dsn else ()
    except LogsUnreadable:
        passwords = ()
    for secret in (livekit.api_key, livekit.api_secret, *passwords):
        # Shorter ones, such as postgres, are words that stand in the file anyway.
        if secret and len(secret) >= 12 and secret in text:
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


def _discovered(loaded: "Loaded", screen: Screen) -> "Proposal":
    """What is there; raises UserError where LiveKit can't be asked."""
    from livekit_doctor.init.discover import discover
    from livekit_doctor.init.proposal import propose

    with screen:
        found = options.run(discover(loaded.settings, progress=screen.progress), screen.progress)
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
    if check.exit_status == Exit.OK:
        return NextStep(_command(file, "check", "--probe"), after=f"commit {file}")
    return NextStep(_command(file, "check"), before="do what the fixes above say")
