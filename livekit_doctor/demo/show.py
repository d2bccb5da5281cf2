"""`livekit-doctor demo`: tells the story and runs its commands for real."""

import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from subprocess import Popen
from types import FrameType

from rich.console import Console

from livekit_doctor.demo import recording as recordings
from livekit_doctor.demo import story
from livekit_doctor.demo.recording import Recording
from livekit_doctor.demo.stage import Stage
from livekit_doctor.render.console.page import Output, Page

NEXT = (
    "export LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=...",
    "{program} init            # finds out what is there, writes checks.yaml and checks it",
    "{program} trace CALL_ID   # in an incident",
)


def run(recording: Recording | None = None) -> int:
    """Shows the demo and returns its exit status: 0 where every command said what it must, else 1.

    Another `recording` than the package's is for tests.
    """
    recording = recording or recordings.load()
    console = Output()
    page = Page(console)
    with _stopped_by_signals(), Stage(recording) as stage:
        _introduce(page, recording, stage)
        surprises = [_tell(page, part, process) for part, process in _one_ahead(stage, console)]
    _conclude(page, surprises)
    return 1 if any(surprises) else 0


def _one_ahead(stage: Stage, console: Console) -> Iterator[tuple[story.Part, "Popen[str]"]]:
    """Each part and its running command; the next one starts meanwhile, since starting takes longest."""
    width = console.width if console.is_terminal else None
    ahead = stage.start(*story.PARTS[0].arguments, width=width)
    for part, following in zip_longest(story.PARTS, story.PARTS[1:]):
        process = ahead
        if following is not None:
            ahead = stage.start(*following.arguments, width=width)
        yield part, process


def _introduce(page: Page, recording: Recording, stage: Stage) -> None:
    about, at = recording.about, recording.recorded_at
    url = stage.server.url
    page.line(("livekit-doctor demo: this is a recording", "bold"))
    _paragraph(
        page,
        f"No live server answers here, but the responses of a real livekit-server {about.livekit_server} with a real "
        f"livekit-agents {about.livekit_agents} worker, recorded on {at:%Y-%m-%d} (the phones were stand-ins) and "
        f"served on {url}. All times are shifted by one offset: everything is as old as it was then.",
    )
    _paragraph(
        page,
        f"The log store is an export of the call_state_logs table, {story.CALL_LOGS}. Experiments, such as the canary "
        "worker in a scratch room, need a live server and are no part of a recording, hence --read-only. The commands "
        "are the real ones, over HTTP:",
    )
    page.line()
    for variables in (f"LIVEKIT_URL={url}", "LIVEKIT_API_KEY=*** LIVEKIT_API_SECRET=***"):
        page.line(("$ ", "dim"), (f"export {variables}", "bold"))


def _tell(page: Page, part: story.Part, process: "Popen[str]") -> str:
    """Shows one command; returns what was wrong with its result, empty if nothing was."""
    page.line()
    page.line((f"== {part.heading}", "bold cyan"))
    for sentence in part.told:
        _paragraph(page, sentence)
    page.line()
    page.line(("$ ", "dim"), (f"livekit-doctor {' '.join(part.arguments)}", "bold"))
    page.console.file.flush()
    output, errors = process.communicate()
    page.console.file.write(output + errors)
    page.line((f"[exit status {process.returncode}]", "dim"))
    return part.unexpected(process.returncode, output)


def _conclude(page: Page, surprises: list[str]) -> None:
    page.line()
    page.line(("== What was shown, of a recording", "bold cyan"))
    for part, surprise in zip(story.PARTS, surprises, strict=True):
        style = "bold red" if surprise else ""
        page.hanging(
            [(f"  {part.command:<17}", "bold")], f"NOT AS RECORDED: {surprise}" if surprise else part.shown, style=style
        )
    page.line()
    page.line(("== On your own project", "bold cyan"))
    for line in NEXT:
        page.line(f"  {line.format(program=_program())}")
    _paragraph(page, "Call logs: CALL_LOGS_DATABASE_URL=postgresql://... or --call-logs EXPORT. All else: checks.yaml.")


def _program() -> str:
    """What to type for this program: its name, or as it was called where that is not on the PATH."""
    if shutil.which("livekit-doctor"):
        return "livekit-doctor"
    called = sys.argv[0]
    return "python -m livekit_doctor" if called.endswith("__main__.py") else shlex.quote(called)


def _paragraph(page: Page, text: str) -> None:
    page.hanging([], text)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: everything is stopped and removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
