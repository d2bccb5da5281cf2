"""Which job a line of a log, or an agent's identity, names."""

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import LogLine


def job_of(line: LogLine) -> str:
    """The job that a line is about; some lines of workers name it in their text alone."""
    if line.log == "worker" and "job_id" not in line.fields and (found := _JOB.search(line.message)):
        return found[0]
    return line.fields.get("job_id", "")


_JOB = lazy_re.compile(r"\bAJ_\w+")


def job_of_identity(identity: str) -> str:
    """The job of an agent under the identity that the server gives it; empty for one that chose another."""
    return identity.removeprefix("agent-") if identity.startswith("agent-AJ_") else ""
