"""The probe: the team's own agent, dispatched into a scratch room (design fact 16).

It runs the agent's code, so the person has to ask for it. An agent that joins is the fast
proof; a job shows in ListDispatch only after up to 5 s (fact 10).
"""

import asyncio
import re
import secrets
from contextlib import suppress
from time import monotonic

from livekit.protocol.agent_dispatch import AgentDispatch, DeleteAgentDispatchRequest, RoomAgentDispatch

from livekit_doctor.errors import UserError
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.livekit_api import list_dispatches, list_participants
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import (
    SCRATCH_PREFIX,
    Coverage,
    Dispatch,
    Job,
    Participant,
    ProbeResult,
    Read,
    Reading,
)
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments.scratch import ScratchRoom
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings

MARK = {"livekit_doctor.probe": "true"}
"""The dispatch attribute by which an agent can tell a probe from a call."""

NO_JOB_AFTER = 8.0
"""Seconds after which a job that ListDispatch does not show is not there (design fact 10)."""
ON_ITS_WAY = 5.0
"""Seconds after the dispatch within which a healthy agent may still join: 3 s to answer the job
request, and the join itself. Until then the room is kept, since the join would make it again."""

FAST_POLL = 0.1
SLOW_POLL = 0.5
"""Seconds between two looks; slow once the time that a healthy agent takes has passed."""

_PLACEHOLDER = re.compile(r"\{(call_id|room)\}")


class ProbeRefused(UserError):
    """A probe that would do harm, or that has nothing to dispatch. `key` is the setting to make."""

    def __init__(self, message: str, key: str, fix: str) -> None:
        super().__init__("LKD001", message, fix)
        self.key = key


async def run(client: LiveKitClient, settings: Settings, *, progress: Progress | None = None) -> Reading:
    """Dispatches `settings.agent.name` and waits for it, up to `settings.probe.timeout` seconds.

    Raises ProbeRefused before anything is created. Leaves nothing behind, also when cancelled.
    An unnamed worker ("") is dispatched to explicitly as well: on livekit-server 1.13.5 that is
    the automatic dispatch, but with metadata and the mark of a probe.
    """
    agent_name = agent_to_probe(settings)
    probe = _Probe(client, agent_name, settings.probe.timeout, progress or Progress())
    dispatch = RoomAgentDispatch(agent_name=agent_name, attributes=MARK)
    room = ScratchRoom(client, [dispatch], lifetime=max(settings.probe.timeout, NO_JOB_AFTER) + ON_ITS_WAY)
    dispatch.metadata = fill_in(settings.probe.metadata or "", call_id=_call_id(), room=room.name)
    try:
        async with room:
            probe.enter(room)
            result = await probe.result()
    except ApiError as error:
        unread = Coverage(source=sources.PROBE, status="unread", problem=error.problem)
        return Reading(observations=room.left_behind, coverage=(unread,))
    return Reading(observations=(result, *room.left_behind), coverage=(Coverage(source=sources.PROBE, status="read"),))


def fill_in(template: str, *, call_id: str, room: str) -> str:
    """The template with {call_id} and {room} filled in; all other braces are left as they are."""
    values = {"call_id": call_id, "room": room}
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _call_id() -> str:
    return f"{SCRATCH_PREFIX}probe-{secrets.token_hex(6)}"


def agent_to_probe(settings: Settings) -> str:
    """The name to dispatch. Raises ProbeRefused where the settings forbid a probe."""
    if settings.agent.name is None:
        raise ProbeRefused(
            "the probe does not know which agent to dispatch",
            "agent.name",
            'set agent.name in checks.yaml to the worker\'s agent_name, or to "" if it has none',
        )
    if settings.flow.placed_by == "agent" and settings.probe.metadata is None:
        raise ProbeRefused(
            "the agent itself dials (flow.placed_by: agent), so a probe could ring a real phone",
            "probe.metadata",
            "set probe.metadata in checks.yaml to dispatch metadata that makes the agent join without dialling",
        )
    if settings.agent.job_type != "room":
        raise ProbeRefused(
            f"an agent of job type {settings.agent.job_type} gets no job in a room where nobody else is",
            "agent.job_type",
            "correct agent.job_type in checks.yaml, or leave --probe out: such an agent can't be probed",
        )
    return settings.agent.name


class _Probe:
    """One dispatch of the agent, and what has been seen of it."""

    def __init__(self, client: LiveKitClient, agent_name: str, timeout: float, progress: Progress) -> None:
        self.client, self.agent_name, self.timeout, self.progress = client, agent_name, timeout, progress
        self.room: ScratchRoom
        self.dispatch: Dispatch | None = None
        self.agent: Participant | None = None

    def enter(self, room: ScratchRoom) -> None:
        self.room = room
        room.before_removal = self.finish
        who = f'agent "{self.agent_name}"' if self.agent_name else "the unnamed worker"
        self.progress(f"waiting for {who}, dispatched into scratch room {room.name}", self.timeout)

    async def result(self) -> ProbeResult:
        joined_after = await self._joined()
        waited = self.age
        await self._look_at_job()
        while joined_after is None and self.job is None and self.age < NO_JOB_AFTER:
            await asyncio.sleep(SLOW_POLL)
            await self._look_at_job()
        job = self.job
        identity = self.agent.identity if self.agent else job.participant_identity if job else ""
        return ProbeResult(
            read=Read(source=sources.PROBE, at=utc_now()),
            agent_name=self.agent_name,
            room=self.room.name,
            dispatch_id=self.dispatch.id if self.dispatch else "",
            joined_after=joined_after,
            waited=waited,
            job_status=job.status if job else "",
            job_declined=self.declined,
            participant_identity=identity,
        )

    async def finish(self) -> None:
        """Lets an agent that is on its way arrive, and ends the job of one that never came.

        Where nobody can see whether it has arrived, it is given the time all the same.
        """
        left = ON_ITS_WAY - self.age
        if not self._over() and left > 0:
            self.progress("waiting for the agent that may be on its way, to remove the scratch room", left)
        while not self._over() and self.age < ON_ITS_WAY:
            for look in (self._look_at_agent, self._look_at_job):
                with suppress(ApiError):
                    await look()
            await asyncio.sleep(FAST_POLL)
        if not self._over():
            with suppress(ApiError):
                await self._look_at_job()
            await self._end_job()
            if self.job:
                self.progress(
                    f"job {self.job.id} was taken and its agent has not come; should it still join, the server makes "
                    f"the room again: lk room delete {self.room.name}"
                )

    @property
    def age(self) -> float:
        """Seconds since the dispatch."""
        return monotonic() - self.room.created_at

    @property
    def job(self) -> Job | None:
        """The latest job: LiveKit Cloud may dispatch again after a worker's failure (fact 11)."""
        return self.dispatch.jobs[-1] if self.dispatch and self.dispatch.jobs else None

    @property
    def declined(self) -> bool:
        job = self.job
        return bool(job and job.status == "JS_SUCCESS" and job.ended_at and not job.participant_identity)

    def _over(self) -> bool:
        """Whether no agent will come any more, since one has been here or the job was declined."""
        return self.agent is not None or self.declined

    async def _joined(self) -> float | None:
        """Seconds until the agent was ACTIVE; None once it was declined or the time is up."""
        next_look_at_job = SLOW_POLL
        while not self.declined:
            await self._look_at_agent()
            if self.agent and self.agent.state == "ACTIVE":
                self.progress(f"agent joined after {self.age:.1f} s, removing its room")
                return self.age
            if self.age > self.timeout:
                break
            if self.age > next_look_at_job:
                next_look_at_job = self.age + SLOW_POLL
                await self._look_at_job()
            await asyncio.sleep(FAST_POLL if self.age < ON_ITS_WAY else SLOW_POLL)
        return None

    async def _look_at_agent(self) -> None:
        listing = await list_participants(self.client, self.room.room)
        agents = [one for one in listing.participants if one.kind == "AGENT"]
        self.agent = next((one for one in agents if one.state == "ACTIVE"), agents[0] if agents else self.agent)

    async def _look_at_job(self) -> None:
        listing = await list_dispatches(self.client, self.room.room)
        self.dispatch = next(iter(listing.dispatches), self.dispatch)

    async def _end_job(self) -> None:
        if self.dispatch is None:
            return
        await self.client.call(
            "AgentDispatchService/DeleteDispatch",
            DeleteAgentDispatchRequest(dispatch_id=self.dispatch.id, room=self.room.name),
            AgentDispatch,
            room_admin=True,
            room=self.room.name,
        )
