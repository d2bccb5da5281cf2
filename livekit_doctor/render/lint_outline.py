"""What the source says as points: one a finding, at its line."""

from livekit_doctor import catalogue
from livekit_doctor.lint.result import Located
from livekit_doctor.render.outline import Outline, Point, agreed
from livekit_doctor.render.problems import problem_of
from livekit_doctor.render.report import LintReport


def of_lint(report: LintReport) -> Outline:
    """One point that passed where there is no finding."""
    linted = report.linted
    points = tuple(_point(one, report) for one in linted.findings)
    if not points and linted.parsed:
        points = (Point("source", "source", "the source", "passed", report.read),)
    return agreed(
        Outline(
            command="lint",
            subject=f"{', '.join(linted.paths)}  {report.read}",
            headline=report.headline,
            exit_status=report.exit_status,
            points=points,
            notes=(*linted.explained, *report.notes),
        )
    )


def _point(one: Located, report: LintReport) -> Point:
    finding = one.finding
    return Point(
        id=f"{one.place} {finding.code}",
        group="source",
        title=str(one.place),
        status="failed" if report.fails(one) else "warned",
        message=f"{catalogue.get(finding.code).name}: {finding.because[0].text}",
        problems=(problem_of(finding, report.fix_of),),
        place=one.place,
        related=one.related,
    )
