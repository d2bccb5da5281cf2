"""JSON documents with published schemas. Every document of a command has the same keys, an error's too."""

import json
from typing import Any

import msgspec

from livekit_doctor.render.json import check as _check
from livekit_doctor.render.json import clean as _clean
from livekit_doctor.render.json import error as _error
from livekit_doctor.render.json import explain as _explain
from livekit_doctor.render.json import init as _init
from livekit_doctor.render.json import lint as _lint
from livekit_doctor.render.json import placed_call as _placed_call
from livekit_doctor.render.json import probe as _probe
from livekit_doctor.render.json import recent as _recent
from livekit_doctor.render.json import trace as _trace
from livekit_doctor.render.json import triage as _triage
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


class JsonFormat:
    """Characters that could steer a terminal are written as escapes; with `ascii_only` all beyond ASCII."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only

    def check(self, report: CheckReport, /) -> str:
        return self._text(_check.render(report))

    def trace(self, report: TraceReport, /) -> str:
        return self._text(_trace.render(report))

    def probe(self, report: ProbeReport, /) -> str:
        return self._text(_probe.render(report))

    def test_call(self, report: PlacedCallReport, /) -> str:
        return self._text(_placed_call.render(report))

    def clean(self, report: CleanReport, /) -> str:
        return self._text(_clean.render(report))

    def recent(self, report: RecentReport, /) -> str:
        return self._text(_recent.render(report))

    def init(self, report: InitReport, /) -> str:
        return self._text(_init.render(report))

    def explain(self, report: ExplainReport, /) -> str:
        return self._text(_explain.render(report))

    def triage(self, report: TriageReport, /) -> str:
        return self._text(_triage.render(report))

    def lint(self, report: LintReport, /) -> str:
        return self._text(_lint.render(report))

    def error(self, report: ErrorReport, /) -> str:
        return self._text(_error.render(report))

    def _text(self, value: dict[str, Any]) -> str:
        lines = self._encoded(value).decode().split("\n")
        return "\n".join(line if self._is_plain(line) else self._escaped(line) for line in lines) + "\n"

    def _escaped(self, line: str) -> str:
        return "".join(char if self._is_plain(char) else json.dumps(char)[1:-1] for char in line)

    def _encoded(self, value: dict[str, Any]) -> bytes:
        return msgspec.json.format(msgspec.json.encode(value), indent=2)

    def _is_plain(self, text: str) -> bool:
        return text.isprintable() and (text.isascii() or not self._ascii_only)
