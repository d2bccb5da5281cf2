"""A pytest plugin that notes which diagnosis codes each test made the code under test raise.

It watches what functions return and yield, so that nothing of the package is replaced. The file named
by `--raised FILE` gets a JSON object: for each test that passed, the codes of the findings, breaks, warnings and
user errors that came out of the package while it ran.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.errors import UserError
from livekit_doctor.lint.result import Located

PACKAGE = str(Path(__file__).parents[2] / "livekit_doctor")


def codes_in(value: object) -> set[str]:
    """The codes that a returned value says."""
    if isinstance(value, Finding):
        return {value.code}
    if isinstance(value, Located):
        return {value.finding.code}
    if isinstance(value, Diagnosis):
        broken = {code for item in value.broken for code in (item.code, *item.consequences)}
        return broken | {item.code for item in value.warnings}
    return set()


class Recorder:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.raised: dict[str, set[str]] = {}
        self.passed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        seen = self.raised.setdefault(item.nodeid, set())

        def watch(frame: FrameType, event: str, value: Any) -> None:
            if event == "return" and frame.f_code.co_filename.startswith(PACKAGE):
                seen.update(codes_in(value))
                if frame.f_code is UserError.__init__.__code__:
                    seen.add(frame.f_locals["code"])

        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            return (yield)
        finally:
            sys.setprofile(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        passed = {node: sorted(codes) for node, codes in self.raised.items() if node in self.passed}
        self.file.write_text(json.dumps(passed))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--raised", metavar="FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Recorder(Path(config.getoption("--raised"))))
