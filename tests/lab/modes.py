"""How a lab worker behaves: what its handle and its own process agree on."""

import json
import math
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

SETTINGS_VARIABLE = "LIVEKIT_DOCTOR_LAB_WORKER"
SPANS_VARIABLE = "LIVEKIT_DOCTOR_LAB_SPANS"
"""The folder for a worker's spans, if they are wanted, in these two files."""
OTLP, CONSOLE = "otlp.jsonl", "console.json"
_MODE_KEY = "lab"


class Mode(StrEnum):
    """What the worker does with a job. `seconds` is a setting of those that say so."""

    HEALTHY = "healthy"
    """Joins, publishes an audio track and stays."""
    DIALS_ITSELF = "dials_itself"
    """Stands for an agent that dials the phone after joining: here it only joins, as HEALTHY does."""
    SLOW_JOIN = "slow_join"
    """Joins `seconds` after its entrypoint began."""
    SILENT = "silent"
    """Joins and publishes nothing."""
    MUTED = "muted"
    """Joins and publishes a muted audio track."""
    NO_MEDIA = "no_media"
    """Joins by relays alone, of which the lab has none: it stays JOINED, and is never ACTIVE."""
    LEAVES_EARLY = "leaves_early"
    """Joins with audio, and leaves after `seconds`."""
    ENTRYPOINT_RAISES = "entrypoint_raises"
    ENTRYPOINT_RETURNS = "entrypoint_returns"
    """Returns without connecting."""
    ENTRYPOINT_CRASHES = "entrypoint_crashes"
    """The job's process exits with status 3."""
    NEVER_CONNECTS = "never_connects"
    """Waits for ever before it would connect."""
    BLOCKS_LOOP = "blocks_loop"
    """Blocks its event loop for ever before it would connect."""
    REQUEST_REJECTS = "request_rejects"
    """Rejects the job request as `reject()` does by default."""
    REQUEST_REJECTS_SOME = "request_rejects_some"
    """Rejects every second job request of this mode, the first one not, and is healthy otherwise."""
    REQUEST_REJECTS_NO_TERMINATE = "request_rejects_no_terminate"
    REQUEST_RAISES = "request_raises"
    REQUEST_HANGS = "request_hangs"
    REQUEST_SLOW = "request_slow"
    """Accepts the job request after `seconds`, and is then healthy."""
    NO_PROCESS = "no_process"
    """Accepts the job request; its prewarm raises, so that no process comes up."""
    AT_CAPACITY = "at_capacity"
    """Its load is 1.0, over the threshold of 0.7."""
    ASYNC_PREWARM = "async_prewarm"
    """Its prewarm function is a coroutine, which nobody awaits; else healthy."""


class JobKind(StrEnum):
    """What makes the server start a job for the worker."""

    ROOM = "JT_ROOM"
    PUBLISHER = "JT_PUBLISHER"
    PARTICIPANT = "JT_PARTICIPANT"


class LogFormat(StrEnum):
    """What the worker prints: `python agent.py start`, or what `dev` prints."""

    JSON = "json"
    TEXT = "colored"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """One worker. An empty `agent_name` makes it take automatic dispatches."""

    agent_name: str
    mode: Mode = Mode.HEALTHY
    seconds: float = 0.0
    job_kind: JobKind = JobKind.ROOM
    deployment: str = ""
    log_format: LogFormat = LogFormat.JSON
    full_while: str = ""
    """A file: as long as it is there a worker AT_CAPACITY is full. Without one it is for ever."""
    load_threshold: float = math.inf
    """Load from which it is full: livekit-agents' own is 0.7, which AT_CAPACITY uses too."""
    sdk_log: bool = False
    """Whether the RTC SDK's own lines are in its log, as they are outside the lab; in some modes they always are."""
    call_logs_dsn: str = ""
    """Where to write its rows of `call_state_logs`; nowhere if empty."""

    def for_job(self, metadata: str) -> "WorkerSettings":
        """These, with the mode that the job's metadata asks for (see `job_metadata`)."""
        asked = _fields(metadata).get(_MODE_KEY)
        if not asked:
            return self
        return replace(self, mode=Mode(asked["mode"]), seconds=asked["seconds"])

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "WorkerSettings":
        fields = json.loads(text)
        fields["mode"] = Mode(fields["mode"])
        fields["job_kind"] = JobKind(fields["job_kind"])
        fields["log_format"] = LogFormat(fields["log_format"])
        return cls(**fields)


def job_metadata(call_id: str, mode: Mode | None = None, seconds: float = 0.0) -> str:
    """A dispatch's metadata: the call id, and how the worker shall behave for this job only."""
    asked = {_MODE_KEY: {"mode": mode, "seconds": seconds}} if mode else {}
    return json.dumps({"call_id": call_id, **asked})


def call_id_of(metadata: str) -> str:
    """The call id in a job's metadata; empty if there is none."""
    return str(_fields(metadata).get("call_id", ""))


def _fields(metadata: str) -> dict[str, Any]:
    return json.loads(metadata) if metadata.startswith("{") else {}
