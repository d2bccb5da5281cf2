"""Results as Prometheus metrics: a file for node_exporter's textfile collector, or to push.

- Names have the prefix `livekit_doctor_`, and the unit in them. All are gauges, but for a probe's
  latencies: a file tells of one run, and nothing in it has been counted since an earlier one.
- Labels are bounded: check ids, categories, steps, statuses, codes. Messages are in none of them.
- The label `command` keeps the files of several commands apart in one folder.
- A call id or a room is new with every call, so they are on one series only, `call_info`. In a file
  that the next run replaces this is one series at a time, and the verdict's own series stay the same
  ones; for a history of many calls use JSON.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import Metric

from livekit_doctor import __version__
from livekit_doctor.catalogue.sip_statuses import SipStatus
from livekit_doctor.flow import Verdict
from livekit_doctor.redact import printable, redact_text
from livekit_doctor.render.prometheus import families
from livekit_doctor.render.prometheus import triage as triage_families
from livekit_doctor.render.prometheus.exposition import gauge, text
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
from livekit_doctor.render.words import ROOM_OUTCOMES


def render(report: Report, now: float | None = None) -> str:
    """`now` (seconds since 1970) is when the run ended; without it, the time of the call."""
    return _TEXTS[report.kind](report, now)


def _check(report: CheckReport, now: float | None) -> str:
    ran = run_families("check", report.exit_status, report.server, now, left_behind=len(report.left_behind))
    return text((*ran, *families.check_families(report.results)))


def _trace(report: TraceReport, now: float | None) -> str:
    return text(
        (*run_families("trace", report.exit_status, report.server, now), *families.call_families("trace", report))
    )


def _probe(report: ProbeReport, now: float | None) -> str:
    ran = run_families("probe", report.exit_status, report.server, now, left_behind=len(report.left_behind))
    info = {"agent_name": report.agent_name or "", "canary": str(report.canary).lower()}
    about = gauge("probe_info", "Which agent was dispatched.", [(info, 1)], tuple(info))
    return text((*ran, about, *families.probe_families(report.judged)))


def _test_call(report: PlacedCallReport, now: float | None) -> str:
    told = report.trace
    ran = run_families("test-call", told.exit_status, told.server, now, left_behind=len(report.left_behind))
    answer = families.answer_families(report.answer) if report.answer else ()
    return text((*ran, *families.call_families("test-call", told), *answer))


def _clean(report: CleanReport, now: float | None) -> str:
    """Rooms by what became of them; their names are no labels."""
    left = report.number_of("found", "not_removed")
    outcomes = [({"outcome": name}, report.number_of(name)) for name in ROOM_OUTCOMES]
    counted = gauge("scratch_rooms", "How many scratch rooms came to what.", outcomes, ("outcome",))
    return text((*run_families("clean", report.exit_status, report.server, now, left_behind=left), counted))


def _recent(report: RecentReport, now: float | None) -> str:
    """Names of calls and rooms are no labels."""
    server = report.live.server if report.live else None
    if report.live:
        counted = gauge("live_rooms", "How many rooms are live.", [({}, report.live.total)], ())
    else:
        counted = gauge("recent_calls", "How many recent calls the log lists.", [({}, len(report.calls))], ())
    verdicts = Counter(one.verdict.value for one in report.verdicts)
    judged = gauge(
        "recent_verdicts",
        "How many of the newest calls have which verdict, by their rows.",
        [({"verdict": verdict.value}, verdicts[verdict.value]) for verdict in Verdict],
        ("verdict",),
    )
    families_of = (counted, judged) if report.verdicts else (counted,)
    return text((*run_families("trace", report.exit_status, server, now), *families_of))


def _init(report: InitReport, now: float | None) -> str:
    """The check's, if one has run."""
    checked = report.check
    left_behind = len(checked.left_behind) if checked else None
    ran = run_families("init", report.exit_status, report.server, now, left_behind=left_behind)
    return text((*ran, *families.check_families(checked.results if checked else ())))


def _explain(report: ExplainReport, now: float | None) -> str:
    """What the codes and SIP statuses in other metrics stand for, to be joined with those."""
    statuses = (topic.page for topic in report.topics if isinstance(topic.page, SipStatus))
    ran = run_families("explain", report.exit_status, None, now)
    return text((*ran, *families.code_families(report.entries), *families.sip_status_families(statuses)))


def _triage(report: TriageReport, now: float | None) -> str:
    """Calls by verdict and code, and how long the steps took."""
    ran = run_families("triage", report.exit_status, None, now)
    return text((*ran, *triage_families.families_of(report.triage)))


def _lint(report: LintReport, now: float | None) -> str:
    """How many findings there are, by code and how sure they are; files and lines are in none."""
    ran = run_families("lint", report.exit_status, None, now)
    counts = Counter((one.finding.code, one.finding.confidence.value) for one in report.linted.findings)
    found = [({"code": code, "confidence": sure}, number) for (code, sure), number in sorted(counts.items())]
    return text((*ran, gauge("lint_findings", "Findings in the source.", found, ("code", "confidence"))))


def _error(report: ErrorReport, now: float | None) -> str:
    """What is left of a run that came to no result: `livekit_doctor_up` is 0. What went wrong stands in
    comments, for a person: in a label it would be a new series for each message."""
    told = [("error", report.message), *(("fix", line) for line in report.fix.splitlines())]
    comments = "".join(f"# {what}: {printable(redact_text(words))}\n" for what, words in told)
    failed = gauge(
        "error",
        "The code of what kept the command from a result.",
        [({"command": report.command, "code": report.code or "none"}, 1)],
        ("command", "code"),
    )
    return comments + text((*run_families(report.command, report.exit_status, None, now, up=False), failed))


_TEXTS: Mapping[str, Callable[[Any, float | None], str]] = {
    "check": _check,
    "trace": _trace,
    "probe": _probe,
    "placed_call": _test_call,
    "clean": _clean,
    "recent": _recent,
    "init": _init,
    "explain": _explain,
    "triage": _triage,
    "lint": _lint,
    "error": _error,
}


# What is said of every run


def run_families(
    command: str,
    exit_status: int | None,
    server: str | None,
    now: float | None,
    *,
    up: bool = True,
    left_behind: int | None = None,
) -> Iterator[Metric]:
    """How the command ended. What is None is not known, and left out."""
    label = {"command": command}

    def one(name: str, help: str, value: float | None) -> Metric:
        return gauge(name, help, [] if value is None else [(label, value)], ("command",))

    info = {**label, "version": __version__, "server": server or ""}
    yield gauge("run_info", "Which version ran, and which LiveKit it asked.", [(info, 1)], tuple(info))
    yield one("up", "Whether the last run came to a result, good or bad.", float(up))
    yield one("success", "Whether the last run ended with exit status 0.", float(exit_status == 0))
    yield one("exit_status", "Exit status of the last run.", exit_status)
    yield one(
        "last_run_timestamp_seconds",
        "When the last run ended, in seconds since 1970.",
        time.time() if now is None else now,
    )
    yield one("left_behind", "Scratch rooms and the like that could not be removed again.", left_behind)
