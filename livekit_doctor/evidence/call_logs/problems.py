"""Why the call logs can't be read, as LKD602."""

from collections.abc import Iterable
from typing import Literal

from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Coverage, Problem, Reading
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import CallLogs, Columns

Kind = Literal[
    "dsn",
    "unreachable",
    "auth",
    "timeout",
    "no_database",
    "no_schema",
    "no_table",
    "no_column",
    "no_column_in_file",
    "no_permission",
    "row_security",
    "file_missing",
    "file_unreadable",
    "file_format",
    "other",
]

_FOUND_NAMES = 12
DEFAULTS = Columns()
"""A column that is set to its default may be missing where a row is of use without it."""


class LogsUnreadable(Exception):
    """The logs can't be read. `message` is one line: what is wrong, where, and what to type."""

    def __init__(self, kind: Kind, message: str, **values: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = " ".join(redact_text(message).split())
        self.values = {name: redact_text(value) for name, value in values.items()}


def unread(settings: CallLogs, error: LogsUnreadable) -> Reading:
    values = {
        "kind": error.kind,
        "schema": settings.schema,
        "table": settings.table,
        "column": settings.columns.call_id,
        "detail": error.message,
        **({"file": settings.file} if settings.file else {}),
        **error.values,
    }
    problem = Problem(code="LKD602", message=error.message, values=values)
    return Reading(coverage=(Coverage(source=sources.CALL_LOGS, status="unread", problem=problem),))


def did_you_mean(nearest: Iterable[str]) -> str:
    """`; did you mean "call_id"?`, the end of a sentence either way."""
    names = [f'"{name}"' for name in nearest]
    return f"; did you mean {' or '.join(names)}?" if names else "."


def listed(names: Iterable[str]) -> str:
    """The names that are there, each as it is written, not too many of them."""
    quoted = [f'"{name}"' if len(name) <= 63 else f'"{name[:62]}…"' for name in names]
    more = f" and {len(quoted) - _FOUND_NAMES} more" if len(quoted) > _FOUND_NAMES else ""
    return (", ".join(quoted[:_FOUND_NAMES]) or "none") + more
