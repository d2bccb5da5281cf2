"""TypeScript and JavaScript, by tree-sitter's grammar of TSX (of TypeScript, where a file may have casts in <>)."""

from functools import cache
from typing import TYPE_CHECKING

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.reading.python import Unreadable
from livekit_doctor.lint.reading.statements import Statements

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def read(path: str, text: str) -> s.Module:
    """Raises Unreadable."""
    tree = _parser(path.endswith((".ts", ".mts", ".cts"))).parse(text.encode())
    wrong = _first_error(tree.root_node)
    if wrong is not None:
        kind = "TypeScript" if path.endswith(("ts", "tsx")) else "JavaScript"
        raise Unreadable(f"line {wrong.start_point[0] + 1} is no {kind}")
    return s.Module(path, "script", Statements().block(tree.root_node.named_children))


@cache
def _parser(plain: bool) -> "Parser":
    import tree_sitter
    import tree_sitter_typescript

    language = tree_sitter_typescript.language_typescript() if plain else tree_sitter_typescript.language_tsx()
    return tree_sitter.Parser(tree_sitter.Language(language))


def _first_error(node: "Node") -> "Node | None":
    """None where there is none, or only in JSX, which is not read: the grammar takes no plain & in its text."""
    if not node.has_error or node.type.startswith("jsx_"):
        return None
    if node.type == "ERROR" or node.is_missing:
        return node
    return next(filter(None, map(_first_error, node.children)), None)
