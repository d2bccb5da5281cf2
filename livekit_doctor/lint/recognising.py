"""The calls that LiveKit's SDKs have for Python and for Node, and its HTTP API: what each says.

Names are those of livekit-api 1.2 and livekit-server-sdk 2; arguments by position are livekit-server-sdk's.
"""

import re
from collections.abc import Iterator

from livekit_doctor import lazy_re
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.facts import (
    AgentDispatch,
    Event,
    Mention,
    Place,
    RoomCreation,
    SipParticipant,
    Speech,
    Swapped,
    Wait,
)
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.rows import RowReader
from livekit_doctor.lint.scopes import Bound, Scope
from livekit_doctor.lint.values import UNKNOWN, Value

_HTTP = lazy_re.compile(
    r"livekit\.(?:AgentDispatchService/(CreateDispatch)|RoomService/(CreateRoom)|SIP/(CreateSIPParticipant))"
)
_WAITS = lazy_re.compile(r"wait|sleep|poll|until|timeout|answered|status|attributes", re.IGNORECASE)
_SPEAKS = ("generate_reply", "generateReply", "say")
_OF_JOB = lazy_re.compile(
    r"(?:^|[._])(?:ctx|context|job_?ctx|jobctx|job_?context|job|get_job_context\(\)|getJobContext\(\))"
    r"(?:\.job)?\.room(?:\.name)?$|(?:^|\.)_?room\.name$",
    re.IGNORECASE,
)


_CALLS = frozenset(
    {"create_dispatch", "createDispatch", "create_room", "createRoom", "create_sip_participant", "createSipParticipant"}
)
_SENDS = frozenset(
    {"fetch", "post", "request", "axios", "insert", "upsert", "execute", "executemany", "query", "fetchrow", "fetchval"}
    | {"sql", "run", "queryRaw", "$executeRaw", "$queryRaw", "raw", "unsafe", "call", "rpc", "twirp"}
)
"""What may write a row, or ask LiveKit over HTTP, in a file that speaks of one of them."""


class Recogniser:
    def __init__(self, follower: Follower, table: str) -> None:
        self._follower = follower
        self._rows = RowReader(follower, table)
        self.swapped: dict[Place, Swapped] = {}

    def may_be_event(self, call: s.Call, scope: Scope) -> bool:
        """Whether a call is worth to be looked at, by its name and what its file speaks of."""
        name = s.name_of(call.function)
        return name in _CALLS or (name in _SENDS and scope.module.sends)

    def event(self, call: s.Call, scope: Scope) -> Event | None:
        """What a call does with LiveKit or with the log, None where it is neither."""
        name = s.name_of(call.function)
        place = place_of(call, scope)
        match name:
            case "create_dispatch" | "createDispatch":
                return self._dispatch(call, scope, place)
            case "create_room" | "createRoom" if self._is_livekits_room(call, scope):
                return self._room(call, scope, place)
            case "create_sip_participant" | "createSipParticipant":
                return self._sip_participant(call, scope, place)
        if name in _SPEAKS and isinstance(call.function, s.Member):
            return Speech(place=place, shown=s.dotted(call.function))
        wait = Wait(place=place, shown=name) if _WAITS.search(name) else None
        return self._over_http(call, scope, place) or self._rows.row(call, scope, place) or wait

    # CreateDispatch

    def _dispatch(self, call: s.Call, scope: Scope, place: Place) -> AgentDispatch | None:
        shown = s.dotted(call.function)
        if s.name_of(call.function) == "createDispatch" and len(call.arguments) > 1:
            room, agent = (Bound(one, scope) for one in call.arguments[:2])
            self._look_for_swapped(place, "createDispatch", (("a room", room), ("an agent name", agent)))
            return AgentDispatch(
                place=place,
                shown=shown,
                room=self._text(room),
                agent=self._text(agent),
                agent_place=self._written(agent),
            )
        request = Bound(call.arguments[0], scope) if call.arguments else Bound(call, scope)
        return self._of_dispatch_request(request, place, shown)

    def _of_dispatch_request(self, request: Bound, place: Place, shown: str) -> AgentDispatch:
        room_field, _ = self._follower.field(request, "room")
        agent_field, agent_known = self._follower.field(request, "agent_name", "agentName")
        agent = self._text(agent_field) if agent_field else Value(("",)) if agent_known else UNKNOWN
        return AgentDispatch(
            place=place,
            shown=shown,
            room=self._text(room_field) if room_field else UNKNOWN,
            agent=agent,
            agent_place=self._written(agent_field),
        )

    # CreateRoom

    def _is_livekits_room(self, call: s.Call, scope: Scope) -> bool:
        """Other libraries have rooms too."""
        if isinstance(call.function, s.Member):
            made = self._follower.resolve(Bound(call.function.of, scope)).expression
            if isinstance(made, s.Call):
                return s.name_of(made.function) == "RoomServiceClient" or scope.module.talks_of_livekit
        return scope.module.talks_of_livekit

    def _room(self, call: s.Call, scope: Scope, place: Place) -> RoomCreation:
        request = Bound(call.arguments[0], scope) if call.arguments else Bound(call, scope)
        name, _ = self._follower.field(request, "name")
        return RoomCreation(
            place=place,
            shown=s.dotted(call.function),
            room=self._text(name) if name else UNKNOWN,
            agents=self._agents(request),
        )

    def _agents(self, request: Bound) -> tuple[Value, ...] | None:
        """The agents that a request for a room names; in it, or in the configuration that it has."""
        listed, known = self._follower.field(request, "agents")
        if listed is None:
            return () if known else None
        expression, scope = self._follower.resolve(listed)
        if not isinstance(expression, s.Items):
            return () if isinstance(expression, s.Const) else None
        told: list[Value] = []
        for one in expression.items:
            name, known = self._follower.field(Bound(one, scope), "agent_name", "agentName")
            told.append(self._text(name) if name else Value(("",)) if known else UNKNOWN)
        return tuple(told)

    # CreateSIPParticipant

    def _sip_participant(self, call: s.Call, scope: Scope, place: Place) -> SipParticipant | None:
        shown = s.dotted(call.function)
        if s.name_of(call.function) == "createSipParticipant" and len(call.arguments) > 1:
            given = [Bound(one, scope) for one in call.arguments[:3]]
            expected = ("a trunk id", "a phone number", "a room")
            self._look_for_swapped(place, "createSipParticipant", tuple(zip(expected, given, strict=False)))
            options = Bound(call.arguments[3], scope) if len(call.arguments) > 3 else None
            trunk, number, room = (*map(self._text, given), UNKNOWN)[:3]
            return SipParticipant(
                place=place, shown=shown, trunk=trunk, number=number, room=room, waits=self._waits(options),
                number_place=self._written(given[1]),
            )  # fmt: skip
        request = Bound(call.arguments[0], scope) if call.arguments else Bound(call, scope)
        return self._of_request(request, place, shown)

    def _of_request(self, request: Bound, place: Place, shown: str) -> SipParticipant:
        fields = {
            "a trunk id": ("sip_trunk_id", "sipTrunkId"),
            "a phone number": ("sip_call_to", "sipCallTo"),
            "a room": ("room_name", "roomName"),
        }
        found = {what: self._follower.field(request, *names)[0] for what, names in fields.items()}
        self._look_for_swapped(
            place, "CreateSIPParticipant", tuple((what, one) for what, one in found.items() if one is not None)
        )
        trunk, number, room = (self._text(one) if one else UNKNOWN for one in found.values())
        inline, _ = self._follower.field(request, "trunk")
        return SipParticipant(
            place=place, shown=shown, trunk=trunk, number=number, room=room, waits=self._waits(request),
            trunk_inline=inline is not None, number_place=self._written(found["a phone number"]),
        )  # fmt: skip

    def _waits(self, options: Bound | None) -> bool | None:
        if options is None:
            return False
        found, known = self._follower.field(options, "wait_until_answered", "waitUntilAnswered")
        if found is None:
            return False if known else None
        text = self._text(found).text
        return {"true": True, "false": False}.get(text or "")

    # What stands in another's place

    def _look_for_swapped(self, place: Place, call: str, given: tuple[tuple[str, Bound], ...]) -> None:
        """Arguments that are certainly, or by their names, what belongs elsewhere. One that a name alone speaks for
        counts only where another one's name does so too."""
        wrong: list[tuple[str, str, bool]] = []
        for expected, bound in given:
            value = self._text(bound)
            kind, certain = _kind(bound, value)
            if kind and kind != expected and kind in {what for what, _ in given}:
                wrong.append((expected, f"{_quoted(bound, value)} ({kind})", certain))
        if any(certain for *_, certain in wrong) or len(wrong) > 1:
            told = " and ".join(f"{kind} where {expected} belongs" for expected, kind, _ in wrong)
            self.swapped[place] = Swapped(place, call, ", ".join(what for what, _ in given), told)

    # The HTTP API

    def _over_http(self, call: s.Call, scope: Scope, place: Place) -> Event | None:
        """A request to /twirp/livekit.SERVICE/METHOD, by whatever client."""
        method = self._method(call, scope)
        if not method:
            return None
        if scope.site is not None and not self._method(call, scope.uncalled):
            place = Place(scope.site[0].module.path, *scope.site[1:])  # a helper, which is told the method
        body = self._body(call, scope)
        shown = s.dotted(call.function)
        if body is None:
            return AgentDispatch(place=place, shown=shown) if method == "CreateDispatch" else None
        if method == "CreateSIPParticipant":
            return self._of_request(body, place, shown)
        if method == "CreateRoom":
            name, _ = self._follower.field(body, "name")
            room = self._text(name) if name else UNKNOWN
            return RoomCreation(place=place, shown=shown, room=room, agents=self._agents(body))
        return self._of_dispatch_request(body, place, shown)

    def _method(self, call: s.Call, scope: Scope) -> str:
        method = ""
        for argument in (*call.arguments, *(value for _, value in call.named)):
            if isinstance(argument, s.Template | s.Const | s.Name | s.Member):
                found = _HTTP.search(self._text(Bound(argument, scope)).shown)
                method = next(filter(None, found.groups()), "") if found else method
        return method

    def _body(self, call: s.Call, scope: Scope) -> Bound | None:
        """The object that is sent: json=, body: JSON.stringify(...), or an argument."""
        named = dict(call.named)
        candidates = [named[key] for key in ("json", "data", "content") if key in named] + list(call.arguments[1:])
        for candidate in candidates:
            found = self._sent(Bound(candidate, scope))
            if found is not None:
                return found
        return None

    def _sent(self, bound: Bound, depth: int = 0) -> Bound | None:
        expression, scope = self._follower.resolve(bound)
        if depth > 4:
            return None
        if isinstance(expression, s.Call) and s.dotted(expression.function) in ("JSON.stringify", "json.dumps"):
            return self._sent(Bound(expression.arguments[0], scope), depth + 1) if expression.arguments else None
        if isinstance(expression, s.Call) and s.name_of(expression.function) == "dict":
            return Bound(expression, scope)
        if isinstance(expression, s.Fields):
            keys = [key for key, _ in expression.items]
            for key in ("body", "json", "data"):
                if key in keys:
                    return self._sent(Bound(dict(expression.items)[key], scope), depth + 1)
            return Bound(expression, scope) if keys and not {"method", "headers"} & set(keys) else None
        return None

    # Names of agents elsewhere

    def mentions(self, expression: s.Expression, scope: Scope) -> Iterator[Mention]:
        """What gives an agent's name to a room configuration, a token or a session."""
        match expression:
            case s.Call(function=function) if s.name_of(function) == "RoomAgentDispatch":
                name, known = self._follower.field(Bound(expression, scope), "agent_name", "agentName")
                if name is not None or not known:
                    yield Mention(place_of(expression, scope), self._text(name) if name else UNKNOWN)
            case s.Fields(items=items):
                for key, value in items:
                    if key in ("agentName", "agent_name", "agent"):
                        told = self._text(Bound(value, scope))
                        if key != "agent" or told.text is not None:
                            yield Mention(place_of(value, scope), told)
            case s.Call(named=named, function=function) if s.name_of(function) not in WORKERS:
                for key, value in named:
                    if key in ("agent_name", "agentName"):
                        yield Mention(place_of(value, scope), self._text(Bound(value, scope)))

    def _text(self, bound: Bound) -> Value:
        return self._follower.text(bound)

    def _written(self, bound: Bound | None) -> Place | None:
        return place_of(*self._follower.origin(bound)) if bound is not None else None


WORKERS = ("WorkerOptions", "ServerOptions", "AgentServer", "rtc_session")


def place_of(expression: s.Node, scope: Scope) -> Place:
    return Place(scope.module.path, expression.line, expression.column)


def is_of_job(room: Value) -> bool:
    """Whether it is the room of the agent's own job."""
    return any(not isinstance(part, str) and _OF_JOB.search(part.label) for part in room.parts)


def _kind(bound: Bound, value: Value) -> tuple[str, bool]:
    """What a value is, by its text or by its name, and whether that is certain."""
    text = value.text
    if text is not None:
        if re.fullmatch(r"ST_\w+", text):
            return "a trunk id", True
        return ("a phone number", True) if re.fullmatch(r"\+[0-9]{7,15}", text) else ("", False)
    last = s.name_of(bound.expression)
    if len(value.parts) == 1 and not isinstance(value.parts[0], str):
        last = last or re.split(r"[./]", value.parts[0].variable or value.parts[0].label)[-1]
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).lower())
    kinds = {
        "a trunk id": {"trunk"},
        "a phone number": {"phone", "number", "callee", "mobile"},
        "a room": {"room"},
        "an agent name": {"agent"},
    }
    named = [kind for kind, said in kinds.items() if said & set(words)]
    return (named[0], False) if len(named) == 1 else ("", False)


def _quoted(bound: Bound, value: Value) -> str:
    return f'"{value.text}"' if value.text is not None else s.dotted(bound.expression) or value.shown
