"""What workers' endpoints say, and what the tool's own experiments have shown."""

from livekit_doctor.evidence.observations.read import Observed


class WorkerEndpoint(Observed, frozen=True):
    """A worker's own HTTP endpoint. It never proves registration (design fact 14)."""

    url: str
    status: int
    """HTTP status of `/`: 200, or 503 once the worker has given up connecting."""
    agent_name: str | None = None
    worker_type: str = ""
    sdk_version: str = ""
    load: float | None = None
    active_jobs: int | None = None
    message: str = ""


class Canary(Observed, frozen=True):
    """A worker of the tool's own, dispatched into a scratch room (design fact 15)."""

    agent_name: str
    room: str
    worker_id: str = ""
    """Empty: the worker was not registered."""
    server_version: str = ""
    node_id: str = ""
    registered_after: float | None = None
    """Seconds from connecting to the register answer."""
    job_after: float | None = None
    """Seconds from creating the room to the availability request; None: it never came."""
    waited: float = 0.0


class ScratchDispatch(Observed, frozen=True):
    """CreateDispatch, ListDispatch and DeleteDispatch in a scratch room, under the canary's name."""

    room: str
    dispatch_id: str = ""
    listed: bool = False
    gone_after_delete: bool = False


class ProbeResult(Observed, frozen=True):
    """A real dispatch of the team's agent into a scratch room (design fact 16)."""

    agent_name: str
    room: str
    dispatch_id: str = ""
    joined_after: float | None = None
    """Seconds from the dispatch to the AGENT participant being ACTIVE; None: it never came."""
    waited: float = 0.0
    job_status: str = ""
    """Status of the job in ListDispatch; empty: no job was listed."""
    job_declined: bool = False
    participant_identity: str = ""


class LeftBehind(Observed, frozen=True):
    """Something of an experiment that could not be removed again."""

    what: str
    error: str
