"""`--format` and `--output` of `watch`: standard output is a stream, and each file is the report of the last run."""

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.checks.judgement import one_line
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.outputs import STDOUT, STREAMED, Destination, destinations, is_unicode
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.operations.watch import WRITING
from livekit_doctor.render.formats import Format, FormatName, load
from livekit_doctor.render.report import ErrorReport, Report
from livekit_doctor.whole_file import WholeFile

ENDING = 2.0
"""Seconds that a file may take to be written when watch ends."""


def streamed(chosen: Sequence[Destination]) -> FormatName:
    """The format of standard output. Raises UserError for one that needs an end."""
    form = next(one.form for one in chosen if one.name == STDOUT)
    if form in STREAMED:
        return form
    message = f"--format {form}: on standard output watch says what changes, and only as console or json"
    raise UserError("LKD001", message, f"livekit-doctor watch --format {form} --output FILE", Exit.USAGE)


class _File(Struct):
    """`writing` is the last attempt, which may not have ended yet."""

    name: str
    form: Format
    writing: "asyncio.Future[str | None] | None" = None

    def open(self) -> WholeFile:
        """To replace the file. Nobody may read a pipe, and a pipe can't be replaced."""
        return WholeFile(self.name, "--output", force=True, public=True, special=False)

    def write(self, text: str) -> str | None:
        """Returns why the file could not be written."""
        try:
            with self.open() as file:
                file.write(text.encode(errors="backslashreplace"))
        except UserError as error:
            return error.message
        except Exception as error:
            return f"{self.name}: {one_line(error)}"
        return None


class ReportFiles:
    """Files, each of which is replaced by one report after the other. Entering raises UserError where one
    can't be written.

    Each is written in a thread: a folder of another machine may hang, and then holds up neither the
    others nor `watch`.
    """

    def __init__(self, chosen: Sequence[Destination]) -> None:
        self._files = [_File(one.name, load(one.form)) for one in chosen if one.name != STDOUT]
        self._threads = ThreadPoolExecutor(max(1, len(self._files)))

    async def __aenter__(self) -> Self:
        for file in self._files:
            with file.open():
                pass
        return self

    async def __aexit__(self, *_: object) -> None:
        """What is being written comes before what is written next."""
        await self._wait(ENDING)
        self._threads.shutdown(wait=False)

    async def write(self, report: Report, within: float = WRITING) -> tuple[str, ...]:
        """Replaces all that can be within so many seconds, and says of each other why not."""
        hanging = [file for file in self._files if file.writing and not file.writing.done()]
        for file in self._files:
            if file not in hanging:
                file.writing = self._started(file, report)
        await self._wait(within, but=hanging)
        return tuple(filter(None, map(_problem, self._files)))

    def _started(self, file: _File, report: Report) -> "asyncio.Future[str | None]":
        loop = asyncio.get_running_loop()
        try:
            text = file.form(report)
        except Exception as error:
            failed: asyncio.Future[str | None] = loop.create_future()
            failed.set_result(f"{file.name}: {one_line(error)}")
            return failed
        return loop.run_in_executor(self._threads, file.write, text)

    async def _wait(self, seconds: float, but: Sequence[_File] = ()) -> None:
        writing = [file.writing for file in self._files if file.writing and file not in but]
        if writing:
            await asyncio.wait(writing, timeout=seconds)


def _problem(file: _File) -> str | None:
    if file.writing and file.writing.done():
        return file.writing.result()
    return f"{file.name}: not written in time; it may be on a disk that hangs"


def write_error(forms: Sequence[FormatName], names: Sequence[str], report: ErrorReport) -> None:
    """Why watch has ended: in each file, as `check` would have it, and as the last line of the stream."""
    try:
        chosen = destinations(forms, names, stream=True)
        form = streamed(chosen)
    except UserError:
        chosen, form = (), next(iter(forms), FormatName.CONSOLE)
    asyncio.run(ReportFiles(chosen).write(replace(report, command="check"), ENDING))
    if form is FormatName.JSON:
        from livekit_doctor.render.json.watch import JsonLines, ended

        sys.stdout.write(JsonLines(ascii_only=not is_unicode()).line(ended(report, utc_now())))
