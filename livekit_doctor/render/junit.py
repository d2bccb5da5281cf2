"""JUnit XML: a test case a check, step or criterion, in the form that CI systems read (Jenkins' junit-10.xsd).

A case has failed or errored exactly where the exit status is not 0. Phone numbers are masked.
"""

from collections.abc import Iterable
from xml.etree import ElementTree as xml

from livekit_doctor.redact import printable
from livekit_doctor.render.outline import Point
from livekit_doctor.render.outlined import outline_of
from livekit_doctor.render.problems import Problem
from livekit_doctor.render.report import Report


def render(of: Report) -> str:
    report = outline_of(of)
    name = f"livekit-doctor {report.command}".strip()
    when = {"timestamp": f"{report.at:%Y-%m-%dT%H:%M:%S}"} if report.at else {}
    suite = xml.Element("testsuite", {"name": name, **_counts(report.points), **when})
    properties = xml.SubElement(suite, "properties")
    told = (("subject", report.subject), ("headline", report.headline), ("exit_status", str(report.exit_status)))
    for key, value in told:
        xml.SubElement(properties, "property", name=key, value=value)
    for point in report.points:
        suite.append(_case(name, point))
    if report.notes:
        xml.SubElement(suite, "system-out").text = _text(report.notes)
    counts = {key: value for key, value in _counts(report.points).items() if key != "skipped"}
    suites = xml.Element("testsuites", {"name": name, **counts})
    suites.append(suite)
    for element in suites.iter():
        _make_printable(element)
    xml.indent(suites)
    document: bytes = xml.tostring(suites, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii") + "\n"


def _counts(points: tuple[Point, ...]) -> dict[str, str]:
    named = {"failures": "failed", "errors": "errored", "skipped": "skipped"}
    counts = {name: str(sum(point.status == status for point in points)) for name, status in named.items()}
    seconds = sum(point.duration or 0.0 for point in points)
    return {"tests": str(len(points)), **counts, "time": f"{seconds:.3f}"}


def _case(name: str, point: Point) -> xml.Element:
    seconds = f"{point.duration or 0.0:.3f}"
    case = xml.Element("testcase", classname=f"{name}.{point.group}".replace(" ", "_"), name=point.id, time=seconds)
    message, details = point.message, _text(line for p in point.problems for line in _lines(p))
    match point.status:
        case "failed" | "errored":
            tag = "failure" if point.status == "failed" else "error"
            worst = point.problems[0] if point.problems else None
            kind, sure = (worst.code, f" ({worst.code}, {worst.confidence})") if worst else (point.status, "")
            said = message or (worst.title if worst else "")
            xml.SubElement(case, tag, type=kind, message=f"{said}{sure}").text = details or message
        case "skipped":
            xml.SubElement(case, "skipped", message=message)
        case "warned" | "passed":
            said = f"warning: {message}" if point.status == "warned" else message
            xml.SubElement(case, "system-out").text = _text([*filter(None, (said, details)), *point.text])
    return case


def _lines(problem: Problem) -> list[str]:
    return [
        f"{problem.code} {problem.name} ({problem.confidence}): {problem.title}",
        *(f"because: {text}" for text in problem.because),
        *([f"could be: {', '.join(problem.candidates)}"] if problem.candidates else ()),
        *(f"ruled out: {text}" for text in problem.ruled_out),
        *(f"settle by: {text}" for text in problem.settle_by),
        *(f"{'fix: ' if number == 0 else ''}{line}" for number, line in enumerate(problem.fix.splitlines())),
    ]


def _text(lines: Iterable[str]) -> str:
    return "\n".join(map(printable, lines))


def _make_printable(element: xml.Element) -> None:
    """No text in it that XML can't hold, whichever it is. Only a text of several lines has a line's end."""
    for name, value in element.attrib.items():
        element.set(name, printable(value))
    if element.text:
        element.text = _text(element.text.split("\n"))
