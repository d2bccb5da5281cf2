"""Words that every part of the tool says alike."""


def counted(number: int, what: str) -> str:
    """`no rooms`, `1 room`, `2 rooms`."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
