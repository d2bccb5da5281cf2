"""A lab worker, for `python -m livekit.agents start`: what it does is in its settings."""

import asyncio
import itertools
import json
import os
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import psycopg
from livekit.agents import AgentServer, JobContext, JobProcess, JobRequest
from livekit.protocol import agent
from livekit.rtc import IceTransportType, Room, RtcConfiguration

from tests.lab import sdk_log
from tests.lab.audio import publish_silence
from tests.lab.modes import SETTINGS_VARIABLE, Mode, WorkerSettings, call_id_of
from tests.lab.spans import export_where_asked

SETTINGS = WorkerSettings.from_json(os.environ[SETTINGS_VARIABLE])
export_where_asked()
CRASH_STATUS = 3
NEVER_RUN_A_JOB = {
    Mode.AT_CAPACITY,
    Mode.NO_PROCESS,
    Mode.REQUEST_HANGS,
    Mode.REQUEST_RAISES,
    Mode.REQUEST_REJECTS,
    Mode.REQUEST_REJECTS_NO_TERMINATE,
}
"""Modes that need no warm process, or cannot have one: such a worker registers in half the time."""

READ_SDK_LOG = {Mode.NO_MEDIA, Mode.LEAVES_EARLY, Mode.SILENT}
"""Modes of whose agents, which have joined, the tool reads the worker's log."""

_asked = itertools.count()


async def on_request(request: JobRequest) -> None:
    settings = SETTINGS.for_job(request.job.metadata)
    match settings.mode:
        case Mode.REQUEST_REJECTS:
            await request.reject()
        case Mode.REQUEST_REJECTS_SOME if next(_asked) % 2:
            await request.reject()
        case Mode.REQUEST_REJECTS_NO_TERMINATE:
            await request.reject(terminate=False)
        case Mode.REQUEST_RAISES:
            raise RuntimeError("the lab's request function raises")
        case Mode.REQUEST_HANGS:
            await asyncio.Event().wait()
        case Mode.REQUEST_SLOW:
            await asyncio.sleep(settings.seconds)
            await request.accept()
        case _:
            await request.accept()


async def entrypoint(job: JobContext) -> None:
    settings = SETTINGS.for_job(job.job.metadata)
    if not (settings.sdk_log or settings.mode in READ_SDK_LOG):
        sdk_log.leave_out()
    await log_row(job, "agent_entrypoint_called")
    match settings.mode:
        case Mode.ENTRYPOINT_RAISES:
            raise RuntimeError("the lab's entrypoint raises")
        case Mode.ENTRYPOINT_RETURNS:
            return
        case Mode.ENTRYPOINT_CRASHES:
            os._exit(CRASH_STATUS)
        case Mode.NEVER_CONNECTS:
            await asyncio.Event().wait()
        case Mode.BLOCKS_LOOP:
            while True:
                time.sleep(1)  # noqa: ASYNC251
        case Mode.SLOW_JOIN:
            await asyncio.sleep(settings.seconds)
        case Mode.NO_MEDIA:
            await job.connect(rtc_config=RtcConfiguration(ice_transport_type=IceTransportType.TRANSPORT_RELAY))
            return
    await job.connect()
    await log_row(job, "agent_connected")
    if settings.mode is not Mode.SILENT:
        muted = settings.mode is Mode.MUTED
        await publish_silence(job.room, track_name="agent-voice", muted=muted)
    if settings.mode is Mode.LEAVES_EARLY:
        await told_to_leave(job.room, settings.seconds)
        job.shutdown("the lab's agent leaves early")


async def told_to_leave(room: Room, most: float) -> None:
    """Until somebody sets the agent's attribute `lab.leave`, or `most` seconds are over."""
    told = asyncio.Event()

    def look(*_: object) -> None:
        if "lab.leave" in room.local_participant.attributes:
            told.set()

    room.on("participant_attributes_changed", look)
    look()
    with suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), most)


async def log_row(job: JobContext, state: str) -> None:
    """Writes a row, where there is a database and a call id in the job's metadata."""
    call_id = call_id_of(job.job.metadata)
    if not (SETTINGS.call_logs_dsn and call_id):
        return
    metadata = {"room_name": job.room.name, "agent_name": SETTINGS.agent_name}
    async with await psycopg.AsyncConnection.connect(SETTINGS.call_logs_dsn) as connection:
        await connection.execute(
            "insert into call_state_logs (call_id, source, state, metadata) values (%s, 'agent', %s, %s)",
            (call_id, state, json.dumps(metadata)),
        )


def prewarm(process: JobProcess) -> None:
    process.userdata["prewarmed"] = True


async def async_prewarm(process: JobProcess) -> None:
    prewarm(process)


def raising_prewarm(process: JobProcess) -> None:
    raise RuntimeError("the lab's prewarm raises")


PREWARM = {Mode.ASYNC_PREWARM: async_prewarm, Mode.NO_PROCESS: raising_prewarm}


def load() -> float:
    full = SETTINGS.mode is Mode.AT_CAPACITY and (not SETTINGS.full_while or os.path.exists(SETTINGS.full_while))
    return 1.0 if full else 0.0


job_type: Any = SimpleNamespace(value=agent.JobType.Value(SETTINGS.job_kind))
"""Stands in for livekit-agents' ServerType, which lacks JT_PARTICIPANT."""

server = AgentServer(
    host="127.0.0.1",
    port=0,
    num_idle_processes=0 if SETTINGS.mode in NEVER_RUN_A_JOB else 1,
    load_fnc=load,
    load_threshold=0.7 if SETTINGS.mode is Mode.AT_CAPACITY else SETTINGS.load_threshold,
    setup_fnc=PREWARM.get(SETTINGS.mode, prewarm),
    job_memory_warn_mb=0,  # else each job's memory is added up, page by page, every few seconds
)
server.rtc_session(
    entrypoint,
    agent_name=SETTINGS.agent_name,
    type=job_type,
    on_request=on_request,
)
