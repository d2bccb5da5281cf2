"""SARIF 2.1.0, for code scanning: a result for each thing that failed or warns, at its line where it has one."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from livekit_doctor import __version__, catalogue
from livekit_doctor.lint.facts import Place
from livekit_doctor.redact import printable
from livekit_doctor.render.outline import Point
from livekit_doctor.render.outlined import outline_of
from livekit_doctor.render.problems import Problem
from livekit_doctor.render.report import Report

_LEVELS = {"failed": "error", "errored": "error", "warned": "warning"}


def render(of: Report) -> str:
    report = outline_of(of)
    results = [result for point in report.points for result in _results(point)]
    found = {str(result["ruleId"]) for result in results} & set(catalogue.codes())
    driver = {
        "name": "livekit-doctor",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in sorted(found | set(report.explains))],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"livekit-doctor {report.command}".strip() + "/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [
            {
                "executionSuccessful": report.exit_status in (0, 1),
                "exitCode": report.exit_status,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": printable(note)}} for note in report.notes
                ],
            }
        ],
        "results": results,
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2) + "\n"


def _results(point: Point) -> Iterator[dict[str, Any]]:
    level = _LEVELS.get(point.status)
    if level is None:
        return
    if not point.problems:
        yield _result(point, "livekit-doctor", level, [point.message or point.title])
    for problem in point.problems:
        yield _result(point, problem.code, level, list(_lines(problem)))


def _result(point: Point, rule: str, level: str, lines: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": level,
        "message": {"text": "\n".join(map(printable, lines))},
    }
    if point.place is not None:
        result["locations"] = [_location(point.place)]
    else:
        result["locations"] = [{"logicalLocations": [{"fullyQualifiedName": printable(f"{point.group}.{point.id}")}]}]
    if point.related:
        result["relatedLocations"] = [{"id": number, **_location(one)} for number, one in enumerate(point.related, 1)]
    return result


def _lines(problem: Problem) -> Iterator[str]:
    yield f"{problem.title} ({problem.confidence})."
    yield from problem.because
    if problem.candidates:
        yield f"could be: {', '.join(problem.candidates)}"
    yield f"fix: {problem.fix}"


def _location(place: Place) -> dict[str, Any]:
    """A file by its path as seen from the folder that the command ran in."""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(place.path.replace("\\", "/"))},
            "region": {"startLine": place.line, "startColumn": place.column},
        }
    }


def _rule(code: str) -> dict[str, Any]:
    entry = catalogue.get(code)
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in entry.name.split("-")),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.meaning.strip()},
        "help": {"text": f"{code} {entry.name}: livekit-doctor explain {code}"},
        "defaultConfiguration": {"level": "error" if entry.severity == "error" else "warning"},
    }
