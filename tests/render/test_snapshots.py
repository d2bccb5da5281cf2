"""What is printed, as a whole: syrupy snapshots of the console at two widths, and of JSON.

After a change that is meant: pytest tests/render --snapshot-update, then read the difference.
"""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor.render.console import check as check_console
from livekit_doctor.render.console import trace as trace_console
from livekit_doctor.render.json import check as check_json
from livekit_doctor.render.json import trace as trace_json
from tests.render.reports import TRACES, check_report, printed, terminal, trace_report


def as_printed(value: dict[str, Any]) -> Any:
    """The document as a reader of stdout has it."""
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", TRACES)
def test_trace(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    trace_console.render(trace_report(TRACES[name]()), console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("width", [80, 120])
def test_check(width: int, snapshot: SnapshotAssertion) -> None:
    console = terminal(width)
    check_console.render(check_report(), console)
    assert printed(console) == snapshot


def test_colours(snapshot: SnapshotAssertion) -> None:
    console = terminal(100, colour=True)
    trace_console.render(trace_report(TRACES["broken"]()), console)
    check_console.render(check_report(), console)
    assert printed(console) == snapshot


@pytest.mark.parametrize("name", TRACES)
def test_trace_json(name: str, snapshot: SnapshotAssertion) -> None:
    document = as_printed(trace_json.render(trace_report(TRACES[name]())))
    assert document == snapshot(extension_class=JSONSnapshotExtension)


def test_check_json(snapshot: SnapshotAssertion) -> None:
    document = as_printed(check_json.render(check_report()))
    assert document == snapshot(extension_class=JSONSnapshotExtension)


def test_a_check_without_a_probe_says_what_it_does_not_tell() -> None:
    """With nothing wrong, a worker may still be missing or run under another name."""
    report = check_report()
    results = tuple(
        msgspec.structs.replace(result, status="skipped", findings=())
        if result.id == "agent_dispatch.probe"
        else result
        for result in report.results
    )
    console = terminal(120)
    check_console.render(replace(report, results=results), console)
    assert 'not tested: whether a worker is registered as "Front Desk 7" (add --probe' in printed(console)
    assert check_json.render(report)["not_tested"] is None, "it was tested"
