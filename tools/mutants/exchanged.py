"""Mutants as forks in which the code of functions was exchanged."""

import functools
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tools.mutants.covering import Covering, passes
from tools.mutants.made import Mutant

Key = tuple[str, int]


class Exchange:
    """Knows every function that there is in this process."""

    def __init__(self, items: Sequence[pytest.Item], covering: Covering) -> None:
        self.items, self.covering = items, covering
        gc.unfreeze()  # what is frozen is in no list
        everything = gc.get_objects()
        self._functions = [one for one in everything if isinstance(one, FunctionType)]
        caches = (one for one in everything if isinstance(one, functools._lru_cache_wrapper))
        self._caches: list[Any] = [one for one in caches if one.__module__.startswith("livekit_doctor")]
        gc.freeze()

    def survives(self, mutant: Mutant) -> bool:
        self._exchange(mutant)
        numbers = self.covering.tests_of(mutant)
        for number, following in zip(numbers, [*numbers[1:], None], strict=True):
            if not passes(self.items[number], None if following is None else self.items[following]):
                self.covering.found[number] += 1
                return False
        return True

    def _exchange(self, mutant: Mutant) -> None:
        path = str(Path(mutant.module).resolve())
        codes = {_key(code): code for code in _codes(compile(mutant.code, path, "exec", dont_inherit=True))}
        for function in self._functions:
            code = codes.get(_key(function.__code__)) if function.__code__.co_filename == path else None
            if code is not None and code.co_freevars == function.__code__.co_freevars:
                function.__code__ = code
        for cache in self._caches:
            cache.cache_clear()


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
