"""What the tests of experiments share."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.evidence.observations import Reading

T = TypeVar("T")


class WithClient(Protocol):
    """Runs `work` with a client of the lab's server, some of whose settings may differ."""

    def __call__(self, work: Callable[[LiveKitClient], Awaitable[T]], **changed: Any) -> T: ...


def of_kind(reading: Reading, kind: type[T]) -> T:
    """The only observation of this kind."""
    (found,) = [item for item in reading.observations if isinstance(item, kind)]
    return found
