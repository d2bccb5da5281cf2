"""Mutants as processes that import all anew. They are forked from one that has imported what is not ours."""

import importlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest

from tools.mutants.forking import each_forked

NOT_OURS: tuple[str, ...] = (
    "aiohttp",
    "hypothesis",
    "jinja2",
    "livekit.protocol.room",
    "livekit.protocol.sip",
    "msgspec",
    "psycopg",
)
NOT_OURS += ("prometheus_client", "rich.console", "sqlglot", "typer", "yaml", "xdist", "syrupy", "websockets")


FEW = 12


class Changed(NamedTuple):
    module: str
    code: str
    tests: Sequence[str]
    number: int
    seconds: float


class Anew:
    """A process without our modules, begun before this one imports them."""

    def __init__(self, options: Sequence[str], jobs: int) -> None:
        self._ours, theirs = multiprocessing.get_context("fork").Pipe()
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, options, jobs))
        process.start()

    def survivors(self, changed: Sequence[Changed]) -> Iterator[tuple[int, bool]]:
        """Of each its number, and whether it survives."""
        self._ours.send(list(changed))
        for _ in changed:
            yield self._ours.recv()

    def end(self) -> None:
        self._ours.send(None)


def _serve(pipe: Any, options: Sequence[str], jobs: int) -> None:
    for name in NOT_OURS:
        importlib.import_module(name)
    while (changed := pipe.recv()) is not None:
        todo = ((one, one.seconds) for one in changed)
        for one, survives in each_forked(todo, lambda one: _survives(one, options), jobs):
            pipe.send((one.number, survives))


def _survives(changed: Changed, options: Sequence[str]) -> bool:
    """The few that find the most first: to collect them all takes longer than to run them."""
    sys.meta_path.insert(0, _Finder(changed))
    few, others = changed.tests[:FEW], changed.tests[FEW:]
    return all(pytest.main([*options, "-x", *tests]) == 0 for tests in (few, others) if tests)


class _Finder(MetaPathFinder):
    def __init__(self, changed: Changed) -> None:
        self.path = str(Path(changed.module).resolve())
        self.name = changed.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.code = changed.code

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.path, loader=_Loader(fullname, self.path, self.code))


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, changed: str) -> None:
        super().__init__(fullname, path)
        self.changed = changed

    def get_code(self, fullname: str) -> CodeType | None:
        return compile(self.changed, self.path, "exec", dont_inherit=True)
