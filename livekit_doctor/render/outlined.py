"""Formats that are made of a report's outline, and of nothing else: JUnit and SARIF."""

from collections.abc import Callable

from livekit_doctor.render import lint_outline, outline, triage_outline
from livekit_doctor.render.outline import Outline
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
    TraceReport,
    TriageReport,
)


class Outlined:
    """`document` makes the whole text of an outline."""

    def __init__(self, document: Callable[[Outline], str]) -> None:
        self._document = document

    def check(self, report: CheckReport, /) -> str:
        return self._document(outline.of_check(report))

    def trace(self, report: TraceReport, /) -> str:
        return self._document(outline.of_trace(report))

    def probe(self, report: ProbeReport, /) -> str:
        return self._document(outline.of_probe(report))

    def test_call(self, report: PlacedCallReport, /) -> str:
        return self._document(outline.of_test_call(report))

    def clean(self, report: CleanReport, /) -> str:
        return self._document(outline.of_clean(report))

    def recent(self, report: RecentReport, /) -> str:
        return self._document(outline.of_recent(report))

    def init(self, report: InitReport, /) -> str:
        return self._document(outline.of_init(report))

    def explain(self, report: ExplainReport, /) -> str:
        return self._document(outline.of_explain(report))

    def triage(self, report: TriageReport, /) -> str:
        return self._document(triage_outline.of_triage(report))

    def lint(self, report: LintReport, /) -> str:
        return self._document(lint_outline.of_lint(report))

    def error(self, report: ErrorReport, /) -> str:
        return self._document(outline.of_error(report))
