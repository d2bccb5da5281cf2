"""A stand-in for the phone: a participant of kind SIP, which livekit-sip would add to the room.

Its attributes are those of the recordings of livekit-sip 1.11.0 (shared/recordings).
"""

import secrets
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from livekit import api

from tests.lab import handset
from tests.lab.servers import LiveKitServer
from tests.lab.tokens import Joiner, access_token

CallStatus = Literal["dialing", "ringing", "automation", "active", "hangup"]


def random_id(prefix: str) -> str:
    """An id that looks like LiveKit's own, such as SCL_4YD9ksn6CijC."""
    return f"{prefix}_{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Call:
    """What the phone's attributes say about its call; numbers are fictional."""

    number: str = "+15555550123"
    caller_id: str = "+15555550100"
    trunk_id: str = ""
    hostname: str = "127.0.0.1:5060"
    rule_id: str = ""
    """Set for an inbound call."""

    def attributes(self, status: CallStatus) -> dict[str, str]:
        attributes = {
            "sip.callID": random_id("SCL"),
            "sip.callStatus": status,
            "sip.hostname": self.hostname,
            "sip.phoneNumber": self.number,
            "sip.trunkID": self.trunk_id or random_id("ST"),
            "sip.trunkPhoneNumber": self.caller_id,
        }
        return attributes | ({"sip.ruleID": self.rule_id} if self.rule_id else {})


class Phone:
    """Joins on entering; whatever it did by then, it has left the room after leaving.

    Publishes audio from the start, as a SIP participant does while dialing (design, fact 20).
    """

    def __init__(
        self,
        server: LiveKitServer,
        room: str,
        *,
        status: CallStatus = "dialing",
        identity: str = "callee",
        call: Call | None = None,
        audio: bool = True,
        room_config: api.RoomConfiguration | None = None,
    ) -> None:
        self.room_name = room
        self.identity = identity
        self.attributes = (call or Call()).attributes(status)
        self._server = server
        self._audio = audio
        self._room_config = room_config
        self._handset: handset.Handset | None = None

    @property
    def sip_call_id(self) -> str:
        return self.attributes["sip.callID"]

    @property
    def participant_id(self) -> str:
        return self._joined.participant_id()

    def ring(self) -> None:
        self.set_status("ringing")

    def answer(self) -> None:
        self.set_status("active")

    def hang_up(self) -> None:
        """Says so in its status, then leaves."""
        self.set_status("hangup")
        self.leave()

    def set_status(self, status: CallStatus) -> None:
        self.attributes["sip.callStatus"] = status
        self._joined.set_attributes(self.attributes)

    def leave(self) -> None:
        """Leaves without a word, as a refused call does."""
        if self._handset:
            self._handset.leave()
            self._handset = None

    def __enter__(self) -> Self:
        grants = api.VideoGrants(room_join=True, room=self.room_name, can_update_own_metadata=True)
        joiner = Joiner(self.identity, kind="sip", attributes=self.attributes, room_config=self._room_config)
        token = access_token(self._server, grants, joiner)
        self._handset = handset.join(self._server.url, token, self.identity if self._audio else None)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    @property
    def _joined(self) -> handset.Handset:
        assert self._handset, "the phone has not joined"
        return self._handset


class JoinPhone(Protocol):
    """The `phone` fixture: a phone that joins a room; `options` are those of Phone."""

    def __call__(self, room: str, **options: Any) -> Phone: ...
