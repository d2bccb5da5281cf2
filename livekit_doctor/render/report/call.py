"""What `trace` has found of a call, or of the recent ones."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.flow import Verdict
from livekit_doctor.render.report.shared import Shown, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit_doctor.diagnosis.result import Broken, Diagnosis
    from livekit_doctor.evidence.observations import Coverage, RecentCall
    from livekit_doctor.render.masking import Mask
    from livekit_doctor.triage.result import Traced


class BundleNote(Struct, frozen=True):
    """Which bundle was diagnosed: its name, when it was saved (UTC), by which version of the tool,
    and whether phone numbers were masked in it."""

    name: str
    created_at: datetime
    version: str
    masked: bool


class TraceReport(Shown, frozen=True):
    """`server` is the URL asked; `values` are the configuration's for the placeholders of a fix;
    `bundle` is None for what has been read just now; `at` is when that was (UTC)."""

    kind: ClassVar = "trace"
    diagnosis: Diagnosis
    mask: Mask
    values: Mapping[str, str]
    server: str | None
    exit_status: int
    bundle: BundleNote | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.mask, "diagnosis")

    def fix(self, item: Broken) -> str:
        """The fix to type for a break, its placeholders filled."""
        return self._fix(item.code, item.values)

    def fix_of_unread(self, entry: Coverage) -> str:
        """What to type so that a source can be read; empty where it was."""
        return self._fix(entry.problem.code, entry.problem.values) if entry.problem else ""

    def _fix(self, code: str, values: Mapping[str, str]) -> str:
        known = {
            "call_id": self.diagnosis.call_id or "",
            "room": self.diagnosis.room.name if self.diagnosis.room else "",
        }
        return catalogue.render_fix(catalogue.get(code), {**known, **self.values, **told(code, values, self.mask)})


class LiveRoom(Struct, frozen=True):
    """A room as it is now: since when (UTC), and the kinds of its participants, such as AGENT and SIP, one each."""

    name: str
    created_at: datetime
    participants: tuple[str, ...]

    @property
    def who(self) -> str:
        """Its participants in a few words."""
        counts = Counter(self.participants)
        who = [kind if number == 1 else f"{number} {kind}" for kind, number in sorted(counts.items())]
        return ", ".join(who) or "none"


class LiveRooms(Struct, frozen=True):
    """The newest rooms, newest first, of `total` that are live and match `pattern`; `server` is the URL asked."""

    server: str | None
    rooms: tuple[LiveRoom, ...]
    total: int
    pattern: str = "*"


class RecentReport(Shown, frozen=True):
    """The recent calls, the broken ones first and else the newest. Where no call logs are configured, the live rooms
    stand in their place.

    `verdicts` are those of calls whose rows could be read, also of calls that are not shown. `options` are what was
    typed that counts for the next command too.
    """

    kind: ClassVar = "recent"
    calls: tuple[RecentCall, ...]
    mask: Mask
    exit_status: int = 0
    live: LiveRooms | None = None
    verdicts: tuple[Traced, ...] = ()
    options: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.mask, "calls", "verdicts")

    def verdict_of(self, call: RecentCall) -> Traced | None:
        return next((one for one in self.verdicts if one.call_id == call.call_id), None)

    @property
    def headline(self) -> str:
        """What is listed, in one line."""
        live = self.live
        if live is None:
            return self._calls_told() if self.calls else "the call logs are empty"
        if not live.rooms:
            return "no live room" if live.pattern == "*" else f'no live room matches "{live.pattern}"'
        if len(live.rooms) < live.total:
            return f"the {len(live.rooms)} newest of {live.total} live rooms"
        return "the live rooms, newest first"

    def _calls_told(self) -> str:
        if not self.verdicts:
            return "the recent calls, with their last state"
        broken = sum(one.verdict is Verdict.BROKEN for one in self.verdicts)
        count = len(self.verdicts)
        if count == 1:
            return f"the newest call {'broke' if broken else 'shows no break'}, by its rows"
        return f"{broken or 'none'} of the {count} newest calls broke, by their rows"
