"""Words that every part of the tool says, and compares, alike."""

from livekit_doctor import lazy_re

_SEPARATORS = lazy_re.compile(r"[\s_.:/\-\"']+")


def counted(number: int, what: str) -> str:
    """`no rooms`, `1 room`, `2 rooms`."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def folded(name: str) -> str:
    """A name without case, spaces and separators: "Call ID", callId and call_id are the same."""
    return _SEPARATORS.sub("", name).casefold()
