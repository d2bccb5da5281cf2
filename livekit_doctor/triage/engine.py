"""What runs the statement: a database in place, or an engine that reads files."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

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


class Engine(Protocol):
    @property
    def name(self) -> str:
        """What is read, in a few words."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def columns(self) -> Columns: ...

    @property
    def column_names(self) -> Sequence[str]:
        """All columns that there are."""

    @property
    def now(self) -> datetime | None:
        """The clock of the log; None where nothing is known but its rows, and the newest of them is now."""

    @property
    def notes(self) -> list[str]:
        """What is to be known of the reading: what was set for it, and what was not read."""

    async def expected_rows(self, window: Window) -> int | None:
        """How many rows there will be to read, where that can be known at once."""

    def share_done(self) -> float | None:
        """How much of what runs now is done, 0 to 1; None where the engine does not tell."""

    async def fetch(self, statement: str) -> list[Result]:
        """Its whole result. Raises LogsUnreadable."""

    def batches(self, statement: str) -> AsyncIterator[list[Result]]:
        """Its result, part by part."""

    async def metadata_keys(self, window: Window) -> list[str]:
        """The keys at the top of the metadata of some rows, most frequent first."""
