"""The outline of any report."""

from collections.abc import Callable, Mapping
from typing import Any

from livekit_doctor.render import lint_outline, outline, triage_outline
from livekit_doctor.render.outline import Outline
from livekit_doctor.render.report import Report

_OUTLINES: Mapping[str, Callable[[Any], Outline]] = {
    "check": outline.of_check,
    "trace": outline.of_trace,
    "probe": outline.of_probe,
    "placed_call": outline.of_test_call,
    "clean": outline.of_clean,
    "recent": outline.of_recent,
    "init": outline.of_init,
    "explain": outline.of_explain,
    "triage": triage_outline.of_triage,
    "lint": lint_outline.of_lint,
    "error": outline.of_error,
}


def outline_of(report: Report) -> Outline:
    return _OUTLINES[report.kind](report)
