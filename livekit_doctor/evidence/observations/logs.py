"""Lines of the components' logs, and facts about each log."""

from datetime import datetime
from typing import Literal

from msgspec import field

from livekit_doctor.evidence.observations.read import Observed

Component = Literal["worker", "server", "sip", "app"]
"""Whose log it is: an agent worker's, livekit-server's, livekit-sip's, or another program's of the team that names
an id of LiveKit's."""


class LogLine(Observed, frozen=True):
    """One line (record) of a component's log: what it says, and nothing of what it means.

    `fields` has the structured fields under one name for all formats, secrets removed: room, room_id,
    job_id, dispatch_id, agent_name, worker_id, job_type, deployment, participant, participant_id, call_id
    (SCL_...), sip_trunk, status, reason, error, url, namespace, method, request, retry, load, and any other
    in snake_case. `time` is a time of day without a date, where the line has no more than that.
    """

    log: Component
    file: str
    """Name of the file, - for standard input."""
    number: int
    """Line number in the file, from 1."""
    at: datetime | None = None
    """None: the line has no time, or no date."""
    zoned: bool = True
    """False: the time had no zone and was taken as UTC."""
    level: str = ""
    """debug, info, warn, error or fatal; empty where the line has none."""
    logger: str = ""
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    traceback: str = ""
    """The team's own frames and the exception; frames of libraries are counted, not shown."""
    ends_entrypoint: bool = False
    """Whether nobody but livekit-agents, or nobody at all, caught what the agent's entrypoint raised."""
    by_id: bool = True
    """Whether it has one of the call's own ids or names. False: found by its message alone."""
    rank: int | None = None
    """Its place in time among the lines of its file, where the order of the lines does not tell: a pasted text, or a
    log that has its last line first."""

    @property
    def order(self) -> int:
        """What tells which of two lines of a file was written first, where their times do not."""
        return self.number if self.rank is None else self.rank

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands: the same for a line that was read twice. A line of JSON may hold several records."""
        return (self.log, self.file, self.number, self.at, self.message)


class LogFile(Observed, frozen=True):
    """Facts about one log that was read. `first_at` and `last_at` are the span that it covers: only
    inside it the absence of a line means something."""

    log: Component
    name: str
    formats: tuple[str, ...] = ()
    """The formats recognised; empty: nothing in it looks like the log of a LiveKit component."""
    lines: int = 0
    matched: int = 0
    """Records kept as LogLine."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    zoned: bool = True
    """False: its times have no zone and were taken as UTC."""
    skipped: dict[str, int] = field(default_factory=dict)
    """How many lines were not, or only partly, read, by why."""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many lines that would match were left out, by message: too many, or too far from the call."""


def folded(message: str) -> str:
    """The message to be compared: in small letters, and with one kind of dash, which word processors change."""
    return message.lower() if message.isascii() else message.lower().translate(_DASHES)


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
