"""Objects as Node's console prints them: util.inspect of Node 20 for plain objects, class instances, arrays, Maps,
numbers and strings; and protobuf-es's messages, as LiveKit's server SDK for Node returns them, to be printed so.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_WIDTH = 80
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*$")


class Big(int):
    """A BigInt."""


class Map(dict[str, Any]):
    """A Map."""


@dataclass
class Instance:
    """An object of a class."""

    name: str
    values: dict[str, Any]


UNDEFINED = object()


def inspect(value: Any, depth: int | None = 2) -> str:
    """As console.log prints it; `depth` None for all of it."""
    return _Printer(99 if depth is None else depth).of(value, 0)


@dataclass
class _Printer:
    depth: int
    indent: int = 0
    deepest: int = field(default=0)
    """The level of the last object that was printed."""

    def of(self, value: Any, level: int) -> str:
        if isinstance(value, bool) or value is None or value is UNDEFINED:
            return {True: "true", False: "false", None: "null"}.get(value, "undefined")
        if isinstance(value, int):
            return f"{int(value)}n" if isinstance(value, Big) else str(value)
        if isinstance(value, str):
            return self._string(value)
        name = value.name if isinstance(value, Instance) else "Array" if isinstance(value, list) else "Object"
        name = "Map" if isinstance(value, Map) else name
        prefix = "" if name in ("Array", "Object") else f"Map({len(value)}) " if name == "Map" else f"{name} "
        opened, closed = ("[", "]") if isinstance(value, list) else (f"{prefix}{{", "}")
        values = value.values if isinstance(value, Instance) else value
        if not values:
            return f"{opened}{closed}"
        if level > self.depth:
            return f"[{name}]"
        self.deepest = level
        self.indent += 2
        if isinstance(values, list):
            put = [self.of(item, level + 1) for item in values]
        elif isinstance(values, Map):
            put = [f"{self._string(key)} => {self.of(item, level + 1)}" for key, item in values.items()]
        else:
            put = [f"{_key(key)}: {self.of(item, level + 1)}" for key, item in values.items()]
        self.indent -= 2
        return self._joined(put, opened, closed, level)

    def _joined(self, put: list[str], opened: str, closed: str, level: int) -> str:
        long = sum(map(len, put)) + 2 * len(put) + self.indent + len(opened) + 10
        if self.deepest - level < 3 and long <= _WIDTH and not any("\n" in text for text in put):
            return f"{opened} {', '.join(put)} {closed}"
        line = "\n" + " " * self.indent
        return f"{opened}{line}  {f',{line}  '.join(put)}{line}{closed}"

    def _string(self, text: str) -> str:
        if len(text) > 16 and len(text) > _WIDTH - self.indent - 4:
            parts = re.findall(r"[^\n]*\n|[^\n]+", text)
            return f" +\n{' ' * (self.indent + 2)}".join(map(_quoted, parts))
        return _quoted(text)


def _quoted(text: str) -> str:
    quote = next((mark for mark in "'\"`" if mark not in text), "'")
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    text = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02X}", text)
    return quote + (text.replace("'", "\\'") if quote == "'" else text) + quote


def _key(key: str) -> str:
    return key if _IDENTIFIER.match(key) else _quoted(key)


def of_message(message: Message) -> Instance:
    """The instance that protobuf-es makes of a message: every field, 64-bit numbers as BigInt, enums as numbers."""
    values: dict[str, Any] = {}
    for described in message.DESCRIPTOR.fields:
        oneof = described.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:
            case = message.WhichOneof(oneof.name)
            if described is oneof.fields[0] or described.name == case:
                chosen = message.DESCRIPTOR.fields_by_name[case].json_name if case else UNDEFINED
                values[_camel(oneof.name)] = {"case": chosen}
                if case:
                    inner = message.DESCRIPTOR.fields_by_name[case]
                    values[_camel(oneof.name)]["value"] = _value(inner, getattr(message, case))
        elif not described.has_presence or message.HasField(described.name):
            values[described.json_name] = _of_field(described, getattr(message, described.name))
    return Instance(message.DESCRIPTOR.name, values)


def _of_field(described: FieldDescriptor, value: Any) -> Any:
    inner = described.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return {str(key): _value(inner.fields_by_name["value"], item) for key, item in value.items()}
    return [_value(described, item) for item in value] if described.is_repeated else _value(described, value)


def _value(described: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Message):
        return of_message(value)
    if described.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):
        return Big(value)
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
