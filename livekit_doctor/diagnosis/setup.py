"""The evidence as the rules read it: the latest observation of a kind, and what was covered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from livekit_doctor.evidence.observations import Coverage, Evidence, Observation
from livekit_doctor.settings import Settings

T = TypeVar("T", bound=Observation)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is known of the deployment as a whole, apart from any one call."""

    evidence: Evidence
    settings: Settings

    def all(self, kind: type[T]) -> Iterator[T]:
        """All observations of a kind, oldest reading first."""
        found = (item for item in self.evidence.observations if isinstance(item, kind))
        return iter(sorted(found, key=lambda item: item.read.at))

    def latest(self, kind: type[T]) -> T | None:
        """The last reading of a kind, None where the source was not read."""
        return max(
            (item for item in self.evidence.observations if isinstance(item, kind)),
            key=lambda item: item.read.at,
            default=None,
        )

    def coverage(self, source: str) -> tuple[Coverage, ...]:
        """The coverage of a source: one entry, or one for each of its details."""
        return tuple(
            entry for entry in self.evidence.coverage if entry.source == source or entry.source.startswith(source + " ")
        )
