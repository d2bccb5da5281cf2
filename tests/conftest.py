"""What holds for all tests."""

import gc
import socket
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from livekit_doctor import known_secrets
from tests.ci.installed import installed
from tests.hanging import interrupted
from tests.programs import measures, starts_programs
from tests.thorough import examples

__all__ = ["installed"]

# How long an example takes says how busy the machine is. 40, drawn anew in each run, are 1,000 in a week of work.
settings.register_profile("unhurried", deadline=None, max_examples=examples(40, thorough=200))
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_known_secrets() -> None:
    """A run of the command is a process of its own, and a test is as good as one."""
    known_secrets.forget()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def pytest_make_parametrize_id(val: object) -> str | None:
    """A text of a megabyte is no name: xdist hands the names of all tests around, and each report has one."""
    return f"{val[:100]}... ({len(val)} characters)" if isinstance(val, str) and len(val) > 120 else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look through it each time takes a fifth of the collection's CPU time, and a seventh
    of the tests'."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    with interrupted():
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.getoption("markexpr")
    for item in items:
        if (shared := _shared(item)) and not _group(item):
            item.add_marker(pytest.mark.xdist_group(shared))
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
        for marker, is_so in (("programs", starts_programs), ("measures", measures)):
            # To find out takes two seconds for all of them.
            if marker in chosen and isinstance(item, pytest.Function) and is_so(item.function):
                item.add_marker(marker)
    # The groups begin first, the largest before the others. Of all else each module's tests are spread over the run,
    # so that what waits runs beside what computes at any time.
    groups, modules = Counter(map(_group, items)), Counter(item.path for item in items)
    met: Counter[Path] = Counter()
    places: dict[pytest.Item, float] = {}
    for item in items:
        group = _group(item)
        places[item] = -groups[group] if group else met[item.path] / modules[item.path]
        met[item.path] += 1
    items.sort(key=places.__getitem__)


_SERVERS = {"lab_folder", "installed", "chrome", "stage", "recording"}
"""Fixtures behind all that starts a server or a browser, or installs something: not for `make test-quick`."""


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    return str(marker.args[0]) if marker else ""


def _shared(item: pytest.Item) -> str:
    """What is made once by one worker, for all tests that need it: an install, or what is made for a whole module."""
    fixtures = getattr(item, "_fixtureinfo", None)
    known = fixtures.name2fixturedefs if fixtures else {}
    if "installed" in known:
        return "installed"
    return item.path.stem if any(known[name][-1].scope == "module" for name in known) else ""
