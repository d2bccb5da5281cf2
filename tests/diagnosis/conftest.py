"""What a test's diagnoses say in full is compared with what is kept of them."""

from tests.in_full.comparing import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
