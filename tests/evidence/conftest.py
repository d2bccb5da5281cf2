"""What is read for a test is compared with what is kept of it."""

from tests.in_full.comparing import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
