"""Rows of `call_state_logs`, and facts about their table."""

from datetime import datetime

from livekit_doctor.evidence.observations.read import Observed, Value


class LogRow(Observed, frozen=True):
    """A log row. `at` is as the component that wrote it dated it; `source` is that component."""

    call_id: str
    at: datetime
    source: str
    state: str
    room: str = ""
    metadata: str = ""
    """The row's JSON, as text, secrets removed."""
    order: int = 0
    """Place among the rows of the call, as the source returned them (time, then insertion)."""


class LogTable(Observed, frozen=True):
    """Facts about the table or file that the rows came from."""

    name: str
    rows_of_call: int = 0
    has_rows: bool | None = None
    indexed: bool | None = None
    """Whether an index begins with the call id; None where it can't be known."""
    row_security: bool = False
    """Row-level security applies to the role that read: rows may be hidden."""
    role: str = ""
    """The database role that read; empty for a file."""
    skipped_lines: tuple[str, ...] = ()
    """What of a file could not be read, each "line N: why"."""


class RecentCall(Value, frozen=True):
    call_id: str
    at: datetime
    source: str
    state: str


class RecentCalls(Observed, frozen=True):
    """The calls with the latest rows, newest first, each with its last row."""

    calls: tuple[RecentCall, ...] = ()


class LogStates(Observed, frozen=True):
    """The states in use among the latest rows, most frequent first."""

    states: tuple[str, ...] = ()
