"""The bodies of a module: its own and those of its functions, each with the calls and objects in it.

Made once a module, since several readers look through them.
"""

from collections.abc import Iterator

from msgspec import Struct

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.scopes import Bound, Instance, Scope, statements_in, within


class Body(Struct, eq=False):
    """`function` is None for the module's own. `defined` is where the function is, `scope` what is inside of it."""

    function: s.Function | None
    defined: Scope
    owner: Instance | None
    scope: Scope
    calls: list[s.Call]
    objects: list[s.Fields]
    functions: list[s.Function]

    @property
    def node(self) -> s.Function | s.Module:
        return self.function or self.scope.module


def bodies_of(scope: Scope, follower: Follower) -> tuple[Body, ...]:
    """The module's own first."""
    return tuple(_bodies(None, scope.module.body, scope, None, scope, follower))


def _bodies(
    function: s.Function | None,
    statements: tuple[s.Statement, ...],
    defined: Scope,
    owner: Instance | None,
    scope: Scope,
    follower: Follower,
) -> Iterator[Body]:
    body = _body(function, statements, defined, owner, scope)
    yield body
    for inner in body.functions:
        yield from _bodies(inner, inner.body, scope, None, follower.inside(inner, scope), follower)
    for class_ in (one for one in statements_in(statements) if isinstance(one, s.Class)):
        yield from _of_class(class_, scope, follower)


def _of_class(class_: s.Class, scope: Scope, follower: Follower) -> Iterator[Body]:
    owner = follower.class_of(Bound(s.Name(class_.line, class_.column, class_.name), scope))
    body = _body(None, class_.body, scope, owner, scope)
    yield body
    for method in body.functions:
        yield from _bodies(method, method.body, scope, owner, follower.inside(method, scope, owner), follower)


def _body(
    function: s.Function | None,
    statements: tuple[s.Statement, ...],
    defined: Scope,
    owner: Instance | None,
    scope: Scope,
) -> Body:
    body = Body(function, defined, owner, scope, [], [], [])
    for expression in within(statements):
        match expression:
            case s.Call():
                body.calls.append(expression)
            case s.Fields():
                body.objects.append(expression)
            case s.Function():
                body.functions.append(expression)
    return body
