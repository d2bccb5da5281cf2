"""What is read of a node of tree-sitter."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from livekit_doctor.lint import syntax as s

if TYPE_CHECKING:
    from tree_sitter import Node

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v"}


def position(node: "Node") -> tuple[int, int]:
    row, column = node.start_point
    return row + 1, column + 1


def written(node: "Node | None") -> str:
    text = node.text if node is not None else None
    return text.decode(errors="replace") if text is not None else ""


def named(node: "Node") -> s.Name:
    return s.Name(*position(node), written(node))


def real(nodes: "Iterable[Node]") -> "list[Node]":
    return [node for node in nodes if node.is_named and node.type != "comment"]


def piece(node: "Node") -> str:
    text = written(node)
    if node.type != "escape_sequence":
        return text
    if text[1:2] in "ux":
        try:
            return chr(int(text[2:].strip("{}"), 16))
        except ValueError:
            return text
    return _ESCAPES.get(text[1:], text[1:])
