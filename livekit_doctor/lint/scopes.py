"""What names stand for: in a module, a class, a function, and in one call of a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from livekit_doctor.lint import syntax as s


class Bound(NamedTuple):
    """An expression, and where it is to be read."""

    expression: s.Expression
    scope: Scope


class Names(Struct, eq=False):
    """All that one body gives a name to, `a.b = ...` under "a.b"."""

    assigned: dict[str, list[s.Expression]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    classes: dict[str, s.Class] = field(default_factory=dict)
    exports: dict[str, s.Expression] = field(default_factory=dict)
    everything_of: list[str] = field(default_factory=list)
    """Modules of which all names are taken over."""
    touched: set[str] = field(default_factory=set)
    """Names whose value is changed in place: items.append(x)."""


class Scope(Struct, eq=False):
    """`given` are the arguments of this call, `owner` the class whose method it is; `id` is the same for the same
    call only."""

    id: str
    module: s.Module
    names: Names
    parent: Scope | None = None
    parameters: tuple[s.Parameter, ...] = ()
    given: Mapping[str, Bound] = field(default_factory=dict)
    called: bool = False
    owner: Instance | None = None
    site: tuple[Scope, int, int] | None = None
    """Where it is called: the scope, line and column."""

    @property
    def uncalled(self) -> Scope:
        """The same body, of which nobody is known to call it."""
        return Scope(self.id, self.module, self.names, self.parent, self.parameters, owner=self.owner)

    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @property
    def self(self) -> Instance | None:
        return next((scope.owner for scope in self.chain() if scope.owner is not None), None)


class Instance(Struct, eq=False):
    """A class of the project, where it is defined, with the attributes that its methods set; `made` is the call that
    made this one, None for the class itself, or where that is not known."""

    name: str
    class_: s.Class
    scope: Scope
    names: Names
    attributes: dict[str, list[Bound]] = field(default_factory=dict)
    made: Bound | None = None


def names_of(body: Iterable[s.Statement]) -> Names:
    """What the body itself names; not the functions in it."""
    names = Names()
    for statement in statements_in(body):
        match statement:
            case s.Assign(target=s.Name(id=name), value=value):
                names.assigned.setdefault(name, []).append(value)
            case s.Assign(target=s.Member(of=s.Name(id=of), name=name), value=value):
                names.assigned.setdefault(f"{of}.{name}", []).append(value)
            case s.Class(name=name):
                names.classes[name] = statement
            case s.Export(name=name, value=value):
                names.exports[name] = value
            case s.Import(module=module, names=imported):
                for here, there in imported:
                    if here == "*":
                        names.everything_of.append(module)
                    else:
                        names.imports[here] = (module, there)
            case s.Do(value=s.Call(function=s.Member(of=of, name="append" | "extend" | "push" | "add" | "CopyFrom"))):
                names.touched.add(s.dotted(of))
    return names


def statements_in(body: Iterable[s.Statement]) -> Iterator[s.Statement]:
    """All statements of a body, those in branches and loops included, those of its functions and classes not."""
    for statement in body:
        yield statement
        for inner in blocks_of(statement):
            yield from statements_in(inner)


_SIMPLE = (s.Do, s.Assign, s.Return, s.Import)


def blocks_of(statement: s.Statement) -> tuple[tuple[s.Statement, ...], ...]:
    if isinstance(statement, _SIMPLE):
        return ()
    match statement:
        case s.Branch(arms=arms):
            return arms
        case s.Loop(body=body):
            return (body,)
        case s.Attempt(body=body, handlers=handlers, otherwise=otherwise, finally_=finally_):
            return (body, *handlers, otherwise, finally_)
        case s.Block(heads=heads, body=body):
            return (heads, body)
    return ()


def expressions_of(statement: s.Statement) -> tuple[s.Expression, ...]:
    """The expressions of a statement itself, not those of the blocks in it."""
    match statement:
        case s.Do(value=value) | s.Export(value=value):
            return (value,)
        case s.Assign(target=target, value=value):
            return (value, target)
        case s.Return(value=value) | s.Raise(value=value):
            return (value,) if value is not None else ()
        case s.Branch(test=test):
            return (test,)
        case s.Loop(head=head):
            return (head,) if head is not None else ()
        case s.Class(bases=bases, decorators=decorators):
            return (*bases, *decorators)
    return ()


def within(body: Iterable[s.Statement]) -> Iterator[s.Expression]:
    """All expressions of a body itself, functions in it included as one each."""
    for statement in statements_in(body):
        stack = list(expressions_of(statement))
        while stack:
            expression = stack.pop()
            yield expression
            stack.extend(s.children(expression))
            if isinstance(expression, s.Function):
                stack.extend(expression.decorators)
