"""What is under way, told to whoever waits for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple, Self


class Doing(NamedTuple):
    """One thing that is under way, in words.

    `since` and `until` are seconds on time.monotonic()'s clock; `until` is when it is over at the latest,
    None where nobody knows. `share` of it is done (0 to 1), where that is known, and `amount` says of how much.
    """

    what: str
    since: float
    until: float | None = None
    share: float | None = None
    amount: str = ""


Tell = Callable[[tuple[Doing, ...]], None]
"""Is given all that is under way, what began first in front, whenever it changes."""


class Progress:
    """One line of work. Called, it says what is done now, in place of what was done before."""

    def __init__(self, tell: Tell = lambda _: None, *, under_way: "dict[Progress, Doing] | None" = None) -> None:
        self._tell = tell
        self._under_way = {} if under_way is None else under_way

    def __call__(
        self, what: str, seconds: float | None = None, *, share: float | None = None, amount: str = ""
    ) -> None:
        """`seconds` is how long it takes at the most, from now."""
        now = monotonic()
        before = self._under_way.get(self)
        since = before.since if before and before.what == what else now
        self._under_way[self] = Doing(what, since, None if seconds is None else now + seconds, share, amount)
        self._tell(tuple(self._under_way.values()))

    @contextmanager
    def beside(self, what: str) -> Iterator[Self]:
        """Something that is done at the same time as the rest, until the block is left."""
        own = type(self)(self._tell, under_way=self._under_way)
        own(what)
        try:
            yield own
        finally:
            del self._under_way[own]
            self._tell(tuple(self._under_way.values()))


def beginnings(say: Callable[[Doing], None]) -> Tell:
    """For who wants no moving picture: `say` is given each thing once, when it begins."""
    known: set[str] = set()

    def tell(under_way: tuple[Doing, ...]) -> None:
        new = [doing for doing in under_way if doing.what not in known]
        known.clear()
        known.update(doing.what for doing in under_way)
        for doing in new:
            say(doing)

    return tell
