"""Lines of logs in a pasted text: livekit-server's, livekit-sip's, agent workers', the team's own programs'."""

from collections.abc import Iterator

from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.component import KINDS, component
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.reader import observed, records


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The records, each with the lines that go on with it; JSON over several lines as well."""
    for placed in records(excerpt):
        log = component(placed.record)
        if log is not None:
            line = observed(placed.record, log, excerpt.name, excerpt.number_of(placed.first), context.read)
            yield Found(KINDS[log], placed.first, placed.last, (line,))
