"""What a format is, and what it is given."""

from typing import Protocol

from livekit_doctor.render.report import (
    CheckReport,
    ErrorReport,
    ExplainReport,
    InitReport,
    PlacedCallReport,
    ProbeReport,
    RecentReport,
    TraceReport,
)

Report = (
    CheckReport | TraceReport | ProbeReport | PlacedCallReport | RecentReport | InitReport | ExplainReport | ErrorReport
)


class Format(Protocol):
    """Makes the whole text of each kind of report; that of an error says why there is no other.

    What a report has is masked already, except what is to be typed. Modules implement it.
    """

    def check(self, report: CheckReport, /) -> str: ...

    def trace(self, report: TraceReport, /) -> str: ...

    def probe(self, report: ProbeReport, /) -> str: ...

    def test_call(self, report: PlacedCallReport, /) -> str: ...

    def recent(self, report: RecentReport, /) -> str: ...

    def init(self, report: InitReport, /) -> str: ...

    def explain(self, report: ExplainReport, /) -> str: ...

    def error(self, report: ErrorReport, /) -> str: ...


def text_of(report: Report, form: Format) -> str:
    """The report in this format."""
    match report:
        case CheckReport():
            return form.check(report)
        case TraceReport():
            return form.trace(report)
        case ProbeReport():
            return form.probe(report)
        case PlacedCallReport():
            return form.test_call(report)
        case RecentReport():
            return form.recent(report)
        case InitReport():
            return form.init(report)
        case ExplainReport():
            return form.explain(report)
        case ErrorReport():
            return form.error(report)
