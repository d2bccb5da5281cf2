"""Which job a line of a log, or an agent's identity, names, and of which type it is."""

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import LogLine


def job_of(line: LogLine) -> str:
    """The job that a line is about; some lines of workers name it in their text alone."""
    if line.log == "worker" and "job_id" not in line.fields and (found := _JOB.search(line.message)):
        return found[0]
    return line.fields.get("job_id", "")


_JOB = lazy_re.compile(r"\bAJ_\w+")


def is_of_room_job(line: LogLine) -> bool:
    """Not the lookups for jobs of other types, which fail in healthy calls too (fact 12)."""
    return line.fields.get("job_type", "JT_ROOM") == "JT_ROOM"


def job_of_identity(identity: str) -> str:
    """The job of an agent under the identity that the server gives it; empty for one that chose another."""
    return identity.removeprefix("agent-") if identity.startswith("agent-AJ_") else ""
