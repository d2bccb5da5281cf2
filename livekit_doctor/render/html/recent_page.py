"""What the page of the recent calls says."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from livekit_doctor.render.html.parts import MARKS, Shown
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.report import RecentReport


@dataclass(frozen=True, slots=True)
class CallRow:
    call_id: str
    at: datetime
    source: str
    state: str
    command: str
    """What to type to diagnose it."""


@dataclass(frozen=True, slots=True)
class RecentPage:
    title: str
    tone: Shown
    headline: str
    calls: tuple[CallRow, ...]
    exit_status: int
    document: str


def of(report: RecentReport) -> RecentPage:
    """The page's content. A call id is to be typed, and not masked."""
    calls = tuple(
        CallRow(
            call_id=call.call_id,
            at=call.at,
            source=call.source,
            state=call.state,
            command=f"livekit-doctor trace {shlex.quote(call.call_id)}",
        )
        for call in report.calls
    )
    return RecentPage(
        title="Recent calls · livekit-doctor trace",
        tone=MARKS["skipped"],
        headline="The recent calls, with their last state" if calls else "The call logs are empty",
        calls=calls,
        exit_status=report.exit_status,
        document=JsonFormat().recent(report),
    )
