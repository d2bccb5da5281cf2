"""Which tests start programs, and which measure time or memory: told from what they, their helpers and their fixtures
name, so that `make test-quick` needs no list of them.

A program that is forked from one that has imported it costs little, and counts as none.
"""

import inspect
import pty
import subprocess
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests import forked

STARTERS = (subprocess, pty)
STARTS = {"stdio_client"}
"""What is imported where it is called, and starts a program."""
FORKING = (forked.run, forked.Forked)
MEASURES = {"process_time", "tracemalloc"}


def starts_programs(test: Any) -> bool:
    """Whether a test, or whatever of tests/ it goes through, uses a module that starts programs."""
    return any(map(_starts, _reached(test)))


def runs_forked(test: Any) -> bool:
    """Whether it, or whatever of tests/ it goes through, runs a program in a fork of its own."""
    return any(value is one for function in _reached(test) for value in _named(function) for one in FORKING)


def measures(test: Any) -> bool:
    """Whether it, or whatever of tests/ it goes through, measures CPU time or memory."""
    return any(not MEASURES.isdisjoint(_names(function.__code__)) for function in _reached(test))


@cache
def _reached(test: Any) -> frozenset[FunctionType]:
    """The functions of tests/ that this one names, and those that they name; itself among them."""
    found: set[FunctionType] = set()
    left = [test]
    while left:
        for function in _functions(left.pop()):
            if function not in found:
                found.add(function)
                left += _named(function)
    return frozenset(found)


def _functions(value: Any) -> Iterator[FunctionType]:
    """What runs where this is called: a class's methods, what a decorator has wrapped, a fixture's function."""
    if not str(getattr(value, "__module__", None)).startswith("tests.") or value in FORKING:
        return
    if isinstance(value, type):
        for member in vars(value).values():
            yield from _functions(getattr(member, "__func__", getattr(member, "fget", member)))
        return
    whole = inspect.unwrap(value) if callable(value) else value
    whole = getattr(getattr(whole, "hypothesis", None), "inner_test", whole)
    if isinstance(whole, FunctionType):
        yield whole


def _named(function: FunctionType) -> list[Any]:
    """The values of the names in a function, fixtures by the names of its parameters."""
    names = {*function.__code__.co_varnames[: function.__code__.co_argcount], *_names(function.__code__)}
    known = [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [value for value in known if isinstance(value, ModuleType)]
    return [*known, *(vars(module)[name] for module in modules for name in names if name in vars(module))]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@cache
def _starts(function: FunctionType) -> bool:
    if not STARTS.isdisjoint(_names(function.__code__)):
        return True
    return any(value in STARTERS for value in _named(function) if isinstance(value, ModuleType))
