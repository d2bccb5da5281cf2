"""The team's agent in a scratch room: on its way, there, or not to come any more.

Measured on livekit-server 1.13.5 with livekit-agents 1.8.9, for an agent whose room is deleted:
one that is ACTIVE leaves for good. One that is JOINED connects again 15 s later, and one that has
not joined yet joins all the same; both make the room again, with the server's own time-outs. That
its dispatch was deleted keeps neither from it: the job goes on for up to 15 s. So the room stays
until the agent is ACTIVE.
"""

import asyncio
from contextlib import suppress
from time import monotonic

from livekit.protocol.agent_dispatch import AgentDispatch, DeleteAgentDispatchRequest

from livekit_doctor.evidence.livekit_api import list_dispatches, list_participants
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import Dispatch, Job, Participant, Room
from livekit_doctor.evidence.reading import utc_now

ON_ITS_WAY = 5.0
"""Seconds after the dispatch within which a healthy agent may still join: 3 s to answer the job
request, and the join itself. Until then the room is kept, since the join would make it again."""
NO_JOB_AFTER = 8.0
"""Seconds after which a job that ListDispatch does not show is not there (design fact 10)."""
MAY_COME = 20.0
"""Seconds after the dispatch after which an agent that never joined does not come any more: its SDK gives an
attempt to connect 15 s."""
LEAVES_ITSELF = 2.5
"""Seconds within which an agent leaves whose dispatch was deleted; after 3 s the server takes it out, connected or
not."""
ENDING = 4.0
"""Seconds that are waited for the end of a job whose dispatch was deleted."""
FAST_POLL = 0.1


class Arrival:
    """The agent that was dispatched with the room, `began` (time.monotonic()'s clock) when that was."""

    def __init__(self, client: LiveKitClient, room: str) -> None:
        self.client = client
        self.room = Room(sid="", name=room, created_at=utc_now())
        self.began = monotonic()
        self.dispatch: Dispatch | None = None
        self.agent: Participant | None = None
        """As it was last seen."""
        self._is_here = False
        self._was_active = False
        self._told_to_end: float | None = None
        self._has_left = False

    @property
    def age(self) -> float:
        """Seconds since the dispatch."""
        return monotonic() - self.began

    @property
    def job(self) -> Job | None:
        """The latest job: LiveKit Cloud may dispatch again after a worker's failure (fact 11)."""
        return self.dispatch.jobs[-1] if self.dispatch and self.dispatch.jobs else None

    @property
    def declined(self) -> bool:
        job = self.job
        return bool(job and job.status == "JS_SUCCESS" and job.ended_at and not job.participant_identity)

    @property
    def is_active(self) -> bool:
        return self._is_here and self.agent is not None and self.agent.state == "ACTIVE"

    @property
    def is_over(self) -> bool:
        """Whether no agent will come any more once the room is gone."""
        return self._was_active or self._has_left or self.declined

    @property
    def may_come(self) -> bool:
        """Whether an agent may make the room again. One that was seen connecting tries again, however long it has."""
        return not self.is_over and (self.agent is not None or self.age < MAY_COME)

    @property
    def _has_no_job(self) -> bool:
        """Whether none has been seen yet."""
        return self.job is None and self.agent is None

    @property
    def may_return(self) -> str:
        """Why the room may be there again after its removal; empty where nothing speaks for it."""
        if self.is_over:
            return ""
        if self.agent is not None:
            return f"its agent {self.agent.identity} was still connecting, and may make it again"
        if self.job is not None and self.age < MAY_COME:
            return f"its agent may still join and make it again: job {self.job.id} was taken, and it has not come"
        if self._has_no_job and self.age < NO_JOB_AFTER:
            return "whether a worker has taken its job could not be seen yet, and its agent may make it again"
        return ""

    async def look_at_agent(self) -> None:
        listing = await list_participants(self.client, self.room)
        agents = [one for one in listing.participants if one.kind == "AGENT"]
        was_here, self._is_here = self._is_here, bool(agents)
        if agents:
            self.agent = next((one for one in agents if one.state == "ACTIVE"), agents[0])
            self._was_active |= self.agent.state == "ACTIVE"
        elif was_here and self._told_to_end is not None:
            self._has_left |= monotonic() - self._told_to_end < LEAVES_ITSELF

    async def look_at_job(self) -> None:
        listing = await list_dispatches(self.client, self.room)
        self.dispatch = next(iter(listing.dispatches), self.dispatch)

    async def end(self) -> None:
        """Lets an agent that is on its way arrive; ends the job of one that does not, and waits for that.

        It ends when no agent can come any more. Where nobody can see whether it has arrived, it is given the
        time all the same.
        """
        while not self.is_over:
            await self._look()
            if self.is_over or (self._has_no_job and self.age > NO_JOB_AFTER):
                break
            if self.age > ON_ITS_WAY and not self._has_no_job:
                await self._end_job()
                is_late = monotonic() - (self._told_to_end or 0.0) > ENDING
                if is_late or (self.age > MAY_COME and self.agent is None):
                    break
            await asyncio.sleep(FAST_POLL)
        if not self.is_over:
            await self._end_job()

    async def _look(self) -> None:
        with suppress(ApiError):
            await self.look_at_agent()
        if not self.is_over and self._told_to_end is None:
            with suppress(ApiError):
                await self.look_at_job()

    async def _end_job(self) -> None:
        """By deleting its dispatch, once."""
        if self._told_to_end is not None:
            return
        self._told_to_end = monotonic()
        if self.dispatch is None:
            return
        with suppress(ApiError):
            await delete_dispatch(self.client, self.dispatch.id, self.room.name)


async def delete_dispatch(client: LiveKitClient, dispatch_id: str, room: str) -> None:
    request = DeleteAgentDispatchRequest(dispatch_id=dispatch_id, room=room)
    await client.call("AgentDispatchService/DeleteDispatch", request, AgentDispatch, room_admin=True, room=room)
