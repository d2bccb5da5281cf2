"""Where an observation comes from, and when it was made."""

from datetime import datetime

from msgspec import Struct

from livekit_doctor.evidence import sources


class Value(Struct, frozen=True, kw_only=True):
    pass


class Read(Value, frozen=True):
    """Where an observation comes from.

    `at` is this machine's clock when it was read; `clock_at` the source's own clock in the
    same answer (the HTTP `Date` header, Postgres `now()`), against which ages are taken.
    """

    source: str
    at: datetime
    clock_at: datetime | None = None

    @property
    def now(self) -> datetime:
        """The moment of reading on the clock that also dated the objects read."""
        return self.clock_at or self.at

    @property
    def excerpt(self) -> bool:
        """Picked by a person out of something larger: what is not in it may have been left out."""
        return self.source.startswith(_PICKED)


_PICKED = f"{sources.EVIDENCE} "


class Observed(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    read: Read
