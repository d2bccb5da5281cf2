"""Reading data into types, in whatever thread.

msgspec (0.22) learns a type when it first reads one, and crashes the process where two threads make it
learn the same one at once. The types that we read have types in common, so there is one lock for all.
"""

from threading import Lock
from typing import TypeVar

import msgspec

T = TypeVar("T")
_ONE_AT_A_TIME = Lock()


def convert(value: object, kind: type[T]) -> T:
    """As msgspec.convert; raises msgspec.ValidationError."""
    with _ONE_AT_A_TIME:
        return msgspec.convert(value, kind)


def from_json(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """As msgspec.json.decode; raises msgspec.DecodeError."""
    with _ONE_AT_A_TIME:
        return msgspec.json.decode(data, type=kind)
