"""`--format` and `--output`: where the result goes, and in which format."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from livekit_doctor import lazy_re
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import OutputError, UserError
from livekit_doctor.render.formats import ENDINGS, Format, FormatName, load, of_file

if TYPE_CHECKING:
    from livekit_doctor.cli.screen import Screen
    from livekit_doctor.render.report import ErrorReport, Report
    from livekit_doctor.whole_file import WholeFile

STDOUT = "-"
STREAMED = (FormatName.CONSOLE, FormatName.JSON)
"""Formats that standard output can have of a command that never ends: a line for each thing that happens."""

SUMMARY = 1024 * 1024
"""Bytes of a step's job summary. GitHub Actions refuses a larger one as a whole."""

FormatOption = Annotated[
    list[FormatName] | None,
    typer.Option("--format", "-f", help="How to print the result; repeatable, with an --output each."),
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        help="A file for the result; repeatable. Its format is said by --format or by its ending "
        f"({', '.join(ENDINGS)}).",
        metavar="FILE",
    ),
]


class Destination(NamedTuple):
    """`name` is a file's, or - for standard output."""

    form: FormatName
    name: str = STDOUT


def destinations(forms: Sequence[FormatName], names: Sequence[str], *, stream: bool = False) -> tuple[Destination, ...]:
    """Which format goes where.

    A file gets the format that was asked for and that its ending stands for; one whose ending says
    nothing gets what was asked for and has no file yet; any other what its ending stands for. What is
    left goes to standard output, where the console's text is printed if nothing else is. Of a `stream`
    it is another thing than of a file: one whose ending says its format leaves the same to it. Raises
    UserError.
    """
    left = list(dict.fromkeys(forms))
    files: dict[str, str] = {}
    for name in names:
        if names.count(name) > 1:
            raise _wrong(f"--output {name} is given {names.count(name)} times", "a file each")
        other = files.setdefault(file_of(name), name) if name != STDOUT else name
        if other != name:
            raise _wrong(f"--output {other} and --output {name} are one file", "a file each")
    found: dict[str, FormatName] = {}
    for name in names:
        form = of_file(name)
        if form in left and not (stream and form in STREAMED):
            left.remove(form)
            found[name] = form
    for name in names:
        if name not in found and of_file(name) is None:
            if not left and name != STDOUT:
                fix = f"--format FORMAT, or a name that ends in one of {', '.join(ENDINGS)}"
                raise _wrong(f"--output {name}: nothing says its format", fix)
            found[name] = left.pop(0) if left else FormatName.CONSOLE
    for name in names:
        found.setdefault(name, of_file(name) or FormatName.CONSOLE)
    if len(left) > (STDOUT not in found):
        listed = " and ".join(f"--format {form}" for form in left)
        fix = " ".join(f"--format {form} --output FILE" for form in left)
        raise _wrong(f"{listed}: standard output takes one format, and has {len(left) + (STDOUT in found)}", fix)
    chosen = [Destination(found[name], name) for name in names]
    if STDOUT not in found:
        chosen.append(Destination(left[0] if left else FormatName.CONSOLE))
    return tuple(chosen)


def refuse_over(others: Iterable[tuple[str, str | None]], names: Sequence[str] | None) -> None:
    """Raises OutputError where --output leads to the file of another option, given as option and name."""
    files = {file_of(name): f"{option} {name}" for option, name in others if name}
    for name in names or ():
        if name != STDOUT and (other := files.get(file_of(name))):
            raise OutputError(f"--output {name} would take the place of {other}", "name another file")


def file_of(name: str) -> str:
    """What the name leads to, whatever else leads there. A pipe can be written twice, and loses nothing."""
    if not name or "\0" in name or (os.path.exists(name) and not os.path.isfile(name)):
        return name
    return os.path.realpath(name)


class Outputs:
    """Where the result of a command goes."""

    def __init__(self, files: "Sequence[tuple[WholeFile, Format]]", stdout: FormatName, screen: "Screen") -> None:
        self._files, self._stdout, self._screen = files, stdout, screen
        self._begun = ""

    def begin(self, report: "Report") -> None:
        """Prints on the console what is known of a report so far, for who waits for the rest. The text of the
        whole, which `write` is given, must begin with it."""
        if self._stdout is FormatName.CONSOLE:
            self._begun = self._on_stdout(report)
            _print(self._begun, self._stdout)
            sys.stdout.flush()

    def write(self, report: "Report") -> int:
        """Writes all files, then prints; returns the exit status, that for wrong usage where a file could
        not be written. The answer is worth printing all the same."""
        status = report.exit_status
        for file, form in self._files:
            try:
                file.write(form(report).encode(errors="backslashreplace"))
            except UserError as error:
                print(f"{error.code} {error.message}\n  fix: {error.fix}", file=sys.stderr)
                status = Exit.USAGE
        if self._stdout is FormatName.CONSOLE and report.kind == "error":
            return status  # standard error has it
        _print(self._on_stdout(report).removeprefix(self._begun), self._stdout)
        if self._stdout is FormatName.GITHUB:
            _append_to_job_summary(report)
        return status

    @cached_property
    def _on_stdout(self) -> "Format":
        if self._stdout is FormatName.CONSOLE:
            from livekit_doctor.render.console import ConsoleFormat
            from livekit_doctor.render.console.page import Output

            console = Output()
            console.width = console.width  # what has begun goes on at this width, whatever the window's is by then
            return ConsoleFormat(console, self._screen.detail)
        if self._stdout is FormatName.JSON:
            from livekit_doctor.render.json import JsonFormat

            return JsonFormat(ascii_only=not is_unicode())
        return load(self._stdout, quiet=self._screen.is_quiet)


@contextmanager
def opened(
    forms: Sequence[FormatName] | None, names: Sequence[str] | None, screen: "Screen", *, patient: bool = True
) -> Iterator[Outputs]:
    """The outputs of a command. That a file can't be written is said before anything is done. Who reads a
    pipe is waited for, if `patient`.

    Raises UserError.
    """
    from livekit_doctor.whole_file import WholeFile

    chosen = destinations(forms or (), names or ())
    with ExitStack() as stack:
        files = [
            (
                stack.enter_context(WholeFile(one.name, "--output", force=True, public=True, patient=patient)),
                load(one.form, quiet=screen.is_quiet),
            )
            for one in chosen
            if one.name != STDOUT
        ]
        yield Outputs(files, next(one.form for one in chosen if one.name == STDOUT), screen)


def is_unicode() -> bool:
    """Whether every character can be printed."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _print(text: str, form: FormatName) -> None:
    if form in (FormatName.CONSOLE, FormatName.JSON) or is_unicode():
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))


def _append_to_job_summary(report: "Report") -> None:
    """The file that GitHub Actions shows with the job."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    told = (load(FormatName.MARKDOWN)(report) + "\n").encode(errors="backslashreplace")
    try:
        with open(name, "ab") as file:
            file.write(_fitting(told, SUMMARY - file.tell()))
    except OSError as error:
        print(f"the job summary was not written: {name}: {error.strerror}", file=sys.stderr)


def _fitting(text: bytes, room: int) -> bytes:
    """As many of its lines as there is room for; that some are missing is said first, where no fence is open."""
    if len(text) <= room:
        return text
    note = b"**Cut off: GitHub takes no job summary of more than 1 MiB.** --output FILE.md has it all.\n\n"
    if room < 2 * len(note):
        print("the job summary was not written: there is no room left in it", file=sys.stderr)
        return b""
    kept = text[: room - len(note)]
    return note + kept[: kept.rfind(b"\n") + 1]


def _wrong(message: str, fix: str) -> UserError:
    return UserError("LKD001", message, fix, Exit.USAGE)


# What failed before there was a result


def asked_for(arguments: Sequence[str]) -> tuple[list[FormatName], list[str]]:
    """The values of --format and --output, of a command line that may be wrong elsewhere."""
    forms: list[FormatName] = []
    names: list[str] = []
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        found = _OPTION.fullmatch(argument)
        if not found:
            continue
        inside = found["long_value"] if found["long_value"] is not None else found["short_value"] or None
        value = inside if inside is not None else "".join(arguments[number + 1 : number + 2])
        if (found["long"] or found["short"]) in ("output", "o"):
            names.append(value)
        elif value in set(FormatName):
            forms.append(FormatName(value))
    return forms, names


_OPTION = lazy_re.compile(
    r"--(?P<long>format|output)(=(?P<long_value>.*))?|-(?P<short>[fo])(?P<short_value>.*)", re.DOTALL
)


def write_error(forms: Sequence[FormatName], names: Sequence[str], report: "ErrorReport") -> None:
    """Prints an error in these formats. Where that can't be written the error has been said on standard error."""
    from livekit_doctor.cli.screen import Screen

    try:
        with opened(forms, names, Screen(), patient=report.exit_status != Exit.INTERRUPTED) as printed:
            printed.write(report)
    except UserError:
        for form in forms[:1]:
            Outputs((), form, Screen()).write(report)
