"""The metrics of each kind of result, without those of the run itself."""

from collections.abc import Iterable, Iterator, Sequence
from math import fsum
from typing import get_args

from prometheus_client.core import HistogramMetricFamily, Metric, SummaryMetricFamily

from livekit_doctor.catalogue import Entry
from livekit_doctor.catalogue.lookup import report_code
from livekit_doctor.catalogue.sip_statuses import SipStatus
from livekit_doctor.checks.check import CheckResult, Status
from livekit_doctor.diagnosis.probing import Judged, Outcome
from livekit_doctor.evidence.observations import SipCallResult
from livekit_doctor.flow import Status as StepStatus
from livekit_doctor.flow import Verdict
from livekit_doctor.render.prometheus.exposition import PREFIX, gauge, state_set
from livekit_doctor.render.report import TraceReport

STATUSES: tuple[str, ...] = get_args(Status)
CRITERION_STATUSES = ("passed", "failed", "undecided")
SOURCE_STATUSES = ("read", "empty", "unread", "not_configured")
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
"""Seconds, always the same, so that runs can be compared and added up."""

# Checks


def check_families(results: Sequence[CheckResult]) -> Iterator[Metric]:
    """The last result of each check."""
    ids = [({"check": result.id, "category": result.category}, result) for result in results]
    yield state_set(
        "check_status",
        "1 for the status that each check has, 0 for the others.",
        STATUSES,
        ((labels, result.status) for labels, result in ids),
    )
    yield gauge(
        "check_findings",
        "How many findings each check has, by their code.",
        (({**labels, "code": code}, number) for labels, result in ids for code, number in _codes(result).items()),
        ("check", "category", "code"),
    )
    yield gauge(
        "check_duration_seconds",
        "How long it took to gather what each check looks at.",
        ((labels, result.duration) for labels, result in ids if result.status != "skipped"),
        ("check", "category"),
    )


def _codes(result: CheckResult) -> dict[str, int]:
    codes = [finding.code for finding in result.findings]
    return {code: codes.count(code) for code in codes}


# Calls


def call_families(command: str, report: TraceReport) -> Iterator[Metric]:
    """The verdict on a call, and its steps."""
    diagnosis, label = report.diagnosis, {"command": command}
    info = {
        **label,
        "call_id": diagnosis.call_id or "",
        "room": diagnosis.room.name if diagnosis.room else "",
        "direction": "inbound" if diagnosis.inbound else "outbound",
    }
    yield gauge("call_info", "Which call it is.", [(info, 1)], tuple(info))
    yield state_set(
        "call_verdict", "1 for the verdict on the call.", list(Verdict), [(label, diagnosis.verdict)], "verdict"
    )
    steps = [({**label, "leg": step.leg, "step": step.step}, step) for step in diagnosis.steps]
    yield state_set(
        "call_step_status",
        "1 for the status that each step of the call has, 0 for the others.",
        list(StepStatus),
        ((labels, step.status) for labels, step in steps),
    )
    yield gauge(
        "call_step_timestamp_seconds",
        "When each step happened, where that is known, in seconds since 1970.",
        ((labels, step.at.timestamp()) for labels, step in steps if step.at),
        ("command", "leg", "step"),
    )
    broken = [
        {
            **label,
            "leg": item.leg,
            "step": item.step,
            "code": item.code,
            "confidence": item.confidence,
            "primary": str(number == 0).lower(),
        }
        for number, item in enumerate(diagnosis.broken)
    ]
    yield gauge(
        "call_broken",
        "Where the call broke, and by which code; the primary break is the earlier cause.",
        ((labels, 1) for labels in broken),
        tuple(broken[0]) if broken else (),
    )
    yield _counted(command, "call_warnings", "Warnings about the call.", "code", (w.code for w in diagnosis.warnings))
    statuses: list[str] = [entry.status for entry in diagnosis.coverage]
    yield gauge(
        "call_sources",
        "How many sources of evidence were read, were empty, could not be read, are not configured.",
        (({**label, "status": status}, statuses.count(status)) for status in SOURCE_STATUSES),
        ("command", "status"),
    )


def _counted(command: str, name: str, help: str, key: str, values: Iterable[str]) -> Metric:
    found = list(values)
    samples = (({"command": command, key: value}, found.count(value)) for value in dict.fromkeys(found))
    return gauge(name, help, samples, ("command", key))


def answer_families(answer: SipCallResult) -> Iterator[Metric]:
    """What CreateSIPParticipant answered."""
    code = answer.sip_status_code
    yield gauge("test_call_http_status", "HTTP status of CreateSIPParticipant's answer.", [({}, answer.status)])
    yield gauge(
        "test_call_sip_status",
        "SIP status with which the phone network refused the call.",
        [] if code is None else [({}, code)],
    )
    yield gauge("test_call_duration_seconds", "How long CreateSIPParticipant took to answer.", [({}, answer.took)])


# The catalogue


def code_families(entries: Iterable[Entry]) -> Iterator[Metric]:
    """What each code is called, and the step that it breaks; empty for none."""
    codes = (
        {
            "code": entry.code,
            "name": entry.name,
            "title": entry.title,
            "severity": entry.severity,
            "step": entry.step or "",
        }
        for entry in entries
    )
    names = ("code", "name", "title", "severity", "step")
    yield gauge("code_info", "What each diagnosis code is called.", ((code, 1) for code in codes), names)


def sip_status_families(statuses: Iterable[SipStatus]) -> Iterator[Metric]:
    """What each SIP status is called, and the code under which a call that it refuses is reported."""
    told = ({"sip_status": str(one.code), "name": one.name, "code": report_code(one)} for one in statuses)
    names = ("sip_status", "name", "code")
    yield gauge("sip_status_info", "What each SIP status is called.", ((one, 1) for one in told), names)


# Probes


def probe_families(judged: Judged) -> Iterator[Metric]:
    """How many dispatches got their agent, and how soon."""
    outcomes = (({"outcome": outcome}, judged.number_of(outcome)) for outcome in Outcome)
    yield gauge("probe_dispatches", "How many dispatches ended in each way.", outcomes, ("outcome",))
    rate = next((one.value for one in judged.criteria if one.name == "min_join_rate"), None)
    yield gauge(
        "probe_join_ratio",
        "Share of the decided dispatches that got their agent, 0 to 1.",
        [] if rate is None else [({}, rate)],
    )
    yield _latencies(judged)
    yield _quantiles(judged)
    yield state_set(
        "probe_criterion_status",
        "1 for the status that each criterion has, 0 for the others.",
        CRITERION_STATUSES,
        (({"criterion": one.name}, one.status) for one in judged.criteria),
    )
    yield gauge(
        "probe_endings",
        "How many dispatches ended without an agent, by outcome and code.",
        (({"outcome": ending.outcome, "code": ending.finding.code}, ending.count) for ending in judged.endings),
        ("outcome", "code"),
    )


def _latencies(judged: Judged) -> Metric:
    values = _joined(judged)
    family = HistogramMetricFamily(PREFIX + "probe_join_seconds", "How soon agents joined after their dispatch.")
    bounds = [(f"{bound:g}", sum(value <= bound for value in values)) for bound in BUCKETS]
    family.add_metric([], [*bounds, ("+Inf", len(values))], fsum(values))
    return family


def _quantiles(judged: Judged) -> Metric:
    name, seen = PREFIX + "probe_join_quantiles_seconds", judged.latency
    family = SummaryMetricFamily(name, "How soon agents joined: measured values, by nearest rank.")
    if seen is not None:
        for quantile, value in (("0", seen.min), ("0.5", seen.p50), ("0.95", seen.p95), ("1", seen.max)):
            family.add_sample(name, {"quantile": quantile}, value)
        family.add_metric([], seen.count, fsum(_joined(judged)))
    return family


def _joined(judged: Judged) -> list[float]:
    return [trial.latency for trial in judged.trials if trial.latency is not None]
