"""What `trace` does without anything: the recent calls of the log, each with what its rows say of it."""

from collections import defaultdict

from msgspec import Struct

from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import call_logs
from livekit_doctor.evidence.observations import Evidence, LogRow, RecentCall, RecentCalls
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.flow import Verdict
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings
from livekit_doctor.triage.one_call import traced
from livekit_doctor.triage.result import Traced

LOOKED_AT = 100
"""Calls whose rows are read: the newest."""


class Recent(Struct, frozen=True):
    """The calls, the broken ones first and else the newest; what their rows say, of those whose rows could all be
    read."""

    setup: Setup
    calls: tuple[RecentCall, ...]
    verdicts: tuple[Traced, ...] = ()


async def recent_calls(settings: Settings, progress: Progress) -> Recent:
    """Of the newest calls. Where the log can't be read, `setup` tells why."""
    progress("reading the recent calls")
    reading = await call_logs.read_recent(settings.call_logs, LOOKED_AT)
    setup = Setup(Evidence(now=utc_now()).plus(reading), settings)
    calls = tuple(call for listing in setup.all(RecentCalls) for call in listing.calls)
    if not calls:
        return Recent(setup, ())
    progress(f"reading the rows of {len(calls)} calls")
    rows: defaultdict[str, list[LogRow]] = defaultdict(list)
    of_calls = await call_logs.read_calls(settings.call_logs, tuple(call.call_id for call in calls))
    for item in of_calls.observations:
        if isinstance(item, LogRow):
            rows[item.call_id].append(item)
    verdicts = {call_id: traced(call_id, tuple(own), settings) for call_id, own in rows.items()}
    broken = {call_id for call_id, one in verdicts.items() if one.verdict is Verdict.BROKEN}
    ordered = sorted(calls, key=lambda call: call.call_id not in broken)
    return Recent(setup, tuple(ordered), tuple(verdicts.values()))
