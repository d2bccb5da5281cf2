"""The tree that every language is read into: what matters of expressions and statements for following values.

Lines and columns count from 1. Nodes are compared by identity: two texts that read alike are two nodes. They make no
circles, and are so many that the garbage collector does not look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Node(Struct, eq=False, gc=False):
    line: int
    column: int


class Expression(Node, eq=False):
    pass


class Const(Expression, eq=False):
    value: str | int | float | bool | None


class Name(Expression, eq=False):
    id: str


class Member(Expression, eq=False):
    """`of.name`, and `of["name"]`."""

    of: Expression
    name: str


class Template(Expression, eq=False):
    """A text that is put together: an f-string, a template, a sum of texts."""

    parts: tuple[Expression, ...]


class Fields(Expression, eq=False):
    """A dict or an object literal. `complete`: nothing is spread into it."""

    items: tuple[tuple[str, Expression], ...]
    complete: bool = True


class Items(Expression, eq=False):
    """A list or tuple literal."""

    items: tuple[Expression, ...]


class Either(Expression, eq=False):
    """One of several: `a ?? b`, `a or b`, `a if c else b`. `first_if_set`: the first wherever it is something."""

    choices: tuple[Expression, ...]
    test: Expression | None = None
    first_if_set: bool = False


class Call(Expression, eq=False):
    """`named` are keyword arguments, what is spread into them without a name; `complete`: nothing is spread into it."""

    function: Expression
    arguments: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...] = ()
    complete: bool = True


class Await(Expression, eq=False):
    of: Expression


class Parameter(Struct, eq=False, gc=False):
    """`keys` are the names that are taken out of an object that is given: `{ room, number: to }`; `is_attribute`: a
    constructor keeps it under its name."""

    name: str
    default: Expression | None = None
    keys: tuple[tuple[str, str, Expression | None], ...] = ()
    keyword_only: bool = False
    annotation: Expression | None = None
    is_attribute: bool = False


class Function(Expression, eq=False):
    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    is_async: bool
    decorators: tuple[Expression, ...] = ()


class Other(Expression, eq=False):
    """Anything else, with the expressions that are evaluated for it."""

    parts: tuple[Expression, ...] = ()


class Statement(Node, eq=False):
    pass


class Do(Statement, eq=False):
    value: Expression


class Assign(Statement, eq=False):
    target: Expression
    value: Expression


class Return(Statement, eq=False):
    value: Expression | None = None


class Raise(Statement, eq=False):
    value: Expression | None = None


class Jump(Statement, eq=False):
    """break and continue."""


class Branch(Statement, eq=False):
    """`arms` has an empty one where nothing may be done."""

    test: Expression
    arms: tuple[tuple[Statement, ...], ...]


class Loop(Statement, eq=False):
    """`endless`: it is left by a jump only."""

    head: Expression | None
    body: tuple[Statement, ...]
    endless: bool = False


class Attempt(Statement, eq=False):
    body: tuple[Statement, ...]
    handlers: tuple[tuple[Statement, ...], ...]
    otherwise: tuple[Statement, ...] = ()
    finally_: tuple[Statement, ...] = ()


class Block(Statement, eq=False):
    """`with` and plain braces."""

    heads: tuple[Statement, ...]
    body: tuple[Statement, ...]


class Class(Statement, eq=False):
    name: str
    bases: tuple[Expression, ...]
    body: tuple[Statement, ...]
    decorators: tuple[Expression, ...] = ()


class Import(Statement, eq=False):
    """`names` maps what it is called here to what it is called there, "*" for the whole module."""

    module: str
    names: tuple[tuple[str, str], ...]
    exported: bool = False


class Export(Statement, eq=False):
    """A name by which others know what is called otherwise here, such as default."""

    name: str
    value: Expression


class Module(Struct, eq=False):
    """A file: `path` as it is shown, `language` python or script. `sends`: it speaks of the log's table, or of
    LiveKit's HTTP API."""

    path: str
    language: str
    body: tuple[Statement, ...]
    talks_of_livekit: bool = True
    sends: bool = True


def name_of(expression: Expression) -> str:
    """The last name of what is called or read: WorkerOptions of agents.WorkerOptions."""
    match expression:
        case Name(id=name) | Member(name=name):
            return name
        case Await(of=of):
            return name_of(of)
    return ""


def dotted(expression: Expression) -> str:
    """The whole name, such as time.sleep; what is no name in it is left out."""
    match expression:
        case Name(id=name):
            return name
        case Member(of=of, name=name):
            before = dotted(of)
            return f"{before}.{name}" if before else name
        case Await(of=of):
            return dotted(of)
        case Call(function=function):
            return f"{dotted(function)}()"
    return ""


def children(expression: Expression) -> tuple[Expression, ...]:
    """What is evaluated for it, in order; the body of a function is not."""
    find = _CHILDREN.get(type(expression))
    return find(expression) if find is not None else ()


def _of_either(either: Either) -> tuple[Expression, ...]:
    return (either.test, *either.choices) if either.test is not None else either.choices


def _of_call(call: Call) -> tuple[Expression, ...]:
    if not call.named:
        return (call.function, *call.arguments)
    return (call.function, *call.arguments, *(value for _, value in call.named))


_CHILDREN: dict[type, Callable[[Any], tuple[Expression, ...]]] = {
    Member: lambda one: (one.of,),
    Await: lambda one: (one.of,),
    Template: lambda one: one.parts,
    Other: lambda one: one.parts,
    Items: lambda one: one.items,
    Fields: lambda one: tuple(value for _, value in one.items),
    Either: _of_either,
    Call: _of_call,
}
