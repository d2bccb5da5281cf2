"""The mutants: which there are, and where each differs."""

import ast
import difflib
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PARTS = ("livekit_doctor/diagnosis", "livekit_doctor/evidence")


class Place(NamedTuple):
    """Where a mutant differs. `lines` are those of its statement, as a coverage of the code as it is names them."""

    lines: range
    function: bool
    """Whether it is in the body of a function, so that the function's code is all that differs."""


class Mutant(NamedTuple):
    module: str
    operator: str
    occurrence: int

    @property
    def code(self) -> str:
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        return mutate_code(_text(self.module), get_operator(self.operator)(), self.occurrence) or _text(self.module)

    @property
    def difference(self) -> str:
        lines = difflib.unified_diff(_text(self.module).splitlines(), self.code.splitlines(), lineterm="", n=0)
        return "\n".join(list(lines)[2:])


@cache
def place_of(mutant: Mutant) -> Place | None:
    """None where it changes nothing, or only what a type checker reads."""
    before, after = _text(mutant.module), mutant.code
    if before == after:
        return None
    offset = next(n for n, (old, new) in enumerate(zip(before, f"{after}\0", strict=False)) if old != new)
    line, column = before.count("\n", 0, offset) + 1, offset - (before.rfind("\n", 0, offset) + 1)
    return _place(_parsed(mutant.module), (line, len(before.splitlines()[line - 1][:column].encode())))


def sample(size: int, seed: int, parts: tuple[str, ...] = PARTS) -> tuple[list[Mutant], int]:
    """So many by chance, and how many there are."""
    modules = [str(path) for part in parts for path in sorted([*Path(part).rglob("*.py"), *Path().glob(part)])]
    every = [mutant for module in modules if module.endswith(".py") for mutant in _mutants_of(module)]
    random.Random(seed).shuffle(every)
    drawn = []
    for mutant in every:
        if len(drawn) == size:
            break
        if place_of(mutant) is not None:
            drawn.append(mutant)
    return drawn, len(every)


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(_text(module))


@cache
def _text(module: str) -> str:
    return Path(module).read_text("utf-8")


def _mutants_of(module: str) -> Iterator[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(_text(module))))
    for name in sorted(operator_names()):
        try:
            operator = get_operator(name)()
        except TypeError:  # of several kinds, told by arguments
            continue
        number = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        yield from (Mutant(module, name, occurrence) for occurrence in range(number))


def _place(module: ast.Module, at: tuple[int, int]) -> Place | None:
    lines, function = range(at[0], at[0] + 1), False
    for node in ast.walk(module):  # from outside to inside
        if not hasattr(node, "lineno") or not _is_in(node, at):
            continue
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                annotations = [
                    node.returns,
                    *(one.annotation for one in ast.walk(node.args) if isinstance(one, ast.arg)),
                ]
                if any(one is not None and _is_in(one, at) for one in annotations):
                    return None
                function |= any(_is_in(statement, at) for statement in node.body)
            case ast.AnnAssign() if _is_in(node.annotation, at):
                return None
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            ends = body[0].lineno if isinstance(body, list) and body else (node.end_lineno or node.lineno) + 1
            lines = range(node.lineno, max(ends, node.lineno + 1))
    return Place(lines, function)


def _is_in(node: ast.AST, at: tuple[int, int]) -> bool:
    begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
    return begin <= at < end
