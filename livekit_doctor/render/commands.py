"""The commands that a text tells somebody to type."""

import re

from livekit_doctor import lazy_re

LK = "lk is the LiveKit CLI: https://docs.livekit.io/home/cli"

_COMMAND = lazy_re.compile(r"(.*:) ((?:livekit-doctor|lk|grep) .*)", re.DOTALL)


def uses_lk(text: str) -> bool:
    """Whether a command in it is one of the LiveKit CLI's."""
    return re.search(r"(?:^|`)\s*lk [a-z]", text, re.MULTILINE) is not None


def split_command(text: str) -> tuple[str, str]:
    """The text, and the command to type that it ends with; empty where there is none."""
    found = _COMMAND.fullmatch(text)
    return (found[1], found[2]) if found else (text, "")
