"""A real outbound call: room, agent and phone as configured, followed while it is open, then ended.

The phone rings. The answer of CreateSIPParticipant does not tell whether it rang when nobody picked
up, so the participant is looked at all the time (design fact 21).
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from time import monotonic
from typing import TypedDict

from google.protobuf.duration_pb2 import Duration
from livekit.protocol import room as room_service
from livekit.protocol import sip
from livekit.protocol.agent_dispatch import RoomAgentDispatch
from msgspec import Struct

from livekit_doctor.evidence import reading, sources
from livekit_doctor.evidence.livekit_client import ApiError, Refusal
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import (
    Coverage,
    Evidence,
    Participant,
    ParticipantList,
    Problem,
    Read,
    Reading,
    SipCallResult,
)
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.evidence.scratch_rooms import DEPARTURE_TIMEOUT_OF_CALLS
from livekit_doctor.experiments.in_time import OutOfTime
from livekit_doctor.experiments.probe import fill_in
from livekit_doctor.experiments.scratch import ScratchRoom, is_undone
from livekit_doctor.progress import Progress

IDENTITY = "callee"

MARK = {"livekit_doctor.test_call": "true"}
"""The dispatch attribute by which an agent can tell a test call from others; it is no probe's, since
here somebody is on the line."""

NOBODY = "livekit-doctor-nobody"
"""The agent of a call without one: a room without agents would start the team's unnamed workers."""

POLL = 0.25
"""Seconds between two looks: a refused call's participant is gone within 0.4 s (design fact 22)."""

ANSWER_AFTER = 10.0
"""Seconds beyond the ringing timeout within which CreateSIPParticipant must have answered."""

HANGING_UP = 6.0
"""Seconds that a call which is being set up has to end, once its participant was removed."""

MAY_JOIN = 3.0
"""Seconds within which a phone joins the room that was dialled, though the answer was lost: livekit-sip takes it there
before it rings (design fact 20)."""

Enough = Callable[[Evidence, str, float], bool]
"""Whether the evidence, of a call in this room, decides both legs; or so many seconds after
CreateSIPParticipant answered were too many."""


class Order(Struct, frozen=True):
    """What to dial, through which trunk, and with which agent: None for the phone alone, "" for an
    unnamed worker. Times are seconds; `hold` is counted from the phone's answer."""

    number: str
    trunk_id: str
    agent_name: str | None
    metadata: str = ""
    ringing_timeout: float = 30.0
    hold: float = 10.0


async def run(
    client: LiveKitSource,
    order: Order,
    known: Evidence,
    enough: Enough,
    *,
    ends: float = math.inf,
    progress: Progress | None = None,
) -> tuple[Evidence, str]:
    """Places the call, follows it until that is `enough`, and ends it. Returns everything that is
    known then, `known` included, and the name of the room. By `ends`, on time.monotonic()'s clock, all is over.

    Leaves nothing behind, also when cancelled: then the phone is hung up first. What could not be
    removed is a LeftBehind, and what kept the call from being placed or followed is coverage.
    """
    agent = NOBODY if order.agent_name is None else order.agent_name
    dispatch = RoomAgentDispatch(agent_name=agent, attributes=MARK)
    room = ScratchRoom(
        client,
        [dispatch],
        lifetime=order.ringing_timeout + ANSWER_AFTER + order.hold,
        departure_timeout=DEPARTURE_TIMEOUT_OF_CALLS,
        team=order.agent_name is not None,
        ends=ends,
    )
    dispatch.metadata = fill_in(order.metadata, call_id=room.name, room=room.name)
    call = _Call(client, order, room, known, progress or Progress())
    try:
        async with room, room.in_time():
            await call.follow(enough)
    except ApiError as error:
        call.add(reading.unread(sources.TEST_CALL, error.problem))
    except OutOfTime:
        problem = Problem(code="LKD003", message="the call was ended: --timeout is over", values={"kind": "timeout"})
        call.add(reading.unread(sources.TEST_CALL, problem))
    call.add(Reading(observations=room.left_behind))
    return call.evidence, room.name


class _Call:
    """One attempt to dial, and everything that was seen meanwhile."""

    def __init__(
        self, client: LiveKitSource, order: Order, room: ScratchRoom, known: Evidence, progress: Progress
    ) -> None:
        self.client, self.order, self.room, self.progress = client, order, room, progress
        self.evidence = known
        self.result: SipCallResult | None = None
        self.began = monotonic()
        self.over_at: float | None = None
        """When CreateSIPParticipant ended in any way; both on time.monotonic()'s clock."""
        self.in_doubt = False
        """Whether a phone may have been dialled, its answer being lost, and has not been seen."""

    def add(self, reading: Reading) -> None:
        self.evidence = self.evidence.plus(reading, now=utc_now())

    async def follow(self, enough: Enough) -> None:
        """Dials, and looks at both legs until that is enough."""
        self.room.before_removal, self.room.doubt = self.hang_up, self._doubt
        self.progress(f"dialling through {self.order.trunk_id}")
        dialing = asyncio.create_task(self.room.settle(self._dial()))
        while True:
            await self._look()
            if self._is_over(enough):
                break
            self.progress(self._state(), self._seconds_left())
            if dialing.done():
                await asyncio.sleep(POLL)
            else:
                await asyncio.wait([dialing], timeout=POLL)
        await dialing

    async def hang_up(self) -> None:
        """Stops the ringing at once. A call that is only being set up, or may be, is waited for, since its
        participant would make the room again. An answered one ends with its room."""
        deadline = monotonic() + HANGING_UP
        while (self.over_at is None or self._may_still_join) and monotonic() < deadline:
            self.progress("hanging up")
            with suppress(ApiError):
                await self._remove_phone()
                self.in_doubt = False
            await asyncio.sleep(POLL)

    @property
    def _may_still_join(self) -> bool:
        return self.in_doubt and self.over_at is not None and monotonic() - self.over_at < MAY_JOIN

    def _doubt(self) -> str:
        lost = "whether the phone was dialled is not known, and it makes the room again if it was"
        return lost if self.in_doubt else ""

    async def _dial(self) -> None:
        order = self.order
        request = sip.CreateSIPParticipantRequest(
            sip_trunk_id=order.trunk_id,
            sip_call_to=order.number,
            room_name=self.room.name,
            participant_identity=IDENTITY,
            wait_until_answered=True,
            ringing_timeout=Duration(seconds=ceil(order.ringing_timeout)),
            max_call_duration=Duration(seconds=ceil(order.ringing_timeout + order.hold) + DEPARTURE_TIMEOUT_OF_CALLS),
        )
        self.began = monotonic()
        try:
            reply = await self.client.call(
                "SIP/CreateSIPParticipant",
                request,
                sip.SIPParticipantInfo,
                patience=order.ringing_timeout + ANSWER_AFTER,
                sip_call=True,
            )
            self._read(_answered(reply.message), reply.read, monotonic() - self.began)
        except ApiError as error:
            if error.answer is not None and error.answer.twirp_code:
                self._read(_refused(error.answer), error.answer.read, monotonic() - self.began)
            else:
                self.in_doubt = not is_undone(error)
                self.add(reading.unread(sources.TEST_CALL, error.problem))
        finally:
            self.over_at = monotonic()

    def _read(self, answer: "_Answer", read: Read, took: float) -> None:
        order = self.order
        self.result = SipCallResult(
            read=read,
            room=self.room.name,
            identity=IDENTITY,
            trunk_id=order.trunk_id,
            number=order.number,
            ringing_timeout=ceil(order.ringing_timeout),
            took=took,
            **answer,
        )
        self.add(Reading(observations=(self.result,), coverage=(Coverage(source=sources.TEST_CALL, status="read"),)))

    async def _remove_phone(self) -> None:
        await self.client.call(
            "RoomService/RemoveParticipant",
            room_service.RoomParticipantIdentity(room=self.room.name, identity=IDENTITY),
            room_service.RemoveParticipantResponse,
            room_admin=True,
            room=self.room.name,
        )

    async def _look(self) -> None:
        rooms, inside = await asyncio.gather(self.client.rooms(self.room.name), self.client.inside((self.room.room,)))
        self.add(rooms)
        self.add(inside)
        if self.over_at is not None and self._phone_status():
            self.in_doubt = False

    def _is_over(self, enough: Enough) -> bool:
        if self.over_at is None:
            return False
        since = monotonic() - self.over_at
        there = self._phone_status() not in ("", "hangup")
        if self.result is None and not there:
            return not self._may_still_join
        if there and since < self.order.hold and (self.result is None or self.result.status == 200):
            return False
        return enough(self.evidence, self.room.name, since)

    def _phone_status(self) -> str:
        """Its sip.callStatus at the last look; empty where it is not in the room."""
        phones = (p for p in self._inside() if p.identity == IDENTITY)
        return next((p.attributes.get("sip.callStatus", "joined") for p in phones), "")

    def _inside(self) -> tuple[Participant, ...]:
        """Who was in the room at the last look; nobody where no look succeeded."""
        listings = (item for item in reversed(self.evidence.observations) if isinstance(item, ParticipantList))
        return next((listing.participants for listing in listings), ())

    def _state(self) -> str:
        agents = [p for p in self._inside() if p.kind == "AGENT" and p.state == "ACTIVE"]
        agent = "" if self.order.agent_name is None else f", agent {'in the room' if agents else 'not there yet'}"
        return f"phone {self._phone_status() or 'not there'}{agent}"

    def _seconds_left(self) -> float | None:
        """How long it may ring, and once it is answered, how long the call is held."""
        if self.over_at is None:
            return max(0.0, self.began + self.order.ringing_timeout - monotonic())
        answered = self.result is not None and self.result.status == 200
        return max(0.0, self.over_at + self.order.hold - monotonic()) if answered else None


class _Answer(TypedDict, total=False):
    status: int
    twirp_code: str
    message: str
    sip_status_code: int | None
    sip_status: str
    participant_id: str
    sip_call_id: str


def _answered(told: sip.SIPParticipantInfo) -> _Answer:
    return {"status": 200, "participant_id": told.participant_id, "sip_call_id": told.sip_call_id}


def _refused(answer: Refusal) -> _Answer:
    code = answer.meta.get("sip_status_code", "")
    return {
        "status": answer.status,
        "twirp_code": answer.twirp_code,
        "message": answer.message,
        "sip_status_code": int(code) if code.isdecimal() else None,
        "sip_status": answer.meta.get("sip_status", ""),
    }
