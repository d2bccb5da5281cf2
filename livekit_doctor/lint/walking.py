"""What a function does with LiveKit, in order, with all that it calls in this project.

Of each function that nobody in the project calls there is one flow; what the others do is in their callers' flows,
where their arguments are known.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.bodies import Body
from livekit_doctor.lint.facts import Arm, Event, Flow, Place, SipParticipant, Unfollowed, Wait
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.recognising import Recogniser, is_of_job, place_of
from livekit_doctor.lint.scopes import Bound, Instance, Scope

DEEPEST = 6
"""How many calls are followed into each other."""
MOST_STEPS = 20_000
"""Expressions that are looked at for one flow; the longest of 40 public projects takes 6,000."""
MOST_IN_ALL = 200_000
"""And for all flows of a project; the same took 21,000."""

_REGISTERS = frozenset(
    {"get", "post", "put", "patch", "delete", "use", "on", "once", "route", "serve", "handle", "add_event_handler"}
    | {"addEventListener", "listen", "schedule", "handler", "register", "onCall", "onRequest", "command", "define"}
    | {"add_shutdown_callback", "addShutdownCallback", "catch", "procedure", "mutation", "query", "defineAgent"}
)
"""What is given to these is called later, by somebody else: a flow of its own."""


class Walker:
    def __init__(self, follower: Follower, recogniser: Recogniser, interest: "Interest") -> None:
        self._follower, self._recogniser, self._interest = follower, recogniser, interest
        self.inlined: set[int] = set()
        """Functions that are in their callers' flows."""
        self._steps = 0
        self.unfollowed: dict[Place, Unfollowed] = {}

    def flow(self, function: s.Function, scope: Scope, owner: Instance | None = None) -> Flow | None:
        """Of a function, None where it does nothing with LiveKit."""
        if not self._interest.has(function):
            return None
        inside = self._follower.inside(function, scope, owner)
        return self._walked(function.name, place_of(function, scope), function.body, inside, function)

    def flow_of_module(self, scope: Scope) -> Flow | None:
        """Of what a module does when it is loaded."""
        if not self._interest.has(scope.module):
            return None
        return self._walked("", Place(scope.module.path, 1), scope.module.body, scope, None)

    def _walked(
        self, name: str, place: Place, body: Iterable[s.Statement], scope: Scope, function: s.Function | None
    ) -> Flow:
        most = min(MOST_STEPS, MOST_IN_ALL - self._steps)
        walk = _Walk(self._follower, self._recogniser, self._interest, [function] if function else [], most)
        walk.block(body, scope)
        self._steps += walk.steps
        if walk.steps > most:
            self.unfollowed[place] = Unfollowed(place, f"{name or 'the module'}: more than {MOST_STEPS} steps")
        self.inlined |= walk.inlined
        self.unfollowed |= walk.unfollowed
        return Flow(name, place, tuple(walk.events), walk.whole)


class Interest:
    """Which functions do anything with LiveKit or the log, by themselves or by what they call: only these are walked.

    First told by names alone, rather one too many; then those are resolved. To resolve every call of a project takes
    seconds.
    """

    def __init__(self, bodies: Iterable[Body], follower: Follower, recogniser: Recogniser) -> None:
        self._follower = follower
        self._ids: set[int] = set()
        self._bodies: dict[int, Body] = {}
        self._known: dict[int, bool] = {}
        self.names: set[str] = set()
        called: list[tuple[Body, set[str]]] = []
        aliases: set[tuple[str, str]] = set()
        for body in bodies:
            called.append((body, {s.name_of(call.function) for call in body.calls}))
            aliases.update((here, there) for here, (_, there) in body.scope.names.imports.items() if here != there)
            self._bodies.setdefault(id(body.node), body)
            if any(recogniser.may_be_event(call, body.scope) for call in body.calls):
                self._add(body)
                self._known[id(body.node)] = True
        self.names.update(here for here, there in aliases if there == "default")
        number = -1
        while number != len(self._ids):
            number = len(self._ids)
            self.names.update(here for here, there in aliases if there in self.names)
            for body, names in called:
                inner = any(id(function) in self._ids for function in body.functions)
                if id(body.node) not in self._ids and (inner or not self.names.isdisjoint(names)):
                    self._add(body)

    def _add(self, body: Body) -> None:
        self._ids.add(id(body.node))
        if body.function is not None and body.function.name:
            self.names.add(body.function.name)

    def has(self, node: s.Function | s.Module) -> bool:
        if id(node) not in self._ids:
            return False
        if id(node) not in self._known:
            self._known[id(node)] = False  # while it is looked into, for functions that call each other
            self._known[id(node)] = self._leads_there(self._bodies[id(node)])
        return self._known[id(node)]

    def _leads_there(self, body: Body) -> bool:
        if any(self.has(function) for function in body.functions):
            return True
        for call in body.calls:
            if s.name_of(call.function) in self.names:
                found = self._follower.function(call.function, body.scope)
                if found is not None and self.has(found[0].expression):  # type: ignore[arg-type]
                    return True
        return False


class _Walk:
    """One flow in the making."""

    def __init__(
        self, follower: Follower, recogniser: Recogniser, interest: Interest, stack: list[s.Function], most: int
    ) -> None:
        self._follower, self._recogniser, self._interest = follower, recogniser, interest
        self._stack = stack
        self._arms: tuple[Arm, ...] = ()
        self._most = most
        self.steps = 0
        self._done: set[tuple[int, str]] = set()
        self.events: list[Event] = []
        self.inlined: set[int] = set()
        self.unfollowed: dict[Place, Unfollowed] = {}
        self.whole = True

    # Statements

    def block(self, body: Iterable[s.Statement], scope: Scope) -> bool:
        """Whether what comes after it can be reached."""
        before = self._arms
        goes_on = True
        for statement in body:
            if not goes_on:
                break
            goes_on = self._statement(statement, scope)
        self._arms = before
        return goes_on

    def _statement(self, statement: s.Statement, scope: Scope) -> bool:
        match statement:
            case s.Do(value=value):
                self._expression(value, scope, used=False)
            case s.Assign(target=target, value=value):
                if not isinstance(value, s.Function):
                    self._expression(value, scope)
                if isinstance(target, s.Member):
                    self._expression(target.of, scope)
            case s.Return(value=value) | s.Raise(value=value):
                if value is not None:
                    self._expression(value, scope)
                return False
            case s.Jump():
                return False
            case s.Branch(test=test, arms=arms):
                self._expression(test, scope)
                return self._branch(statement, arms, scope)
            case s.Loop(head=head, body=body):
                if head is not None:
                    self._expression(head, scope)
                self.events.append(Wait(place=place_of(statement, scope), arms=self._arms, shown="loop"))
                self.block(body, scope)
            case s.Attempt(body=body, handlers=handlers, otherwise=otherwise, finally_=finally_):
                goes_on = self._branch(statement, ((*body, *otherwise), *handlers), scope)
                return self.block(finally_, scope) and goes_on
            case s.Block(heads=heads, body=body):
                return self.block(heads, scope) and self.block(body, scope)
        return True

    def _branch(self, statement: s.Statement, arms: tuple[tuple[s.Statement, ...], ...], scope: Scope) -> bool:
        """What follows is on the ways that do not end in it."""
        going_on = set()
        for number, arm in enumerate(arms):
            with self._on((id(statement), frozenset({number}))):
                if self.block(arm, scope):
                    going_on.add(number)
        if going_on and len(going_on) < len(arms):
            self._arms = (*self._arms, (id(statement), frozenset(going_on)))
        return bool(going_on)

    @contextmanager
    def _on(self, arm: Arm) -> Iterator[None]:
        before = self._arms
        self._arms = (*before, arm)
        yield
        self._arms = before

    # Expressions

    def _expression(self, expression: s.Expression, scope: Scope, *, used: bool = True) -> None:
        self.steps += 1
        if self.steps > self._most:
            self.whole = False
            return
        match expression:
            case s.Call():
                self._call(expression, scope, used=used)
            case s.Await(of=of):
                self._expression(of, scope)
            case s.Function():
                return
            case s.Either(choices=choices, test=test) if test is not None:
                self._expression(test, scope)
                for number, choice in enumerate(choices):
                    with self._on((id(expression), frozenset({number}))):
                        self._expression(choice, scope)
            case _:
                for child in s.children(expression):
                    self._expression(child, scope)

    def _call(self, call: s.Call, scope: Scope, *, used: bool) -> None:
        """Once: every name that is taken out of its result has the call as its value."""
        if (id(call), scope.id) in self._done:
            return
        self._done.add((id(call), scope.id))
        self._expression(call.function, scope)
        matters = s.name_of(call.function) in self._interest.names or self._recogniser.may_be_event(call, scope)
        found = self._follower.function(call.function, scope) if matters or scope.called else None
        for argument in (*call.arguments, *(value for _, value in call.named)):
            if not isinstance(argument, s.Function):
                self._expression(argument, scope)
        if found is not None:
            self._into(call, *found, scope)
            return
        event = self._recogniser.event(call, scope)
        if event is not None:
            job = isinstance(event, SipParticipant) and is_of_job(event.room)
            self.events.append(replace(event, arms=self._arms, awaited=used, by_agent=job))
        if s.name_of(call.function) not in _REGISTERS:
            for argument in (*call.arguments, *(value for _, value in call.named)):
                self._callback(argument, scope)

    def _into(self, call: s.Call, callee: Bound, owner: Instance | None, scope: Scope) -> None:
        function = callee.expression
        assert isinstance(function, s.Function)
        if function in self._stack or not self._interest.has(function):
            return
        if len(self._stack) > DEEPEST:
            self.whole = False
            self.unfollowed[place_of(call, scope)] = Unfollowed(
                place_of(call, scope), f"{s.dotted(call.function)}(): more than {DEEPEST} calls in each other"
            )
            return
        self._inlined(function, self._follower.calling(call, callee, scope, owner))

    def _callback(self, argument: s.Expression, scope: Scope) -> None:
        """A function that is given to something unknown, such as a retry, is done within it."""
        if isinstance(argument, s.Function) and argument not in self._stack:
            self._inlined(argument, self._follower.inside(argument, scope))

    def _inlined(self, function: s.Function, inside: Scope) -> None:
        self.inlined.add(id(function))
        self._stack.append(function)
        self.block(function.body, inside)
        self._stack.pop()
