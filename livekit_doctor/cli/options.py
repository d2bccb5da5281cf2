"""Options that several commands share, and what they have in common to do."""

from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from livekit_doctor.cli import started
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.evidence.observations import Problem
    from livekit_doctor.settings import LiveKit

T = TypeVar("T")


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The checks.yaml to use; default: the nearest one upwards.", metavar="FILE"),
]
UrlOption = Annotated[str | None, typer.Option("--url", help="LiveKit's URL; default: LIVEKIT_URL.", metavar="WSS_URL")]
AgentOption = Annotated[
    str | None,
    typer.Option(
        "--agent-name",
        help='Your worker\'s agent_name, to the letter; "" if it has none; default: agent.name.',
        metavar="NAME",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", help="Only this category or check, such as sip_trunks or connection.clock; repeatable.", metavar="ID"
    ),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", help="Not this category or check; repeatable.", metavar="ID"),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Warnings fail too.")]
CallLogsOption = Annotated[
    str | None,
    typer.Option(
        "--call-logs",
        help="An exported call_state_logs (CSV, JSON, JSONL; - for stdin) in place of the database.",
        metavar="FILE",
    ),
]
WorkerLogOption = Annotated[
    list[str] | None,
    typer.Option("--worker-log", help="A log of an agent worker (also .gz; - for stdin); repeatable.", metavar="FILE"),
]
ServerLogOption = Annotated[
    list[str] | None,
    typer.Option("--server-log", help="A log of livekit-server; repeatable.", metavar="FILE"),
]
SipLogOption = Annotated[
    list[str] | None,
    typer.Option("--sip-log", help="A log of livekit-sip; repeatable.", metavar="FILE"),
]
EvidenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--evidence",
        help="Text as it comes from a ticket or a chat (- for stdin): log lines, API errors, lk output, webhooks; "
        "repeatable.",
        metavar="FILE",
    ),
]
ReadOnlyOption = Annotated[
    bool, typer.Option("--read-only", help="Run no experiment: create nothing, not even a scratch room.")
]
RefusedReadOnlyOption = Annotated[bool, typer.Option("--read-only", hidden=True)]
"""Of a command that is an experiment: who gives it to all commands is told why this one does not run."""
ShowNumbersOption = Annotated[bool, typer.Option("--show-numbers", help="Do not mask phone numbers.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def load(
    config: Path | None,
    *,
    url: str | None,
    agent_name: str | None,
    call_logs: str | None = None,
    further: Mapping[str, object] = MappingProxyType({}),
) -> "Loaded":
    """The effective configuration; `further` are a command's own options by dotted key.

    Raises ConfigError.
    """
    from livekit_doctor.config import load

    overrides = {"livekit.url": url, "agent.name": agent_name, "call_logs.file": call_logs, **further}
    return load(config, overrides, check_ids=_check_ids)


def _check_ids() -> Collection[str]:
    """With all checks, which takes long to import: only where checks.yaml names some."""
    from livekit_doctor.checks import CHECK_IDS

    return CHECK_IDS


def as_unicode(text: str | None) -> str | None:
    """An argument without what is no text in it: bytes that are not UTF-8."""
    return text and text.encode(errors="replace").decode()


def typed(values: "Mapping[str, object]") -> str:
    """Those options that were given, as they can be typed again after a command."""
    import shlex

    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in values.items() if value is not None)


def fix_values(loaded: "Loaded") -> dict[str, str]:
    """What the configuration has to fill into a fix."""
    from livekit_doctor.render.report import fix_values_of

    return fix_values_of(loaded.settings, config_file(loaded))


def require_credentials(settings: "LiveKit") -> None:
    """Raises UserError where they are not set."""
    from livekit_doctor.evidence.reading import missing_credentials

    if problem := missing_credentials(settings):
        raise UserError(problem.code, problem.message, "livekit-doctor check --only configuration", Exit.USAGE)


def unreached(problem: "Problem", loaded: "Loaded", so: str = "") -> UserError:
    """Why LiveKit could not be asked, and what to type; `so` says what follows from it."""
    from livekit_doctor import catalogue

    fix = catalogue.render_fix(catalogue.get(problem.code), {**fix_values(loaded), **problem.values})
    status = Exit.USAGE if problem.code in ("LKD002", "LKD004") else Exit.UNDECIDED
    return UserError(problem.code, f"{problem.message}{so}", fix, status)


def config_file(loaded: "Loaded") -> str:
    """What fixes call the configuration: the file as seen from here."""
    if loaded.path is None:
        return "checks.yaml"
    folder = Path.cwd()
    return str(loaded.path.relative_to(folder) if loaded.path.is_relative_to(folder) else loaded.path)


STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")


def run(work: Coroutine[Any, Any, T], say: Callable[[str], None]) -> T:
    """Runs to the end; a signal to stop cancels it, so that experiments clean up, and then raises
    KeyboardInterrupt. `say` is told so."""
    import asyncio
    import signal

    running: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[T] | None = None
    is_stopped = False

    async def cancellable() -> T:
        nonlocal running, task
        task, running = asyncio.current_task(), asyncio.get_running_loop()
        if is_stopped:
            work.close()
            raise asyncio.CancelledError
        return await work

    def stop(*_: object) -> None:
        nonlocal is_stopped
        is_stopped = True
        if running is None:
            return  # before anything was done; what is interrupted in the making of a loop complains
        if running.is_closed():
            raise KeyboardInterrupt
        running.call_soon_threadsafe(cancel)

    def cancel() -> None:
        say("stopping, and removing what was created")
        assert task is not None
        task.cancel()

    # Not the loop's add_signal_handler: closing the loop leaves a moment without any handler.
    before = {name: signal.getsignal(getattr(signal, name)) for name in STOPPING if hasattr(signal, name)}
    try:
        for name, handler in before.items():
            if handler is not signal.SIG_IGN:
                with suppress(ValueError):
                    signal.signal(getattr(signal, name), stop)
        with asyncio.Runner() as runner:
            runner.get_loop().shutdown_default_executor = _wait_for_no_thread  # type: ignore[method-assign]
            return runner.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for name, handler in before.items():
            with suppress(ValueError):
                signal.signal(getattr(signal, name), handler)


async def within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Its result; raises UserError where that is not there within --timeout."""
    import asyncio

    try:
        async with asyncio.timeout(max(0.1, seconds - started.gone())):
            return await work
    except TimeoutError:
        fix = "more time: --timeout SECONDS; where it hangs: livekit-doctor check --only connection --only call_logs"
        raise UserError("LKD003", f"not done within --timeout {seconds:g} s", fix, Exit.UNDECIDED) from None


async def _wait_for_no_thread(*_: object) -> None:
    """A thread that waits for a name server, or for a file without end, holds up nobody."""
