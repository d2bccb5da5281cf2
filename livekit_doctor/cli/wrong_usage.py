"""A command line that can't be read: what is wrong with it, what was probably meant, and that to type."""

import re
import shlex
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING

from typer.exceptions import TyperException

from livekit_doctor import lazy_re
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from typer import Context
    from typer.core import TyperGroup

_NO_COMMAND = lazy_re.compile(r"No such command '(.*?)'\.", re.DOTALL)
_NO_NUMBER = lazy_re.compile(r"is not a valid (?:float|(int(?:eger)?))(?: range)?\.$")
_NO_CHOICE = lazy_re.compile(r"'([^']*)' is not one of (.+)\.$")


def wrong_usage(error: TyperException, arguments: Sequence[str], program: "TyperGroup") -> UserError:
    """The error as one of ours; its fix is the corrected command line, where only one is likely."""
    context: Context | None = getattr(error, "ctx", None)
    command = context.command_path if context else "livekit-doctor"
    message = error.format_message()
    wrong, meant = "", ""
    if hasattr(error, "possibilities"):  # NoSuchOption, which Typer does not export
        wrong = getattr(error, "option_name", "")
        meant, message = _option(wrong, context, program)
    elif found := _NO_COMMAND.match(message):
        wrong, meant = found[1], _nearest(found[1], program.commands)
        known = ", ".join(name for name, one in program.commands.items() if not one.hidden)
        message = f'no command "{wrong}"; ' + (f'did you mean "{meant}"?' if meant else f"there are {known}")
    elif found := _NO_CHOICE.search(message):
        wrong, meant = found[1], _nearest(found[1], re.findall(r"'(.+?)'", found[2]))
        message += f" Did you mean '{meant}'?" if meant else ""
    message = _NO_NUMBER.sub(lambda found: "is no whole number" if found[1] else "is no number", message)
    fix = _corrected(arguments, wrong, meant) if meant else f"{command} --help"
    return UserError("LKD001", message, fix, Exit.USAGE)


def _option(option: str, context: "Context | None", program: "TyperGroup") -> tuple[str, str]:
    """The option that was probably meant, empty for none, and what to say."""
    named = f'"{context.info_name}" has no option {option}' if context and context.parent else f"no option {option}"
    others = [name for name, one in program.commands.items() if any(option in param.opts for param in one.params)]
    if others and context and context.parent is None:
        return "", f"{option} belongs after the command: livekit-doctor COMMAND {option}"
    if others:
        return "", f"{named}; {' and '.join(others)} {'has' if len(others) == 1 else 'have'} it"
    # Without the dashes, which all of them share.
    own = {name.lstrip("-"): name for param in context.command.params for name in param.opts} if context else {}
    meant = own.get(_nearest(option.lstrip("-"), own), "")
    return meant, f"{named}; did you mean {meant}?" if meant else named


def _nearest(word: str, valid: Iterable[str]) -> str:
    """The valid word most like this one, in any case; empty where none is like it."""
    words = {item.casefold(): item for item in valid}
    folded = word.casefold()[:100]
    found = get_close_matches(folded, words, n=5)
    # Of equally likely ones that which begins alike.
    found.sort(key=lambda one: -SequenceMatcher(None, folded, one).ratio() - (one[:3] == folded[:3]))
    return words[found[0]] if found else ""


def _corrected(arguments: Sequence[str], wrong: str, meant: str) -> str:
    """The command line with the right word in place of the wrong one."""
    corrected = list(arguments)
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if wrong in (argument, name):
            corrected[number] = meant + equals + value if name == wrong else meant
            break
        if (equals and value == wrong) or re.fullmatch(rf"-\w{re.escape(wrong)}", argument):
            corrected[number] = argument.removesuffix(wrong) + meant
            break
    return shlex.join(["livekit-doctor", *corrected])
