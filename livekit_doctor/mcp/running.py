"""One command in a process of its own: what it answers as JSON, and as text for a person."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

LONGEST = 1_800.0
"""Seconds for one command, which has limits of its own."""
ENDING = 20.0
"""Seconds for a command that is stopped: it removes what it made."""


class Answer(Struct, frozen=True):
    """`document` is what --format json prints, None where it printed none; `text` what the console has."""

    document: dict[str, Any] | None
    text: str
    status: int


async def answer(words: Sequence[str], stdin: str) -> Answer:
    """Runs the command to its end. When cancelled, the command is interrupted, and waited for."""
    with TemporaryDirectory(prefix="livekit-doctor-") as folder:
        page = Path(folder) / "answer.txt"
        outputs = ["--format=json", "--output=-", f"--output={page}"]
        command, *rest = words
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "livekit_doctor", command, *outputs, *rest),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        )
        try:
            async with asyncio.timeout(LONGEST):
                out, err = await process.communicate(stdin.encode(errors="replace"))
        except (asyncio.CancelledError, TimeoutError):
            await _stop(process)
            raise
        text = page.read_text(errors="replace") if page.is_file() else ""
    said = err.decode(errors="replace")
    return Answer(_document(out), text or said, process.returncode or 0)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """As Ctrl-C does, and by force where that is not enough."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.shield(asyncio.wait_for(process.wait(), ENDING))
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _document(out: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(out)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
