"""Names that come from a server or a table: which of them checks.yaml can say, and how to quote them."""

from collections.abc import Iterable

from livekit_doctor.config.environment import has_variable
from livekit_doctor.config.issues import UNPRINTABLE
from livekit_doctor.redact import printable, redact_text

_LONGEST = 60


def can_be_written(text: str) -> bool:
    """A `${` would be taken for a variable, and control characters are refused in checks.yaml."""
    return not has_variable(text) and not UNPRINTABLE.search(text)


def quoted(text: str) -> str:
    """A name inside of a sentence: on one line, short enough, and without what looks like a secret."""
    text = printable(redact_text(text))
    return f'"{text}"' if len(text) <= _LONGEST else f'"{text[: _LONGEST - 1]}…"'


def some(names: Iterable[str], most: int = 3) -> str:
    """The first of several names or phrases, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
