"""The exit statuses (design section 7)."""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livekit_doctor.checks.check import CheckResult
    from livekit_doctor.diagnosis.result import Diagnosis


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """A check failed, or the call is broken."""
    USAGE = 2
    """Wrong usage, configuration, credentials, table or column."""
    UNDECIDED = 3
    """Evidence could not be read, or there is none."""
    INTERNAL = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


WRONG_NAMES = (
    "dsn",
    "auth",
    "no_database",
    "no_schema",
    "no_table",
    "no_column",
    "no_column_in_file",
    "file_missing",
    "file_format",
)
"""Kinds of LKD602 that are the configuration's fault, not the database's."""


def exit_status_of_check(results: "tuple[CheckResult, ...]", *, strict: bool) -> Exit:
    """2 where configuration or credentials are at fault, 1 where a check failed, 3 undecided: also where there was
    nothing that could be checked."""
    failed = [result for result in results if result.status == "failed"]
    for finding in (finding for result in failed for finding in result.findings):
        if finding.code in ("LKD002", "LKD004") or finding.values.get("kind") in WRONG_NAMES:
            return Exit.USAGE
    statuses = {result.status for result in results}
    if failed or (strict and "warned" in statuses):
        return Exit.FAILED
    return Exit.UNDECIDED if "errored" in statuses or statuses == {"skipped"} else Exit.OK


def exit_status_of_trace(diagnosis: "Diagnosis") -> Exit:
    """2 where the configuration is at fault, else by the verdict."""
    from livekit_doctor.flow import Verdict

    for entry in diagnosis.coverage:
        problem = entry.problem
        if problem is not None and (problem.code in ("LKD002", "LKD004") or problem.values.get("kind") in WRONG_NAMES):
            return Exit.USAGE
    match diagnosis.verdict:
        case Verdict.BROKEN:
            return Exit.FAILED
        case Verdict.HEALTHY | Verdict.IN_PROGRESS:
            return Exit.OK
        case _:
            return Exit.UNDECIDED
