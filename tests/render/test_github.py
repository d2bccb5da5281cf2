"""GitHub Actions' log: annotations as its runner reads them, and nothing else that it would obey."""

import re

import pytest
from syrupy.assertion import SnapshotAssertion

from livekit_doctor.redact import printable
from livekit_doctor.render import github
from livekit_doctor.render.formats import Format
from tests.each import each
from tests.render.every_report import HOSTILE, every_report, hostile_reports

FORM: Format = github.render
COMMAND = re.compile(r"^\s*::(?P<name>[\w-]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)$")


def obeyed(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The workflow commands that the runner would carry out: name, properties, message. As its
    documentation has it: not between stop-commands and its word; %25, %0D, %0A, and in properties also
    %3A and %2C are escapes."""
    found = []
    stopped = None
    for line in text.splitlines():
        if stopped is not None:
            stopped = None if line.strip() == f"::{stopped}::" else stopped
            continue
        if command := COMMAND.match(line):
            if command["name"] == "stop-commands":
                stopped = command["data"]
                continue
            pairs = (pair.partition("=") for pair in (command["properties"] or "").split(",") if pair)
            properties = {key: unescaped(value, ":", ",") for key, _, value in pairs}
            found.append((command["name"], properties, unescaped(command["data"])))
    assert stopped is None, "commands are never started again"
    return found


def unescaped(text: str, *further: str) -> str:
    for char in (*further, "\r", "\n", "%"):
        text = text.replace(f"%{ord(char):02X}", char)
    return text


@each("name", every_report())
def test_an_annotation_for_each_failure(name: str) -> None:
    report = every_report()[name]
    levels = [level for level, _, _ in obeyed(FORM(report))]
    assert set(levels) <= {"error", "warning"}
    assert ("error" in levels) == (report.exit_status != 0)


def test_an_annotation_has_code_evidence_and_fix() -> None:
    found = obeyed(FORM(every_report()["check"]))
    level, properties, message = found[0]
    assert (level, properties["title"]) == (
        "error",
        "LKD202 outbound-trunk-misconfigured (proven): title of sip_trunks.outbound",
    )
    assert "expects caller id +1" in message
    assert "\nfix: " in message


@each("name", hostile_reports())
def test_no_command_in_what_was_read_is_obeyed(name: str) -> None:
    text = FORM(hostile_reports()[name])
    assert printable(HOSTILE) in text
    assert {level for level, _, _ in obeyed(text)} <= {"error", "warning"}
    assert not any(properties.get("title") == "x" for _, properties, _ in obeyed(text))


@pytest.mark.parametrize("name", ["check", "trace both legs", "init", "init unchecked", "error"])
def test_as_a_whole(name: str, snapshot: SnapshotAssertion) -> None:
    assert re.sub(r"\b[0-9a-f]{32}\b", "WORD", FORM(every_report()[name])) == snapshot
