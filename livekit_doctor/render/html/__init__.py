"""One self-contained page a report: no network, both themes, keyboard, screen reader and paper."""

from collections.abc import Callable, Mapping
from typing import Any

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
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.report import Report

_PAGES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "check": check_page.of,
    "trace": trace_page.of,
    "probe": probe_page.of,
    "placed_call": placed_call_page.of,
    "clean": clean_page.of,
    "recent": recent_page.of,
    "init": init_page.of,
    "explain": explain_page.of,
    "triage": triage_page.of,
    "lint": lint_page.of,
    "error": error_page.of,
}


def render(report: Report) -> str:
    whole = {"exit_status": report.exit_status, "document": JsonFormat()(report)}
    return rendered(f"{report.kind}.html", _PAGES[report.kind](report) | whole)
