"""Options that several commands share, and what they have in common to do."""

import sys
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from livekit_doctor.config import Loaded

T = TypeVar("T")


class Format(StrEnum):
    CONSOLE = "console"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print the result.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The checks.yaml to use; default: the nearest one upwards.", metavar="FILE"),
]
UrlOption = Annotated[str | None, typer.Option("--url", help="LiveKit's URL; default: LIVEKIT_URL.", metavar="WSS_URL")]
AgentOption = Annotated[
    str | None, typer.Option("--agent-name", help='The worker\'s agent_name; "" for none.', metavar="NAME")
]
CallLogsOption = Annotated[
    str | None,
    typer.Option(
        "--call-logs",
        help="An exported call_state_logs (CSV, JSON, JSONL; - for stdin) in place of the database.",
        metavar="FILE",
    ),
]
ReadOnlyOption = Annotated[
    bool, typer.Option("--read-only", help="Run no experiment: create nothing, not even a scratch room.")
]
ShowNumbersOption = Annotated[bool, typer.Option("--show-numbers", help="Do not mask phone numbers.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def load(config: Path | None, *, url: str | None, agent_name: str | None, call_logs: str | None = None) -> "Loaded":
    """The effective configuration; raises ConfigError."""
    from livekit_doctor.config import load

    overrides = {"livekit.url": url, "agent.name": agent_name, "call_logs.file": call_logs}
    loaded = load(config, overrides)
    if loaded.settings.checks:
        from livekit_doctor.checks import CHECK_IDS

        load(config, overrides, check_ids=CHECK_IDS)
    return loaded


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end; SIGINT and SIGTERM cancel it, so that experiments clean up, and then raise
    KeyboardInterrupt."""
    import asyncio
    import signal

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.add_signal_handler(name, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def console() -> "Console":
    """Standard output. Plain when it is no terminal; honours NO_COLOR and the width."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def progress(message: str) -> None:
    """Progress goes to stderr, and only where somebody sits at it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K… {message}", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    import msgspec

    encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
    print(encoded.decode())
