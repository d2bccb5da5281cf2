"""Follows values to the text that they are.

What only running the code shows is a hole in the text, and two holes are the same only where they certainly are.
"""

from livekit_doctor import lazy_re
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.resolving import DEEPEST, Resolver, place_of
from livekit_doctor.lint.scopes import Bound, Scope
from livekit_doctor.lint.values import UNKNOWN, Hole, Value, joined, of_text

_ENVIRONMENT = lazy_re.compile(r"(?:^|\.)(?:getenv|environ\.get|env\.get|Deno\.env\.get)$")
_ENVIRONMENTS = ("process.env", "import.meta.env", "os.environ", "environ", "Bun.env", "Deno.env")
_FRESH = lazy_re.compile(
    r"(?:^|\.)(?:now|utcnow|today|time|time_ns|monotonic|uuid[1-7]?|v[1-7]|nanoid|ulid|cuid2?|random\w*|getrandbits"
    r"|choices?|randint|token_hex|token_urlsafe|hrtime|generate\w*[iI]d)$|(?:^|\.)(?:Date|random|secrets|Random)\b",
)
_AS_TEXT = ("str", "String", "encodeURIComponent", "quote")
_SAME_TEXT = ("toString", "strip", "trim", "value")


class Follower(Resolver):
    """Texts, over one project."""

    def text(self, bound: Bound, depth: int = 0) -> Value:
        """The text that an expression is, with holes for what is not known of it."""
        if depth > DEEPEST:
            return UNKNOWN
        environment = self._environment(bound, depth)
        if environment is not None:
            return environment
        expression, scope = bound
        match expression:
            case s.Const(value=None):
                return Value((Hole("none", "none"),))
            case s.Const(value=value):
                return of_text(str(value).lower() if isinstance(value, bool) else str(value))
            case s.Await(of=of):
                return self.text(Bound(of, scope), depth + 1)
            case s.Template(parts=parts):
                return joined([self.text(Bound(part, scope), depth + 1) for part in parts])
            case s.Either():
                return self._either(expression, scope, depth)
            case s.Call():
                return self._result(expression, scope, depth)
            case s.Member(of=of, name="value"):
                inner = self.text(Bound(of, scope), depth + 1)
                if inner.text is not None:
                    return inner
        step = self._step(bound, depth)
        if step is None:
            return self._hole(expression, scope, depth)
        found = self.text(step, depth + 1)
        if isinstance(expression, s.Member) and found.text is not None and self._is_setting(expression, scope, depth):
            return Value(found.parts, (expression.name.upper(), *found.assumed))
        return found

    def _is_setting(self, member: s.Member, scope: Scope, depth: int) -> bool:
        """Whether it is an attribute of pydantic's settings, which the environment sets."""
        owner = self.instance(Bound(member.of, scope), depth)
        return owner is not None and any(s.name_of(base) == "BaseSettings" for base in owner.class_.bases)

    def origin(self, bound: Bound) -> Bound:
        """Where a text is written: the constant itself, or the default of a variable."""
        for _ in range(DEEPEST):
            expression, _ = bound = self.resolve(bound)
            if isinstance(expression, s.Either) and expression.choices:
                bound = Bound(expression.choices[-1], bound.scope)
            elif isinstance(expression, s.Call) and _ENVIRONMENT.search(s.dotted(expression.function)):
                if len(expression.arguments) < 2:
                    break
                bound = Bound(expression.arguments[1], bound.scope)
            else:
                break
        return bound

    def _hole(self, expression: s.Expression, scope: Scope, depth: int) -> Value:
        match expression:
            case s.Name(id=name):
                return Value((Hole(f"{self._owner(name, scope)}/{name}", name),))
            case s.Member(of=of, name=name):
                made = self._of_result(Bound(of, scope), name, depth)
                if made is not None:
                    return made
                inner = self.text(Bound(of, scope), depth + 1).parts
                key = inner[0].key if len(inner) == 1 and isinstance(inner[0], Hole) else place_of(expression, scope)
                return Value((Hole(f"{key}.{name}", s.dotted(expression) or name),))
        label = s.dotted(expression) or next(filter(None, map(s.dotted, s.children(expression))), "a value")
        fresh = _fresh(expression)
        return Value((Hole(place_of(expression, scope), fresh or label, bool(fresh)),))

    def _of_result(self, bound: Bound, name: str, depth: int) -> Value | None:
        """The room's name of what CreateRoom, CreateDispatch or CreateSIPParticipant returned."""
        call, scope = self.resolve(bound, depth)
        if not isinstance(call, s.Call):
            return None
        match s.name_of(call.function), name:
            case ("create_room" | "createRoom", "name") | ("create_dispatch", "room") if call.arguments:
                found, _ = self.field(Bound(call.arguments[0], scope), name)
            case ("create_sip_participant", "room_name") if call.arguments:
                found, _ = self.field(Bound(call.arguments[0], scope), name)
            case ("createDispatch", "room") if call.arguments:
                found = Bound(call.arguments[0], scope)
            case ("createSipParticipant", "roomName") if len(call.arguments) > 2:
                found = Bound(call.arguments[2], scope)
            case _:
                return None
        return self.text(found, depth + 1) if found is not None else None

    def _environment(self, bound: Bound, depth: int) -> Value | None:
        """An environment variable, with its default where one is given."""
        expression, scope = bound
        match expression:
            case s.Call(function=function, arguments=(first, *rest)) if _ENVIRONMENT.search(s.dotted(function)):
                variable = self.text(Bound(first, scope), depth + 1).text
                if variable is None:
                    return None
                return self._or_default(variable, Bound(rest[0], scope) if rest else None, depth)
            case s.Member(of=of, name=name):
                if s.dotted(of) in _ENVIRONMENTS:
                    return self._or_default(name, None, depth)
                if isinstance(of, s.Member) and of.name == "data":
                    of = of.of
                made, there = self.resolve(Bound(of, scope), depth)
                if s.dotted(made) in _ENVIRONMENTS:
                    return self._or_default(name, None, depth)
                if isinstance(made, s.Call) and any(_is_environment(one) for one in made.arguments):
                    return self._or_default(name, self._default_of(made, there, name), depth)
        return None

    def _default_of(self, call: s.Call, scope: Scope, name: str) -> Bound | None:
        """The default of a variable in the schema that the environment is read by, such as zod's."""
        stack = [Bound(one, scope) for one in s.children(call)]
        for _ in range(100):
            if not stack:
                break
            expression, there = self.resolve(stack.pop())
            if isinstance(expression, s.Fields):
                declared = dict(expression.items).get(name)
                if declared is not None:
                    return self._declared_default(Bound(declared, there))
            if isinstance(expression, s.Call | s.Fields | s.Member):
                stack += [Bound(one, there) for one in s.children(expression)]
        return None

    def _declared_default(self, declared: Bound) -> Bound | None:
        """z.string().default("a"), str({ default: "a" })."""
        expression, scope = declared
        while isinstance(expression, s.Call):
            if s.name_of(expression.function) == "default" and expression.arguments:
                return Bound(expression.arguments[0], scope)
            found = self.field(Bound(expression.arguments[0], scope), "default")[0] if expression.arguments else None
            if found is not None or not isinstance(expression.function, s.Member):
                return found
            expression = expression.function.of
        return None

    def _or_default(self, variable: str, default: Bound | None, depth: int) -> Value:
        if default is not None:
            value = self.text(default, depth + 1)
            if value.text is not None:
                return Value(value.parts, (variable, *value.assumed))
        return Value((Hole(f"env:{variable}", variable),))

    def _either(self, either: s.Either, scope: Scope, depth: int) -> Value:
        values = [self.text(Bound(one, scope), depth + 1) for one in either.choices]
        if either.first_if_set:
            value = values[0]
            for further in values[1:]:
                hole = value.parts[0]
                if value.text:
                    return value
                if len(value.parts) == 1 and isinstance(hole, Hole) and hole.variable:
                    value = Value(further.parts, (hole.variable, *further.assumed))
                    if value.text is None:
                        return Value((hole,))
                elif value.text == "" or (isinstance(hole, Hole) and hole.key == "none"):
                    value = further
                else:
                    return Value((Hole(place_of(either, scope), s.dotted(either.choices[0]) or "a value"),))
            return value
        if all(value == values[0] for value in values):
            return values[0]
        return Value((Hole(place_of(either, scope), "one of several"),))

    def _result(self, call: s.Call, scope: Scope, depth: int) -> Value:
        name, function = s.name_of(call.function), call.function
        if name in _AS_TEXT and len(call.arguments) == 1:
            return self.text(Bound(call.arguments[0], scope), depth + 1)
        if isinstance(function, s.Member):
            inner = self.text(Bound(function.of, scope), depth + 1)
            if name in _SAME_TEXT and not call.arguments and inner.text is not None:
                return Value((inner.text.strip(),), inner.assumed)
            if name in ("lower", "toLowerCase", "upper", "toUpperCase") and inner.text is not None:
                changed = inner.text.lower() if "lower" in name.lower() else inner.text.upper()
                return Value((changed,), inner.assumed)
            if name == "format" and inner.text is not None:
                before = inner.text.partition("{")[0]
                return Value((before, Hole(place_of(call, scope), "format()")) if before else UNKNOWN.parts)
        if name in ("Field", "field"):
            named = dict(call.named)
            if (given := named.get("default")) is None and (maker := named.get("default_factory")) is not None:
                given = s.Call(call.line, call.column, maker, ())
            if given is not None:
                return self.text(Bound(given, scope), depth + 1)
        returned = self._returned(call, scope, depth)
        if returned is not None:
            return self.text(returned, depth + 2)
        fresh = _fresh(call)
        return Value((Hole(place_of(call, scope), fresh or s.dotted(call) or "a call", bool(fresh)),))


def _fresh(expression: s.Expression) -> str:
    """What makes it another value each time, such as `Date.now()`; empty where nothing does."""
    stack = [expression]
    while stack:
        one = stack.pop()
        if isinstance(one, s.Call) and _FRESH.search(s.dotted(one.function)):
            return s.dotted(one)
        stack.extend(s.children(one))
    return ""


def _is_environment(expression: s.Expression) -> bool:
    """Whether it is the environment, or has it: { runtimeEnv: process.env }."""
    if isinstance(expression, s.Fields):
        return any(s.dotted(value) in _ENVIRONMENTS for _, value in expression.items)
    return s.dotted(expression) in _ENVIRONMENTS
