"""`livekit-doctor completion SHELL`, and what can be completed by what a parameter takes.

The scripts are our own: they ask the program `__complete` (see `completing`) and evaluate nothing of its answer, since
call ids come from a database. `--install-completion` of Typer would edit somebody's ~/.bashrc, and evaluates.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from livekit_doctor import lazy_re

PROGRAM = "livekit-doctor"
_SAFE_NAME = lazy_re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that the script is for.", show_default=False)],
) -> int:
    """Prints a script that makes a shell complete commands, options, codes, checks and call ids.

    Its first lines say where it goes; for bash: eval "$(livekit-doctor completion bash)" in ~/.bashrc.
    """
    print(script(shell, _called_as()), end="")
    return 0


def script(shell: Shell, program: str = PROGRAM) -> str:
    """The completion script for a program of this name."""
    text = (Path(__file__).parent / "shells" / shell).read_text("utf-8")
    function = f"__{re.sub(r'[^A-Za-z0-9]', '_', program)}_complete"
    return text.replace("@PROGRAM@", program).replace("@FUNCTION@", function)


def _called_as() -> str:
    """The name that this program was called by, such as that of a link to it."""
    name = PurePath(sys.argv[0]).name
    return name if _SAFE_NAME.fullmatch(name) and not name.endswith(".py") else PROGRAM


# What can be completed

Candidate = tuple[str, str]
"""What may be typed, and what it is."""

Completer = Callable[[Mapping[str, Any]], Iterable[Candidate]]
"""Candidates, given the parameters of the command line so far. It may fail, and take its time: it is asked for
no longer than `completing.PATIENCE`."""


def codes(_: Mapping[str, Any]) -> Iterable[Candidate]:
    """Diagnosis codes by number and by name."""
    from livekit_doctor import catalogue

    pages = [catalogue.get(code) for code in catalogue.codes()]
    yield from ((page.code, page.title) for page in pages)
    yield from ((page.name, f"{page.code} {page.title}") for page in pages)


def checks(_: Mapping[str, Any]) -> Iterable[Candidate]:
    """Categories and check ids."""
    from livekit_doctor.checks import CATEGORIES, CHECKS

    for category in CATEGORIES:
        yield category, f"all checks of {category}"
        yield from ((item.id, item.title) for item in CHECKS if item.category == category)


def call_ids(given: Mapping[str, Any]) -> Iterable[Candidate]:
    """The recent calls of the call logs, newest first."""
    import asyncio

    from livekit_doctor.evidence import call_logs
    from livekit_doctor.evidence.observations import RecentCalls
    from livekit_doctor.render.masking import Mask

    logs = _settings(given).call_logs
    if logs.file == "-":
        return
    mask = Mask()
    for listing in asyncio.run(call_logs.read_recent(logs, _MOST_CALLS)).observations:
        for call in listing.calls if isinstance(listing, RecentCalls) else ():
            yield call.call_id, f"{call.at:%Y-%m-%d %H:%M:%S} {mask(f'{call.source}: {call.state}')}"


def trunk_ids(given: Mapping[str, Any]) -> Iterable[Candidate]:
    """The outbound SIP trunks of the LiveKit project."""
    import asyncio

    from livekit_doctor.evidence.livekit_source import LiveKitSource
    from livekit_doctor.evidence.observations import OutboundTrunkList, Reading

    async def read() -> Reading:
        async with LiveKitSource(_settings(given).livekit) as client:
            return await client.sip_objects()

    for listing in asyncio.run(read()).observations:
        for trunk in listing.trunks if isinstance(listing, OutboundTrunkList) else ():
            yield trunk.id, trunk.name


_MOST_CALLS = 30


def _settings(given: Mapping[str, Any]) -> Any:
    from livekit_doctor.cli import options

    loaded = options.load(
        given.get("config"), url=given.get("url"), agent_name=None, call_logs=given.get("call_logs") or None
    )
    return loaded.settings


COMPLETERS: Mapping[str, Completer] = {"CODE": codes, "ID": checks, "CALL_ID": call_ids, "ST_...": trunk_ids}
"""What completes a parameter, by its metavar without brackets. What takes one of a few words (an enum) needs none."""

FILES = ("FILE", "PATH")
"""Metavars that the shell completes by itself."""
