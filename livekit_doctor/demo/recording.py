"""The recording that the demo replays, and how its times become today's.

tests/lab/record_demo.py wrote it, from a real livekit-server with a real worker. What it shows
was so many seconds old when it was recorded, and is as old again when it is replayed: all its
times are shifted by one offset, from the last recorded `Date` header to now.
"""

import datetime as dt
import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, room, sip

T = TypeVar("T")

METHODS: Mapping[str, tuple[type[Message], type[Message]]] = {
    "RoomService/ListRooms": (room.ListRoomsRequest, room.ListRoomsResponse),
    "RoomService/ListParticipants": (room.ListParticipantsRequest, room.ListParticipantsResponse),
    "AgentDispatchService/ListDispatch": (
        agent_dispatch.ListAgentDispatchRequest,
        agent_dispatch.ListAgentDispatchResponse,
    ),
    "SIP/ListSIPOutboundTrunk": (sip.ListSIPOutboundTrunkRequest, sip.ListSIPOutboundTrunkResponse),
    "SIP/ListSIPInboundTrunk": (sip.ListSIPInboundTrunkRequest, sip.ListSIPInboundTrunkResponse),
    "SIP/ListSIPDispatchRule": (sip.ListSIPDispatchRuleRequest, sip.ListSIPDispatchRuleResponse),
}
"""What `check` and `trace` ask of a server when they create nothing: request and response."""

UNKNOWN_ROOM = "no-such-room"
"""A room that did not exist when the recording was made: its answers stand for any such room's."""

TIMES: Mapping[str, int] = {
    "creation_time": 1,
    "creation_time_ms": 1_000,
    "joined_at": 1,
    "joined_at_ms": 1_000,
    "unix_micro": 1_000_000,
    "created_at": 1_000_000_000,
    "deleted_at": 1_000_000_000,
    "started_at": 1_000_000_000,
    "ended_at": 1_000_000_000,
    "updated_at": 1_000_000_000,
}
"""The fields of the responses that are times, and how many of their units are a second."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer, both as protobuf JSON with original field names.

    An error's `response` is its body: Twirp's JSON.
    """

    method: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    response: dict[str, Any]

    @property
    def asked(self) -> str:
        return asked(self.method, self.request)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to a token that it does not accept; `case` says what was wrong with it.

    `{token}` and `{key}` in the body stand for those of the caller.
    """

    case: str
    status: int
    headers: dict[str, str]
    body: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `call_state_logs`, as it would be exported."""

    call_id: str
    created_at: dt.datetime
    source: str
    state: str
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded."""

    livekit_server: str
    livekit_agents: str


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was recorded. A changed copy (`msgspec.structs.replace`) can be replayed too."""

    about: About
    exchanges: tuple[Exchange, ...]
    refusals: tuple[Refusal, ...]
    rows: tuple[Row, ...]
    checks_yaml: str

    @property
    def recorded_at(self) -> dt.datetime:
        """The server's clock at the last exchange."""
        return max(parsedate_to_datetime(exchange.headers["Date"]) for exchange in self.exchanges)

    def find(self, method: str, request: Mapping[str, Any]) -> Exchange | None:
        """The recorded exchange of this request; of a request about a room that is not in the
        recording, the one about UNKNOWN_ROOM."""
        recorded = {exchange.asked: exchange for exchange in self.exchanges}
        exact = recorded.get(asked(method, request))
        if exact or self._rooms & set(_rooms_of(request)):
            return exact
        return recorded.get(asked(method, _of_unknown_room(request)))

    @property
    def _rooms(self) -> set[str]:
        """The rooms that were there."""
        return {name for exchange in self.exchanges for name in _rooms_of(exchange.request)} - {UNKNOWN_ROOM}

    def refusal(self, case: str) -> Refusal:
        return next(refusal for refusal in self.refusals if refusal.case == case)


def load() -> Recording:
    """The recording that comes with the package."""
    folder = resources.files(__package__) / "recordings"
    return Recording(
        about=msgspec.json.decode((folder / "about.json").read_bytes(), type=About),
        exchanges=_lines(folder / "livekit_api.jsonl", Exchange),
        refusals=_lines(folder / "refusals.jsonl", Refusal),
        rows=_lines(folder / "call_state_logs.jsonl", Row),
        checks_yaml=(folder / "checks.yaml").read_text("utf-8"),
    )


def asked(method: str, request: Mapping[str, Any]) -> str:
    """A request as one line, the same for equal requests."""
    return f"{method} {json.dumps(request, sort_keys=True)}"


def to_json(message: Message) -> dict[str, Any]:
    """Protobuf JSON with original field names; fields at their default are left out."""
    return MessageToDict(message, preserving_proto_field_name=True)


def to_bytes(exchange: Exchange, shift: dt.timedelta) -> bytes:
    """The body of the answer, its times shifted."""
    if exchange.status != 200:
        return msgspec.json.encode(exchange.response)
    _, response = METHODS[exchange.method]
    return ParseDict(shifted(exchange.response, shift), response()).SerializeToString()


def shifted(value: Any, shift: dt.timedelta) -> Any:
    """Protobuf JSON with each of its TIMES moved; 0 and what is missing stay so."""
    if isinstance(value, list):
        return [shifted(item, shift) for item in value]
    if isinstance(value, dict):
        return {
            key: str(_moved(int(item), TIMES[key], shift)) if _is_time(key, item) else shifted(item, shift)
            for key, item in value.items()
        }
    return value


def shifted_rows(rows: tuple[Row, ...], shift: dt.timedelta) -> bytes:
    """The rows as JSON lines, their times moved."""
    moved = (msgspec.structs.replace(row, created_at=row.created_at + shift) for row in rows)
    return msgspec.json.Encoder().encode_lines(moved)


def _lines(file: Traversable, of: type[T]) -> tuple[T, ...]:
    return tuple(msgspec.json.Decoder(of).decode_lines(file.read_bytes()))


def _rooms_of(request: Mapping[str, Any]) -> list[str]:
    """The rooms that a request is about."""
    return [request["room"]] if "room" in request else list(request.get("names", ()))


def _of_unknown_room(request: Mapping[str, Any]) -> dict[str, Any]:
    if "room" in request:
        return {**request, "room": UNKNOWN_ROOM}
    return {**request, "names": [UNKNOWN_ROOM]} if request.get("names") else dict(request)


def _is_time(key: str, value: Any) -> bool:
    return key in TIMES and isinstance(value, str | int) and str(value).isdecimal()


def _moved(value: int, unit: int, shift: dt.timedelta) -> int:
    """Whole microseconds are added exactly; coarser units get whole units."""
    if not value:
        return value
    microseconds = shift // dt.timedelta(microseconds=1)
    return value + microseconds * unit // 1_000_000
