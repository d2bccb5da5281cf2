"""What runs the statement: a database in place, or an engine that reads files."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from livekit_doctor.triage.dialects import Dialect
from livekit_doctor.triage.terms import Columns, Window

Result = Mapping[str, Any]
"""A row of a result by its columns' names."""

BATCH = 5_000
"""Rows that an engine hands over at a time."""
SAMPLED = 500
"""Rows whose metadata is looked at for the names of its keys."""


class Limits(Struct, frozen=True):
    """`timeout` is seconds, for one statement; `memory` such as 256MB, None for the engine's own."""

    timeout: float = 60.0
    memory: str | None = None


class Engine(ABC):
    name: str
    """What is read, in a few words."""
    dialect: Dialect
    columns: Columns
    column_names: Sequence[str]
    """All columns that there are."""
    now: datetime | None
    """The clock of the log, or just after its newest row; None where that is not known yet."""
    shards: int = 1
    """In how many parts it classifies the calls at once."""
    notes: list[str]
    """What is to be known of the reading: what was set for it, and what was not read."""

    async def expected_rows(self, window: Window) -> int | None:
        """How many rows there will be to read, where that can be known at once."""
        return None

    def share_done(self) -> float | None:
        """How much of what runs now is done, 0 to 1; None where the engine does not tell."""
        return None

    @abstractmethod
    async def fetch(self, statement: str) -> list[Result]:
        """Its whole result. Raises LogsUnreadable."""

    @abstractmethod
    def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        """Its result, part by part."""

    async def metadata_keys(self, window: Window) -> list[str]:
        """The keys at the top of the metadata of some rows, most frequent first."""
        if self.columns.metadata is None:
            return []
        return [str(row["key"]) for row in await self.fetch(self._keys(self.columns.metadata, window))]

    @abstractmethod
    def _keys(self, metadata: str, window: Window) -> str:
        """The statement for these, of that column."""
