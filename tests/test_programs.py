"""Tests that start programs, or measure, are told from those that don't."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli import command_line
from tests.cli.command_line import run, run_process, start
from tests.each import each
from tests.programs import measures, starts_programs


def direct() -> None:
    subprocess.run(["true"], check=True)


def by_a_helper() -> None:
    direct()


def in_a_lambda() -> list[None]:
    return [(lambda: direct())() for _ in "a"]


class Started:
    @property
    def status(self) -> int:
        return subprocess.run(["true"]).returncode


def by_a_class() -> int:
    return Started().status


def by_a_module() -> None:
    command_line.run_process("--version", cwd=Path())


def by_a_protocol() -> object:
    from mcp.client.stdio import StdioServerParameters, stdio_client

    return stdio_client(StdioServerParameters(command="true"))


@pytest.fixture
def ready() -> Iterator[None]:
    direct()
    yield  # noqa: PT022


def by_a_fixture(ready: None) -> None: ...


@each("one", [1])
def for_each(one: int) -> None:
    direct()


@given(st.none())
def for_any(one: None) -> None:
    direct()


def forks() -> None:
    run("--version", cwd=Path())


def none() -> None:
    assert Path().exists()


@pytest.mark.parametrize(
    "test",
    [
        direct,
        by_a_helper,
        in_a_lambda,
        by_a_class,
        by_a_module,
        by_a_protocol,
        by_a_fixture,
        for_each,
        for_any,
        run_process,
        start,
    ],
)
def test_one_that_does(test: object) -> None:
    assert starts_programs(test)


@pytest.mark.parametrize("test", [forks, none])
def test_one_that_does_not(test: object) -> None:
    assert not starts_programs(test)


def took(begun: float) -> float:
    return time.process_time() - begun


def measured() -> None:
    assert took(0) >= 0


def test_one_that_measures() -> None:
    assert measures(measured)
    assert not measures(none)
    assert not starts_programs(measured)
