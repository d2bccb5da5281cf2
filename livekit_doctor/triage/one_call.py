"""What `trace` says of one call of which nothing but its rows is known."""

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Evidence, LogRow
from livekit_doctor.settings import Settings
from livekit_doctor.triage.result import Traced


def traced(call_id: str, rows: tuple[LogRow, ...], settings: Settings) -> Traced:
    """`rows` are all of the call, in their order; when they were read is now."""
    found = diagnose(Evidence(now=rows[0].read.at, observations=rows), settings, Subject(call_id=call_id))
    first = found.broken[0] if found.broken else None
    because = tuple(one.text for one in first.because) if first else ()
    return Traced(call_id, found.verdict, first.code if first else None, first.step if first else None, because)
