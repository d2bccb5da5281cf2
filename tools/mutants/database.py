"""One Postgres for the tests of all mutants: each of them makes a database of its own there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OTHERS = {
    "redis",
    "livekit",
    "own_redis",
    "own_livekit",
    "livekit_without_redis",
    "installed",
    "chrome",
    "stage",
}


def needs_servers(item: pytest.Function) -> bool:
    """Other ones than Postgres."""
    names = set(item.fixturenames)
    alone = "postgres" in names and names.isdisjoint(OTHERS)
    return item.get_closest_marker("servers") is not None and not alone


@contextmanager
def shared() -> Iterator[None]:
    """What begins a server here, and in the forks of this process, gets this one; nothing but its end ends it."""
    from tests.lab.servers import Postgres

    begin, end = Postgres.__enter__, Postgres.__exit__
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder)) as server:
        setattr(Postgres, "__enter__", lambda _: server)  # noqa: B010
        setattr(Postgres, "__exit__", lambda *_: None)  # noqa: B010
        try:
            yield
        finally:
            Postgres.__enter__, Postgres.__exit__ = begin, end  # type: ignore[method-assign]
