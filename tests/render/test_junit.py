"""JUnit XML: by Jenkins' schema, read by a reader of such files, and failing exactly when the console does."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped
from syrupy.assertion import SnapshotAssertion

from livekit_doctor.render.formats import Format, FormatName, load
from tests.each import each
from tests.render import junit_xsd
from tests.render.every_report import every_report, hostile_reports

FORM: Format = load(FormatName.JUNIT)


@cache
def schema() -> Any:
    return xmlschema.XMLSchema(str(junit_xsd.path()))


def cases(text: str) -> list[Any]:
    return [case for suite in JUnitXml.fromstring(text.encode()) for case in suite]


@each("name", every_report())
def test_it_is_valid(name: str) -> None:
    schema().validate(FORM(every_report()[name]))


@each("name", hostile_reports())
def test_whatever_was_read_it_is_valid(name: str) -> None:
    text = FORM(hostile_reports()[name])
    schema().validate(text)
    assert "<script>" not in text


def test_the_schema_refuses_what_is_none() -> None:
    with pytest.raises(xmlschema.XMLSchemaException):
        schema().validate("<testsuites><testsuite><case/></testsuite></testsuites>")


@each("name", every_report())
def test_it_fails_exactly_when_the_exit_status_does(name: str) -> None:
    """What decides a build is the exit status for one CI and the failures in this file for another."""
    report = every_report()[name]
    text = FORM(report)
    bad = [one for case in cases(text) for one in case.result if isinstance(one, Failure | Error)]
    assert bool(bad) == (report.exit_status != 0)
    document = JUnitXml.fromstring(text.encode())
    assert document.failures + document.errors == len(bad)
    assert document.tests == len(cases(text))


def test_each_check_is_a_case_with_its_time_and_what_to_type() -> None:
    found = {case.name: case for case in cases(FORM(every_report()["check"]))}
    assert list(found) == [
        "configuration.file",
        "connection.reachable",
        "worker.endpoint",
        "sip_trunks.outbound",
        "agent_dispatch.probe",
        "room_presence.live",
        "call_logs.readable",
    ]
    (failure,) = found["sip_trunks.outbound"].result
    assert isinstance(failure, Failure)
    assert failure.type == "LKD202"
    assert "\nfix: " in failure.text
    assert found["agent_dispatch.probe"].time == pytest.approx(20.1)
    assert isinstance(found["worker.endpoint"].result[0], Skipped)
    assert isinstance(found["room_presence.live"].result[0], Error)
    assert found["call_logs.readable"].result == [], "a warning is no failure"
    assert "LKD605" in (found["call_logs.readable"].system_out or "")


def test_with_strict_a_warning_is_a_failure() -> None:
    found = {case.name: case for case in cases(FORM(every_report()["check strict"]))}
    assert isinstance(found["call_logs.readable"].result[0], Failure)


@pytest.mark.parametrize("name", ["check", "trace both legs", "probe dropped", "init", "init unchecked", "error"])
def test_as_a_whole(name: str, snapshot: SnapshotAssertion) -> None:
    assert FORM(every_report()[name]) == snapshot


def test_the_schema_is_in_the_cache_and_nowhere_in_the_project() -> None:
    assert not list(Path(__file__).parents[2].glob("tests/**/*.xsd"))
