"""What a test is told is compared with what is kept of it: a hook of tests/diagnosis and tests/evidence."""

from collections.abc import Generator

import pytest

from tests.in_full import kept
from tests.in_full.said import SAID


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    SAID.clear()
    result = yield
    wrong = kept.wrong_in_test(item)
    assert not wrong, "\n".join([*wrong, kept.WRITE])
    return result
