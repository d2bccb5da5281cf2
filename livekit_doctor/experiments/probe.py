"""The probe: the team's own agent, dispatched into a scratch room (design fact 16).

It runs the agent's code, so the person has to ask for it. An agent that joins is the fast
proof; a job shows in ListDispatch only after up to 5 s (fact 10).
"""

import asyncio
import math
import secrets

from livekit.protocol.agent_dispatch import RoomAgentDispatch

from livekit_doctor import lazy_re
from livekit_doctor.errors import UserError
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import (
    SCRATCH_PREFIX,
    Coverage,
    ProbeResult,
    Read,
    Reading,
)
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments.arrival import FAST_POLL, NO_JOB_AFTER, ON_ITS_WAY
from livekit_doctor.experiments.in_time import OutOfTime
from livekit_doctor.experiments.scratch import ScratchRoom
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings

MARK = {"livekit_doctor.probe": "true"}
"""The dispatch attribute by which an agent can tell a probe from a call."""

SLOW_POLL = 0.5
"""Seconds between two looks once the time that a healthy agent takes has passed."""

_PLACEHOLDER = lazy_re.compile(r"\{(call_id|room)\}")


class ProbeRefused(UserError):
    """A probe that would do harm, or that has nothing to dispatch. `key` is the setting to make."""

    def __init__(self, message: str, key: str, fix: str) -> None:
        super().__init__("LKD001", message, fix)
        self.key = key


async def run(
    client: LiveKitClient, settings: Settings, *, ends: float = math.inf, progress: Progress | None = None
) -> Reading:
    """Dispatches `settings.agent.name` and waits for it, up to `settings.probe.timeout` seconds.

    Raises ProbeRefused before anything is created, and OutOfTime where it could not be done by `ends`, on
    time.monotonic()'s clock, removal included. Leaves nothing behind, also when cancelled.
    An unnamed worker ("") is dispatched to explicitly as well: on livekit-server 1.13.5 that is
    the automatic dispatch, but with metadata and the mark of a probe.
    """
    agent_name = agent_to_probe(settings)
    dispatch = RoomAgentDispatch(agent_name=agent_name, attributes=MARK)
    lifetime = max(settings.probe.timeout, NO_JOB_AFTER) + ON_ITS_WAY
    room = ScratchRoom(client, [dispatch], lifetime=lifetime, team=True, ends=ends)
    call_id = f"{SCRATCH_PREFIX}probe-{secrets.token_hex(6)}"
    dispatch.metadata = fill_in(settings.probe.metadata or "", call_id=call_id, room=room.name)
    probe = _Probe(room, agent_name, settings.probe.timeout, progress or Progress())
    try:
        async with room, room.in_time():
            result = await probe.result()
    except ApiError as error:
        unread = Coverage(source=sources.PROBE, status="unread", problem=error.problem)
        return Reading(observations=room.left_behind, coverage=(unread,))
    except OutOfTime:
        raise OutOfTime(Reading(observations=room.left_behind)) from None
    return Reading(observations=(result, *room.left_behind), coverage=(Coverage(source=sources.PROBE, status="read"),))


def fill_in(template: str, *, call_id: str, room: str) -> str:
    """The template with {call_id} and {room} filled in; all other braces are left as they are."""
    values = {"call_id": call_id, "room": room}
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


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

    def __init__(self, room: ScratchRoom, agent_name: str, timeout: float, progress: Progress) -> None:
        self.room, self.agent_name, self.timeout, self.progress = room, agent_name, timeout, progress
        self.arrival = room.arrival
        room.before_removal = self.tell

    async def result(self) -> ProbeResult:
        who = f'agent "{self.agent_name}"' if self.agent_name else "the unnamed worker"
        self.progress(f"waiting for {who}, dispatched into scratch room {self.room.name}", self.timeout)
        arrival = self.arrival
        joined_after = await self._joined()
        waited = arrival.age
        await arrival.look_at_job()
        while joined_after is None and arrival.job is None and arrival.age < NO_JOB_AFTER:
            await asyncio.sleep(SLOW_POLL)
            await arrival.look_at_job()
        job = arrival.job
        identity = arrival.agent.identity if arrival.agent else job.participant_identity if job else ""
        return ProbeResult(
            read=Read(source=sources.PROBE, at=utc_now()),
            agent_name=self.agent_name,
            room=self.room.name,
            dispatch_id=arrival.dispatch.id if arrival.dispatch else "",
            joined_after=joined_after,
            waited=waited,
            job_status=job.status if job else "",
            job_declined=arrival.declined,
            participant_identity=identity,
        )

    async def tell(self) -> None:
        """What the removal waits for."""
        left = ON_ITS_WAY - self.arrival.age
        if not self.arrival.is_over and left > 0:
            self.progress("waiting for the agent that may be on its way, to remove the scratch room", left)

    async def _joined(self) -> float | None:
        """Seconds until the agent was ACTIVE; None once it was declined or the time is up."""
        arrival, next_look_at_job = self.arrival, SLOW_POLL
        while not arrival.declined:
            await arrival.look_at_agent()
            if arrival.is_active:
                self.progress(f"agent joined after {arrival.age:.1f} s, removing its room")
                return arrival.age
            if arrival.age > self.timeout:
                break
            if arrival.age > next_look_at_job:
                next_look_at_job = arrival.age + SLOW_POLL
                await arrival.look_at_job()
            await asyncio.sleep(FAST_POLL if arrival.age < ON_ITS_WAY else SLOW_POLL)
        return None
