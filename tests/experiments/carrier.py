"""A phone network behind the lab's server: CreateSIPParticipant is answered as in the recordings, while
a lab phone goes through the states that livekit-sip would take it through. All else is the real server's.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from livekit.protocol import sip

from tests.experiments.proxy import Proxy
from tests.lab.phone import Call, CallStatus, Phone
from tests.lab.servers import LiveKitServer
from tests.recordings import Dialled, dialled

ENDED = dialled("ringing-unanswered-wait")
"""livekit-sip's answer when its participant is removed, read in v1.11.0 (outbound.go, sipResponse): a timeout's."""


@dataclass(frozen=True)
class Script:
    """What the phone does, each `status` for so many seconds, and what the API then answers."""

    answer: Dialled
    states: Sequence[tuple[CallStatus, float]] = ()


class Carrier(Proxy):
    """Plays its `script` for each attempt to dial, which are in `dialled`; without a script the real
    server answers."""

    def __init__(self, server: LiveKitServer) -> None:
        super().__init__(server)
        self.server = server
        self.script: Script | None = None
        self.dialled: list[sip.CreateSIPParticipantRequest] = []
        self.lines: list[Phone] = []
        """The phones that have joined their room."""
        self.answered = 0
        """How many attempts were answered, by the phone or with a refusal."""
        self._removed = asyncio.Event()

    def hang_up(self) -> None:
        """The phones leave, as far as they have not yet."""
        for phone in self.lines:
            phone.leave()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/CreateSIPParticipant") and self.script is not None:
            self.seen.append("CreateSIPParticipant")
            dial = sip.CreateSIPParticipantRequest.FromString(await request.read())
            self.dialled.append(dial)
            response = _response(await self._play(self.script, dial), dial)
            self.answered += 1
            return response
        answer = await super()._handle(request)
        if request.path.endswith("/RemoveParticipant"):
            self._removed.set()
        return answer

    async def _play(self, script: Script, dial: sip.CreateSIPParticipantRequest) -> Dialled:
        if not script.states:
            return script.answer
        (first, seconds), *others = script.states
        call = Call(number=dial.sip_call_to, trunk_id=dial.sip_trunk_id)
        phone = Phone(self.server, dial.room_name, status=first, identity=dial.participant_identity, call=call)
        await asyncio.to_thread(phone.__enter__)
        self.lines.append(phone)
        for status, following in [*others, (None, 0.0)]:
            if await self._is_removed_within(seconds):
                await asyncio.to_thread(phone.leave)
                return ENDED
            if status is not None:
                await asyncio.to_thread(phone.set_status, status)
            seconds = following
        if script.answer.status != 200:
            await asyncio.to_thread(phone.leave)
        return script.answer

    async def _is_removed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._removed.wait()
        except TimeoutError:
            return False
        return True


def _response(answer: Dialled, dial: sip.CreateSIPParticipantRequest) -> web.Response:
    if answer.status != 200:
        return web.json_response(answer.response, status=answer.status)
    told = sip.SIPParticipantInfo(
        participant_id=answer.response["participant_id"],
        participant_identity=dial.participant_identity,
        room_name=dial.room_name,
        sip_call_id=answer.response["sip_call_id"],
    )
    return web.Response(body=told.SerializeToString(), content_type="application/protobuf")


def with_status(code: int, name: str, status: int, twirp_code: str) -> Dialled:
    """The recorded refusal with another SIP status, as livekit/protocol v1.50.5 maps it (livekit/sip.go)."""
    recorded = dialled("rejected-486-wait")
    text = json.dumps({**recorded.response, "code": twirp_code}).replace("Busy Here", name).replace("486", str(code))
    return Dialled(status, json.loads(text), recorded.took)


def own_error(status: int, code: str, message: str) -> Dialled:
    """A refusal by livekit-server or livekit-sip itself: no SIP status in it."""
    response: dict[str, Any] = {"code": code, "msg": message}
    return Dialled(status, response, 0.0)
