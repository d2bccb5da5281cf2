"""The entry point: runs a command line, and turns every way of ending into its exit status.

What takes long to import is imported inside, where Ctrl-C is handled.
"""

import os
import signal
import sys
import threading
import traceback
import warnings
from itertools import pairwise
from types import FrameType
from typing import Any, NoReturn

from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError


def main() -> NoReturn:
    """Runs the command line of this process, and exits."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    _prepare_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    status = run(sys.argv[1:])
    _ignore_signals()
    if threading.active_count() > 1:
        # Python would wait for a thread that waits for a name server, or for a file without end.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status; no exception leaves it."""
    try:
        status = _ended(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.PIPE_CLOSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _ended(arguments: list[str]) -> int:
    try:
        from livekit_doctor.cli.app import execute

        return execute(arguments)
    except UserError as error:
        return _fail(arguments, error.exit_status, error.code, error.message, error.fix)
    except KeyboardInterrupt:
        _ignore_signals()
        return _fail(arguments, Exit.INTERRUPTED, None, "interrupted", "")
    except BrokenPipeError:
        raise
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        return _fail(arguments, Exit.INTERNAL, None, message, "run it again with --debug, and report the traceback")


def _ignore_signals() -> None:
    """What is over can't be interrupted; Python would end itself by the signal."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_streams() -> None:
    """A stream that is closed is one that nobody reads, and no character stops the output."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _fail(arguments: list[str], status: int, code: str | None, message: str, fix: str) -> int:
    """Says on stderr what is wrong, and with --debug where; under --format json stdout has it too."""
    from livekit_doctor.redact import printable, redact_text

    if "--debug" in arguments:
        print(redact_text(traceback.format_exc()), end="", file=sys.stderr)
    message = redact_text("\n".join(" ".join(printable(line).split()) for line in message.splitlines()))
    print(f"{f'{code} ' if code else ''}{message}", file=sys.stderr)
    for number, line in enumerate(fix.splitlines()):
        print(f"  {'fix:' if number == 0 else '    '} {printable(line)}", file=sys.stderr)
    if _wants_json(arguments):
        from livekit_doctor.cli.options import print_json

        print_json(_error(arguments, status, code, message, fix))
    return status


def _wants_json(arguments: list[str]) -> bool:
    pairs = set(pairwise(arguments))
    return bool({"--format=json", "-fjson"} & set(arguments) or {("--format", "json"), ("-f", "json")} & pairs)


def _error(arguments: list[str], status: int, code: str | None, message: str, fix: str) -> dict[str, Any]:
    """A result with every key of the schema, and nothing in it but the error."""
    error = {"code": code, "message": message, "fix": fix}
    if "trace" in arguments[:1]:
        nothing = dict.fromkeys(("call_id", "room", "room_details", "server", "bundle", "direction"))
        lists = ("attempts", "broken", "steps", "not_covered", "ruled_out", "would_settle", "timeline", "coverage")
        return {
            "schema": "livekit-doctor/trace/v1",
            **nothing,
            "verdict": "unknown",
            "exit_status": status,
            **{key: [] for key in lists},
            "warnings": [{"code": code, "message": message}],
            "error": error,
        }
    if "probe" in arguments[:1]:
        return {
            "schema": "livekit-doctor/probe/v1",
            "ok": False,
            "exit_status": status,
            **dict.fromkeys(("server", "agent_name", "canary", "summary", "latency")),
            **{key: [] for key in ("histogram", "criteria", "endings", "dispatches", "left_behind")},
            "error": error,
        }
    if "explain" in arguments[:1]:
        return {
            "schema": "livekit-doctor/explain/v1",
            "exit_status": status,
            "explained": [],
            "codes": [],
            "error": error,
        }
    if "test-call" in arguments[:1]:
        nothing = dict.fromkeys(("number", "trunk_id", "agent_name", "answer", "trace"))
        return {
            "schema": "livekit-doctor/test-call/v1",
            "exit_status": status,
            **nothing,
            "verdict": "unknown",
            "left_behind": [],
            "error": error,
        }
    return {
        "schema": "livekit-doctor/check/v1",
        "ok": False,
        "exit_status": status,
        "server": None,
        "configuration": None,
        "summary": dict.fromkeys(("passed", "warned", "failed", "skipped", "errored"), 0),
        "not_tested": None,
        "checks": [],
        "left_behind": [],
        "error": error,
    }
