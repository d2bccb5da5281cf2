"""What the statement is made of: where the rows are, which calls are looked at, numbers that stand for words."""

from collections.abc import Sequence

from msgspec import Struct

from livekit_doctor.triage.plan import SECOND

STEPS = range(1, 13)
NEVER = "CAST(9000000000000000000 AS BIGINT)"
ZERO = "CAST(0 AS BIGINT)"

GAPS = {"join": (3, 6), "ring": (9, 10), "answer": (10, 11)}
"""The times that are measured, each from a step to a step."""
EDGES = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 30, 45, 90)
"""Seconds. A time is counted below each: such counts add up over any groups, and are the same in every engine."""

REASONS = (
    "",
    "a state says that it failed",
    "a component logs nothing that is a step",
    "it ended before its agent's time was up",
    "it lasted, or somebody on the phone talked, and no row shows its agent",
    "it was opened again after an answer, or dispatched again after an agent had come",
    "its last row is from the future",
    "no row of it is a step",
    "neither agent nor phone is known to have come",
)
"""Why a call is `unknown`, by the number that the statement gives."""

DIGITS = "[3-6][0-9][0-9]"
STATUS = (
    "(?i)(?:sip[_ -]?(?:status[_ -]?code|status|code|response[_ -]?code)|sip call failed)"
    f"[^0-9a-z{{}}]{{0,6}}({DIGITS})(?:[^0-9]|$)"
)
LONGEST = 65_536
"""Characters of a row's metadata in which an answer is looked for."""
ERRORS = (
    '(?i)"(?:(?:last_?)?(?:err|error|exception|exc|cause|failure)|(?:error[_ -]?)?(?:message|msg|code)'
    '|error[_ -]?details?)"[ ]*:[ ]*"'
)
"""Where the text of an error begins in a row's metadata."""
QUOTED = f'{ERRORS}[^"]*(?:%s)'


class Columns(Struct, frozen=True):
    """Where the rows are; names as they are in the engine."""

    table: tuple[str, ...]
    call_id: str
    at: str
    state: str
    source: str | None
    metadata: str | None


class Window(Struct, frozen=True):
    """Which calls are looked at, by their first row: from `since` to `until`, and from `before` to `since`, to be
    compared with. `now` is the clock of the log. Microseconds since 1970."""

    before: int
    since: int
    until: int
    now: int
    bucket: int = 3600 * SECOND

    @property
    def first(self) -> int:
        """Rows from here on are read, so that a long call that began earlier is no new one."""
        return self.before - MARGIN

    @property
    def last(self) -> int:
        """Rows up to here are read, so that a call that began at the end is not cut off."""
        return self.until + MARGIN


MARGIN = 3600 * SECOND


class Key(Struct, frozen=True):
    """What calls are grouped by: the component that opened the call, a column, or a path into the metadata's JSON."""

    name: str
    column: str | None = None
    path: tuple[str, ...] = ()


def names_of_groups() -> Sequence[str]:
    """The columns of `groups`, in order."""
    gaps = [f"{name}_{place}" for name in GAPS for place in (*range(len(EDGES)), "timed")]
    keys = ("win", "verdict", "agent_step", "status", "phone_step", "way", "phone_way", "why", "hour")
    return (*keys, "calls", "retried", "skewed", "first_seen", "last_seen", "sample", *gaps)


ORDER = (
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 6),
    (6, 7),
    (2, 8),
    (8, 9),
    (9, 10),
    (10, 11),
    (2, 4),
    (3, 5),
    (3, 6),
    (8, 11),
)
"""Pairs of steps of which the first is implied by the second."""
