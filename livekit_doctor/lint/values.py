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
    if one.text is not None and other.text is not None:
        return "different"
    if _apart(_head(one), _head(other), str.startswith) or _apart(_tail(one), _tail(other), str.endswith):
        return "different"
    return "different" if _fresh_apart(one, other) else "unknown"


def _head(value: Value) -> tuple[str, bool]:
    """The text before the first hole, and whether that is all."""
    first = value.parts[0]
    return (first if isinstance(first, str) else ""), len(value.parts) == 1 and isinstance(first, str)


def _tail(value: Value) -> tuple[str, bool]:
    last = value.parts[-1]
    return (last if isinstance(last, str) else ""), len(value.parts) == 1 and isinstance(last, str)


def _apart(one: tuple[str, bool], other: tuple[str, bool], begins: object) -> bool:
    """Whether no text can begin (or end) with both. A whole text that is shorter than the other's part is apart."""
    (a, a_whole), (b, b_whole) = one, other
    is_part = begins(a, b) or begins(b, a)  # type: ignore[operator]
    if not is_part:
        return True
    return (a_whole and len(a) < len(b)) or (b_whole and len(b) < len(a))


def _fresh_apart(one: Value, other: Value) -> bool:
    """The same build with another time stamp or random part in it."""
    if len(one.parts) != len(other.parts):
        return False
    differ = False
    for a, b in zip(one.parts, other.parts, strict=True):
        if a == b:
            continue
        if isinstance(a, str) or isinstance(b, str) or not (a.fresh and b.fresh):
            return False
        differ = True
    return differ
