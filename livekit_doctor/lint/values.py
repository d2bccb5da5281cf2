"""What is known of a value without running the code: its text, as far as it is one, and what stands for the rest."""

from typing import Literal

from msgspec import Struct


class Hole(Struct, frozen=True):
    """A part that only running the code shows. Holes with the same key are the same value.

    `label` is what a person reads; `fresh`: another one each time that it is made, such as a time stamp.
    """

    key: str
    label: str
    fresh: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that it is, empty where it is none."""
        return self.key.removeprefix("env:") if self.key.startswith("env:") else ""


class Value(Struct, frozen=True):
    """`assumed` are the environment variables that were taken to be unset: the text is their default."""

    parts: tuple[str | Hole, ...]
    assumed: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        """The whole text, None where a part is not known."""
        known = [part for part in self.parts if isinstance(part, str)]
        return "".join(known) if len(known) == len(self.parts) else None

    @property
    def certain(self) -> bool:
        """Whether it is this text whatever the environment says."""
        return self.text is not None and not self.assumed

    @property
    def shown(self) -> str:
        """As a person reads it: call-{user_id}."""
        return "".join(part if isinstance(part, str) else f"{{{part.label}}}" for part in self.parts)


UNKNOWN = Value((Hole("unknown", "not known"),))


def of_text(text: str) -> Value:
    return Value((text,))


def joined(values: "list[Value]") -> Value:
    """Texts one after the other."""
    parts: list[str | Hole] = []
    for value in values:
        for part in value.parts:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    assumed = tuple(dict.fromkeys(name for value in values for name in value.assumed))
    return Value(tuple(parts) or ("",), assumed)


Comparison = Literal["same", "different", "unknown"]


def compared(one: Value, other: Value) -> Comparison:
    """Whether two values are equal, as far as that is certain."""
    if UNKNOWN in (one, other):
        return "unknown"
    if one.parts == other.parts:
        return "same" if set(one.assumed) == set(other.assumed) else "unknown"
    if one.assumed or other.assumed:
        return "unknown"
    return "different" if _never_equal(_letters(one), _letters(other)) else "unknown"


def _letters(value: Value) -> list[str | Hole]:
    return [one for part in value.parts for one in (part if isinstance(part, str) else (part,))]


def _never_equal(one: list[str | Hole], other: list[str | Hole]) -> bool:
    """By what is left where both begin alike and end alike. What is made afresh is never empty, and nothing that was
    there before."""
    for end in (0, -1):
        while one and other and one[end] == other[end]:
            del one[end], other[end]
    known = [isinstance(part, str) or part.fresh for part in (*one, *other)]
    if not (one and other):
        return any(known)
    ends = ((one[0], other[0]), (one[-1], other[-1]))
    return all(known) or any(isinstance(a, str) and isinstance(b, str) for a, b in ends)
