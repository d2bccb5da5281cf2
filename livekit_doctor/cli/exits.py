"""The exit statuses (design section 7)."""

from enum import IntEnum


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


WRONG_NAMES = ("auth", "no_database", "no_schema", "no_table", "no_column", "file_missing", "file_format")
"""Kinds of LKD602 that are the configuration's fault, not the database's."""
