"""Workers in the source: their names, entrypoints, prewarm functions and answers to job requests."""

import re
from collections.abc import Iterator
from typing import Literal

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.blocking import BlockingReader
from livekit_doctor.lint.bodies import Body
from livekit_doctor.lint.facts import Blocking, Handler, Prewarm, Worker
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.recognising import place_of
from livekit_doctor.lint.scopes import Bound, Scope, statements_in
from livekit_doctor.lint.values import Value
from livekit_doctor.lint.ways import ACCEPTS, ANSWERS, CONNECTS, STARTS, Ways

_OPTIONS = ("WorkerOptions", "ServerOptions")
_NAME = ("agent_name", "agentName")


class WorkerReader:
    """Of one module."""

    def __init__(self, follower: Follower, blocks: BlockingReader, scope: Scope) -> None:
        self._follower, self._blocks, self._scope = follower, blocks, scope
        self.workers: list[Worker] = []
        self.prewarms: list[Prewarm] = []
        self.handlers: list[Handler] = []
        self.blocking: list[Blocking] = []
        self._entrypoints: list[tuple[s.Function, Scope]] = []

    def read(self, bodies: tuple[Body, ...]) -> "WorkerReader":
        for body in bodies:
            for call in body.calls:
                self._call(call, body.scope)
            for function in body.functions:
                if function.decorators:
                    self._decorated(function, body.scope)
        for statement in statements_in(self._scope.module.body):
            match statement:
                case s.Assign(target=s.Member(name="setup_fnc" | "prewarm_fnc"), value=value):
                    self._prewarm(Bound(value, self._scope))
        if self._scope.module.language == "python":
            self.blocking += self._blocking(bodies)
        return self

    def _call(self, call: s.Call, scope: Scope) -> None:
        name = s.name_of(call.function)
        if name in _OPTIONS:
            self._options(call, scope)
        elif name == "rtc_session" and call.arguments:
            self._session(call, Bound(call.arguments[0], scope), scope)
        elif isinstance(call.function, s.Call) and s.name_of(call.function.function) == "rtc_session":
            if call.arguments:
                self._session(call.function, Bound(call.arguments[0], scope), scope)
        elif name == "AgentServer":
            self._prewarm(self._field(Bound(call, scope), "setup_fnc"))
        elif name == "defineAgent":  # { entry, prewarm }: its prewarm is awaited
            self._entrypoint(self._field(Bound(call, scope), "entry"))

    # The three ways to make a worker

    def _options(self, call: s.Call, scope: Scope) -> None:
        """WorkerOptions(entrypoint_fnc=..., agent_name=...); new ServerOptions({ agent, agentName })."""
        request, python = Bound(call, scope), self._scope.module.language == "python"
        entrypoint = self._field(request, "entrypoint_fnc")
        if entrypoint is None and call.arguments and python:
            entrypoint = Bound(call.arguments[0], scope)
        self._entrypoint(entrypoint)
        self._handler("request", self._field(request, "request_fnc", "requestFunc", "requestFnc"))
        if python:
            self._prewarm(self._field(request, "prewarm_fnc", "setup_fnc"))
        self._worker(call, request, scope)

    def _session(self, call: s.Call, function: Bound, scope: Scope) -> None:
        """server.rtc_session(entrypoint, agent_name=...)"""
        self._entrypoint(function)
        request = Bound(s.Call(call.line, call.column, call.function, (), call.named, call.complete), scope)
        self._handler("request", self._field(request, "on_request"))
        self._worker(call, request, scope)

    def _decorated(self, function: s.Function, scope: Scope) -> None:
        """@server.rtc_session(agent_name=...)"""
        for decorator in function.decorators:
            if isinstance(decorator, s.Member) and decorator.name == "rtc_session":
                decorator = s.Call(decorator.line, decorator.column, decorator, ())
            if isinstance(decorator, s.Call) and s.name_of(decorator.function) == "rtc_session":
                self._session(decorator, Bound(function, scope), scope)

    def _worker(self, call: s.Call, request: Bound, scope: Scope) -> None:
        found, known = self._follower.field(request, *_NAME)
        name = None if known else Value(())
        drain, _ = self._follower.field(request, "drain_timeout", "drainTimeout")
        seconds = self._follower.text(drain).text if drain is not None else None
        self.workers.append(
            Worker(
                place=place_of(call, scope),
                agent_name=self._follower.text(found) if found is not None else name,
                name_place=place_of(*(found or (call, scope))),
                drain_seconds=float(seconds) if seconds and re.fullmatch(r"\d+(\.\d+)?", seconds) else None,
            )
        )

    def _field(self, request: Bound, *names: str) -> Bound | None:
        return self._follower.field(request, *names)[0]

    # Functions that a worker is given

    def _function(self, bound: Bound | None) -> tuple[s.Function, Scope] | None:
        """The function of the project that an expression is."""
        found = self._follower.resolve(bound) if bound is not None else None
        return (found.expression, found.scope) if found and isinstance(found.expression, s.Function) else None

    def _prewarm(self, bound: Bound | None) -> None:
        found = self._function(bound)
        if found is not None and found[0].is_async:
            self.prewarms.append(Prewarm(place_of(*found), found[0].name))

    def _entrypoint(self, bound: Bound | None) -> None:
        found = self._function(bound)
        if found is not None and found not in self._entrypoints:
            self._entrypoints.append(found)
            self._handler("entrypoint", bound)

    def _handler(self, kind: Literal["entrypoint", "request"], bound: Bound | None) -> None:
        found = self._function(bound)
        if found is None or not found[0].parameters:
            return
        function, scope = found
        context = function.parameters[0].name
        does = (CONNECTS, STARTS) if kind == "entrypoint" else (ANSWERS,)
        ways = Ways(self._follower, does, context)
        ways.through(function, scope)
        does_it = ways.any_done
        if kind == "request":
            accepting = Ways(self._follower, (ACCEPTS,), context)
            accepting.through(function, scope)
            does_it = accepting.any_done
        if ways.without or not does_it:
            self.handlers.append(
                Handler(
                    kind=kind,
                    name=function.name or kind,
                    place=place_of(function, scope),
                    never=not does_it,
                    ends=tuple(ways.without),
                )
            )

    # Blocking calls

    def _blocking(self, bodies: tuple[Body, ...]) -> Iterator[Blocking]:
        """In async functions of a module that has an agent: its entrypoint, its tools, what they call."""
        if not (self._entrypoints or self._has_agent()):
            return
        for body in bodies:
            if body.function is not None and body.function.is_async:
                yield from self._blocks.of(body.function, body.calls, body.scope)

    def _has_agent(self) -> bool:
        classes = (one for one in statements_in(self._scope.module.body) if isinstance(one, s.Class))
        return any(s.name_of(base) in ("Agent", "VoicePipelineAgent") for one in classes for base in one.bases)
