"""The other end of the completion scripts: `livekit-doctor __complete SHELL ...` answers what may come next.

The first line of the answer is `files` where the shell is to complete a file name, else `words`; each further line is
a candidate, in the form that the shell takes. Whatever goes wrong, nothing more is said.
"""

import os
import re
import shlex
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any

PATIENCE = 1.5
"""Seconds that candidates may take: a person waits at the prompt."""

_LONGEST = 200
_MOST = 500


def answer(arguments: Sequence[str]) -> None:
    """Prints the answer for a shell and its words; nothing but `words` where there is none."""
    with open(os.devnull, "w") as nowhere:
        said, sys.stderr = sys.stderr, nowhere
        try:
            lines = _lines(arguments[0], arguments[1:])
        except Exception:
            lines = ["words"]
        finally:
            sys.stderr = said
    # In one piece, and in UTF-8 whatever the locale: an id is typed as it is.
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))


def _lines(shell: str, given: Sequence[str]) -> list[str]:
    if shell == "bash":
        breaks, line = given
        words, quote = _split(line)
        words = words[1:]
    else:
        words, quote, breaks = list(given), "", ""
    *before, current = words
    option, value = _option_and_value(current)
    kind, candidates = _candidates([*before, option] if option else before, value)
    fitting = [(text, about) for text, about in candidates if text.startswith(value) and _is_typable(text)][:_MOST]
    prefix = f"{option}=" if option else ""
    match shell:
        case "bash":
            kept = 0 if quote else _kept(line, current, breaks)
            return [kind, *((_for_bash(prefix + text, quote))[kept:] for text, _ in fitting)]
        case "zsh":
            return [kind, *(f"{_for_zsh(prefix + text)}:{_in_one_line(about)}" for text, about in fitting)]
        case _:
            return [kind, *(f"{prefix}{text}\t{_in_one_line(about)}" for text, about in fitting)]


def _split(line: str) -> tuple[list[str], str]:
    """The words of a command line that is not finished, and the quotation mark that is open at its end."""
    for quote in ("", "'", '"'):
        try:
            # A mark at the cursor tells a word that goes on there from a new one.
            *words, current = shlex.split(f"{line}|{quote}")
        except ValueError:
            continue
        return [*words, current[:-1]], quote
    return ["", ""], ""


def _kept(line: str, current: str, breaks: str) -> int:
    """How much of the word stays: bash replaces what follows the last of the characters at which it breaks
    words, unless that stands behind a backslash."""
    for after, char in enumerate(reversed(re.findall(r"\\.|.", line, re.DOTALL))):
        if after >= len(current):
            break
        if char in ":=" and char in breaks:
            return len(current) - after
    return 0


def _option_and_value(word: str) -> tuple[str, str]:
    """`--format=js` as its two halves; no option where it is anything else."""
    found = re.fullmatch(r"(--[\w-]+)=(.*)", word, re.DOTALL)
    return (found[1], found[2]) if found else ("", word)


def _candidates(before: list[str], current: str) -> tuple[str, Iterable[tuple[str, str]]]:
    """Whether files are wanted, and else what may be typed, each with what it is."""
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete
    from typer.main import get_command

    from livekit_doctor.cli.app import app
    from livekit_doctor.cli.completion import COMPLETERS, FILES, PROGRAM

    context = _resolve_context(get_command(app), {}, PROGRAM, before)
    wanted, _ = _resolve_incomplete(context, before, current)
    metavar = (getattr(wanted, "metavar", None) or "").strip("[]")
    if metavar in FILES:
        return "files", ()
    if metavar in COMPLETERS:
        return "words", _in_time(COMPLETERS[metavar], context.params)
    return "words", [(item.value, item.help or "") for item in wanted.shell_complete(context, current)]


def _in_time(completer: Any, given: dict[str, Any]) -> list[tuple[str, str]]:
    """The candidates, or none if they take longer than PATIENCE; the thread ends with the process."""
    found: list[tuple[str, str]] = []

    def collect() -> None:
        try:
            found.extend(completer(given))
        except Exception:
            found.clear()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return [] if thread.is_alive() else [item for item in found if not item[0].startswith("-")]


def _is_typable(text: str) -> bool:
    """Ids come from a database: what could steer a terminal, or be taken for an option, is not offered."""
    return text.isprintable() and 0 < len(text) <= _LONGEST


def _in_one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _for_bash(text: str, quote: str) -> str:
    """As it is to stand in the command line."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'(["\\$`!])', r"\\\1", text)
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)


def _for_zsh(text: str) -> str:
    """For _describe, which parts a candidate and what it is at the first colon; zsh itself quotes what it inserts."""
    return re.sub(r"([\\:])", r"\\\1", text)
