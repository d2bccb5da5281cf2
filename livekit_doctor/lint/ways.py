"""The ways through a function: which of them end without a thing that must be done, such as connecting.

Lenient where the code can't be followed: what is given the job's context may do it. A way that ends with an error has
not forgotten anything.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.facts import Place
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.recognising import place_of
from livekit_doctor.lint.scopes import Bound, Instance, Scope

CONNECTS = lazy_re.compile(
    r"(?:^|\.)(?:connect|shutdown|delete_room|deleteRoom|wait_for_participant|waitForParticipant|exit|simulate\w*)$"
)
"""What connects the agent to its room, or ends the job on purpose; a session does the first when it is started
(livekit-agents 1.8, voice/agent_session.py)."""
STARTS = lazy_re.compile(r"(?:^|\.)(?:start|run|launch|run_app)$")
ANSWERS = lazy_re.compile(r"(?:^|\.)(?:accept|reject)$")
ACCEPTS = lazy_re.compile(r"(?:^|\.)accept$")
DEEPEST = 20


class _State(Struct, frozen=True):
    """`open`: a way goes on on which it is not done; `done`: one on which it is. None of both: all have ended."""

    open: bool
    done: bool


_NOWHERE = _State(False, False)


class Ways:
    """Through one function. `does` are the calls that do it, `context` what may do it wherever it is given."""

    def __init__(self, follower: Follower, does: tuple[re.Pattern[str], ...], context: str) -> None:
        self._follower, self._does, self._context = follower, does, context
        self._depth = 0
        self._known: dict[int, bool] = {}
        self.without: list[Place] = []
        self.any_done = False

    def through(self, function: s.Function, scope: Scope) -> None:
        """Fills `without` and `any_done`."""
        inside = self._follower.inside(function, scope)
        end = self._block(function.body, inside, _State(True, False))
        if end.open:
            last = function.body[-1] if function.body else function
            self.without.append(place_of(last, scope))

    def _block(self, body: Iterable[s.Statement], scope: Scope, state: _State) -> _State:
        for statement in body:
            if state == _NOWHERE:
                break
            state = self._statement(statement, scope, state)
        return state

    def _statement(self, statement: s.Statement, scope: Scope, state: _State) -> _State:
        match statement:
            case s.Do(value=value) | s.Assign(value=value):
                return self._after(value, scope, state)
            case s.Return(value=value):
                if value is not None:
                    state = self._after(value, scope, state)
                if state.open and not self._depth:
                    self.without.append(place_of(statement, scope))
                return _NOWHERE
            case s.Raise():
                return _NOWHERE
            case s.Jump():
                return _State(False, True)  # what comes after a loop is taken for done: see below
            case s.Branch(test=test, arms=arms):
                state = self._after(test, scope, state)
                return _either(self._block(arm, scope, state) for arm in arms)
            case s.Loop(head=head, body=body, endless=endless):
                return self._loop(head, body, endless, scope, state)
            case s.Attempt(body=body, handlers=handlers, otherwise=otherwise, finally_=finally_):
                return self._attempt((*body, *otherwise), handlers, finally_, scope, state)
            case s.Block(heads=heads, body=body):
                return self._block(body, scope, self._block(heads, scope, state))
        return state

    def _loop(
        self, head: s.Expression | None, body: tuple[s.Statement, ...], endless: bool, scope: Scope, state: _State
    ) -> _State:
        """One that does it is taken to do it: a retry."""
        if head is not None:
            state = self._after(head, scope, state)
        _, did = self._tried(body, scope, state)
        return _State(False, True) if did or endless else state

    def _attempt(
        self,
        body: tuple[s.Statement, ...],
        handlers: tuple[tuple[s.Statement, ...], ...],
        finally_: tuple[s.Statement, ...],
        scope: Scope,
        state: _State,
    ) -> _State:
        """A handler of what does it has not forgotten it: it failed."""
        after, did = self._tried(body, scope, state)
        caught = _State(False, True) if did else state
        ended = _either([after, *(self._block(handler, scope, caught) for handler in handlers)])
        return self._block(finally_, scope, ended) if finally_ else ended

    def _tried(self, body: tuple[s.Statement, ...], scope: Scope, state: _State) -> tuple[_State, bool]:
        """The state after it, and whether any of its ways does it."""
        before, self.any_done = self.any_done, False
        after = self._block(body, scope, state)
        did = self.any_done
        self.any_done |= before
        return after, did

    def _after(self, expression: s.Expression, scope: Scope, state: _State) -> _State:
        if state.open and self._is_done_by(expression, scope):
            self.any_done = True
            return _State(False, True)
        return state

    def _is_done_by(self, expression: s.Expression, scope: Scope) -> bool:
        stack = [expression]
        while stack:
            one = stack.pop()
            if isinstance(one, s.Function):
                continue
            if isinstance(one, s.Call) and self._call_does_it(one, scope):
                return True
            stack.extend(s.children(one))
        return False

    def _call_does_it(self, call: s.Call, scope: Scope) -> bool:
        name = s.dotted(call.function)
        if any(pattern.search(name) for pattern in self._does):
            return True
        found = self._follower.function(call.function, scope)
        if found is not None and self._depth < DEEPEST:
            return self._function_does_it(call, scope, *found)
        return found is None and self._is_given_it(call)

    def _function_does_it(self, call: s.Call, scope: Scope, callee: Bound, owner: Instance | None) -> bool:
        """Looked into once, since functions that call each other many times would take for ever."""
        function = callee.expression
        assert isinstance(function, s.Function)
        if id(function) not in self._known:
            self._known[id(function)] = False
            self._depth += 1
            before, self.any_done = self.any_done, False
            self._block(function.body, self._follower.calling(call, callee, scope, owner), _State(True, False))
            self._known[id(function)], self.any_done = self.any_done, before
            self._depth -= 1
        return self._known[id(function)]

    def _is_given_it(self, call: s.Call) -> bool:
        """Whether something unknown is given the job's context itself, not a part of it."""
        given = (*call.arguments, *(value for _, value in call.named))
        return any(_has_itself(argument, self._context) for argument in given)


def _has_itself(expression: s.Expression, name: str) -> bool:
    match expression:
        case s.Name(id=id):
            return id == name
        case s.Await(of=of):
            return _has_itself(of, name)
        case s.Fields() | s.Items():
            return any(_has_itself(child, name) for child in s.children(expression))
        case s.Member(of=s.Name(id=id), name="room"):
            return id == name
    return False


def _either(states: Iterable[_State]) -> _State:
    told = list(states)
    return _State(any(state.open for state in told), any(state.done for state in told))
