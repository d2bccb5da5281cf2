"""What several tests of the command line begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evidence.odd_server import OddServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Its own checks.yaml, so that none is found upwards."""
    (tmp_path / "checks.yaml").write_text("livekit: {timeout: 1}\nagent: {name: Front Desk}\n")
    return tmp_path


@pytest.fixture
def server() -> Iterator[OddServer]:
    """A LiveKit API; no call logs are configured."""
    with OddServer() as server:
        yield server
