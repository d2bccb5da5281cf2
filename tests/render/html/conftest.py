"""A browser a module; each test ends with pages that had nothing to complain of, and asked for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.render.html.opened import Opener, browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def opened(chrome: Browser, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(chrome, tmp_path)
    yield opener
    opener.close()
    assert opener.complaints == []
