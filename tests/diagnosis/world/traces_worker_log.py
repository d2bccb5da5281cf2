"""What the team's worker writes of a life (design facts 11, 12 and 13; livekit-agents 1.8.9, Python)."""

from collections.abc import Iterable, Iterator

from tests.diagnosis.world.life import NEVER, Life, Turn, WorkerEvent
from tests.diagnosis.world.lines import Line, of_job, of_room

SLOW = (
    "The room connection was not established within 10 seconds after calling job_entry. This might mean that "
    "something is blocking"
)
RETURNED = (
    "The job task completed without establishing a connection or performing a proper shutdown. Ensure that job_ctx"
)
NO_MEDIA = 'livekit::rtc_engine:562:livekit::rtc_engine - failed to connect: Connection("wait_pc_connection timed out")'
BLOCKED = (
    'event loop blocked for 255ms at "ssl.py", line 770, in create_default_context; synchronous work on the agent loop',
    'event loop blocked for 112ms at "selectors.py", line 468, in select; synchronous work on the agent loop',
)
LEAVING = (
    *(
        (f"livekit::rtc_engine::rtc_session:704:livekit::rtc_engine::rtc_session - publisher data channel '{channel}' "
         "closed unexpectedly", "error")
        for channel in ("_reliable", "_lossy", "_data_track")
    ),
    ("livekit_ffi::server:279:livekit_ffi::server - Attempted to drop unknown FFI handle: 8", "warn"),
)  # fmt: skip
"""What livekit-agents 1.8.9 may write of an agent that leaves of itself."""
DIAL_RAISED = (
    'Traceback (most recent call last):\n  File "agent.py", line 88, in transfer\n'
    "livekit.api.twirp_client.TwirpError: TwirpError(code=%s, message=%s, status=%s)"
)
RAISED = "Traceback (most recent call last):\n  File \"agent.py\", line 42, in entrypoint\nKeyError: 'user_id'"


def worker_lines(life: Life, pod: int = 0) -> Iterator[Line]:
    yield from _states(life.pod if pod else life.worker)
    for turn in life.turns:
        if turn.room == life.room and turn.asked < NEVER and turn.pod == pod:
            yield from _job(life, turn)


def _line(at: float, message: str, level: str = "info", /, **fields: str) -> Line:
    return Line(at, "worker", message, level, "livekit.agents", "worker", fields)


def _loose(at: float, message: str, level: str = "info", /, **fields: str) -> Line:
    """A line without an id of the call."""
    return Line(at, "worker", message, level, "livekit.agents", "worker", fields, own=False)


def _states(events: Iterable[WorkerEvent]) -> Iterator[Line]:
    retries = 0
    for event in events:
        match event.what:
            case "starting":
                yield _loose(event.at, "starting worker", rtc_version="1.1.21")
            case "registered":
                fields = {"agent_name": event.name, "worker_id": event.id, "url": event.url, "protocol": "17"}
                if event.deployment:
                    fields["deployment"] = event.deployment
                yield _loose(event.at + 0.001, "registered worker", **fields)
            case "full":
                yield _full(event.at)
            case "free":
                yield _loose(event.at, "worker is below capacity, marking as available", load="0.4")
            case "draining":
                yield _loose(event.at, "draining worker", worker_id=event.id, timeout="3600")
            case "gone" if int(event.id[-1], 36) % 2:
                yield _loose(event.at - 0.01, "shutting down worker", worker_id=event.id)
            case "lost":
                after = min(10, 2 * retries)
                error = event.error or "Cannot connect to host 10.0.0.5:7880 ssl:default"
                message = f"failed to connect to livekit, retrying in {after}s"
                fields = {"retry_count": str(retries + 1), "max_retry": "16", "error": error}
                retries += 1
                yield _loose(event.at, message, "warn", **fields)


def _full(at: float) -> Line:
    message = "worker is at full capacity, marking as unavailable"
    return _loose(at, message, load="0.83", threshold="0.7")


def _job(life: Life, turn: Turn) -> Iterator[Line]:
    of = of_job(life, turn)
    asked = {"job_id": turn.job_id, "dispatch_id": turn.id, **of_room(life), "agent_name": turn.name}
    yield _line(turn.asked, "received job request", **asked, resuming="false")
    match turn.outcome:
        case "declined" if turn.variant:
            request = {"job_request": "<livekit.agents.job.JobRequest object>", "agent_name": turn.name}
            yield _loose(turn.said, "job_request_fnc failed", "error", **request)
            message = "no answer was given inside the job_request_fnc, automatically rejecting the job"
            yield _loose(turn.said + 0.001, message, "warn", **request)
        case "hangs" if turn.variant and turn.said < NEVER:
            yield _loose(turn.said + 7, f"assignment for job {turn.job_id} timed out", "warn")
        case "no_process":
            yield from _no_process(turn)
        case "raises" if turn.failed < NEVER:
            line = _line(turn.failed, "unhandled exception while running the job task", "error", **of)
            line.traceback = RAISED
            yield line
            yield _line(turn.failed + 0.03, "process exiting", **of, reason="job crashed")
        case "crashes" if turn.failed < NEVER:
            code = 3 if turn.variant else -9
            yield _line(turn.failed, f"process exited with non-zero exit code {code}", "error", **of)
        case "returns" if turn.failed < NEVER:
            yield _line(turn.failed, RETURNED, "warn", **of)
        case "no_media":
            yield from _no_media(life, turn, of)
        case "blocks" if turn.failed < NEVER:
            yield _line(turn.failed, "process is unresponsive, killing process", "error", **of)
            yield _line(turn.failed + 1, "process exited with non-zero exit code -10", "error", **of)
    for dial in (dial for dial in life.further if not dial.twin):
        if turn is life.turns[-1] and dial.refused_at < NEVER and (dial.waits or dial.joined == NEVER):
            line = _line(
                dial.refused_at + 0.01, "exception occurred while executing tool", "error", **of, function="transfer"
            )
            line.traceback = DIAL_RAISED % (dial.twirp, dial.error, dial.http)
            yield line
    if turn.ran < NEVER and turn.variant and turn.outcome in ("healthy", "returns", "crashes"):
        yield _line(turn.assigned, "no warmed process available for job, waiting for one to be created", "warn",
                    job_id=turn.job_id)  # fmt: skip
    if turn.ran < NEVER and min(turn.active, turn.failed) > turn.ran + 10 and life.closes > turn.ran + 10:
        yield _line(turn.ran + 10, SLOW, "warn", **of)
    if turn.active < NEVER and turn.left < NEVER:
        reason = "room disconnected" if turn.left_reason != "CLIENT_REQUEST_LEAVE" else "session closed"
        if turn.outcome == "leaves" and turn.variant and turn.left_reason == "CLIENT_REQUEST_LEAVE":
            line = _line(turn.left - 0.03, "unhandled exception while running the job task", "error", **of)
            line.traceback, reason = RAISED, "job crashed"
            yield line
        yield _line(turn.left + 0.02, "process exiting", **of, reason=reason)


def _no_process(turn: Turn) -> Iterator[Line]:
    job = turn.job_id
    if turn.failed == NEVER:
        return
    for attempt in (1, 2, 3):
        at = turn.assigned + (turn.failed - turn.assigned) * attempt / 3 - 0.03
        yield _loose(at - 0.02, "error initializing process", "error")
        message = "all in-flight spawns failed to initialize, retrying"
        yield _line(at, message, "warn", job_id=job, attempt=str(attempt))
    yield _line(turn.failed, "failed to acquire process for job after 3 attempts", "error", job_id=job)


def _no_media(life: Life, turn: Turn, of: dict[str, str]) -> Iterator[Line]:
    for attempt in (15, 30):
        at = turn.joined + attempt
        if at < min(turn.left + 1, life.closes):
            line = _line(at, NO_MEDIA, "warn", **of)
            line.logger = "livekit"
            yield line


def worker_noise(life: Life, moment: float, pod: int = 0) -> Iterator[Line]:
    """What any worker's log has, of whichever call (design fact 12)."""
    yield _loose(moment, "process exited with non-zero exit code 255", "error")
    for turn in life.turns:
        if turn.pod != pod:
            continue
        if turn.ran < NEVER and turn.room == life.room:
            message = BLOCKED[turn.variant]
            yield _line(turn.ran + 0.02, message, "warn", **of_job(life, turn), duration="0.255")
        if turn.active < NEVER and turn.left_reason == "CLIENT_REQUEST_LEAVE" and turn.left < NEVER:
            for message, level in LEAVING:
                line = _line(turn.left + 0.03, message, level, **of_job(life, turn))
                line.logger = "livekit"
                yield line
