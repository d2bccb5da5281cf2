"""The entry point: runs a command line, and turns every way of ending into its exit status.

What takes long to import is imported inside, where Ctrl-C is handled.
"""

import os
import signal
import sys
import threading
import traceback
import warnings
from types import FrameType
from typing import NoReturn

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
        if arguments[:1] == ["__complete"]:
            from livekit_doctor.cli.completing import answer

            answer(arguments[1:])
            return Exit.OK
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
    from livekit_doctor.cli.outputs import asked_for, write_error

    forms, names = asked_for(arguments)
    if forms or names:
        from livekit_doctor.render.report import ErrorReport

        write_error(forms, names, ErrorReport(next(iter(arguments), ""), code, message, fix, status))
    return status
