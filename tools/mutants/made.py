"""The mutants: which there are, and where each differs."""

import ast
import difflib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tools.mutants.equal import Site, around, equal_because

PARTS = ("livekit_doctor/diagnosis", "livekit_doctor/evidence")


class Place(NamedTuple):
    """Where a mutant differs. `lines` are those of its statement, as a coverage of the code as it is names them."""

    lines: range
    function: bool
    """Whether it is in the body of a function, so that the function's code is all that differs."""
    around: Sequence[int]
    """The lines of that function; of what is done at import, those that name what is assigned there, if anything is."""


class Mutant(NamedTuple):
    module: str
    operator: str
    occurrence: int
    line: int
    column: int
    """In bytes."""

    @property
    def code(self) -> str:
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        changed: str | None = mutate_code(_text(self.module), get_operator(self.operator)(), self.occurrence)
        assert changed not in (None, _text(self.module)), self
        return str(changed)

    @property
    def difference(self) -> str:
        lines = difflib.unified_diff(_text(self.module).splitlines(), self.code.splitlines(), lineterm="", n=0)
        return "\n".join(list(lines)[2:])

    @property
    def place(self) -> Place:
        return _place(self.module, (self.line, self.column))

    @property
    def equal_because(self) -> str:
        at = (self.line, self.column)
        kind = self.operator.rpartition("Operator_")[2].rpartition("/")[2]
        return equal_because(Site(around(_parsed(self.module), at), at, kind))


def sample(size: int, seed: int, parts: tuple[str, ...] = PARTS) -> tuple[list[Mutant], int, Counter[str]]:
    """So many by chance of those that may not be equal to the code, how many of these there are, and how many are left
    out for which reason."""
    left_out, every = Counter[str](), list[Mutant]()
    for module in modules(parts):
        for mutant in _mutants_of(module):
            if why := mutant.equal_because:
                left_out[why] += 1
            else:
                every.append(mutant)
    return random.Random(seed).sample(every, min(size, len(every))), len(every), left_out


def modules(parts: tuple[str, ...] = PARTS) -> list[str]:
    """Their files."""
    found = (path for part in parts for path in sorted([*Path(part).rglob("*.py"), *Path().glob(part)]))
    return [str(path) for path in found if path.suffix == ".py"]


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(_text(module))


@cache
def _text(module: str) -> str:
    return Path(module).read_text("utf-8")


def _mutants_of(module: str) -> Iterator[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast

    lines = _text(module).splitlines()
    nodes = list(ast_nodes(get_ast(_text(module))))
    operators = [node for node in nodes if node.type == "operator"]
    comparisons = [node for node in nodes if node.type == "comparison"]
    for name, operator in _operators():
        binary, comparing = "/ReplaceBinaryOperator_" in name, "/ReplaceComparisonOperator_" in name
        found: Sequence[Any] = operators if binary else comparisons if comparing else nodes
        places = (start for node in found for start, _ in operator.mutation_positions(node))
        for occurrence, (line, column) in enumerate(places):
            yield Mutant(module, name, occurrence, line, len(lines[line - 1][:column].encode()))


@cache
def _operators() -> list[tuple[str, Any]]:
    """Without those of several kinds, told by arguments, and that which changes nothing."""
    from cosmic_ray.plugins import get_operator, operator_names

    kinds = [(name, get_operator(name)) for name in sorted(operator_names()) if not name.endswith("/NoOp")]
    return [(name, kind()) for name, kind in kinds if not kind.arguments()]


def _naming(module: str, names: Sequence[str]) -> list[int]:
    lines = _text(module).splitlines()
    return [number for number, line in enumerate(lines, 1) if any(name in line for name in names)]


def _place(module: str, at: tuple[int, int]) -> Place:
    lines, function, inside = range(at[0], at[0] + 1), False, around(_parsed(module), at)
    whole: Sequence[int] = ()
    for node, inner in zip(inside, [*inside[1:], None], strict=True):
        function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and inner in node.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            whole = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.Assign) and not function:
            whole = _naming(module, [ast.unparse(target) for target in node.targets])
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            ends = body[0].lineno if isinstance(body, list) and body else (node.end_lineno or node.lineno) + 1
            lines = range(node.lineno, max(ends, node.lineno + 1))
    return Place(lines, function, whole)
