"""Engines that take long to start: once for all tests, on one worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import database, lab_folder, postgres
from tests.triage.engines import spark_session

__all__ = ["database", "lab_folder", "postgres"]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from spark_session(tmp_path_factory.mktemp("spark"))


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from chdb.session import Session

    session = Session(str(tmp_path_factory.mktemp("clickhouse")))
    yield session
    session.close()


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    return tmp_path / "logs.parquet"
