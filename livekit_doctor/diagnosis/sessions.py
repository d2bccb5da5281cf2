"""What a worker's log says of the agent's session as it runs: it heard somebody, it spoke, its models failed."""

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.evidence.job_ids import job_of
from livekit_doctor.evidence.observations import LogLine

_SPEECH = (Said.SPEECH_RETRIED, Said.SPEECH_FAILED)
_RUNS = (Said.IN_SESSION, Said.HEARD, Said.SPOKE, Said.TASK_FAILED, Said.SESSION_BROKE)
_MAY_NOT_HAVE_CONNECTED = (
    *(Said.SLOW_TO_CONNECT, Said.MEDIA_TIMED_OUT, Said.NEVER_HAD_MEDIA, Said.RETURNED),
    *(Said.RAISED, Said.EXITED, Said.UNRESPONSIVE),
)
_SEVERAL = 2
"""What is tried again but once mostly succeeds then, which no line says."""


def ran(call: Call) -> tuple[LogLine, ...]:
    """The lines of a session, which runs inside the entrypoint."""
    return _of_its_job(call, *_RUNS, *_SPEECH)


def connected(call: Call) -> tuple[LogLine, ...]:
    """Those that show that the agent was in the room. A session connects to it as it starts, which may fail beside what
    else fails in it: not where it hears somebody."""
    failed = call.component_logs.said(*_MAY_NOT_HAVE_CONNECTED)
    return _of_its_job(call, Said.HEARD) or (() if failed else ran(call))


def _of_its_job(call: Call, *what: Said) -> tuple[LogLine, ...]:
    """Not a line that a person picked which names no job, where no request for one stands above it."""
    logs = call.component_logs
    return tuple(
        line for line in logs.said(*what) if job_of(line) or line.fields.get("room") or logs.request_above(line)
    )


def never_spoke(call: Call) -> tuple[LogLine, ...]:
    """The lines by which what the agent was to say came to nothing, where none says that it spoke, or had heard anybody
    before."""
    logs = call.component_logs
    failed, heard = logs.said(*_SPEECH), logs.said(Said.HEARD, Said.SESSION_CLOSED, Said.PROCESS_EXITS)
    broke = logs.said(Said.SPEECH_FAILED, Said.SESSION_BROKE) or (len(failed) >= _SEVERAL and not heard)
    if not broke or not failed or logs.said(Said.SPOKE) or any(is_above(line, failed[0]) for line in heard):
        return ()
    return (*failed, *logs.said(Said.SESSION_BROKE))
