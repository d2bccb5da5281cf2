"""What the page of the source says."""

from typing import Any

from livekit_doctor.render.html.parts import MARKS, fault
from livekit_doctor.render.report import LintReport


def of(report: LintReport) -> dict[str, Any]:
    """The page's content."""
    linted, ok = report.linted, report.exit_status == 0
    headline = report.headline.partition(": ")[2] or report.headline
    configuration = [("configuration", report.configuration.partition(": ")[2])] if report.configuration else []
    return {
        "title": f"{report.headline} · livekit-doctor lint",
        "tone": MARKS["ok" if ok else "undecided" if report.exit_status == 3 else "failed"],
        "kicker": "ok" if ok else "not ok",
        "headline": headline[:1].upper() + headline[1:],
        "facts": (("source", ", ".join(linted.paths)), ("read", report.read), *configuration),
        "rows": tuple(
            {
                "place": str(one.place),
                "shown": MARKS["failed" if report.fails(one) else "warned"],
                "fault": fault(one.finding, report.fix_of(one.finding)),
            }
            for one in linted.findings
        ),
        "explained": linted.explained,
        "notes": report.notes,
    }
