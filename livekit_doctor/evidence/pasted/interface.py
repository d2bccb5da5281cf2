"""What a recogniser is: from a text to what it shows, and which of its lines that took."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from livekit_doctor.evidence.observations import Observation, Read
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.settings import CallLogs


class Context(Struct, frozen=True):
    """`read` is where the observations come from; `call_logs` says how the team's log
    rows look."""

    read: Read
    call_logs: CallLogs


class Found(Struct, frozen=True):
    """Something in a text, in its lines `first` to `last`. `kind` is a word for one of it, such as
    "TwirpError"; `count` how many of it this is."""

    kind: str
    first: int
    last: int
    observations: tuple[Observation, ...] = ()
    count: int = 1


class Recogniser(Protocol):
    """One kind of thing that people paste: a module with a function of this shape."""

    def __call__(self, excerpt: Excerpt, context: Context) -> Iterable[Found]:
        """What is in the text. Lines that another recogniser has taken are read all the same where they
        may hold more, as a log line does that quotes an error."""
        ...
