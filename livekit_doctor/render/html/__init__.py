"""One self-contained page a report: no network, both themes, keyboard, screen reader and paper."""

from livekit_doctor.render.html import (
    check_page,
    clean_page,
    error_page,
    explain_page,
    init_page,
    lint_page,
    placed_call_page,
    probe_page,
    recent_page,
    trace_page,
    triage_page,
)
from livekit_doctor.render.html.page import rendered
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


def check(report: CheckReport, /) -> str:
    """The page of a run of checks."""
    return rendered("check.html", check_page.of(report))


def trace(report: TraceReport, /) -> str:
    """The page of a diagnosed call."""
    return rendered("trace.html", trace_page.of(report))


def probe(report: ProbeReport, /) -> str:
    """The page of several probes."""
    return rendered("probe.html", probe_page.of(report))


def test_call(report: PlacedCallReport, /) -> str:
    """The page of a test call: what was answered, and its diagnosis."""
    return rendered("placed_call.html", placed_call_page.of(report))


def clean(report: CleanReport, /) -> str:
    """The page of what was removed."""
    return rendered("clean.html", clean_page.of(report))


def recent(report: RecentReport, /) -> str:
    """The page of the recent calls."""
    return rendered("recent.html", recent_page.of(report))


def init(report: InitReport, /) -> str:
    """The page of a checks.yaml that was written, and of the check that ran on it."""
    return rendered("init.html", init_page.of(report))


def explain(report: ExplainReport, /) -> str:
    """Pages of the catalogue, as a manual where there are several; or the list of its codes."""
    return rendered("explain.html", explain_page.of(report))


def triage(report: TriageReport, /) -> str:
    """The page of many calls."""
    return rendered("triage.html", triage_page.of(report))


def lint(report: LintReport, /) -> str:
    """The page of what the source says."""
    return rendered("lint.html", lint_page.of(report))


def error(report: ErrorReport, /) -> str:
    """The page that says why there is no result."""
    return rendered("error.html", error_page.of(report))
