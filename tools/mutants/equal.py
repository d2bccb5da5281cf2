"""Mutants that are not drawn, since they can't change what the code does: a rule for each kind, with its reason."""

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

Node = TypeVar("Node", bound=ast.AST)
Position = tuple[int, int]
"""A line, and the bytes before it in that line."""


class Site(NamedTuple):
    """Where a mutant differs: the nodes around it, from outside to inside."""

    around: Sequence[ast.AST]
    at: Position
    operator: str
    """As cosmic-ray names it, without what all have in front: `Eq_Is`, `NumberReplacer`."""

    def last(self, kind: type[Node]) -> Node | None:
        return next((node for node in reversed(self.around) if isinstance(node, kind)), None)


def equal_because(site: Site) -> str:
    """Why the mutant is equal to the code; empty where it may not be."""
    return next(filter(None, (rule(site) for rule in RULES)), "")


def type_checking(site: Site) -> str:
    """Annotations of functions and locals are read by no one at run time, what is under TYPE_CHECKING runs never, and
    `cast` gives back what it is given. Types in a class body are read by msgspec; an operator that is not `|` ends the
    import there, which says nothing of the tests."""
    for node in site.around:
        unread: list[ast.AST | None] = []
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                unread = [*node.body]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                unread = [node.returns, *(one.annotation for one in ast.walk(node.args) if isinstance(one, ast.arg))]
            case ast.AnnAssign():
                unread = [node.annotation]
            case ast.Call(func=ast.Name(id="cast")):
                unread = [node.args[0]]
        if any(one is not None and is_in(one, site.at) for one in unread):
            return "only a type checker reads it"
    return ""


def forbidden(site: Site) -> str:
    """`frozen` and `kw_only` of a class forbid what mypy forbids in all of this code already, and `strict=True` of
    `zip` ends the program where two lists, made as long as each other, are not."""
    keyword = site.last(ast.keyword)
    if keyword is None or site.operator != "ReplaceTrueWithFalse":
        return ""
    of_class = any(isinstance(node, ast.ClassDef) and keyword in node.keywords for node in site.around)
    if of_class and keyword.arg in ("frozen", "kw_only"):
        return "it forbids what mypy forbids"
    return "it ends what went wrong inside" if keyword.arg == "strict" and _calls(site.last(ast.Call), "zip") else ""


def remembered(site: Site) -> str:
    """What is remembered of a function of values is what it says again; how much is remembered costs time or memory."""
    function = site.last(ast.FunctionDef)
    decorators = function.decorator_list if function else []
    found = next((one for one in decorators if _at_sign(one) <= site.at < _ends(one)), None)
    name = found.func if isinstance(found, ast.Call) else found
    of_cache = isinstance(name, ast.Name) and name.id in ("cache", "lru_cache")
    return "what is remembered is what it says again" if of_cache else ""


def identity(site: Site) -> str:
    """Members of an Enum are equal where they are the same: none here defines otherwise, and mypy lets `is` stand only
    between values of one type."""
    if site.operator not in ("Is_Eq", "IsNot_NotEq"):
        return ""
    members = [side for side in _sides(site) or () if isinstance(side, ast.Attribute) and side.attr.isupper()]
    return "an Enum's members are equal where they are the same" if members else ""


def lengths(site: Site) -> str:
    """No length is below zero, and CPython has one of each small number."""
    if (sides := _sides(site)) is None:
        return ""
    zeros = [isinstance(side, ast.Constant) and side.value == 0 for side in sides]
    right = _calls(sides[0], "len") and zeros[1] and site.operator in ("Eq_LtE", "NotEq_Gt", "Gt_NotEq", "LtE_Eq")
    left = zeros[0] and _calls(sides[1], "len") and site.operator in ("Lt_NotEq", "Lt_IsNot")
    return "no length is below zero" if left or right else ""


def flags(site: Site) -> str:
    """Two flags of `re` have no bit in common."""
    whole = site.last(ast.BinOp)
    if whole is None or site.operator not in ("BitOr_Add", "BitOr_BitXor"):
        return ""
    found = [ast.unparse(node) for node in ast.walk(whole) if isinstance(node, ast.Attribute)]
    of_re = len(set(found)) == len(found) > 1 and all(name.startswith("re.") for name in found)
    return "flags have no bit in common" if of_re else ""


RULES = (type_checking, forbidden, remembered, identity, lengths, flags)


def around(module: ast.Module, at: Position) -> list[ast.AST]:
    """The nodes that a place is in, from outside to inside."""
    found: list[ast.AST] = [module]
    while (inner := next((child for child in _placed(found[-1]) if is_in(child, at)), None)) is not None:
        found.append(inner)
    return found


def is_in(node: ast.AST, at: Position) -> bool:
    """A function is in its decorators, too."""
    decorators = getattr(node, "decorator_list", None)
    return (_at_sign(decorators[0]) if decorators else _starts(node)) <= at < _ends(node)


def _at_sign(decorator: ast.AST) -> Position:
    line, column = _starts(decorator)
    return line, column - 1


def _starts(node: ast.AST) -> Position:
    return node.lineno, node.col_offset  # type: ignore[attr-defined]


def _ends(node: ast.AST) -> Position:
    return node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def _placed(node: ast.AST) -> Iterator[ast.AST]:
    """The nearest nodes in it that have a place."""
    for child in ast.iter_child_nodes(node):
        if hasattr(child, "lineno"):
            yield child
        else:
            yield from _placed(child)


def _sides(site: Site) -> tuple[ast.expr, ast.expr] | None:
    """Of the comparison: what stands left and right of the operator."""
    whole = site.last(ast.Compare)
    if whole is None:
        return None
    values = [whole.left, *whole.comparators]
    return next(((one, two) for one, two in pairwise(values) if _ends(one) <= site.at < _starts(two)), None)


def _calls(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
