"""livekit-doctor/watch/v1: what changes, a document a line (JSON Lines), as it happens.

Every document has the same keys. `event` says what it tells: `state`, that a check has another status or
code than in the run before; `outcome`, that something else came of the run than of the one before; `end`,
that watch has ended, and why.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from livekit_doctor.operations.watch import Change, Outcome, Run, Watched
from livekit_doctor.render import runs
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.json.check import summary
from livekit_doctor.render.report import ErrorReport

SCHEMA = "livekit-doctor/watch/v1"


class JsonLines(JsonFormat):
    """A document a line."""

    def line(self, document: dict[str, Any]) -> str:
        """The document on its line."""
        return self._text(document)

    def _encoded(self, value: dict[str, Any]) -> bytes:
        return msgspec.json.encode(value)


def documents(watched: Watched, before: Outcome | None) -> Iterator[dict[str, Any]]:
    """The changes of the last run, and what came of it where that is another than `before`."""
    run = watched.last
    if run is None:
        return
    for change in watched.latest:
        yield {**_head("state", change.at, run), **_change(change), **_outcome(run)}
    if run.outcome != before:
        failure = run.failure
        told = {
            "check": None,
            "before": before,
            "after": run.outcome,
            "code": failure.code if failure else None,
            "message": failure.message if failure else runs.told(run),
        }
        yield {**_head("outcome", run.began_at, run), **told, **_outcome(run)}


def ended(report: ErrorReport, now: datetime) -> dict[str, Any]:
    """Why watch has ended, `now` (UTC)."""
    return {
        **_head("end", now, None),
        **dict.fromkeys(("check", "before", "after")),
        "code": report.code,
        "message": report.message,
        "outcome": None,
        "exit_status": report.exit_status,
        "summary": None,
        "error": {"code": report.code, "message": report.message, "fix": report.fix},
    }


def _head(event: str, at: datetime, run: Run | None) -> dict[str, Any]:
    server = run.result.server if run and run.result else None
    return {"schema": SCHEMA, "event": event, "at": at, "run": run and run.number, "server": server}


def _change(change: Change) -> dict[str, Any]:
    return {
        "check": change.check,
        "before": change.before,
        "after": change.after,
        "code": change.code,
        "message": change.message,
    }


def _outcome(run: Run) -> dict[str, Any]:
    """What came of the run."""
    results = run.result.results if run.result else ()
    return {"outcome": run.outcome, "exit_status": run.exit_status, "summary": summary(results)}
