"""Follows names: through arguments, members of classes, returns of functions and imports, to the expression that they
stand for.

A name that is assigned more than once stands for nothing that is known.
"""

from collections.abc import Iterator

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.project import Project
from livekit_doctor.lint.scopes import Bound, Instance, Names, Scope, names_of, statements_in

DEEPEST = 40
"""How far a value is followed."""
SELF = ("self", "this", "cls")
_CONSTRUCTORS = ("__init__", "constructor")


class Resolver:
    """Over one project. Results are kept: a name of a module is followed once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._modules: dict[str, Scope] = {}
        self._instances: dict[tuple[int, str], Instance] = {}
        self._names: dict[int, Names] = {}
        self._inside: dict[tuple[int, str], Scope] = {}
        self._resolved: dict[tuple[int, str, bool], tuple[Bound, Bound]] = {}
        """With the expression itself, so that its identity stays its own."""

    # Scopes

    def module(self, path: str) -> Scope | None:
        """The scope of a file, None where it can't be parsed."""
        if path not in self._modules:
            module = self.project.module(path)
            if module is None:
                return None
            self._modules[path] = Scope(path, module, names_of(module.body))
        return self._modules[path]

    def inside(self, function: s.Function, scope: Scope, owner: Instance | None = None) -> Scope:
        """The body of a function that nobody is known to call."""
        told = f"{scope.id}/{function.line}:{function.column}"
        told += f"<{place_of(*owner.made)}" if owner is not None and owner.made is not None else ""
        key = (id(function), told)
        if key not in self._inside:
            self._inside[key] = Scope(told, scope.module, self._body(function), scope, function.parameters, owner=owner)
        return self._inside[key]

    def calling(self, call: s.Call, callee: Bound, scope: Scope, owner: Instance | None = None) -> Scope:
        """The body of a function in this call of it."""
        function = callee.expression
        assert isinstance(function, s.Function)
        told = f"{scope.id}>{call.line}:{call.column}"
        given = dict(self._given(call, function, scope, bool(owner)))
        return Scope(
            told, callee.scope.module, self._body(function), callee.scope, function.parameters, given, True, owner,
            (scope, call.line, call.column),
        )  # fmt: skip

    def _body(self, function: s.Function) -> Names:
        if id(function) not in self._names:
            self._names[id(function)] = names_of(function.body)
        return self._names[id(function)]

    def _given(self, call: s.Call, function: s.Function, scope: Scope, method: bool) -> Iterator[tuple[str, Bound]]:
        parameters = list(function.parameters)
        if method and parameters and parameters[0].name in SELF:
            parameters.pop(0)
        named = dict(call.named)
        for number, parameter in enumerate(parameters):
            expression = named.get(parameter.name)
            if expression is None and number < len(call.arguments) and not parameter.keyword_only:
                expression = call.arguments[number]
            if expression is None:
                continue
            if parameter.keys:
                for key, local, default in parameter.keys:
                    member: s.Expression = s.Member(call.line, call.column, expression, key)
                    if default is not None:
                        found, known = self.field(Bound(expression, scope), key)
                        if found is None and known:
                            member = default
                    yield local, Bound(member, scope)
            else:
                yield parameter.name.lstrip("."), Bound(expression, scope)

    # Names and members

    def resolve(self, bound: Bound, depth: int = 0) -> Bound:
        """What an expression stands for, as far as that is one expression. Found once: to find it needs what is left
        of it several times, so that a long chain of members would take for ever."""
        key = (id(bound.expression), bound.scope.id, bound.scope.called)
        if key not in self._resolved:
            self._resolved[key] = (bound, bound)  # what leads to itself stands for itself
            found = bound
            while depth < DEEPEST and (next_ := self._step(found, depth + 1)) is not None:
                found, depth = next_, depth + 1
            self._resolved[key] = (bound, found)
        return self._resolved[key][1]

    def _step(self, bound: Bound, depth: int) -> Bound | None:
        expression, scope = bound
        match expression:
            case s.Await(of=of):
                return Bound(of, scope)
            case s.Name(id=name):
                return self._name(name, scope)
            case s.Member(of=of, name=name):
                return self._member(of, name, scope, depth)
            case s.Call(function=s.Member(of=s.Name(id="Object"), name="freeze"), arguments=(of, *_)):
                return Bound(of, scope)
            case s.Call():
                return self._returned(expression, scope, depth)
        return None

    def _returned(self, call: s.Call, scope: Scope, depth: int) -> Bound | None:
        """What a function of the project returns in this call, where it has one return."""
        found = self.function(call.function, scope, depth) if depth < DEEPEST // 2 else None
        returned = the_return(found[0].expression) if found is not None else None
        if found is None or returned is None:
            return None
        return Bound(returned, self.calling(call, found[0], scope, found[1]))

    def _name(self, name: str, scope: Scope) -> Bound | None:
        for level in scope.chain():
            if name in level.given:
                return level.given[name] if name not in level.names.assigned else None
            parameter = next((one for one in level.parameters if _takes(one, name)), None)
            if parameter is not None:
                default = _default(parameter, name)
                plain = level.called and default is not None and name not in level.names.assigned
                return Bound(default, level.parent or level) if plain and default is not None else None
            assigned = level.names.assigned.get(name)
            if assigned is not None:
                once = len(assigned) == 1 and not isinstance(assigned[0], s.Other)
                return Bound(assigned[0], level) if once and name not in level.names.touched else None
            if name in level.names.imports:
                return self._imported(level, *level.names.imports[name])
            for module in level.names.everything_of:
                found = self._imported(level, module, name)
                if found is not None:
                    return found
        return None

    def _imported(self, scope: Scope, module: str, name: str) -> Bound | None:
        if name == "*":
            return None
        path = self.project.imported(scope.module, module)
        if path is None:
            return None
        there = self.module(path)
        if there is None or there is scope:
            return None
        return self.exported(there, name)

    def exported(self, there: Scope, name: str, depth: int = 0) -> Bound | None:
        """What a module calls by this name, or hands on."""
        names = there.names
        if name in names.exports:
            return Bound(names.exports[name], there)
        if name in names.assigned or name in names.imports or name in names.classes:
            return Bound(s.Name(1, 1, name), there)
        if depth < 8:
            for module in names.everything_of:
                path = self.project.imported(there.module, module)
                further = self.module(path) if path else None
                found = self.exported(further, name, depth + 1) if further is not None else None
                if found is not None:
                    return found
        return None

    def _member(self, of: s.Expression, name: str, scope: Scope, depth: int) -> Bound | None:
        if isinstance(of, s.Name):
            for level in scope.chain():
                own = level.names.assigned.get(f"{of.id}.{name}")
                if own and of.id not in SELF:
                    return Bound(own[0], level) if len(own) == 1 else None
                if of.id in level.names.assigned or any(_takes(one, of.id) for one in level.parameters):
                    break
        module = self.as_module(of, scope)
        if module is not None:
            return self.exported(module, name)
        owner = self.instance(Bound(of, scope), depth)
        if owner is not None:
            found = self._attributes(owner).get(name, [])
            if len(found) != 1:
                return None
            return self._read(found[0], owner, f"{self._identity(of, scope, depth)}.{name}")
        inner = self.resolve(Bound(of, scope), depth)
        if isinstance(inner.expression, s.Fields):
            items = dict(inner.expression.items)
            return Bound(items[name], inner.scope) if name in items and inner.expression.complete else None
        return None

    def _read(self, attribute: Bound, owner: Instance, id: str) -> Bound:
        """The attribute itself, or what a property returns."""
        function = attribute.expression
        if not isinstance(function, s.Function) or not any(s.name_of(one) in _READS for one in function.decorators):
            return attribute
        returned = the_return(function)
        inside = Scope(id, owner.scope.module, self._body(function), owner.scope, function.parameters, owner=owner)
        return Bound(returned, inside) if returned is not None else attribute

    def _identity(self, of: s.Expression, scope: Scope, depth: int) -> str:
        """The same for the same object only."""
        expression, there = self.resolve(Bound(of, scope), depth)
        if isinstance(expression, s.Name):
            return f"{self._owner(expression.id, there)}/{expression.id}"
        return place_of(expression, there)

    def _owner(self, name: str, scope: Scope) -> str:
        """The scope that a name without a known value belongs to."""
        for level in scope.chain():
            if name in level.names.assigned or any(_takes(one, name) for one in level.parameters):
                return level.id
            if name in level.names.imports:
                return "/".join(level.names.imports[name])
        return "global"

    def as_module(self, of: s.Expression, scope: Scope) -> Scope | None:
        """The module that a name stands for, such as config after `import config`."""
        name = s.dotted(of)
        if not name:
            return None
        first = name.partition(".")[0]
        for level in scope.chain():
            if first in level.names.assigned:
                return None
            if first not in level.names.imports:
                continue
            module, original = level.names.imports[first]
            rest = name.partition(".")[2]
            target = ".".join(filter(None, (module if original == "*" else _below(module, original), rest)))
            path = self.project.imported(level.module, target)
            if path is None and original == "default" and not rest:
                return None
            return self.module(path) if path is not None else None
        return None

    def class_of(self, bound: Bound, depth: int = 0) -> Instance | None:
        """The class of the project that a name stands for."""
        expression, scope = self.resolve(bound, depth)
        if not isinstance(expression, s.Name):
            return None
        for level in scope.chain():
            found = level.names.classes.get(expression.id)
            if found is not None:
                return self._instance(found, level, None)
        return None

    def instance(self, bound: Bound, depth: int = 0) -> Instance | None:
        """The class whose instance, or which itself, an expression is."""
        if isinstance(bound.expression, s.Name) and bound.expression.id in SELF:
            return bound.scope.self
        found = self.resolve(bound, depth)
        if not isinstance(found.expression, s.Call):
            return self.class_of(self._declared(found), depth)
        class_ = self.class_of(Bound(found.expression.function, found.scope), depth)
        return self._instance(class_.class_, class_.scope, found) if class_ is not None else None

    def _declared(self, bound: Bound) -> Bound:
        """The type that a parameter is said to have, where that is what it is."""
        expression, scope = bound
        if not isinstance(expression, s.Name):
            return bound
        for level in scope.chain():
            taken = next((one for one in level.parameters if one.name == expression.id), None)
            if taken is not None and taken.annotation is not None:
                return Bound(taken.annotation, level.parent or level)
            if taken is not None or expression.id in level.names.assigned:
                break
        return bound

    def _instance(self, class_: s.Class, scope: Scope, made: Bound | None) -> Instance:
        key = (id(class_), place_of(*made) if made is not None else "")
        if key not in self._instances:
            self._instances[key] = Instance(class_.name, class_, scope, names_of(class_.body), made=made)
        return self._instances[key]

    def _attributes(self, owner: Instance) -> dict[str, list[Bound]]:
        """Of the class itself, those that its methods set, and those that are given when it is made."""
        if owner.attributes:
            return owner.attributes
        body = Scope(f"{owner.scope.id}/{owner.name}", owner.scope.module, owner.names, owner.scope, owner=owner)
        for name, assigned in owner.names.assigned.items():
            owner.attributes[name] = [Bound(one, body) for one in assigned]
        for method in [one for some in owner.names.assigned.values() for one in some]:
            if isinstance(method, s.Function):
                self._set_by(method, owner)
        if owner.made is not None and not any(one in owner.names.assigned for one in _CONSTRUCTORS):
            call, scope = owner.made
            assert isinstance(call, s.Call)
            owner.attributes.update({name: [Bound(value, scope)] for name, value in call.named if name})
        for base in owner.class_.bases:
            above = self.class_of(Bound(base, owner.scope))
            if above is not None and above.class_ is not owner.class_:
                for name, found in self._attributes(above).items():
                    owner.attributes.setdefault(name, found)
        return owner.attributes

    def _set_by(self, method: s.Function, owner: Instance) -> None:
        inside = self.inside(method, owner.scope, owner)
        if method.name in _CONSTRUCTORS:
            if owner.made is not None:
                call, scope = owner.made
                assert isinstance(call, s.Call)
                inside = self.calling(call, Bound(method, owner.scope), scope, owner)
            for one in (one for one in method.parameters if one.is_attribute):
                owner.attributes[one.name] = [Bound(s.Name(method.line, method.column, one.name), inside)]
        for statement in statements_in(method.body):
            match statement:
                case s.Assign(target=s.Member(of=s.Name(id="self" | "this"), name=name), value=value):
                    owner.attributes.setdefault(name, []).append(Bound(value, inside))

    def function(self, called: s.Expression, scope: Scope, depth: int = 0) -> tuple[Bound, Instance | None] | None:
        """The function of the project that is called, and the class whose method it is."""
        owner = self.instance(Bound(called.of, scope), depth) if isinstance(called, s.Member) else None
        found = self.resolve(Bound(called, scope), depth)
        return (found, owner) if isinstance(found.expression, s.Function) else None

    # Fields of objects and requests

    def field(self, bound: Bound, *names: str) -> tuple[Bound | None, bool]:
        """A field of an object, or of a request that is made of keyword arguments or of an object; and whether its
        absence is certain where it is not there."""
        if isinstance(bound.expression, s.Name):
            for name in names:
                for level in bound.scope.chain():
                    own = level.names.assigned.get(f"{bound.expression.id}.{name}")
                    if own:
                        return (Bound(own[0], level), True) if len(own) == 1 else (None, False)
                    if f"{bound.expression.id}.{name}" in level.names.touched:
                        return None, False
        expression, scope = self.resolve(bound)
        match expression:
            case s.Fields(items=items, complete=complete):
                return self._item(items, complete, scope, names)
            case s.Call(named=named, arguments=arguments, complete=complete):
                if len(arguments) == 1 and not named:
                    return self.field(Bound(arguments[0], scope), *names)
                found, known = self._item(named, complete, scope, names)
                return found, known and not arguments
            case s.Const(value=None):
                return None, True
        return None, False

    def _item(
        self, items: tuple[tuple[str, s.Expression], ...], complete: bool, scope: Scope, names: tuple[str, ...]
    ) -> tuple[Bound | None, bool]:
        """One of several by its key; what has no key is spread among them."""
        found = next((value for key, value in reversed(items) if key in names), None)
        if found is not None:
            return Bound(found, scope), True
        spreads = [Bound(value, scope) for key, value in items if not key]
        for spread in spreads:
            inner, known = self.field(spread, *names)
            if inner is not None or not known:
                return inner, known
        return None, complete or all(self._is_object(one) for one in spreads)

    def _is_object(self, spread: Bound) -> bool:
        found = self.resolve(spread).expression
        return isinstance(found, s.Fields) or (isinstance(found, s.Call) and s.name_of(found.function) == "dict")


_READS = ("property", "cached_property")


def the_return(function: s.Expression) -> s.Expression | None:
    """What a function returns, where it has one return that has a value."""
    if not isinstance(function, s.Function):
        return None
    returned = [one.value for one in statements_in(function.body) if isinstance(one, s.Return) and one.value]
    return returned[0] if len(returned) == 1 else None


def place_of(expression: s.Expression, scope: Scope) -> str:
    """The same for the same expression in the same call only."""
    return f"{scope.id}@{expression.line}:{expression.column}"


def _takes(parameter: s.Parameter, name: str) -> bool:
    return parameter.name == name or any(local == name for _, local, _ in parameter.keys)


def _default(parameter: s.Parameter, name: str) -> s.Expression | None:
    if parameter.name == name:
        return parameter.default
    return next((default for _, local, default in parameter.keys if local == name), None)


def _below(module: str, name: str) -> str:
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"
