"""What a format is given: the result and what it needs to print it."""

from livekit_doctor.render.report.any import Report
from livekit_doctor.render.report.call import BundleNote, LiveRoom, LiveRooms, RecentReport, TraceReport
from livekit_doctor.render.report.check import CheckReport, Untested
from livekit_doctor.render.report.experiments import CleanReport, PlacedCallReport, ProbeReport
from livekit_doctor.render.report.project import Found, InitReport, LintReport, NextStep
from livekit_doctor.render.report.shared import QUOTED, TRACE, fix_values_of
from livekit_doctor.render.report.triage import TriageReport
from livekit_doctor.render.report.words import ErrorReport, ExplainReport

__all__ = [
    "QUOTED",
    "TRACE",
    "BundleNote",
    "CheckReport",
    "CleanReport",
    "ErrorReport",
    "ExplainReport",
    "Found",
    "InitReport",
    "LintReport",
    "LiveRoom",
    "LiveRooms",
    "NextStep",
    "PlacedCallReport",
    "ProbeReport",
    "RecentReport",
    "Report",
    "TraceReport",
    "TriageReport",
    "Untested",
    "fix_values_of",
]
