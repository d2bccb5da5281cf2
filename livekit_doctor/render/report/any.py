"""Any of the reports."""

from __future__ import annotations

from livekit_doctor.render.report.call import RecentReport, TraceReport
from livekit_doctor.render.report.check import CheckReport
from livekit_doctor.render.report.experiments import CleanReport, PlacedCallReport, ProbeReport
from livekit_doctor.render.report.project import InitReport, LintReport
from livekit_doctor.render.report.triage import TriageReport
from livekit_doctor.render.report.words import ErrorReport, ExplainReport

Report = (
    CheckReport
    | TraceReport
    | ProbeReport
    | PlacedCallReport
    | CleanReport
    | RecentReport
    | InitReport
    | ExplainReport
    | TriageReport
    | LintReport
    | ErrorReport
)
