"""The entry point: dispatches to a command, and turns every way of ending into its exit status."""

import json
import os
import sys
from itertools import pairwise
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from livekit_doctor import __version__
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError

app = typer.Typer(
    name="livekit-doctor",
    help="Finds the step at which an outbound LiveKit phone call breaks.",
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


def _register() -> None:
    from livekit_doctor.cli import check, demo, trace

    app.command("check")(check.check)
    app.command("trace")(trace.trace)
    app.command("demo")(demo.demo)


_register()


def main() -> NoReturn:
    """Runs the command line of this process, and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status; no exception leaves but with --debug."""
    debug = "--debug" in arguments
    if not arguments:
        run(["--help"])
        return Exit.USAGE
    try:
        return int(app(arguments, prog_name="livekit-doctor", standalone_mode=False) or 0)
    except UserError as error:
        if debug:
            raise
        return _fail(arguments, error.exit_status, error.code, error.message, error.fix)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        return _fail(arguments, Exit.USAGE, "LKD001", message, "see livekit-doctor --help")
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.PIPE_CLOSED
    except Exception as error:
        if debug:
            raise
        message = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
        return _fail(arguments, Exit.INTERNAL, None, message, "run it again with --debug for the traceback")


def _fail(arguments: list[str], status: int, code: str | None, message: str, fix: str) -> int:
    """One line on stderr; under --format json also a valid result on stdout."""
    print(f"{f'{code} ' if code else ''}{message}", file=sys.stderr)
    for number, line in enumerate(fix.splitlines()):
        print(f"  {'fix:' if number == 0 else '    '} {line}", file=sys.stderr)
    if _wants_json(arguments):
        print(json.dumps(_error(arguments, status, code, message, fix), indent=2))
    return status


def _wants_json(arguments: list[str]) -> bool:
    pairs = set(pairwise(arguments))
    return "--format=json" in arguments or bool(pairs & {("--format", "json"), ("-f", "json")})


def _error(arguments: list[str], status: int, code: str | None, message: str, fix: str) -> dict[str, object]:
    error = {"code": code, "message": message, "fix": fix}
    if "trace" in arguments[:1]:
        lists = ("attempts", "broken", "steps", "ruled_out", "would_settle", "timeline", "coverage")
        empty: dict[str, object] = {key: [] for key in lists}
        head = {"schema": "livekit-doctor/trace/v1", "call_id": None, "room": None, "server": None}
        warnings = [{"code": code, "message": message}]
        return {**head, "verdict": "unknown", "exit_status": status, **empty, "warnings": warnings, "error": error}
    summary = dict.fromkeys(("passed", "warned", "failed", "skipped", "errored"), 0)
    return {
        "schema": "livekit-doctor/check/v1",
        "ok": False,
        "exit_status": status,
        "summary": summary,
        "checks": [],
        "error": error,
    }
