"""The published JSON Schemas: each is one, and each document keeps to its own."""

import json
from copy import deepcopy
from importlib import resources

import pytest
from jsonschema_rs import ValidationError, meta

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.render.formats import Format
from livekit_doctor.render.json import JsonFormat, schemas
from livekit_doctor.render.json.schemas import schema_of
from livekit_doctor.render.report import ErrorReport, ExplainReport
from tests.documents import validated
from tests.each import each
from tests.render.every_report import every_report, hostile_reports

NAMES = [file.name.removesuffix(".json") for file in resources.files(schemas).iterdir() if file.name.endswith(".json")]
FORM: Format = JsonFormat()


@each("name", NAMES)
def test_each_is_a_schema_that_names_itself(name: str) -> None:
    schema = schema_of(f"livekit-doctor/{name.replace('.', '/')}")
    meta.validate(schema)
    assert schema["$id"] == schema["properties"]["schema"]["const"]


@each("name", every_report())
def test_each_report_keeps_to_its_schema(name: str) -> None:
    validated(FORM(every_report()[name]))


@each("name", hostile_reports())
def test_hostile_text_changes_no_document(name: str) -> None:
    validated(FORM(hostile_reports()[name]))


def test_every_page_that_can_be_explained() -> None:
    codes, statuses = catalogue.codes(), [f"sip-{number}" for number in range(300, 700)]
    topics = tuple(look_up(word) for word in (*codes, *statuses))
    validated(FORM(ExplainReport(topics, tuple(map(catalogue.get, codes)))))


OWN = ("check", "trace", "probe", "test-call", "explain", "init", "triage", "lint", "clean")


@pytest.mark.parametrize("command", [*OWN, "watch", "chekc", ""])
def test_an_error_has_the_document_of_its_command(command: str) -> None:
    document = validated(FORM(ErrorReport(command, "LKD001", "wrong", "right", 2)))
    named = command if command in OWN else "check"
    assert document["schema"] == f"livekit-doctor/{named}/v1"


@pytest.mark.parametrize(("outer", "at", "inner"), [("test-call", "trace", "trace"), ("init", "check", "check")])
def test_a_document_inside_of_another_is_the_one_that_is_published(outer: str, at: str, inner: str) -> None:
    whole, published = schema_of(f"livekit-doctor/{outer}/v1"), schema_of(f"livekit-doctor/{inner}/v1")
    name = whole["properties"][at]["anyOf"][0]["$ref"].removeprefix("#/$defs/")
    embedded = whole["$defs"][name]
    assert embedded == {key: published[key] for key in embedded}
    assert {key: whole["$defs"][key] for key in published["$defs"]} == published["$defs"]


def test_a_document_with_another_key_or_without_one_is_refused() -> None:
    document = json.loads(FORM(every_report()["check"]))
    more, less = deepcopy(document), deepcopy(document)
    more["checks"][0]["new"] = 1
    del less["checks"][0]["id"]
    for changed in (more, less):
        with pytest.raises(ValidationError):
            validated(json.dumps(changed))
