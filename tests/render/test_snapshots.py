"""What is printed, as a whole: syrupy snapshots of the console at two widths, and of JSON.

After a change that is meant: pytest tests/render --snapshot-update, then read the difference.
"""

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.render.commands import LK
from livekit_doctor.render.console import ConsoleFormat
from livekit_doctor.render.console import check as check_console
from livekit_doctor.render.console import trace as trace_console
from livekit_doctor.render.console.page import Page
from livekit_doctor.render.explained import explained
from livekit_doctor.render.json import check as check_json
from livekit_doctor.render.json import trace as trace_json
from tests.render.every_report import every_report
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


@pytest.mark.parametrize("name", ["recent", "recent judged", "recent empty", "recent live", "recent no room"])
def test_recent(name: str, snapshot: SnapshotAssertion) -> None:
    assert ConsoleFormat(terminal(80))(every_report()[name]) == snapshot


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
        msgspec.structs.replace(result, status="skipped", findings=(), message="before --probe, name the agent")
        if result.id == "agent_dispatch.probe"
        else result
        for result in report.results
    )
    console = terminal(120)
    check_console.render(replace(report, results=results), console)
    assert 'not tested: whether a worker is registered as "Front Desk 7" (before --probe, name the' in printed(console)
    assert check_json.render(report)["not_tested"] is None, "it was tested"


@pytest.mark.parametrize("status", ["passed", "failed", "skipped"])
def test_trunks_that_can_be_listed_do_not_say_that_livekit_sip_runs(status: Any) -> None:
    service = msgspec.structs.replace(check_report().results[0], id="sip_trunks.service", status=status, findings=())
    report, console = check_report(service), terminal(120)
    check_console.render(report, console)
    said = "not tested: whether livekit-sip runs (only a call shows it: livekit-doctor test-call NUMBER)"
    assert (said in printed(console)) is (status == "passed")
    assert check_json.render(report)["not_tested"] == ("whether livekit-sip runs" if status == "passed" else None)


def test_the_fix_of_a_broken_room_begins_with_its_trace() -> None:
    report = check_report()
    (finding,) = (f for result in report.results for f in result.findings if f.code == "LKD402")
    assert finding.room is None
    of_room = report.fix_of(msgspec.structs.replace(finding, room="call 7"))
    said, command, rest = of_room.split("\n", 2)
    assert (command, rest) == ("  livekit-doctor trace --room 'call 7'", report.fix_of(finding))
    assert said.startswith("Trace this call first")


@pytest.mark.parametrize(("code", "times"), [("LKD401", 1), ("LKD701", 0)])
def test_what_lk_is_is_said_once_and_only_where_it_is_used(code: str, times: int) -> None:
    console = terminal(120)
    page = Page(console)
    for _ in range(2):
        page.fix(catalogue.render_fix(catalogue.get(code), {}))
    assert printed(console).count(LK) == times
    sections = explained(look_up(code)).sections
    assert sum(item.text == f"{LK}." for section in sections for item in section.items) == times
