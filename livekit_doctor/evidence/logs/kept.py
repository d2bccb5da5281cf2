"""Which of the lines that were found are kept: all cases bounded."""

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

from livekit_doctor.evidence.logs.needles import AROUND, Needles
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.component import with_ids
from livekit_doctor.evidence.records.fields import normalised
from livekit_doctor.evidence.records.reader import in_range
from livekit_doctor.evidence.records.record import Record

FIRST, LAST = 400, 600
"""Lines with an id of the call that are kept of one log: the first and the last ones."""
EACH = 12
"""Lines without an id that are kept of each message, before the call and after its beginning."""


Made = Callable[[], LogLine]
"""Makes a line into evidence: of many that are found few are kept, and only those are made."""


class _Ring(Struct):
    before: deque[Made] = field(default_factory=lambda: deque(maxlen=EACH))
    after: list[Made] = field(default_factory=list)


class Kept(Struct):
    """The lines of one log. Of those without an id the ones next to the call's time are kept, and where
    that is not known, next to the first line with an id."""

    needles: Needles
    left_out: Counter[str] = field(default_factory=Counter)
    matched: int = 0
    _first: list[LogLine] = field(default_factory=list)
    _last: deque[Made] = field(default_factory=lambda: deque(maxlen=LAST))
    _rings: dict[tuple[str, bool], _Ring] = field(default_factory=dict)

    def add(self, made: Made) -> LogLine | None:
        """Takes a line that has an id of the call; None where it is not made yet."""
        self.matched += 1
        if len(self._first) < FIRST:
            self._first.append(made())
            return self._first[-1]
        if len(self._last) == LAST:
            self.left_out["more lines of the call"] += 1
        self._last.append(made)
        return None

    def add_without_id(self, message: str, record: Record, made: Made) -> None:
        """Takes a line that was found by its message; those of the call's own agent or worker apart."""
        ring = self._rings.setdefault((message, self._is_own(record)), _Ring())
        at = in_range(record.at)
        if not self._has_begun(at):
            if len(ring.before) == EACH:
                self.left_out[message] += 1
            ring.before.append(made)
        elif len(ring.after) < EACH and not self._is_over(at):
            ring.after.append(made)
        else:
            self.left_out[message] += 1

    def _is_own(self, record: Record) -> bool:
        """Whether it says that it is of the call's agent, or of its worker."""
        if self.needles.agent_name is None and not self.needles.worker_ids:
            return False
        named = with_ids(normalised(record.fields, ("agent_name", "worker_id")), record.message)
        agent, worker = named.get("agent_name"), named.get("worker_id")
        return (agent is not None and agent == self.needles.agent_name) or worker in self.needles.worker_ids

    def _has_begun(self, at: datetime | None) -> bool:
        if self.needles.start is not None and at is not None:
            return at > self.needles.start
        return bool(self._first)

    def _is_over(self, at: datetime | None) -> bool:
        end = self.needles.end or self.needles.start
        return end is not None and at is not None and at > end + AROUND

    def lines(self) -> list[LogLine]:
        """All that are kept, in the order of the log."""
        kept = [*self._first, *(made() for made in self._last)]
        for ring in self._rings.values():
            kept += (made() for made in (*ring.before, *ring.after))
        return sorted(kept, key=lambda line: line.number)
