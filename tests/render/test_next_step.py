"""The command to run next, as the JSON documents name it."""

import json
import shlex

import pytest

from livekit_doctor.cli.app import built
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.report import ErrorReport
from tests.each import each
from tests.render.every_report import every_report


def next_of(name: str) -> dict[str, str] | None:
    found: dict[str, str] | None = json.loads(JsonFormat()(every_report()[name])).get("next")
    return found


@each("name", every_report())
def test_it_is_a_command_of_the_tool_with_options_that_there_are(name: str) -> None:
    step = next_of(name)
    if step is None:
        return
    program, command, *words = shlex.split(step["command"])
    assert program == "livekit-doctor"
    options = {opt for parameter in built().commands[command].params for opt in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--") and word != "--"} <= options


def test_what_is_wrong_has_one_and_what_is_well_has_none() -> None:
    reports = every_report()
    documents = {name: json.loads(JsonFormat()(report)) for name, report in reports.items()}
    for name, document in documents.items():
        if document.get("verdict") == "broken" or (document.get("checks") and document["exit_status"] == 1):
            assert document["next"], name
        if document.get("verdict") == "healthy":
            assert document["next"] is None, name
    assert any(document.get("next") for document in documents.values())


@pytest.mark.parametrize(
    ("fix", "command"),
    [
        ("livekit-doctor check --probe", "livekit-doctor check --probe"),
        ("give one of them whole: livekit-doctor trace call-1", "livekit-doctor trace call-1"),
        ("a file each", None),
        ("lk sip outbound list", None),
    ],
)
def test_that_of_an_error_is_in_its_fix(fix: str, command: str | None) -> None:
    document = json.loads(JsonFormat()(ErrorReport("check", "LKD001", "wrong", fix, 2)))
    assert (document["next"] or {}).get("command") == command
