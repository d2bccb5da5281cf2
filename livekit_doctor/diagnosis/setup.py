"""The evidence as the rules read it: the latest observation of a kind, and what was covered."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from operator import attrgetter
from typing import TypeVar, cast

from msgspec import Struct

from livekit_doctor.evidence.observations import Coverage, Evidence, Observation
from livekit_doctor.settings import Settings

T = TypeVar("T", bound=Observation)


class Setup(Struct, frozen=True, dict=True):
    """What is known of the deployment as a whole, apart from any one call."""

    evidence: Evidence
    settings: Settings

    @cached_property
    def tolerance(self) -> timedelta:
        """How far two clocks may be apart: beyond it alone have they an order."""
        return timedelta(seconds=self.settings.call_logs.clock_tolerance)

    @cached_property
    def _by_kind(self) -> dict[type, list[Observation]]:
        kinds: dict[type, list[Observation]] = defaultdict(list)
        for item in sorted(self.evidence.observations, key=attrgetter("read.at")):
            kinds[type(item)].append(item)
        return kinds

    def all(self, kind: type[T]) -> Iterator[T]:
        """All observations of a kind, oldest reading first."""
        return iter(cast("list[T]", self._by_kind.get(kind, [])))

    def latest(self, kind: type[T]) -> T | None:
        """The last reading of a kind, None where the source was not read."""
        found = cast("list[T]", self._by_kind.get(kind, []))
        return found[-1] if found else None

    def coverage(self, source: str) -> tuple[Coverage, ...]:
        """The coverage of a source: one entry, or one for each of its details."""
        return tuple(
            entry for entry in self.evidence.coverage if entry.source == source or entry.source.startswith(source + " ")
        )
