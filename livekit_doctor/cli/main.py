"""The entry point: runs a command line, and turns every way of ending into its exit status.

What takes long to import is imported inside, where Ctrl-C is handled.
"""

import io
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from livekit_doctor import lazy_re
from livekit_doctor.cli import started
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import OutputError, UserError
from livekit_doctor.known_secrets import know_url, without

if TYPE_CHECKING:
    from typing_extensions import Buffer

ENDING = 2.0
"""Seconds that what was interrupted has to say so. Who reads standard output may not do so any more."""


def main() -> NoReturn:
    """Runs the command line of this process, and exits."""
    started.begin()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    _prepare_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    status = run(sys.argv[1:])
    _ignore_signals()
    sys.stderr.flush()
    # Python would take what was imported apart, a tenth of a short run, and would wait for a thread that waits for a
    # name server, or for a file without end.
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status; no exception leaves it."""
    try:
        status = _ended(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _discard_stdout()
        return Exit.PIPE_CLOSED
    except CannotPrintError as error:
        _discard_stdout()
        print(f"standard output: {error}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        _discard_stdout()
        return Exit.INTERRUPTED


def _ended(arguments: list[str]) -> int:
    for argument in arguments:
        know_url(argument.partition("=")[2] if argument.startswith("--") else argument if "://" in argument else None)
    try:
        if arguments[:1] == ["__complete"]:
            from livekit_doctor.cli.completing import answer

            answer(arguments[1:])
            return Exit.OK
        from livekit_doctor.cli.app import execute

        return execute(arguments)
    except UserError as error:
        files = not isinstance(error, OutputError)
        return _fail(arguments, error.exit_status, error.code, error.message, error.fix, files=files)
    except KeyboardInterrupt:
        _ignore_signals()
        with _ending_within(ENDING):
            status = _fail(arguments, Exit.INTERRUPTED, None, "interrupted", "")
            sys.stdout.flush()
            return status
    except (BrokenPipeError, CannotPrintError):
        raise
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        return _fail(arguments, Exit.INTERNAL, None, message, "run it again with --debug, and report the traceback")


def _ignore_signals() -> None:
    """What is over can't be interrupted; Python would end itself by the signal."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _ending_within(seconds: float) -> Iterator[None]:
    """Interrupts once more what has not ended by then, since no signal from outside does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _discard_stdout() -> None:
    """What is left to print: Python would try, and wait or complain, once more when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class CannotPrintError(Exception):
    """Standard output takes no more, such as on a full disk."""


class _Stdout(io.FileIO):
    def write(self, data: "Buffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            # The same as an error of what is being done would be taken for that.
            raise CannotPrintError(error.strerror) from None


class _Text(io.TextIOWrapper):
    """Whoever prints something, no secret that this run knows is in it, and on standard error no line that GitHub
    Actions would obey: those on standard output are `render.github`'s business."""

    def write(self, text: str, /) -> int:
        told = without(text)
        if self.name == 2 and ("::" in told or "##[" in told) and _for_github():
            told = _COMMAND.sub(lambda found: f"{found[1]}: :" if found[1] is not None else "## [", told)
        super().write(told)
        return len(text)


_COMMAND = lazy_re.compile(r"^(\s*)::|##\[", re.MULTILINE)


def _for_github() -> bool:
    from livekit_doctor.cli.outputs import asked_for

    return "GITHUB_ACTIONS" in os.environ or "github" in asked_for(sys.argv)[0]


class _Stderr(io.FileIO):
    def write(self, data: "Buffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes  # there is nobody whom it could be told


def _prepare_streams() -> None:
    """A stream that is closed is one that nobody reads, and no character stops the output."""
    for number, name, kind in ((1, "stdout", _Stdout), (2, "stderr", _Stderr)):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        setattr(
            sys,
            name,
            _Text(
                io.BufferedWriter(kind(number, "w", closefd=False)),
                encoding=stream.encoding if stream else "utf-8",
                errors="backslashreplace",
                line_buffering=name == "stderr" or bool(stream and stream.line_buffering),
                write_through=bool(stream and stream.write_through),
            ),
        )


def _fail(arguments: list[str], status: int, code: str | None, message: str, fix: str, *, files: bool = True) -> int:
    """Says on stderr what is wrong, and with --debug where; under --format json stdout has it too, and so have
    the `files` that were asked for."""
    from livekit_doctor.redact import printable, redact_text

    if "--debug" in arguments:
        print(redact_text(traceback.format_exc()), end="", file=sys.stderr)
    message = redact_text("\n".join(" ".join(printable(line).split()) for line in message.splitlines()))
    print(f"{f'{code} ' if code else ''}{message}", file=sys.stderr)
    for number, line in enumerate(fix.splitlines()):
        print(f"  {'fix:' if number == 0 else '    '} {printable(line)}", file=sys.stderr)
    from livekit_doctor.cli.outputs import asked_for

    forms, names = asked_for(arguments)
    names = names if files else []
    if forms or names:
        from livekit_doctor.render.report import ErrorReport

        command = next(iter(arguments), "")
        if command == "watch":
            from livekit_doctor.cli.watch_outputs import write_error
        else:
            from livekit_doctor.cli.outputs import write_error
        write_error(forms, names, ErrorReport(command, code, message, fix, status))
    return status
