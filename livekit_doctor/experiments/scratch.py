"""A scratch room: made for an experiment, and removed again whatever happens.

Measured on livekit-server 1.13.5: a CreateDispatch that arrives late, and an agent that joins
late, both make a deleted room again. So a request that changes something is never given up
half-way (`settle`), and an agent that is on its way (`arrival`) is waited for.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from math import ceil
from time import monotonic
from typing import Any, Self, TypeVar

from livekit.protocol import models
from livekit.protocol import room as room_service
from livekit.protocol.agent_dispatch import RoomAgentDispatch

from livekit_doctor.evidence.http_client import ConnectError, ProxyError
from livekit_doctor.evidence.livekit_api import list_rooms
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import SCRATCH_PREFIX, LeftBehind, Read, Room
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.evidence.scratch_rooms import DEPARTURE_TIMEOUT
from livekit_doctor.experiments.arrival import Arrival
from livekit_doctor.experiments.in_time import REMOVING, OutOfTime, in_time, stops_at

T = TypeVar("T")

SAFETY_NET = 30
"""Seconds beyond its planned life after which the server itself closes an empty scratch room."""
SETTLING = 2.5
"""Seconds that the removal waits for requests in flight."""
DELETING = 3.0
"""Seconds, of those for the removal, that are left to DeleteRoom."""
LOOKING = 1.5
"""Seconds for which a room is looked for that an agent may make again."""
GIVEN_UP = (408, 429, 499)
"""HTTP statuses of requests whose outcome is not known."""

_log = logging.getLogger(__name__)


class ScratchRoom:
    """An async context manager. Entering raises ApiError when the room can't be made.

    `agents` must not be empty: without, the room would have the automatic dispatch, which
    starts the team's unnamed workers (design facts 4 and 15). `lifetime` is how many seconds
    the experiment may need, `departure_timeout` how many the server keeps the room once everybody
    has left. `team` says that an agent of the team's is dispatched, whose arrival has to be waited for.
    At `ends`, on time.monotonic()'s clock, all is over, the removal included: entering, and `in_time`
    around what is done in the room, raise OutOfTime as soon as the rest is needed for that.
    What can't be removed is in `left_behind` on leaving, and where an
    exception ends the experiment, so that nobody may look there, in the log as well.
    """

    def __init__(
        self,
        client: LiveKitClient,
        agents: Sequence[RoomAgentDispatch],
        *,
        lifetime: float,
        departure_timeout: int = DEPARTURE_TIMEOUT,
        team: bool = False,
        ends: float = math.inf,
    ) -> None:
        if not agents:
            raise ValueError("a scratch room without agents would start unnamed workers")
        self.name = f"{SCRATCH_PREFIX}{secrets.token_hex(6)}"
        self.left_behind: tuple[LeftBehind, ...] = ()
        self.before_removal: Callable[[], Awaitable[None]] | None = None
        """An ApiError of it is dropped."""
        self.doubt: Callable[[], str] = str
        """What else than its agent may make the room again, and why; empty where nothing does."""
        self.arrival = Arrival(client, self.name)
        self.room: Room
        self.created_at: float
        """When CreateRoom was sent, on time.monotonic()'s clock."""
        self._client = client
        self._agents = agents
        self._lifetime = lifetime
        self._departure_timeout = departure_timeout
        self._team = team
        self._ends, self._stops = ends, stops_at(ends, client.slowest)
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._may_exist = False

    @classmethod
    def found(cls, client: LiveKitClient, room: Room, age: float, ends: float) -> Self:
        """One that is there, `age` seconds old, to be removed."""
        scratch = cls(client, [RoomAgentDispatch()], lifetime=room.empty_timeout, team=True, ends=ends)
        scratch.name = room.name
        scratch.arrival = Arrival(client, room.name)
        scratch.room = scratch.arrival.room = room
        scratch.arrival.began -= age
        return scratch

    async def remove(self) -> str:
        """Why it could not be removed; empty once it is gone."""
        await uninterrupted(self._remove())
        return "; ".join(item.error for item in self.left_behind)

    async def settle(self, request: Coroutine[Any, Any, T]) -> T:
        """The result of a request that changes something. A cancellation leaves the request
        running, and the removal of the room waits for it."""
        task = asyncio.create_task(request)
        self._in_flight.add(task)
        task.add_done_callback(self._settled)
        return await asyncio.shield(task)

    def in_time(self) -> AbstractAsyncContextManager[None]:
        """What is done in the room is done in this block, which OutOfTime ends."""
        return in_time(self._stops)

    async def __aenter__(self) -> Self:
        try:
            await self._create()
        except BaseException as error:
            await self._leave(error)
            raise
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        await self._leave(error)

    async def _create(self) -> None:
        request = room_service.CreateRoomRequest(
            name=self.name,
            empty_timeout=ceil(self._lifetime) + SAFETY_NET,
            departure_timeout=self._departure_timeout,
            agents=self._agents,
        )
        self.created_at = self.arrival.began = monotonic()
        if self.created_at >= self._stops:
            raise OutOfTime
        self._may_exist = True
        try:
            async with self.in_time():
                created = await self.settle(
                    self._client.call("RoomService/CreateRoom", request, models.Room, room_create=True)
                )
        except ApiError as error:
            self._may_exist = not is_undone(error)
            raise
        self.room = self.arrival.room = Room(sid=created.message.sid, name=self.name, created_at=created.read.now)

    async def _leave(self, error: BaseException | None) -> None:
        if not self._may_exist:
            return
        try:
            await uninterrupted(self._remove())
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        finally:
            for item in self.left_behind if error and not isinstance(error, OutOfTime) else ():
                _log.warning("left behind: %s: %s", item.what, item.error)

    async def _remove(self) -> None:
        """Raises nothing but CancelledError, when the event loop itself is ended."""
        began = monotonic()
        ends = min(self._ends, began + REMOVING)
        why = "its removal was interrupted"
        try:
            await self._prepare(ends - min(DELETING, max(0.0, ends - began) / 2))
            why = await self._delete(ends)
            may_come = self._team and self.arrival.may_come
            if not why and (may_come or self.doubt()):
                why = await self._look_once_more(ends)
                if not why and (returns := (may_come and self.arrival.may_return) or self.doubt()):
                    why = f"it was removed, but {returns}"
            if not why and self._in_flight:
                why = "it was not there to be removed, and a request that makes it has not been answered yet"
        finally:
            if why:
                closes = ceil(self._lifetime) + SAFETY_NET
                error = f"{why}; type: livekit-doctor clean {self.name} (empty, the server closes it after {closes} s)"
                read = Read(source="DeleteRoom", at=utc_now())
                self.left_behind += (LeftBehind(read=read, what=f"scratch room {self.name}", error=error),)

    async def _prepare(self, until: float) -> None:
        """Waits until nothing will make the room again."""
        work = [self.arrival.end()] if self._team else []
        if self.before_removal is not None:
            work.append(self._before(self.before_removal))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - monotonic())):
                await asyncio.gather(*work)
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=max(0.0, min(SETTLING, until - monotonic())))

    async def _before(self, work: Callable[[], Awaitable[None]]) -> None:
        with suppress(ApiError):
            await work()

    async def _look_once_more(self, ends: float) -> str:
        """Deletes it again where an agent has made it again."""
        until = min(ends, monotonic() + LOOKING)
        while monotonic() < until:
            await asyncio.sleep(min(0.3, until - monotonic()))
            try:
                async with asyncio.timeout(max(0.0, ends - monotonic())):
                    listed = await self._is_listed()
            except TimeoutError:
                return ""
            if listed:
                await self._prepare(ends - (ends - monotonic()) / 2)
                if why := await self._delete(ends):
                    return why
                if self.arrival.is_over:
                    return ""
        return ""

    async def _delete(self, ends: float) -> str:
        """Why the room could not be deleted; empty once it is gone."""
        why, seconds = "", max(0.1, min(DELETING, ends - monotonic()))
        try:
            async with asyncio.timeout(seconds):
                for pause in (0.1, 0.5, 0.0):
                    try:
                        await self._delete_once()
                    except ApiError as error:
                        why = error.problem.message
                    else:
                        if not await self._is_listed():
                            return ""
                        why = "it is still there after DeleteRoom"
                    await asyncio.sleep(pause)
        except TimeoutError:
            why = why or f"DeleteRoom was not answered within {seconds:.1f} s"
        return why

    async def _delete_once(self) -> None:
        request = room_service.DeleteRoomRequest(room=self.name)
        try:
            await self._client.call(
                "RoomService/DeleteRoom", request, room_service.DeleteRoomResponse, room_create=True
            )
        except ApiError as error:
            if error.twirp_code != "not_found":
                raise

    async def _is_listed(self) -> bool:
        try:
            return bool((await list_rooms(self._client, self.name)).rooms)
        except ApiError:
            return False

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            task.exception()  # has been seen: whoever asked may be gone


def is_undone(error: ApiError) -> bool:
    """Whether what was asked for has surely not been done: nothing was sent, or LiveKit refused."""
    return _refused(error) or isinstance(error.__cause__, ConnectError | ProxyError)


def _refused(error: ApiError) -> bool:
    """Whether LiveKit itself said no: credentials in plain text, the rest with a Twirp code. What was given
    up half-way (408 is Twirp's deadline_exceeded and canceled), or was said by a proxy, may have been done."""
    answered = bool(error.twirp_code) and 400 <= error.status < 500
    return error.status == 401 or (answered and error.status not in GIVEN_UP)


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Finishes `work` even when cancelled meanwhile, and only then raises CancelledError.

    Ends early only where `work` itself is cancelled, as asyncio.run() does on a second Ctrl-C.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
