"""Calls that stop the event loop: in async functions, and in the functions that are not async and which they call."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from livekit_doctor import lazy_re
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.facts import Blocking
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.recognising import place_of
from livekit_doctor.lint.scopes import Bound, Instance, Scope, within

_LONG = lazy_re.compile(
    r"^(?:time\.sleep|requests\.(?:get|post|put|patch|delete|head|request)|urllib\.request\.urlopen|urlopen"
    r"|httpx\.(?:get|post|put|patch|delete|head|request)|psycopg2\.connect|pymysql\.connect|mysql\.connector\.connect)$"
)
_SHORT = lazy_re.compile(r"^(?:subprocess\.(?:run|call|check_call|check_output)|os\.system|smtplib\.SMTP(?:_SSL)?)$")
_DEEPEST = 20
"""How many calls are followed into each other."""


class BlockingReader:
    """Over one project: what a function calls is looked through once."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._known: dict[int, tuple[Blocking, ...]] = {}
        self._depth = 0

    def of(self, function: s.Function, calls: Iterable[s.Call], scope: Scope) -> Iterator[Blocking]:
        """Of an async function; `scope` is the inside of it."""
        return (replace(one, function=function.name) for one in self._in(calls, scope))

    def _in(self, calls: Iterable[s.Call], scope: Scope) -> Iterator[Blocking]:
        for call in calls:
            name = _full_name(call.function, scope)
            if _LONG.match(name) or _SHORT.match(name):
                yield Blocking(place_of(call, scope), name, "", bool(_LONG.match(name)))
            elif (found := self._follower.function(call.function, scope)) is not None:
                yield from self._inside(*found)

    def _inside(self, callee: Bound, owner: Instance | None) -> tuple[Blocking, ...]:
        function = callee.expression
        assert isinstance(function, s.Function)
        if function.is_async or self._depth > _DEEPEST:
            return ()
        if id(function) not in self._known:
            self._known[id(function)] = ()  # meanwhile, for functions that call each other
            self._depth += 1
            calls = (one for one in within(function.body) if isinstance(one, s.Call))
            told = dict.fromkeys(self._in(calls, self._follower.inside(function, callee.scope, owner)))
            self._known[id(function)] = tuple(
                one if one.through else replace(one, through=function.name) for one in told
            )
            self._depth -= 1
        return self._known[id(function)]


def _full_name(function: s.Expression, scope: Scope) -> str:
    """By the names that the module imports: sleep of `from time import sleep` is time.sleep."""
    name = s.dotted(function)
    first, dot, rest = name.partition(".")
    imports = next((level.names.imports for level in scope.chain() if first in level.names.imports), {})
    module, original = imports.get(first, ("", ""))
    if not module:
        return name
    return f"{module}{dot}{rest}" if original == "*" else f"{module}.{original}{dot}{rest}"
