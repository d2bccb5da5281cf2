"""The canary: a worker of the tool's own proves that the dispatch system works (design fact 15).

It speaks the protocol of livekit-agents 1.8.9, worker.py: binary protobuf frames, `register`
first. The server answers `register` before it can be dispatched to, and `ping` only after
(livekit-server 1.13.5, agentservice.go), so the canary waits for the pong.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from livekit.protocol import agent, agent_dispatch
from livekit.protocol import room as room_service
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from livekit_doctor import __version__
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.connection_errors import unreachable
from livekit_doctor.evidence.foreign_answers import redirect_target
from livekit_doctor.evidence.http_client import USER_AGENT, Answer, proxy_of, ssl_context
from livekit_doctor.evidence.livekit_api import list_dispatches
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient, http_url, websocket_url
from livekit_doctor.evidence.observations import (
    SCRATCH_PREFIX,
    Canary,
    Coverage,
    Observation,
    Problem,
    Read,
    Reading,
    ScratchDispatch,
)
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments.arrival import delete_dispatch
from livekit_doctor.experiments.in_time import OutOfTime
from livekit_doctor.experiments.scratch import ScratchRoom
from livekit_doctor.progress import Progress

WAIT = 5.0
PONG = 1.0
FIRST_JOB = 1.5
"""Seconds for the job of the room's own dispatch, measured 0.2 s. After that the scratch
dispatch is the second try: the node that made the room may not have heard of the canary yet."""
SECOND_JOB = 1.0
"""Seconds for the scratch dispatch's job where the first one came: it only has to be declined."""
CLOSING = 0.3
"""Seconds that the server may take to say goodbye to the canary, which it has told so."""
LISTED = 1.0
"""Seconds for ListDispatch to show what CreateDispatch and DeleteDispatch did."""


async def run(
    client: LiveKitClient, *, wait: float = WAIT, ends: float = math.inf, progress: Progress | None = None
) -> Reading:
    """Registers, gets a job within `wait` seconds and declines it; makes, lists and deletes a
    dispatch. Yields a Canary and a ScratchDispatch, as far as they could be made, and coverage.

    Raises OutOfTime where that could not be done by `ends`, on time.monotonic()'s clock, removal included.
    Leaves nothing behind, also when cancelled; what could not be removed is a LeftBehind.
    """
    agent_name = f"{SCRATCH_PREFIX}canary-{secrets.token_hex(8)}"
    room = ScratchRoom(
        client,
        [agent_dispatch.RoomAgentDispatch(agent_name=agent_name)],
        lifetime=wait + FIRST_JOB + SECOND_JOB,
        ends=ends,
    )
    trial = _Trial(client, room, agent_name, wait, progress or Progress())
    try:
        async with AsyncExitStack() as stack:
            async with room.in_time():
                worker = await stack.enter_async_context(_registered(client, agent_name))
            await stack.enter_async_context(room)
            # Inside the room's own block, so that its removal is told what ended it.
            await stack.enter_async_context(room.in_time())
            await trial.run(worker)
    except (_SocketFailed, ApiError) as error:
        trial.failed(error.problem)
    except OutOfTime:
        raise OutOfTime(Reading(observations=(*trial.observations, *room.left_behind))) from None
    return Reading(observations=(*trial.observations, *room.left_behind), coverage=trial.coverage)


class _SocketFailed(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Trial:
    """What the canary does between registering and leaving, and what became of it."""

    def __init__(
        self, client: LiveKitClient, room: ScratchRoom, agent_name: str, wait: float, progress: Progress
    ) -> None:
        self.client, self.room, self.agent_name, self.wait = client, room, agent_name, wait
        self.progress = progress
        self.observations: tuple[Observation, ...] = ()
        self.coverage: tuple[Coverage, ...] = ()

    async def run(self, worker: "_Worker") -> None:
        start = self.room.created_at
        self.progress("waiting for a canary worker's job", self.wait)
        first = await worker.decline(start + min(FIRST_JOB, self.wait))
        self.progress("trying a dispatch of a canary worker")
        await self._scratch_dispatch()
        second = await worker.decline(monotonic() + SECOND_JOB if first else start + self.wait)
        job = first or second
        self._read(
            sources.CANARY,
            Canary(
                read=Read(source=sources.CANARY, at=utc_now()),
                agent_name=self.agent_name,
                room=self.room.name,
                worker_id=worker.id,
                server_version=worker.server_version,
                node_id=worker.node_id,
                registered_after=worker.registered_after,
                job_after=job - start if job else None,
                waited=monotonic() - start,
            ),
        )
        self.progress("removing the canary's scratch room")

    def failed(self, problem: Problem) -> None:
        """The sources that have not been read by now are unread."""
        done = {entry.source for entry in self.coverage}
        for source in (sources.CANARY, sources.SCRATCH_DISPATCH):
            if source not in done:
                self.coverage += (Coverage(source=source, status="unread", problem=problem),)

    def _read(self, source: str, observation: Observation) -> None:
        self.observations += (observation,)
        self.coverage += (Coverage(source=source, status="read"),)

    async def _scratch_dispatch(self) -> None:
        try:
            dispatch_id = await self.room.settle(self._create_dispatch())
            listed = await self._listed(dispatch_id, wanted=True)
            await self.room.settle(delete_dispatch(self.client, dispatch_id, self.room.name))
            gone = not await self._listed(dispatch_id, wanted=False)
        except ApiError as error:
            self.coverage += (Coverage(source=sources.SCRATCH_DISPATCH, status="unread", problem=error.problem),)
            return
        self._read(
            sources.SCRATCH_DISPATCH,
            ScratchDispatch(
                read=Read(source=sources.SCRATCH_DISPATCH, at=utc_now()),
                room=self.room.name,
                dispatch_id=dispatch_id,
                listed=listed,
                gone_after_delete=gone,
            ),
        )

    async def _create_dispatch(self) -> str:
        request = agent_dispatch.CreateAgentDispatchRequest(agent_name=self.agent_name, room=self.room.name)
        reply = await self.client.call(
            "AgentDispatchService/CreateDispatch",
            request,
            agent_dispatch.AgentDispatch,
            room_admin=True,
            room=self.room.name,
        )
        return reply.message.id

    async def _listed(self, dispatch_id: str, *, wanted: bool) -> bool:
        """Whether ListDispatch shows it, once that is as `wanted` or LISTED seconds have passed."""
        deadline = monotonic() + LISTED
        while True:
            listing = await list_dispatches(self.client, self.room.room)
            listed = any(dispatch.id == dispatch_id for dispatch in listing.dispatches)
            if listed is wanted or monotonic() > deadline:
                return listed
            await asyncio.sleep(0.1)


class _Worker(Struct):
    """A registered worker that declines every job."""

    url: str
    socket: ClientConnection
    connecting_at: float
    id: str = ""
    server_version: str = ""
    node_id: str = ""
    registered_after: float = 0.0

    async def register(self, agent_name: str) -> None:
        request = agent.RegisterWorkerRequest(type=agent.JobType.JT_ROOM, agent_name=agent_name, version=__version__)
        await self._send(agent.WorkerMessage(register=request))
        answer = (await self._receive("register")).register
        self.id, self.registered_after = answer.worker_id, monotonic() - self.connecting_at
        self.server_version, self.node_id = answer.server_info.version, answer.server_info.node_id
        await self._send(agent.WorkerMessage(ping=agent.WorkerPing(timestamp=int(time.time() * 1000))))
        with suppress(TimeoutError):
            async with asyncio.timeout(PONG):
                await self._receive("pong")

    async def decline(self, deadline: float) -> float | None:
        """When the next job request came, None if none did by `deadline`; declines it for good."""
        try:
            async with asyncio.timeout(deadline - monotonic()):
                job = (await self._receive("availability")).availability.job
        except TimeoutError:
            return None
        came = monotonic()
        answer = agent.AvailabilityResponse(job_id=job.id, available=False, terminate=True)
        await self._send(agent.WorkerMessage(availability=answer))
        return came

    async def _send(self, message: agent.WorkerMessage) -> None:
        try:
            await self.socket.send(message.SerializeToString())
        except ConnectionClosed as error:
            raise self._closed(error) from error

    async def _receive(self, kind: str) -> agent.ServerMessage:
        """The next message of this kind; others are of no interest to a canary."""
        while True:
            try:
                frame = await self.socket.recv()
            except ConnectionClosed as error:
                raise self._closed(error) from error
            if isinstance(frame, str):
                raise self._failed("sent a TEXT frame")
            try:
                message = agent.ServerMessage.FromString(frame)
            except DecodeError as error:
                raise self._failed("does not speak LiveKit's worker protocol") from error
            if message.WhichOneof("message") == kind:
                return message

    def _closed(self, error: ConnectionClosed) -> _SocketFailed:
        code = f" (code {error.rcvd.code})" if error.rcvd else ""
        return self._failed(f"closed the connection{code}")

    def _failed(self, how: str) -> _SocketFailed:
        when = "after the canary registered" if self.id else "before the canary was registered"
        return _SocketFailed(_problem(self.url, f"the WebSocket {how} {when}"))


@asynccontextmanager
async def _registered(client: LiveKitClient, agent_name: str) -> AsyncIterator[_Worker]:
    url = f"{websocket_url(client.url)}/agent"
    timeout = client.settings.timeout
    connecting_at = monotonic()
    try:
        async with asyncio.timeout(timeout):
            socket = await _connect(f"{websocket_url(client.settings.url or '')}/agent", client.token(agent=True))
    except InvalidStatus as error:
        headers = {name.lower(): value for name, value in error.response.headers.raw_items()}
        raise _SocketFailed(await _refused(client, url, Answer(error.response.status_code, headers, b""))) from error
    except WebSocketException as error:
        why = "the connection was closed, or what came was not HTTP, when the WebSocket was to begin: a proxy in front "
        raise _SocketFailed(_problem(url, f"{why}of {http_url(client.url)} does not pass on WebSockets")) from error
    except (OSError, ValueError) as error:
        raise _SocketFailed(unreachable(client.url, error, timeout)) from error
    async with socket:
        worker = _Worker(url, socket, connecting_at)
        try:
            async with asyncio.timeout(timeout):
                await worker.register(agent_name)
        except TimeoutError as error:
            raise _SocketFailed(_problem(url, f"no answer to the registration within {timeout:g} s")) from error
        yield worker


logging.getLogger("websockets").addHandler(logging.NullHandler())  # what fails is told as coverage


class _NoRedirect(connect):
    """It would take the token elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _connect(url: str, token: str) -> ClientConnection:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    proxy = proxy_of("https" if secure else "http", parts.hostname or "")
    return await _NoRedirect(
        url,
        additional_headers={"Authorization": f"Bearer {token}"},
        user_agent_header=USER_AGENT,
        ssl=ssl_context() if secure else None,
        proxy=proxy.geturl() if proxy else None,
        compression=None,
        open_timeout=None,
        ping_interval=None,
        close_timeout=CLOSING,
    )


async def _refused(client: LiveKitClient, url: str, answer: Answer) -> Problem:
    """Why there is no WebSocket. What is wrong with the credentials is what the API's answer says of them."""
    status = answer.status
    if status in (401, 403):
        try:
            await client.call(
                "RoomService/ListRooms",
                room_service.ListRoomsRequest(names=[SCRATCH_PREFIX]),
                room_service.ListRoomsResponse,
                room_list=True,
            )
        except ApiError as refused:
            return refused.problem
        return Problem(
            code="LKD004",
            message=f"{url} answered HTTP {status}, though the API accepts the same key: something in front of "
            "the server refuses it, or the key may not register workers (grant `agent`)",
            values={"url": client.url},
        )
    if target := redirect_target(f"{http_url(client.url)}/agent", answer):
        return _problem(url, f"HTTP {status}, which leads to {target}: no worker follows that")
    if status in (429, 500, 502, 503, 504):
        return _problem(url, f"HTTP {status}: the server, or a proxy in front of it, refuses WebSockets now")
    return _problem(
        url,
        f"HTTP {status} instead of a WebSocket: a proxy in front of {http_url(client.url)} does not pass on the "
        "upgrade or the path /agent, without which no worker can register (nginx: proxy_http_version 1.1, "
        'proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection "upgrade")',
    )


def _problem(url: str, why: str) -> Problem:
    values = {"url": url, "detail": why, "kind": "websocket"}
    return Problem(code="LKD003", message=f"{url}: {why}", values=values)
