"""What a format is, and what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from livekit_doctor.render.report import (
        CheckReport,
        CleanReport,
        ErrorReport,
        ExplainReport,
        InitReport,
        LintReport,
        PlacedCallReport,
        ProbeReport,
        RecentReport,
        Report,
        TraceReport,
        TriageReport,
    )


class Format(Protocol):
    """Makes the whole text of each kind of report, each by the method that its `kind` names; that of an error says
    why there is no other.

    What a report has is masked already, except what is to be typed. Modules implement it.
    """

    def check(self, report: CheckReport, /) -> str: ...

    def trace(self, report: TraceReport, /) -> str: ...

    def probe(self, report: ProbeReport, /) -> str: ...

    def test_call(self, report: PlacedCallReport, /) -> str: ...

    def clean(self, report: CleanReport, /) -> str: ...

    def recent(self, report: RecentReport, /) -> str: ...

    def init(self, report: InitReport, /) -> str: ...

    def explain(self, report: ExplainReport, /) -> str: ...

    def triage(self, report: TriageReport, /) -> str: ...

    def lint(self, report: LintReport, /) -> str: ...

    def error(self, report: ErrorReport, /) -> str: ...


def text_of(report: Report, form: Format) -> str:
    """The report in this format."""
    text: str = getattr(form, report.kind)(report)
    return text
